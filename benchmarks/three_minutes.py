"""Three minutes to a language model: ours against nanoGPT's setting for a processor.

    python benchmarks/three_minutes.py --text PATH

prints a table: the loss over the whole validation split, in nats per character, of each
recipe over several seeds; what each ingredient of ours is worth; and how many tokens a
second it learns from, beside the same shape built of torch's layers. README.md beside
this file says what the rows are, and holds a table that was measured.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import cos, log, pi
from pathlib import Path
from statistics import mean, stdev
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from transformer_path.networks.optimization import Descent, adam
from transformer_path.transformer.tokenizer import CharacterTokenizer
from transformer_path.variants.corpus import next_token_loss, total_bits, windows
from transformer_path.variants.gpt import GPT, Sizes
from transformer_path.variants.three_minutes import (
    Sprinter,
    Together,
    fade,
    halves_are_fast,
    in_halves,
    optimizers,
)
from transformer_path.workshop.training import fit, seeded

TEXT = Path(__file__).parents[2] / "shared" / "data" / "tinyshakespeare.txt"
Model = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Text:
    """A text as tokens: the first nine tenths to learn from, the rest to validate."""

    train: Tensor
    validation: Tensor
    vocabulary: int

    @classmethod
    def read(cls, path: Path) -> "Text":
        """Take each character as a token, as nanoGPT does."""
        text = path.read_text(encoding="utf-8")
        tokenizer = CharacterTokenizer(text)
        tokens, cut = torch.tensor(tokenizer.encode(text)), int(0.9 * len(text))
        return cls(tokens[:cut], tokens[cut:], len(tokenizer))

    def loss(self, model: Model, context: int, half: bool, slide: int = 1) -> float:
        """Give the nats per character of the validation split, each counted once.

        The text is cut into blocks of the context, as nanoGPT's estimate does; with
        ``slide`` the blocks overlap by that part of them.
        """
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            stride = context // slide
            bits = total_bits(model, self.validation, context, stride=stride, size=64)
        return bits * log(2) / (len(self.validation) - 1)


@dataclass(frozen=True)
class Budget:
    """How long a model may learn: so many seconds, or so many steps."""

    seconds: float | None = None
    steps: int | None = None

    def of(self, models: int) -> "Budget":
        """Share it among several."""
        if self.steps is not None:
            return Budget(steps=max(1, round(self.steps / models)))
        return Budget(seconds=(self.seconds or 0.0) / models)


# ---- nanoGPT's setting for a processor -----------------------------------------------


def baseline(vocabulary: int) -> GPT:
    """Give a GPT of nanoGPT's size, and like it without biases."""
    model = GPT(Sizes(vocabulary=vocabulary, context=64))
    for module in model.modules():
        for name in ("bias", "in_proj_bias"):
            if isinstance(getattr(module, name, None), nn.Parameter):
                setattr(module, name, None)
    return model


def baseline_schedule(done: float, warm: float = 100 / 2000) -> float:
    """Rise for 100 of 2,000 steps, then fall like a cosine to a tenth."""
    if done < warm:
        return done / warm
    return 0.1 + 0.9 * (1 + cos(pi * (done - warm) / (1 - warm))) / 2


def train_baseline(text: Text, seed: int, budget: Budget) -> tuple[GPT, float]:
    """Fit nanoGPT's setting; give the model and the seconds it took."""
    with seeded(seed):
        model = baseline(text.vocabulary)
    matrices = [p for p in model.parameters() if p.dim() == 2]
    vectors = [p for p in model.parameters() if p.dim() != 2]
    groups: list[dict[str, Any]] = [
        {"params": matrices, "weight_decay": 0.1},
        {"params": vectors},
    ]
    history = fit(
        model,
        windows(text.train, 64, 12, seed=seed),
        optimizer=torch.optim.AdamW(
            groups, lr=1e-3, betas=(0.9, 0.99), weight_decay=0.0, fused=True
        ),
        loss=next_token_loss,
        schedule=baseline_schedule,
        clip=1.0,
        seconds=budget.seconds,
        steps=budget.steps,
    )
    return model, history["seconds"][-1].item()


# ---- ours, and what is taken from it -------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Ours:
    """The recipe. Each row of the second table changes one of these."""

    context: int = 128
    batch: int = 16
    longest: int = 5
    dropout: float = 0.0
    half: bool = True
    muon: bool = True
    fading: bool = True
    members: int = 3

    def train(self, text: Text, seed: int, budget: Budget) -> list[Sprinter]:
        """Fit its members one after the other, each for its share of the time."""
        share = budget.of(self.members)
        return [
            self._train_one(text, 100 * seed + member, share)
            for member in range(self.members)
        ]

    def model(self, vocabulary: int, seed: int) -> Sprinter:
        """Build one member."""
        sizes = Sizes(vocabulary=vocabulary, context=self.context, dropout=self.dropout)
        with seeded(seed):
            return Sprinter(sizes, longest=self.longest)

    def optimizers(self, model: Sprinter) -> list[torch.optim.Optimizer]:
        """Give its optimisers: without Muon, Adam has the matrices too."""
        first, *others = optimizers(model, half=self.half)
        if not self.muon:
            layers = first.param_groups[0]["params"]
            first = Descent(layers, partial(adam, betas=(0.9, 0.95)), lr=0.003)
        return [first, *others]

    def _train_one(self, text: Text, seed: int, budget: Budget) -> Sprinter:
        model = self.model(text.vocabulary, seed)
        fit(
            model,
            windows(text.train, self.context, self.batch, seed=seed),
            optimizer=self.optimizers(model),
            loss=in_halves if self.half else next_token_loss,
            schedule=fade if self.fading else lambda _: 1.0,
            seconds=budget.seconds,
            steps=budget.steps,
            seed=seed,
        )
        return model


SWITCHES: dict[str, Callable[[Ours], Ours]] = {
    "one model for all the time": lambda ours: replace(ours, members=1),
    "one model for a share of it": lambda ours: ours,  # its budget is the share
    "... without Muon": lambda ours: replace(ours, muon=False),
    "... without groups of tokens": lambda ours: replace(ours, longest=1),
    "... without bfloat16": lambda ours: replace(ours, half=False),
    "... without fading": lambda ours: replace(ours, fading=False),
    "... with half the context": lambda ours: replace(ours, context=64, batch=32),
}


# ---- the same shape, of torch's layers -----------------------------------------------


class Plain(nn.Module):
    """The same shape as one writes it with torch's layers."""

    def __init__(self, vocabulary: int, context: int) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, 128)
        self.positions = nn.Embedding(context, 128)
        layer = nn.TransformerEncoderLayer(
            128, 4, 512, 0.0, F.gelu, batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, 4, enable_nested_tensor=False)
        self.readout = nn.Linear(128, vocabulary)

    def forward(self, tokens: Tensor) -> Tensor:
        """From (B, T) to (B, T, V)."""
        length = tokens.shape[1]
        mask = nn.Transformer.generate_square_subsequent_mask(length)
        x = self.tokens(tokens) + self.positions(torch.arange(length))
        return self.readout(self.layers(x, mask, is_causal=True))


def throughput(text: Text, ours: Ours, rounds: int, steps: int) -> Iterator[str]:
    """Let each learn for a few steps in turn; compare tokens per second, by rounds."""
    batch = windows(text.train, ours.context, ours.batch)
    plain = Plain(text.vocabulary, ours.context)
    adamw = torch.optim.AdamW(plain.parameters(), lr=1e-3)
    bare = replace(ours, longest=1)
    pairs: dict[str, tuple[nn.Module, list[torch.optim.Optimizer], bool]] = {
        "torch's layers, AdamW": (plain, [adamw], False),
        "torch's layers, AdamW, bfloat16": (plain, [adamw], True),
        "ours": (model := ours.model(text.vocabulary, 0), ours.optimizers(model), True),
        "ours without groups of tokens": (
            model := bare.model(text.vocabulary, 0),
            bare.optimizers(model),
            True,
        ),
    }
    speeds: dict[str, list[float]] = {name: [] for name in pairs}
    for turn in range(rounds + 1):
        for name, (learner, steppers, half) in pairs.items():
            loss = in_halves if half and ours.half else next_token_loss
            start = perf_counter()
            for step in range(steps):
                learner.zero_grad()
                loss(learner, batch(step)).backward()
                for each in steppers:
                    each.step()
            seconds = perf_counter() - start
            if turn:  # the first is for warming up
                speeds[name].append(steps * ours.batch * ours.context / seconds)
    first = speeds["torch's layers, AdamW"]
    for name, found in speeds.items():
        ratios = [a / b for a, b in zip(found, first, strict=True)]
        yield row(name, f"{mean(found):,.0f} tokens/s", f"{spread(ratios, 2)} times")


# ---- the table -----------------------------------------------------------------------


def row(name: str, *cells: str) -> str:
    """Write a row of a table."""
    return "| " + " | ".join([f"{name:34}", *(f"{cell:16}" for cell in cells)]) + " |"


def spread(numbers: Sequence[float], digits: int = 3) -> str:
    """Write a mean, and the standard deviation around it if there is one."""
    if len(numbers) == 1:
        return f"{numbers[0]:.{digits}f}"
    return f"{mean(numbers):.{digits}f} ± {stdev(numbers):.{digits}f}"


def against(text: Text, ours: Ours, seeds: range, told: argparse.Namespace) -> None:
    """Compare the two recipes."""
    budget = Budget(told.seconds, told.steps)
    published = Budget(steps=told.baseline_steps)
    print(row("recipe", "loss", "training seconds"))
    print("|---|---|---|")
    losses: dict[str, list[float]] = {}
    for name, limit in (
        (f"nanoGPT's setting, {told.baseline_steps:,} steps", published),
        ("nanoGPT's setting, as long as ours", budget),
    ):
        found, times = [], []
        for seed in seeds:
            model, seconds = train_baseline(text, seed, limit)
            found.append(text.loss(model, 64, half=False))
            times.append(seconds)
        losses[name] = found
        print(row(name, spread(found), spread(times, 0)), flush=True)
    alone, together, sliding, times = [], [], [], []
    for seed in seeds:
        start = perf_counter()
        models = ours.train(text, seed, budget)
        times.append(perf_counter() - start)
        several, context, half = Together(models), ours.context, ours.half
        alone += [text.loss(model, context, half) for model in models]
        together.append(text.loss(several, context, half))
        sliding.append(text.loss(several, context, half, slide=2))
    print(row("ours, each model alone", spread(alone), ""))
    print(row(f"ours, {ours.members} together", spread(together), spread(times, 0)))
    print(row("ours, together, sliding", spread(sliding), ""))
    print()
    for name, found in losses.items():
        lower = [a - b for a, b in zip(found, together, strict=True)]
        ratio = [b / a for a, b in zip(found, together, strict=True)]
        print(f"{name}: ours is lower by {spread(lower)}, {spread(ratio)} of its loss.")


def ingredients(text: Text, ours: Ours, seeds: range, told: argparse.Namespace) -> None:
    """Change one thing after the other, each for the same time."""
    budget = Budget(told.seconds, told.steps)
    print(row("recipe", "loss"))
    print("|---|---|")
    for name, change in SWITCHES.items():
        changed = change(replace(ours, members=1))
        limit = budget if name == next(iter(SWITCHES)) else budget.of(ours.members)
        found = []
        for seed in seeds:
            (model,) = changed.train(text, seed, limit)
            found.append(text.loss(model, changed.context, changed.half))
        print(row(name, spread(found)), flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, and print the tables that it asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--text", type=Path, default=TEXT, help="a text file, in UTF-8")
    add("--seconds", type=float, default=180.0, help="of training, for each recipe")
    add("--steps", type=int, help="of training, all members', instead of seconds")
    add("--baseline-steps", type=int, default=2000, help="nanoGPT's own number")
    add("--seeds", type=int, default=3, help="how often each recipe learns")
    add("--rounds", type=int, default=9, help="of the comparison of speeds")
    add("--only", choices=["loss", "ingredients", "speed"], help="one of the tables")
    told = parser.parse_args(arguments)
    if not told.text.is_file():
        sys.exit(f"{told.text} is no file; name a text with --text PATH.")
    if told.steps is not None:
        told.seconds = None
    text, half = Text.read(told.text), halves_are_fast()
    ours, seeds = Ours(half=half), range(told.seeds)
    used = "bfloat16" if half else "float32 (bfloat16 is no faster here)"
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}, {used}\n")
    if told.only in (None, "loss"):
        against(text, ours, seeds, told)
        print()
    if told.only in (None, "ingredients"):
        ingredients(text, ours, seeds, told)
        print()
    if told.only in (None, "speed"):
        print(row("learning", "speed", "as torch's"))
        print("|---|---|---|")
        print(*throughput(text, ours, told.rounds, 3), sep="\n")


if __name__ == "__main__":
    main()
