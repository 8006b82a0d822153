"""The same GPT on your own text: ``python -m transformer_path train`` and ``generate``.

The work is done in :mod:`~transformer_path.variants.pretraining` and
:mod:`~transformer_path.variants.writer`; here options become settings, and what happens
becomes lines. Exit codes: 0 done, 2 not possible as asked, 130 stopped by Ctrl-C.
"""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType

import torch
from tqdm import tqdm

from transformer_path._options import MINUTES, NAME, SIZES, parser
from transformer_path.transformer import tokenizer_training
from transformer_path.transformer.tokenizer import (
    BytePairTokenizer,
    CharacterTokenizer,
)
from transformer_path.variants import pretraining
from transformer_path.variants.generation import Taste
from transformer_path.variants.gpt import GPT
from transformer_path.variants.pretraining import MODEL, RUN, Look, Settings
from transformer_path.variants.writer import END, Tokenizer, Writer, end_of
from transformer_path.workshop import own_text, source
from transformer_path.workshop.terminal import print_anywhere

SAMPLE = 40  # tokens of a sample


class Stopped(KeyboardInterrupt):
    """A run was stopped, and this is how to go on."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks; give the exit code.

    Examples
    --------
    >>> from contextlib import redirect_stderr
    >>> with redirect_stderr(sys.stdout):
    ...     main(["generate", "--from", "nowhere"])
    error: nowhere/model.pt: No such file or directory
    2
    """
    print_anywhere()
    options = parser(train, generate).parse_args(arguments)
    try:
        options.run(options)
        sys.stdout.flush()
    except (ValueError, OSError, FloatingPointError, RuntimeError) as error:
        if isinstance(error, BrokenPipeError):  # nobody reads on, as with `| head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        print(f"error: {_reason(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as stopped:
        print(stopped if isinstance(stopped, Stopped) else "Stopped.", file=sys.stderr)
        return 130
    return 0


def train(options: argparse.Namespace) -> None:
    """Read, cut into tokens, train, and say how it goes."""
    budget = {"steps": options.steps, "seconds": None}
    if options.steps is None:
        budget["seconds"] = 60 * (
            MINUTES if options.minutes is None else options.minutes
        )
    sizes = {name: getattr(options, name) for name in SIZES}
    settings = Settings(**budget, **sizes)
    folder, device = _folder(options), _device(options.device)
    parts, how = _parts(options.text)
    held = own_text.some(parts.validation, options.validate_on)
    _say(f"To learn from: {_size(parts.train)}. To validate on: {how}, {_size(held)}.")
    tokenizer = _tokenizer(options.tokens, options.vocabulary, parts.train)
    weights = _count(settings, tokenizer)
    _say(f"{len(tokenizer):,} tokens ({options.tokens}); a GPT of {weights:,} weights.")
    resumed = (folder / RUN).exists()
    if resumed:
        _say(f"Going on with the run in {folder}.")

    def report(look: Look) -> None:
        if look.step or not resumed:
            tqdm.write(_line(look), file=sys.stdout)
            sys.stdout.flush()

    bar = sys.stderr.isatty()
    run = partial(pretraining.train, parts.train, held, tokenizer, settings, folder)
    with _gently(folder) as stop:
        best = run(device=device, report=report, stop=stop, progress=bar).about
    _say(f"Best: {best['bits_per_byte']:.3f} bits per byte, step {best['step']:,}.")
    _say(f"Let it write: {NAME} generate --from {folder}")


def generate(options: argparse.Namespace) -> None:
    """Write, token by token."""
    taste = Taste(
        temperature=options.temperature,
        top_k=options.top_k,
        top_p=options.top_p,
        min_p=options.min_p,
    )
    writer, device = Writer.load(options.folder / MODEL), _device(options.device)
    writer.model.to(device)
    generator = torch.Generator()
    if options.seed is None:
        generator.seed()
    else:
        Settings(steps=1, seed=options.seed)  # is it a seed?
        generator.manual_seed(options.seed)
    prompt = writer.opening() if options.prompt is None else options.prompt
    pieces = writer.write(prompt, options.n, taste, generator=generator)
    print(prompt, end="", flush=True)
    try:
        for piece in pieces:
            print(piece, end="", flush=True)
    finally:
        print()


def _parts(paths: Sequence[str] | None) -> tuple[own_text.Parts, str]:
    """Read what there is, in two parts; say how it was split."""
    if paths is None:
        texts = source.files()
        parts = own_text.Parts(texts.train, texts.validation)
        return parts, "the files that the book keeps for it"
    read = own_text.read(paths)
    several = len(read) >= own_text.FILES
    how = "every tenth file" if several else "the last tenth"
    how = "the last tenth of each file" if len(read) > 1 and not several else how
    return own_text.split(read), how


def _tokenizer(kind: str, vocabulary: int | None, texts: Sequence[str]) -> Tokenizer:
    """Learn tokens; with more text more of them occur often enough to be learned."""
    if kind != "pairs" and vocabulary is not None:
        raise ValueError(
            f"--vocabulary is for --tokens pairs; {kind} are what they are."
        )
    if kind == "characters":
        return CharacterTokenizer("".join(texts))
    if kind == "bytes":
        return BytePairTokenizer(special=[END])
    if vocabulary is None:
        size = sum(map(len, texts))
        vocabulary = next((v for limit, v in STEPS if size < limit), LARGEST)
    return BytePairTokenizer(tokenizer_training.train(texts, vocabulary), [END])


STEPS, LARGEST = ((100_000, 320), (500_000, 512), (4_000_000, 1024)), 2048


def _count(settings: Settings, tokenizer: Tokenizer) -> int:
    """Count a model's weights without making them."""
    with torch.device("meta"):
        model = GPT(settings.sizes(end_of(tokenizer) + 1))
    return sum(weight.numel() for weight in model.parameters())


@contextmanager
def _gently(folder: Path) -> Iterator[Callable[[], bool]]:
    """Let the first Ctrl-C wait until the run is saved, and the second wait no more."""
    asked = False

    def ask(_: int, __: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        words = "Stopping as soon as all is saved; Ctrl-C again stops at once."
        tqdm.write(f"\n{words}", file=sys.stderr)

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield lambda: asked
    except KeyboardInterrupt:
        kept = "Saved" if (folder / RUN).exists() else "Nothing was lost"
        words = f"{kept}: the same command goes on with the run in {folder}."
        raise Stopped(words) from None
    finally:
        signal.signal(signal.SIGINT, before)


def _line(look: Look) -> str:
    best = ", the best so far" if look.best and look.step else ""
    line = f"step {look.step:6,}  {look.bits_per_byte:.3f} bits per byte{best}"
    if not look.step:
        return line
    generator = torch.Generator().manual_seed(look.step)
    taste = Taste(temperature=0.8)
    writer = look.writer
    pieces = writer.write(writer.opening(), SAMPLE, taste, generator=generator)
    sample = "".join(pieces).strip().replace("\n", "\n    | ")
    return f"{line}\n    | {sample}"


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).split("\n")[0]
        raise ValueError(f"--device {name}: {reason}") from None
    return device


def _folder(options: argparse.Namespace) -> Path:
    """Give the folder to write into; refuse early what cannot be written."""
    stem = Path(options.text[0]).resolve().stem if options.text else "python"
    folder = Path(options.out or f"{stem}-model")
    there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise ValueError(
            f"{there} is no folder that can be written into; name another with --out."
        )
    return folder


def _size(texts: Sequence[str]) -> str:
    size = sum(len(text.encode()) for text in texts)
    for limit, unit in ((1e6, "MB"), (1e3, "kB")):
        if size >= limit:
            return f"{size / limit:.1f} {unit}"
    return f"{size} bytes"


def _say(line: str) -> None:
    print(line, flush=True)


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)


if __name__ == "__main__":
    sys.exit(main())
