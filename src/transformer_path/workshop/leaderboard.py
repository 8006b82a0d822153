"""What does each architecture buy, on the same data and under the same rules?

The rules, in code: a candidate is chosen by accuracy on the validation split; with it
a model is fitted again, once for each seed, on the training and validation splits
together; each of these models sees the test split once. :func:`choose` and
:func:`refit` are never given the test split, so they cannot peek.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import mean
from time import perf_counter
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from transformer_path.workshop.datasets import Examples, Splits, mnist1d
from transformer_path.workshop.ensembles import Several
from transformer_path.workshop.notes import note, plus_minus
from transformer_path.workshop.palette import MARKERS
from transformer_path.workshop.scores import accuracy
from transformer_path.workshop.training import seeded

Build = Callable[[int], nn.Module]
Train = Callable[..., object]
Candidate = Mapping[str, Any]
T = TypeVar("T")


class Published(NamedTuple):
    """What others have reported, in percent of the test split."""

    label: str
    architecture: str | None
    accuracy: float
    shuffled: float


PUBLISHED = {
    "linear": Published("Linear", "linear", 32, 32),
    "mlp": Published("MLP", "mlp", 68, 68),
    "cnn": Published("CNN", "cnn", 94, 56),
    "gru": Published("GRU", "rnn", 91, 57),
    "human": Published("Human", None, 96, 30),
}
"""Test accuracies on MNIST-1D, in order and with positions shuffled, from the table in
the README that goes with :cite:t:`greydanus2024mnist1d`; there the shuffled figure of
the human expert reads "~30%". The authors' own log, at 6,000 steps, has 31.5, 65.1,
92.3 and 89.1% for the four models, shuffled 31.5, 66.0, 58.7 and 53.3%."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the leaderboard.

    ``accuracies`` and ``shuffled`` hold the share of right answers on the test split,
    in order and with positions shuffled, one for each seed; ``seconds`` is the mean
    training time of one model, ``chosen`` the settings that won on validation.
    """

    name: str
    architecture: str
    accuracies: tuple[float, ...]
    shuffled: tuple[float, ...]
    parameters: int
    seconds: float
    chosen: dict[str, Any]

    def __str__(self) -> str:
        return (
            f"{self.name}: {spread(self.accuracies)}%, with positions shuffled "
            f"{spread(self.shuffled)}%; {self.parameters:,} parameters, "
            f"{self.seconds:.1f} s"
        )


def spread(shares: Iterable[float]) -> str:
    """Write shares as percent, mean ± standard deviation (of the sample: ddof 1).

    Examples
    --------
    >>> spread([0.31, 0.32, 0.33])
    '32.0 ± 1.0'
    """
    return plus_minus((100 * float(share) for share in shares), digits=1)


def measure(
    name: str,
    build: Build,
    train: Train,
    candidates: Iterable[Candidate] = ({},),
    *,
    architecture: str | None = None,
    seeds: Iterable[int] = range(5),
    together: bool = False,
    progress: bool = True,
) -> Row:
    """Measure one architecture on MNIST-1D, in order and with positions shuffled.

    The candidate is chosen once, on the series in order, and used for both: what
    shuffling costs is then due to the order alone.

    Parameters
    ----------
    name : str
        How the row is called.
    build : callable
        A function from a seed to a new model, which takes (N, 40) series and gives
        (N, 10) logits. Initial weights are drawn from that seed.
    train : callable
        ``train(model, examples, seed, **candidate)`` fits the model to the examples.
    candidates : iterable of dict
        Settings of ``train`` to choose from.
    architecture : str, optional
        Whose colour the row wears; known for the names in :data:`PUBLISHED`.
    seeds : iterable of int
        One model each.
    together : bool
        Train the models of all seeds side by side: ``train`` is given one
        :class:`~transformer_path.workshop.ensembles.Several` and the list of seeds. The
        training time of one model is then the time of all, divided by their number.
    progress : bool
        Show a progress bar over the models.

    Returns
    -------
    Row

    Examples
    --------
    >>> from transformer_path.workshop.batches import minibatches
    >>> from transformer_path.workshop.training import fit
    >>> def train(model, examples, seed, lr):
    ...     sgd = torch.optim.SGD(model.parameters(), lr)
    ...     fit(model, minibatches(examples, 100, seed=seed), optimizer=sgd, steps=20)
    >>> def build(seed):
    ...     return nn.Linear(40, 10)
    >>> rates = [{"lr": 0.1}, {"lr": 0.001}]
    >>> row = measure("linear", build, train, rates, seeds=range(2), progress=False)
    >>> row.parameters, len(row.accuracies), row.chosen
    (410, 2, {'lr': 0.1})
    """
    colour, seeds = _colour(name, architecture), list(seeds)
    plain, shuffled = mnist1d(), mnist1d(shuffle_positions=True)
    chosen = choose(
        build,
        train,
        list(candidates),
        plain.train,
        plain.validation,
        seeds[:2],
        progress,
        together,
    )
    how = (seeds, progress, together)
    models = refit(build, train, chosen, joined(plain), *how)
    blind = refit(build, train, chosen, joined(shuffled), *how)
    return Row(
        name=name,
        architecture=colour,
        accuracies=tuple(accuracy(model, plain.test) for model, _ in models),
        shuffled=tuple(accuracy(model, shuffled.test) for model, _ in blind),
        parameters=sum(each.numel() for each in models[0][0].parameters()),
        seconds=mean(seconds for _, seconds in models),
        chosen=dict(chosen),
    )


def choose(
    build: Build,
    train: Train,
    candidates: Sequence[Candidate],
    examples: Examples,
    validation: Examples,
    seeds: Sequence[int],
    progress: bool = False,
    together: bool = False,
) -> Candidate:
    """Give the candidate with the best accuracy on validation, the first of equals."""
    if not candidates:
        raise ValueError("candidates is empty; [{}] measures train as it is.")
    if len(candidates) == 1:
        return candidates[0]
    scores: list[float] = []
    for candidate in _bar(candidates, "choosing", progress):
        models = refit(build, train, candidate, examples, seeds, together=together)
        scores.append(mean(accuracy(model, validation) for model, _ in models))
    return candidates[scores.index(max(scores))]


def refit(
    build: Build,
    train: Train,
    candidate: Candidate,
    examples: Examples,
    seeds: Sequence[int],
    progress: bool = False,
    together: bool = False,
) -> list[tuple[nn.Module, float]]:
    """Fit one model for each seed; with its training time in seconds."""
    if not seeds:
        raise ValueError("seeds is empty; range(5) measures five models.")
    models = []
    for seed in seeds:
        with seeded(seed):
            models.append(build(seed))
    if together:
        several = Several(models)
        began = perf_counter()
        train(several, examples, seeds, **candidate)
        seconds = (perf_counter() - began) / len(seeds)
        return [(model, seconds) for model in several.members()]
    fitted = []
    for seed, model in _bar(list(zip(seeds, models, strict=True)), "fitting", progress):
        began = perf_counter()
        train(model, examples, seed, **candidate)
        fitted.append((model, perf_counter() - began))
    return fitted


def joined(splits: Splits) -> Examples:
    """Put the training and the validation split together; the test split stays out."""
    parts = zip(splits.train, splits.validation, strict=True)
    return Examples(*(torch.cat(pair) for pair in parts))


def enter(row: Row) -> None:
    """Enter a row: the leaderboard of the book gathers what its pages have entered.

    Noted are ``leaderboard_<name>``, all but the time, and ``time_leaderboard_<name>``,
    which alone may differ from one build to the next.
    """
    rest = asdict(row)
    seconds = rest.pop("seconds")
    text = json.dumps(rest, default=_in_words)
    note(**{f"leaderboard_{row.name}": text})
    note(**{f"time_leaderboard_{row.name}": f"{seconds:.1f} s"})


def _in_words(thing: object) -> Any:
    """Write what JSON does not know, the same in every build."""
    if isinstance(thing, np.generic):
        return thing.item()
    return getattr(thing, "__name__", "custom")


def _colour(name: str, architecture: str | None) -> str:
    if architecture is None and name in PUBLISHED:
        architecture = PUBLISHED[name].architecture
    if architecture is None or architecture not in MARKERS:
        raise ValueError(
            f"architecture={architecture!r} has no colour; say whose {name!r} wears: "
            f"architecture= one of {list(MARKERS)}."
        )
    return architecture


def _bar(items: Sequence[T], what: str, progress: bool) -> Iterable[T]:
    return tqdm(items, desc=what, leave=False) if progress else items
