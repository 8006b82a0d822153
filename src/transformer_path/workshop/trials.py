"""Which learning rate suits each of several networks? All of them, tried side by side.

A comparison is fair if each side has its own best rate and start, chosen on examples
that the comparison does not use. Here the examples are drawn anew at every step.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from functools import partial
from math import isfinite
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from transformer_path.workshop.batches import mixed, stacked
from transformer_path.workshop.datasets import Examples
from transformer_path.workshop.ensembles import Several, each
from transformer_path.workshop.scores import classification_loss
from transformer_path.workshop.training import fit, seeded

Task = Callable[[int, int], Examples]
VALIDATION = 2**40  # the seed of the examples by which a trial is chosen


class Trial(NamedTuple):
    """Networks that were trained from one start at one rate, a model for each seed.

    ``validation`` is their mean loss on examples for choosing, nan if one diverged.
    """

    start: Hashable
    rate: float
    validation: float
    models: list[nn.Module]


class AdamEach(torch.optim.Adam):
    """Adam for models side by side, with a learning rate for each.

    Examples
    --------
    >>> models = Several([nn.Linear(3, 2) for _ in range(2)])
    >>> before = [p.clone() for p in models.parameters()]
    >>> adam = AdamEach(models, rates=[0.0, 0.1])
    >>> models(torch.randn(5, 3)).sum().backward()
    >>> _ = adam.step()
    >>> [torch.equal(before[0][s], models.stacks[0][s]) for s in range(2)]
    [True, False]
    """

    def __init__(self, models: Several, rates: Sequence[float]) -> None:
        super().__init__(models.parameters(), lr=1.0, fused=True)
        self.rates = torch.tensor(rates, dtype=torch.float64)

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Take a step of rate 1, and of it each model's share."""
        parameters = [p for group in self.param_groups for p in group["params"]]
        before = [p.clone() for p in parameters]
        loss = super().step(closure)
        for p, old in zip(parameters, before, strict=True):
            rates = self.rates.to(p).view(-1, *[1] * (p.dim() - 1))
            p.copy_(old + rates * (p - old))
        return loss


def trials(
    starts: Mapping[Any, Callable[[], nn.Module]],
    task: Task,
    *,
    rates: Sequence[float],
    steps: int,
    loss: Callable[[Any, Any], Tensor] = classification_loss,
    size: int = 32,
    seeds: Iterable[int] = range(3),
) -> list[Trial]:
    """Train from each start, at each learning rate, for each seed, all side by side.

    By Adam, each step on examples that none of them has seen. Of a seed all trials see
    the same examples. A run may diverge.

    Parameters
    ----------
    starts : dict
        Functions that build a model; all of one shape.
    task : callable
        ``task(n, seed)`` gives n examples.
    rates : sequence of float
        The learning rates.
    steps, size : int
        How many steps, and how many examples a minibatch.
    loss : callable
        From a model and examples to one number.
    seeds : iterable of int
        One model each, for each start and rate.

    Returns
    -------
    list of Trial

    Examples
    --------
    >>> def task(n, seed):
    ...     x = torch.randn(n, 1, generator=torch.Generator().manual_seed(seed))
    ...     return Examples(x, (x[:, 0] > 0).long())
    >>> tried = trials({"line": lambda: nn.Linear(1, 2)}, task, rates=[0, 0.1], steps=9)
    >>> best(tried, "line").rate
    0.1
    """
    seeds = list(seeds)
    keys = [(start, rate) for start in starts for rate in rates]
    models = []
    for start, _ in keys:
        for seed in seeds:
            with seeded(seed):
                models.append(starts[start]())
    several = Several(models)
    own = stacked([partial(_draw, task, size, seed) for seed in seeds])

    def batch(step: int) -> Examples:
        return Examples(*(torch.cat([part] * len(keys)) for part in own(step)))

    adam = AdamEach(several, [rate for _, rate in keys for _ in seeds])
    fit(several, batch, loss=each(loss), optimizer=adam, steps=steps, finite=False)
    members, unseen = several.members(), task(1000, VALIDATION)
    found = []
    for row, (start, rate) in enumerate(keys):
        mine = members[len(seeds) * row : len(seeds) * (row + 1)]
        with torch.no_grad():
            losses = torch.stack([loss(model, unseen) for model in mine])
        found.append(Trial(start, rate, losses.mean().item(), mine))
    return found


def best(tried: Iterable[Trial], *starts: Hashable) -> Trial:
    """Give the trial from one of the starts with the smallest loss on validation."""
    mine = [t for t in tried if t.start in starts and isfinite(t.validation)]
    if not mine:
        raise ValueError(f"no trial from {starts} came to a finite loss.")
    return min(mine, key=lambda trial: trial.validation)


def _draw(task: Task, size: int, seed: int, step: int) -> Examples:
    return task(size, mixed(seed, step))
