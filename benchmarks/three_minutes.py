"""Three minutes to a language model: ours against nanoGPT's setting for a processor.

    python benchmarks/three_minutes.py --text PATH

measures the loss over the whole validation split, in nats per character, of each
recipe over several seeds; what each ingredient of ours is worth; and how many tokens a
second it learns from, beside the same shape built of torch's layers. README.md beside
this file says what the rows are.

Every run is written to a file as soon as it is over (three_minutes.json,
``--results``), and a run that is there is not made again: a call that was killed loses
one run, and ``--runs 1`` makes one more. The tables show all that the file holds.

Three minutes need an idle machine. Where others are at work, ``--only pace`` measures,
in many short rounds, how many steps a second each recipe makes undisturbed: as many as
in the fastest round. From then on ``--paced`` gives each recipe the steps that it would
make in its seconds: these runs may be made on a busy machine, and on one core.
"""

import argparse
import hashlib
import json
import platform
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from math import cos, inf, log, pi
from pathlib import Path
from statistics import mean, stdev
from time import perf_counter, process_time, thread_time
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from transformer_path.networks.optimization import Descent, adam
from transformer_path.transformer.tokenizer import CharacterTokenizer
from transformer_path.variants.corpus import (
    next_token_loss,
    shuffled,
    total_bits,
    windows,
)
from transformer_path.variants.gpt import GPT, Sizes
from transformer_path.variants.three_minutes import (
    Sprinter,
    Together,
    fade,
    halves_are_fast,
    in_halves,
    normed,
    optimizers,
    turned,
)
from transformer_path.workshop import checkpoints
from transformer_path.workshop.runs import History
from transformer_path.workshop.training import fit, seeded

TEXT = Path(__file__).parents[2] / "shared" / "data" / "tinyshakespeare.txt"
RESULTS = Path(__file__).with_suffix(".json")
Model = Callable[[Tensor], Tensor]
Found = dict[str, Any]  # what a run gave, as it stands in the file


@dataclass(frozen=True)
class Text:
    """A text as tokens: the first nine tenths to learn from, the rest to validate."""

    train: Tensor
    validation: Tensor
    vocabulary: int
    looks: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> "Text":
        """Take each character as a token, as nanoGPT does."""
        text = path.read_text(encoding="utf-8")
        tokenizer = CharacterTokenizer(text)
        tokens, cut = torch.tensor(tokenizer.encode(text)), int(0.9 * len(text))
        sha256 = hashlib.sha256(text.encode()).hexdigest()
        looks = {"name": path.name, "characters": len(text), "sha256": sha256}
        return cls(tokens[:cut], tokens[cut:], len(tokenizer), looks)

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


def baseline_optimizer(model: GPT) -> torch.optim.Optimizer:
    """Give AdamW, which takes its share of the matrices only."""
    matrices = [p for p in model.parameters() if p.dim() == 2]
    vectors = [p for p in model.parameters() if p.dim() != 2]
    groups: list[dict[str, Any]] = [
        {"params": matrices, "weight_decay": 0.1},
        {"params": vectors},
    ]
    return torch.optim.AdamW(
        groups, lr=1e-3, betas=(0.9, 0.99), weight_decay=0.0, fused=True
    )


def train_baseline(text: Text, seed: int, budget: Budget) -> tuple[GPT, History]:
    """Fit nanoGPT's setting."""
    with seeded(seed):
        model = baseline(text.vocabulary)
    history = fit(
        model,
        windows(text.train, 64, 12, seed=seed),
        optimizer=baseline_optimizer(model),
        loss=next_token_loss,
        schedule=baseline_schedule,
        clip=1.0,
        seconds=budget.seconds,
        steps=budget.steps,
    )
    return model, history


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
    lr: float | None = None  # of the matrices; None is the recipe's
    fading: bool = True
    qk_norm: bool = True
    rotary: bool = True
    squared: bool = True
    from_zero: bool = True
    shuffled: bool = True
    members: int = 2

    def train(
        self, text: Text, seed: int, budget: Budget
    ) -> tuple[list[Sprinter], list[History]]:
        """Fit its members one after the other, each for its share of the time."""
        share, seeds = budget.of(self.members), range(self.members)
        pairs = [self._train_one(text, 100 * seed + n, share) for n in seeds]
        models, histories = zip(*pairs, strict=True)
        return list(models), list(histories)

    def model(self, vocabulary: int, seed: int) -> Sprinter:
        """Build one member."""
        sizes = Sizes(vocabulary=vocabulary, context=self.context, dropout=self.dropout)
        with seeded(seed):
            model = Sprinter(sizes, longest=self.longest)
            if not self.from_zero:  # as GPT-2 draws all its matrices
                outputs = [a.out for a in model.attentions]
                outputs += [f.down for f in model.feedforwards]
                for p in (*outputs, model.readout):
                    nn.init.normal_(p, std=0.02)
        for attention in model.attentions:
            if not self.qk_norm:
                attention.asked = turned
            if not self.rotary:
                attention.asked = lambda x, _: normed(x)
        for feedforward in model.feedforwards:
            if not self.squared:
                feedforward.bent = F.relu
        return model

    def optimizers(self, model: Sprinter) -> list[torch.optim.Optimizer]:
        """Give its optimisers: without Muon, Adam has the matrices too."""
        told = {} if self.lr is None else {"lr": self.lr}
        first, *others = optimizers(model, half=self.half, **told)
        if not self.muon:
            layers = first.param_groups[0]["params"]
            rule = partial(adam, betas=(0.9, 0.95))
            first = Descent(layers, rule, lr=self.lr or 0.003)
        return [first, *others]

    def _train_one(
        self, text: Text, seed: int, budget: Budget
    ) -> tuple[Sprinter, History]:
        model = self.model(text.vocabulary, seed)
        batches = shuffled if self.shuffled else windows
        history = fit(
            model,
            batches(text.train, self.context, self.batch, seed=seed),
            optimizer=self.optimizers(model),
            loss=in_halves if self.half else next_token_loss,
            schedule=fade if self.fading else lambda _: 1.0,
            seconds=budget.seconds,
            steps=budget.steps,
            seed=seed,
        )
        return model, history


SWITCHES: dict[str, Callable[[Ours], Ours]] = {
    "one model for a share of the time": lambda ours: ours,
    "... without Muon": lambda ours: replace(ours, muon=False),
    "... without groups of tokens": lambda ours: replace(ours, longest=1),
    "... without fading": lambda ours: replace(ours, fading=False),
    "... without norms on queries, keys": lambda ours: replace(ours, qk_norm=False),
    "... without rotary positions": lambda ours: replace(ours, rotary=False),
    "... with ReLU, not its square": lambda ours: replace(ours, squared=False),
    "... with outputs not from 0": lambda ours: replace(ours, from_zero=False),
    "... with half the context": lambda ours: replace(ours, context=64, batch=32),
    "... with windows that are drawn": lambda ours: replace(ours, shuffled=False),
    "... without bfloat16": lambda ours: replace(ours, half=False),
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


def throughput(text: Text, ours: Ours, rounds: int, steps: int) -> Found:
    """Let each learn for a few steps in turn; give tokens per second, by rounds.

    On one thread the seconds are the processor's, so others at work do no harm.
    """
    clock = thread_time if torch.get_num_threads() == 1 else perf_counter
    batch = windows(text.train, ours.context, ours.batch)
    plain = Plain(text.vocabulary, ours.context)
    adamw = torch.optim.AdamW(plain.parameters(), lr=1e-3)
    bare = replace(ours, longest=1)
    pairs: dict[str, tuple[nn.Module, list[torch.optim.Optimizer], bool]] = {
        TORCHS: (plain, [adamw], False),
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
            seconds = time_of(learner, steppers, loss, batch, steps, clock)
            if turn:  # the first is for warming up
                speeds[name].append(steps * ours.batch * ours.context / seconds)
    return speeds


def pace(text: Text, ours: Ours, rounds: int) -> Found:
    """Give the steps a second of each recipe, by rounds."""
    model, other = ours.model(text.vocabulary, 0), baseline(text.vocabulary)
    batch, short = (
        windows(text.train, ours.context, ours.batch),
        windows(text.train, 64, 12),
    )
    adamw, several = [baseline_optimizer(other)], ours.optimizers(model)
    loss = in_halves if ours.half else next_token_loss
    found: Found = {BASELINE: [], OURS: []}
    for _ in range(rounds):
        seconds = time_of(other, adamw, next_token_loss, short, 30, perf_counter, 1.0)
        found[BASELINE].append(30 / seconds)
        seconds = time_of(model, several, loss, batch, 10, perf_counter)
        found[OURS].append(10 / seconds)
    return found


def time_of(
    model: nn.Module,
    optimizers: Sequence[torch.optim.Optimizer],
    loss: Callable[[Any, Tensor], Tensor],
    batch: Callable[[int], Tensor],
    steps: int,
    clock: Callable[[], float],
    clip: float = inf,
) -> float:
    """Let a model learn for a few steps, and tell how long that took."""
    start = clock()
    for step in range(steps):
        model.zero_grad()
        loss(model, batch(step)).backward()
        if clip < inf:
            nn.utils.clip_grad_norm_(model.parameters(), clip)
        for each in optimizers:
            each.step()
    return clock() - start


BASELINE = "nanoGPT's setting"
OURS = "ours"
TORCHS = "torch's layers, AdamW"

# ---- the file of results -------------------------------------------------------------


@dataclass
class Results:
    """What was measured, table by table, in a file that is never half written.

    A table is of one text, machine, budget: runs under other settings are refused.
    """

    path: Path
    left: float  # how many new runs this call may make

    def read(self) -> dict[str, Any]:
        """Give all tables."""
        if not self.path.exists():
            return {}
        try:
            tables: dict[str, Any] = json.loads(self.path.read_text(encoding="utf-8"))
        except ValueError as error:
            sys.exit(f"{self.path} is damaged ({error}); delete it or name another.")
        return tables

    def run(
        self,
        table: str,
        settings: Mapping[str, Any],
        name: str,
        seed: int,
        measure: Callable[[], Found],
    ) -> None:
        """Measure and write down, unless it is there or enough was measured."""
        known = self.read().get(table, {"settings": dict(settings), "runs": {}})
        if known["settings"] != dict(settings):
            sys.exit(
                f"{self.path} holds the table {table!r} of other settings, "
                f"{known['settings']}, not {dict(settings)}; name another file with "
                "--results."
            )
        if str(seed) in known["runs"].get(name, {}) or self.left < 1:
            return
        self.left -= 1
        found = measure() | {"date": datetime.now(UTC).date().isoformat()}
        tables = self.read()  # again: another process may have added to it meanwhile
        known = tables.setdefault(table, known)
        known["runs"].setdefault(name, {})[str(seed)] = found
        content = (json.dumps(tables, indent=1) + "\n").encode()
        checkpoints.replace(self.path, lambda file: file.write(content))

    def paced(self, name: str, seconds: float) -> Budget:
        """Turn seconds into steps, at the pace of a recipe's fastest round."""
        recipe = BASELINE if name.startswith(BASELINE) else OURS
        rates = self.column("pace", "all", recipe)
        if not rates:
            sys.exit(f"{self.path} holds no pace; measure it first with --only pace.")
        return Budget(steps=max(1, round(seconds * max(rates))))

    def column(self, table: str, name: str, what: str) -> list[float]:
        """Give one number of each seed, or several, as one list."""
        runs = self.read().get(table, {}).get("runs", {}).get(name, {})
        found = [runs[seed][what] for seed in sorted(runs, key=int)]
        return [
            n for part in found for n in (part if isinstance(part, list) else [part])
        ]


def timed(train: Callable[[], tuple[Any, Any]]) -> tuple[Any, Found]:
    """Train; tell how long that took, by the clock and in the processor."""
    start, busy = perf_counter(), process_time()
    models, histories = train()
    seconds, processor = perf_counter() - start, process_time() - busy
    several = histories if isinstance(histories, list) else [histories]
    return models, {
        "threads": torch.get_num_threads(),
        "seconds": round(seconds, 1),
        "processor_seconds": round(processor, 1),
        "steps": [int(history["step"][-1]) for history in several],
    }


def processor() -> str:
    """Name the processor."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if LINUX else []
    names = [line.partition(":")[2].strip() for line in lines if "model name" in line]
    return names[0] if names else platform.processor() or platform.machine()


LINUX = Path("/proc/cpuinfo").is_file()


# ---- the tables ----------------------------------------------------------------------


def row(name: str, *cells: str) -> str:
    """Write a row of a table."""
    return "| " + " | ".join([f"{name:36}", *(f"{cell:16}" for cell in cells)]) + " |"


def spread(numbers: Sequence[float], digits: int = 3) -> str:
    """Write a mean, and the standard deviation around it if there is one."""
    if not numbers:
        return "not measured"
    if len(numbers) == 1:
        return f"{numbers[0]:.{digits}f}"
    return f"{mean(numbers):.{digits}f} ± {stdev(numbers):.{digits}f}"


def of_baseline(text: Text, seed: int, budget: Budget) -> Found:
    """Train and score nanoGPT's setting."""
    model, found = timed(partial(train_baseline, text, seed, budget))
    return found | {"loss": text.loss(model, 64, half=False)}


def of_ours(text: Text, ours: Ours, seed: int, budget: Budget) -> Found:
    """Train and score ours: each model alone, all together, and with sliding blocks."""
    models, found = timed(partial(ours.train, text, seed, budget))
    score = partial(text.loss, context=ours.context, half=ours.half)
    together = Together(models)
    return found | {
        "loss": score(together),
        "alone": [score(model) for model in models],
        "sliding": score(together, slide=2),
    }


PUBLISHED = "nanoGPT's setting, its own steps"
LONG = "nanoGPT's setting, as long as ours"
ONE = "ours, one model for all the time"


def against(
    text: Text, ours: Ours, told: argparse.Namespace, to: Results
) -> Iterator[str]:
    """Compare the two recipes."""
    budget, its_own = (
        Budget(told.seconds, told.steps),
        Budget(steps=told.baseline_steps),
    )
    settings = described(text, ours, told)
    measures: dict[str, Callable[[int, Budget], Found]] = {
        PUBLISHED: lambda seed, _: of_baseline(text, seed, its_own),
        LONG: partial(of_baseline, text),
        OURS: partial(of_ours, text, ours),
        ONE: partial(of_ours, text, replace(ours, members=1)),
    }
    for seed in range(told.seeds):
        for name, measure in measures.items():
            limit = to.paced(name, told.seconds) if told.paced else budget
            to.run("loss", settings, name, seed, partial(measure, seed, limit))
    get = partial(to.column, "loss")
    yield row("recipe", "loss", "steps of a model", "processor seconds")
    yield "|---|---|---|---|"
    for name, what, label in (
        (PUBLISHED, "loss", f"nanoGPT's setting, {told.baseline_steps:,} steps"),
        (LONG, "loss", LONG),
        (OURS, "alone", "ours, each model alone"),
        (OURS, "loss", f"ours, {ours.members} together"),
        (OURS, "sliding", "ours, together, sliding"),
        (ONE, "loss", ONE),
        (ONE, "sliding", "... sliding"),
    ):
        times = [spread(get(name, s), 0) for s in ("steps", "processor_seconds")]
        yield row(label, spread(get(name, what)), *(times if what == "loss" else "  "))
    yield ""
    for name in (PUBLISHED, LONG, ONE):
        pairs = [*zip(get(name, "loss"), get(OURS, "loss"), strict=False)]
        lower, ratio = [a - b for a, b in pairs], [b / a for a, b in pairs]
        yield f"{name}: ours is lower by {spread(lower)}, {spread(ratio)} of its loss."


def ingredients(
    text: Text, ours: Ours, told: argparse.Namespace, to: Results
) -> Iterator[str]:
    """Change one thing after the other, each for the share of one of our models."""
    budget = Budget(told.seconds, told.steps).of(ours.members)
    settings = described(text, ours, told)
    for seed in range(told.seeds):
        for name, change in SWITCHES.items():
            changed = change(replace(ours, members=1))
            measure = partial(of_ours, text, changed, seed, budget)
            to.run("ingredients", settings, name, seed, measure)
    yield row("recipe", "loss", "minus ours", "steps")
    yield "|---|---|---|---|"
    whole = to.column("ingredients", next(iter(SWITCHES)), "loss")
    for name in SWITCHES:
        found = to.column("ingredients", name, "loss")
        more = [a - b for a, b in zip(found, whole, strict=False)]
        steps = to.column("ingredients", name, "steps")
        yield row(name, spread(found), spread(more), spread(steps, 0))


def speeds(
    text: Text, ours: Ours, told: argparse.Namespace, to: Results
) -> Iterator[str]:
    """Compare tokens per second while learning."""
    settings = of_machine(text, ours) | {"threads": torch.get_num_threads()}
    to.run("speed", settings, "all", 0, lambda: throughput(text, ours, told.rounds, 3))
    yield row("learning", "speed", "as torch's")
    yield "|---|---|---|"
    first = to.column("speed", "all", TORCHS)
    for name in to.read()["speed"]["runs"]["all"]["0"] if first else ():
        if name != "date":
            found = to.column("speed", "all", name)
            ratios = [a / b for a, b in zip(found, first, strict=True)]
            yield row(
                name, f"{mean(found):,.0f} tokens/s", f"{spread(ratios, 2)} times"
            )


def paces(
    text: Text, ours: Ours, told: argparse.Namespace, to: Results
) -> Iterator[str]:
    """Measure how fast each recipe learns when nobody disturbs it."""
    settings = of_machine(text, ours) | {"threads": torch.get_num_threads()}
    to.run("pace", settings, "all", 0, lambda: pace(text, ours, told.rounds))
    yield row("recipe", "steps a second", "fastest")
    yield "|---|---|---|"
    for name in (BASELINE, OURS):
        rates = to.column("pace", "all", name)
        yield row(name, spread(rates, 1), f"{max(rates, default=0):.1f}")


def of_machine(text: Text, ours: Ours) -> dict[str, Any]:
    """Give what a number depends on, whatever is measured."""
    return {
        "text": dict(text.looks),
        "bfloat16": ours.half,
        "processor": processor(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__,
    }


def described(text: Text, ours: Ours, told: argparse.Namespace) -> dict[str, Any]:
    """Give what a loss depends on, beside the recipe and the seed."""
    return of_machine(text, ours) | {
        "seconds": told.seconds,
        "steps": told.steps,
        "paced": told.paced,
        "baseline_steps": told.baseline_steps,
        "members": ours.members,
        "shuffled": ours.shuffled,
    }


TABLES = {"pace": paces, "loss": against, "ingredients": ingredients, "speed": speeds}


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, measure what is missing, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--text", type=Path, default=TEXT, help="a text file, in UTF-8")
    add("--seconds", type=float, default=180.0, help="of training, for each recipe")
    add("--steps", type=int, help="of training, all members', instead of seconds")
    add("--baseline-steps", type=int, default=2000, help="nanoGPT's own number")
    add("--seeds", type=int, default=3, help="how often each recipe learns")
    add("--rounds", type=int, default=9, help="of the comparison of speeds")
    add("--only", choices=[*TABLES], help="one of the tables")
    add("--results", type=Path, default=RESULTS, help="the file of all runs")
    add("--paced", action="store_true", help="steps at the measured pace, not seconds")
    add("--float32", action="store_true", help="even where bfloat16 is fast")
    add("--runs", type=float, default=float("inf"), help="new ones in this call")
    told = parser.parse_args(arguments)
    if not told.text.is_file():
        sys.exit(f"{told.text} is no file; name a text with --text PATH.")
    if told.steps is not None:
        told.seconds = None
    text, half = Text.read(told.text), not told.float32 and halves_are_fast()
    ours, results = Ours(half=half), Results(told.results, told.runs)
    used = "bfloat16" if half else "float32"
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}, {used}\n")
    for name, table in TABLES.items():
        if told.only in (None, name):
            print(*table(text, ours, told, results), "", sep="\n", flush=True)


if __name__ == "__main__":
    main()
