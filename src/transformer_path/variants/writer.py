"""What must be kept of a language model, so that it can write elsewhere?

Its weights, its sizes and its tokenizer, in one file that can hold no code. It writes
as a stream: each token is shown as soon as it is drawn, but for a character of several
bytes, which waits until the last of them is there.
"""

import codecs
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Generator

from transformer_path.transformer.tokenizer import (
    BytePairTokenizer,
    CharacterTokenizer,
    valid,
)
from transformer_path.variants.generation import Taste, stream
from transformer_path.variants.gpt import GPT, Sizes
from transformer_path.workshop import checkpoints
from transformer_path.workshop._inputs import whole

Tokenizer = BytePairTokenizer | CharacterTokenizer
FORMAT = "transformer-path model 1"
END = "<|endoftext|>"


def end_of(tokenizer: Tokenizer) -> int:
    """Give the token that stands between texts: the last, beyond all that text holds.

    Examples
    --------
    >>> end_of(BytePairTokenizer(special=[END])), end_of(CharacterTokenizer("abc"))
    (256, 3)

    Raises
    ------
    ValueError
        If a tokenizer of byte pairs does not have ``END`` as its last token.
    """
    if isinstance(tokenizer, CharacterTokenizer):
        return len(tokenizer)
    if tokenizer.special.get(END) != len(tokenizer) - 1:
        raise ValueError(
            f"the tokenizer's special tokens are {[*tokenizer.special]}; the last must "
            f"be {END!r}, which stands between texts."
        )
    return len(tokenizer) - 1


@dataclass(frozen=True)
class Writer:
    """A GPT with its tokenizer, and what is known about it.

    Parameters
    ----------
    model : GPT
        Its vocabulary is the tokenizer's, and a token for the end of a text.
    tokenizer : BytePairTokenizer or CharacterTokenizer
        Byte pairs with ``END`` as their last token, or characters.
    about : mapping
        Numbers and texts: how it was trained, and how well it knows what it has not
        read.
    """

    model: GPT
    tokenizer: Tokenizer
    about: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        expected = end_of(self.tokenizer) + 1
        if self.model.sizes.vocabulary != expected:
            raise ValueError(
                f"the model has a vocabulary of {self.model.sizes.vocabulary}; the "
                f"tokenizer's, with the end of a text, is {expected}."
            )

    def opening(self) -> str:
        """Give how a text begins where nothing is said: with a new line, if known."""
        try:
            self.tokenizer.encode("\n")
        except ValueError:
            return ""
        return "\n"

    def write(
        self,
        prompt: str,
        n: int,
        taste: Taste | None = None,
        *,
        generator: Generator | None = None,
    ) -> Iterator[str]:
        """Go on with a text, piece by piece, for at most ``n`` tokens.

        Where the model says that the text has ended, it ends. Without a prompt a new
        one begins.

        Raises
        ------
        ValueError
            If the tokenizer does not know a character of the prompt.
        """
        end = end_of(self.tokenizer)
        tokens = self.tokenizer.encode(prompt) or [end]
        n = whole("n", n, 0)  # now, not when the first piece is asked for
        drawn = stream(self.model, [tokens], n, taste, generator=generator)
        return decoded(self.tokenizer, map(int, drawn), end)

    def save(self, path: Path | str) -> None:
        """Write model and tokenizer into a file, whole or not at all."""
        kept: dict[str, Any] = {"format": FORMAT, "about": dict(self.about)}
        kept |= {"sizes": asdict(self.model.sizes), "tokenizer": spelt(self.tokenizer)}
        weights = self.model.state_dict()
        kept["weights"] = {name: each.cpu() for name, each in weights.items()}
        checkpoints.save(kept, path)

    @classmethod
    def load(cls, path: Path | str) -> "Writer":
        """Read what :meth:`save` has written; no code of the file is run.

        Raises
        ------
        ValueError
            If the file is damaged, or was not written by :meth:`save`.
        OSError
            If it cannot be read.
        """
        with Path(path).open("rb") as file:
            try:  # not mapped: the file may be replaced
                kept = torch.load(
                    file, map_location="cpu", weights_only=True, mmap=False
                )
                if kept["format"] != FORMAT:
                    raise ValueError(f"its format is {kept['format']!r}")
                with torch.device("meta"):  # no memory for what does not fit
                    model = GPT(Sizes(**kept["sizes"]))
                model.load_state_dict(kept["weights"], assign=True)
                known = read_spelt(kept["tokenizer"])
                return cls(model.eval(), known, dict(kept["about"]))
            except Exception as error:  # torch raises errors of many kinds
                reason = (str(error).strip() or type(error).__name__).split("\n")[0]
                raise ValueError(
                    f"{path} is no model of this package, or is damaged ({reason})."
                ) from error


def decoded(tokenizer: Tokenizer, tokens: Iterable[int], end: int) -> Iterator[str]:
    """Give the text of tokens as they come, up to the one that ends it.

    Half a character waits for its other half; if none comes, it becomes the sign for
    what cannot be read.

    Examples
    --------
    >>> tokenizer = BytePairTokenizer(special=[END])
    >>> tokens = tokenizer.encode("höh")
    >>> [*decoded(tokenizer, tokens, 256)], [*decoded(tokenizer, tokens[:2], 256)]
    (['h', 'ö', 'h'], ['h', '\N{REPLACEMENT CHARACTER}'])
    """
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    for token in tokens:
        if token == end:
            break
        if text := decoder.decode(_bytes(tokenizer, token)):
            yield text
    if text := decoder.decode(b"", final=True):
        yield text


def spelt(tokenizer: Tokenizer) -> dict[str, Any]:
    """Say what a tokenizer knows, in texts that a checkpoint can hold."""
    if isinstance(tokenizer, CharacterTokenizer):
        return {"characters": "".join(tokenizer.characters)}
    tokens = tokenizer.tokens
    return {"merges": [[tokens[a].hex(), tokens[b].hex()] for a, b in tokenizer.merges]}


def read_spelt(known: Mapping[str, Any]) -> Tokenizer:
    """Make a tokenizer of what :func:`spelt` says.

    Examples
    --------
    >>> read_spelt(spelt(CharacterTokenizer("hello"))).encode("hole")
    [1, 3, 2, 0]
    """
    if "characters" in known:
        return CharacterTokenizer(known["characters"])
    pairs = [(bytes.fromhex(a), bytes.fromhex(b)) for a, b in known["merges"]]
    return BytePairTokenizer(pairs, [END])


def _bytes(tokenizer: Tokenizer, token: int) -> bytes:
    if isinstance(tokenizer, CharacterTokenizer):
        return tokenizer.decode([token]).encode()
    (number,) = valid([token], len(tokenizer.tokens))
    return tokenizer.tokens[number]
