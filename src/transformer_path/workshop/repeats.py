"""How does the same training turn out from several seeds?

One run shows what happened once. Here networks that are alike but for their seed, which
decides the first weights and the minibatches, are trained side by side.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import nn

from transformer_path.workshop.batches import minibatches, stacked
from transformer_path.workshop.datasets import Examples
from transformer_path.workshop.ensembles import Loss, Several, each
from transformer_path.workshop.scores import accuracy, classification_loss
from transformer_path.workshop.training import History, fit

ON_CLASSES = each(classification_loss)


def repeat(
    build: Callable[[int], nn.Module],
    examples: Examples,
    *,
    steps: int,
    lr: float,
    size: int = 100,
    weight_decay: float = 0.0,
    seeds: Iterable[int] = range(3),
    loss: Loss = ON_CLASSES,
    **options: Any,
) -> tuple[list[nn.Module], History]:
    """Train one classifier for each seed, by plain stochastic gradient descent.

    Parameters
    ----------
    build : callable
        From a seed to a new model.
    examples : Examples
        What all of them learn from.
    steps, size : int
        How many steps, and how many examples a minibatch.
    lr, weight_decay : float
        Learning rate and weight decay of :class:`torch.optim.SGD`.
    seeds : iterable of int
        One model each.
    loss : callable
        From all the models and their minibatches to a loss each; if not given, the
        cross-entropy.
    **options
        What else :func:`~transformer_path.workshop.training.fit` takes, such as
        ``schedule`` and ``evaluate``.

    Returns
    -------
    models : list of nn.Module
        In the order of the seeds.
    history : History
        Its columns have the shape (rows, S), one number a model.

    Examples
    --------
    >>> two = Examples(torch.tensor([[-1.0], [1.0]]), torch.tensor([0, 1]))
    >>> def build(seed):
    ...     return nn.Linear(1, 2)
    >>> models, history = repeat(build, two, steps=200, lr=1.0, seeds=range(5))
    >>> len(models), history["train_loss"].shape
    (5, torch.Size([3, 5]))
    >>> accuracies(models, two)
    tensor([1., 1., 1., 1., 1.])
    """
    seeds = list(seeds)
    models = Several([build(seed) for seed in seeds])
    batch = stacked([minibatches(examples, size, seed=seed) for seed in seeds])
    sgd = torch.optim.SGD(models.parameters(), lr, weight_decay=weight_decay)
    history = fit(models, batch, loss=loss, optimizer=sgd, steps=steps, **options)
    return models.members(), history


def each_rate(
    build: Callable[[int], nn.Module],
    examples: Examples,
    *,
    rates: Sequence[float],
    seeds: Iterable[int] = range(3),
    **options: Any,
) -> list[list[nn.Module]]:
    """Train one classifier for each learning rate and each seed, all side by side.

    By plain stochastic gradient descent, for which a loss multiplied by ten is the same
    as a learning rate multiplied by ten. A run may diverge.

    Parameters
    ----------
    build : callable
        From a seed to a new model.
    examples : Examples
        What all of them learn from.
    rates : sequence of float
        The learning rates.
    seeds : iterable of int
        One model each, for each of the rates.
    **options
        What else :func:`repeat` takes, such as ``steps``.

    Returns
    -------
    list of list of nn.Module
        A row for each rate, in it a model for each seed.

    Examples
    --------
    >>> two = Examples(torch.tensor([[-1.0], [1.0]]), torch.tensor([0, 1]))
    >>> def build(seed):
    ...     torch.manual_seed(seed)
    ...     return nn.Linear(1, 2)
    >>> grid = each_rate(build, two, rates=[0.1, 1.0], steps=20)
    >>> alone, _ = repeat(build, two, lr=1.0, steps=20)
    >>> torch.allclose(grid[1][2].weight, alone[2].weight)
    True
    """
    seeds = list(seeds)
    factors = torch.tensor(rates, dtype=torch.float64).repeat_interleave(len(seeds))

    def loss(models: Several, batch: Examples) -> torch.Tensor:
        return factors * ON_CLASSES(models, batch)

    members, _ = repeat(
        build,
        examples,
        lr=1.0,
        weight_decay=0.0,  # it would need the rates too
        seeds=seeds * len(rates),
        loss=loss,
        finite=False,
        **options,
    )
    n = len(seeds)
    return [members[n * row : n * (row + 1)] for row in range(len(rates))]


def accuracies(models: Iterable[nn.Module], examples: Examples) -> torch.Tensor:
    """Give the accuracy of each model on the same examples, (S,)."""
    return torch.tensor([accuracy(model, examples) for model in models])
