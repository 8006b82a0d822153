"""How does the same training turn out from several seeds?

One run shows what happened once. Here networks that are alike but for their seed, which
decides the first weights and the minibatches, are trained side by side.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

from transformer_path.workshop.batches import minibatches, stacked
from transformer_path.workshop.datasets import Examples
from transformer_path.workshop.ensembles import Several, each
from transformer_path.workshop.scores import accuracy, classification_loss
from transformer_path.workshop.training import History, fit


def repeat(
    build: Callable[[int], nn.Module],
    examples: Examples,
    *,
    steps: int,
    lr: float,
    size: int = 100,
    weight_decay: float = 0.0,
    seeds: Iterable[int] = range(3),
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
    loss = each(classification_loss)
    history = fit(models, batch, loss=loss, optimizer=sgd, steps=steps, **options)
    return models.members(), history


def accuracies(models: Iterable[nn.Module], examples: Examples) -> torch.Tensor:
    """Give the accuracy of each model on the same examples, (S,)."""
    return torch.tensor([accuracy(model, examples) for model in models])
