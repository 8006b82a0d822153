"""How does a GPT learn a text of one's own, and survive being stopped?

In one folder lie two files. ``run.pt`` is where the run stands: with it, a run that was
interrupted ends with the same weights as one that was not. ``model.pt`` is the model
that knew the validation text best, complete with its tokenizer.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from math import inf
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from transformer_path.networks.optimization import cosine, warmup
from transformer_path.variants.corpus import (
    joined,
    next_token_loss,
    shuffled,
    total_bits,
)
from transformer_path.variants.gpt import GPT, Sizes
from transformer_path.variants.writer import Tokenizer, Writer, end_of, spelt
from transformer_path.workshop._inputs import whole
from transformer_path.workshop.training import fit, seeded

MODEL, RUN = "model.pt", "run.pt"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All that decides a run, but for its text and its tokenizer.

    Parameters
    ----------
    steps, seconds : int, float
        When to stop, one of the two. Only with ``steps`` two runs end the same.
    context, d_model, n_heads, n_layers, dropout
        The model's sizes, as in :class:`~transformer_path.variants.gpt.Sizes`.
    batch : int
        Windows in a batch.
    rate : float
        The learning rate's highest value.
    every : int
        Steps between two looks at the validation text.
    seed : int
        Decides the first weights, the windows and what is dropped out.

    Raises
    ------
    ValueError
        If a setting is out of its range, or ``n_heads`` does not divide ``d_model``.
    """

    steps: int | None = None
    seconds: float | None = None
    context: int = 128
    d_model: int = 128
    n_heads: int = 4
    n_layers: int = 4
    dropout: float = 0.1
    batch: int = 8
    rate: float = 3e-3
    every: int = 250
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("context", "d_model", "n_heads", "n_layers", "batch", "every"):
            whole(name, getattr(self, name), 1)
        if self.d_model % self.n_heads:
            raise ValueError(
                f"d_model={self.d_model} is not divisible by n_heads={self.n_heads}; "
                "each head takes an equal share."
            )
        if (self.steps is None) == (self.seconds is None):
            raise ValueError(
                f"steps={self.steps} and seconds={self.seconds}; give one of the two."
            )
        if self.steps is not None:
            whole("steps", self.steps, 1)
        if self.seconds is not None and not 0 < self.seconds < inf:
            raise ValueError(f"seconds={self.seconds} must be a number above 0.")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout={self.dropout} must be at least 0 and below 1.")
        if not 0 < self.rate < inf:
            raise ValueError(f"rate={self.rate} must be a number above 0.")
        if whole("seed", self.seed, 0) >= 2**63:
            raise ValueError(f"seed={self.seed} must be below 2 to the power of 63.")

    def sizes(self, vocabulary: int) -> Sizes:
        """Give the model's sizes."""
        names = ("context", "d_model", "n_heads", "n_layers", "dropout")
        return Sizes(vocabulary=vocabulary, **{n: getattr(self, n) for n in names})


@dataclass(frozen=True)
class Look:
    """What one look at the validation text has found, after so many steps."""

    step: int
    bits_per_byte: float
    best: bool
    writer: Writer


def train(
    texts: Sequence[str],
    validation: Sequence[str],
    tokenizer: Tokenizer,
    settings: Settings,
    folder: Path | str,
    *,
    device: torch.device | str = "cpu",
    report: Callable[[Look], object] = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
    progress: bool = True,
) -> Writer:
    """Train a GPT on texts; keep it as it knew the validation texts best.

    Called again with the same arguments, an interrupted run goes on where it stood.

    Parameters
    ----------
    texts, validation : sequence of str
        What to learn from, and what to choose on.
    tokenizer : BytePairTokenizer or CharacterTokenizer
        As :class:`~transformer_path.variants.writer.Writer` takes it.
    settings : Settings
        How large, and how long.
    folder : path
        Holds the run's two files, and is made if it is not there.
    report : callable
        Told of each look at the validation text.
    stop : callable
        Asked whenever the run has been saved; if it says yes, KeyboardInterrupt is
        raised, and nothing is lost.
    progress : bool
        Whether to show a bar.

    Returns
    -------
    Writer
        The best model, read from its file.

    Raises
    ------
    ValueError
        If there is too little text, or the folder holds another run.
    FloatingPointError
        If the loss is no longer finite; the best model stays.
    """
    end = end_of(tokenizer)
    tokens, held = (joined(part, tokenizer, end) for part in (texts, validation))
    batches = shuffled(tokens, settings.context, settings.batch, seed=settings.seed)
    place, size = torch.device(device), sum(len(text.encode()) for text in validation)
    with seeded(settings.seed):
        model = GPT(settings.sizes(end + 1)).to(place)
    told = {**asdict(settings), "text": _mark(tokens, held, spelt(tokenizer))}
    folder = Path(folder)
    best = _best_before(folder, told)
    folder.mkdir(parents=True, exist_ok=True)

    def logits(tokens: Tensor) -> Tensor:
        given: Tensor = model(tokens.to(place))
        return given.cpu()  # some devices have no float64 to add in

    def look(step: int, best: float) -> float:
        bits = total_bits(logits, held, settings.context) / size
        about = {"run": told, "step": step, "bits_per_byte": bits}
        writer = Writer(model, tokenizer, about)
        if bits < best:
            writer.save(folder / MODEL)
        report(Look(step, bits, bits < best, writer))
        return bits

    watch = _Watch(batches, look, settings.every, stop, best)
    history = fit(
        model,
        watch.batch,
        optimizer=_optimizer(model, settings.rate),
        loss=next_token_loss,
        steps=settings.steps,
        seconds=settings.seconds,
        schedule=lambda done: warmup(done, 0.05) * cosine(done, 0.05),
        clip=1.0,
        evaluate=watch.evaluate,
        every=watch.save,
        checkpoint=folder / RUN,
        seed=settings.seed,
        progress=progress,
    )
    if "bits_per_byte" not in history.rows[-1]:
        look(int(history["step"][-1]), watch.best)
    return Writer.load(folder / MODEL)


class _Watch:
    """Between the loop and what surrounds it: which step is it, and is a look due?"""

    def __init__(
        self,
        batches: Callable[[int], Tensor],
        look: Callable[[int, float], float],
        every: int,
        stop: Callable[[], bool],
        best: float,
    ) -> None:
        self.batches, self.look, self.stop, self.best = batches, look, stop, best
        self.every, self.save = every, min(20, every)  # saved more often than looked at
        self.begun, self.step = False, 0

    def batch(self, number: int) -> Tensor:
        """Give a batch; before it, between two steps, the run may be stopped."""
        if number % self.save == 0 and self.stop():
            raise KeyboardInterrupt(number)
        self.step = number + 1
        return self.batches(number)

    def evaluate(self, _: nn.Module) -> dict[str, float]:
        """Look, if it is time; the first call shows the model as it came."""
        step, self.begun = (self.step, True) if self.begun else (0, True)
        if step and step // self.every == max(0, step - self.save) // self.every:
            return {}
        bits = self.look(step, self.best)
        self.best = min(bits, self.best)
        return {"bits_per_byte": bits}


def _optimizer(model: nn.Module, rate: float) -> torch.optim.Optimizer:
    """Matrices decay, biases and norms do not."""
    matrices = [weight for weight in model.parameters() if weight.dim() == 2]
    others = [weight for weight in model.parameters() if weight.dim() != 2]
    groups: list[dict[str, Any]] = [
        {"params": matrices, "weight_decay": 0.1},
        {"params": others},
    ]
    return torch.optim.AdamW(groups, rate, betas=(0.9, 0.99), weight_decay=0.0)


def _mark(tokens: Tensor, held: Tensor, known: dict[str, Any]) -> str:
    """Tell texts and tokenizers apart by one short word."""
    parts = [tokens.numpy().tobytes(), held.numpy().tobytes(), repr(known).encode()]
    return sha256(b"".join(sha256(part).digest() for part in parts)).hexdigest()[:16]


def _best_before(folder: Path, told: dict[str, Any]) -> float:
    """Give the lowest number so far; refuse a folder that holds something else."""
    if not folder.exists():
        return inf
    for left in folder.glob(f"{MODEL}.tmp*"):  # by a process that was killed
        left.unlink(missing_ok=True)
    if not (folder / MODEL).exists():
        if (folder / RUN).exists():
            raise ValueError(
                f"{folder} holds {RUN} but no {MODEL}: what was best is lost. Delete "
                f"{RUN} to start afresh, or name another folder."
            )
        return inf
    about = Writer.load(folder / MODEL).about
    there = about.get("run", {})
    other = [
        "the text or its tokens are others"
        if name == "text"
        else f"{name} is {there.get(name)} there and {told.get(name)} here"
        for name in told.keys() | there.keys()
        if there.get(name) != told.get(name)
    ]
    if other:
        raise ValueError(
            f"{folder} holds another run: {'; '.join(sorted(other))}. Name another "
            "folder, delete that one, or go back to its settings."
        )
    return float(about["bits_per_byte"])
