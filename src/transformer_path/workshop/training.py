"""How is a model fitted to examples?

One loop for the whole path: take a minibatch, compute the loss, compute the gradients,
take a step. Every ``evaluate_every`` steps it looks at the validation split, and, if
asked, writes a checkpoint from which the very same run can continue.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import perf_counter

import torch
import torch.nn.functional as F
from torch import nn
from tqdm import tqdm

from transformer_path.workshop import _checks, checkpoints
from transformer_path.workshop.checkpoints import Setting
from transformer_path.workshop.datasets import Examples
from transformer_path.workshop.runs import (
    History,
    Loss,
    MakeOptimizer,
    MakeSchedule,
    Run,
    evaluate,
)

__all__ = ["History", "accuracy", "fit", "seeded"]


def fit(
    model: nn.Module,
    train: Examples,
    validation: Examples | None = None,
    *,
    steps: int,
    batch_size: int = 100,
    lr: float | None = None,
    weight_decay: float | None = None,
    optimizer: MakeOptimizer | None = None,
    schedule: MakeSchedule | None = None,
    loss: Loss = F.cross_entropy,
    evaluate_every: int = 100,
    patience: int | None = None,
    seed: int = 0,
    checkpoint: Path | str | None = None,
    progress: bool = True,
) -> History:
    """Fit a model by gradient descent on minibatches.

    The data goes to the device of the parameters. Minibatches walk through a fresh
    shuffle in every epoch (of what does not fill a minibatch, the rest is left out).
    The model comes back in evaluation mode.

    Parameters
    ----------
    model : nn.Module
        Changed in place.
    train, validation : Examples
        What to learn from, and what to look at without learning from it.
    steps : int
        Number of minibatches.
    batch_size : int
        Examples in a minibatch; all of them if there are fewer.
    lr, weight_decay : float, optional
        Of the default optimizer, AdamW: 0.01 and 0 if not given.
    optimizer : callable, optional
        Another one: a function from the parameters to an optimizer, such as
        ``lambda parameters: torch.optim.SGD(parameters, lr=0.1)``.
    schedule : callable, optional
        A function from the optimizer to a learning-rate scheduler, which advances
        after every step.
    loss : callable
        A function of the model's output and ``y``.
    evaluate_every : int
        Steps between two entries of the history.
    patience : int, optional
        Stop when the validation loss has not fallen for so many evaluations, and keep
        the weights of the best one.
    seed : int
        Decides the minibatches, and what layers such as dropout draw.
    checkpoint : path, optional
        A file, rewritten at every evaluation. Where it exists, the run continues from
        it and ends with the same weights, bit for bit, as an uninterrupted one.
    progress : bool
        Show a progress bar.

    Returns
    -------
    History

    Raises
    ------
    ValueError
        If settings, examples and model do not fit together.
    FloatingPointError
        If the loss is no longer a finite number.

    Examples
    --------
    >>> x = torch.tensor([[-1.0], [1.0]])
    >>> two = Examples(x, torch.tensor([0, 1]))
    >>> model = nn.Linear(1, 2)
    >>> history = fit(model, two, steps=200, progress=False)
    >>> history.steps, accuracy(model, two)
    ([100, 200], 1.0)
    """
    counts = {"steps": steps, "batch_size": batch_size, "patience": patience}
    counts |= {"evaluate_every": evaluate_every}
    _checks.counts(**counts)
    _checks.rates(optimizer is not None, lr=lr, weight_decay=weight_decay)
    train, validation = _ready(model, train, validation, loss, patience)
    run = Run(model, optimizer or _adamw(lr, weight_decay), schedule, seed)
    settings: dict[str, Setting] = {**counts, "seed": seed}
    if checkpoint is not None:
        settings |= run.identity(loss, train, validation)
    history = run.history
    losses: list[float] = []
    with seeded(seed, train.x.device):
        if checkpoint is not None:
            run.resume(Path(checkpoint), settings)
        began = perf_counter() - history.seconds
        for step in _counting(run.step + 1, steps, progress):
            if patience and history.evaluations_since_best >= patience:
                break
            run.step = step
            x, y = run.minibatch(train, batch_size)
            batch_loss = loss(model.train()(x), y)
            losses.append(_checks.finite(batch_loss, step, run.lr))
            run.optimizer.zero_grad()
            batch_loss.backward()  # type: ignore[no-untyped-call]
            run.optimizer.step()
            look = step % evaluate_every == 0 or step == steps
            if look:
                run.look(losses, validation, loss)
            if run.schedule is not None:
                run.schedule.step()
            if look and checkpoint is not None:
                history.seconds = perf_counter() - began
                checkpoints.save(run.checkpoint(settings), checkpoint)
        history.seconds = perf_counter() - began
    if patience:
        model.load_state_dict(run.best)
    model.eval()
    return history


def accuracy(model: nn.Module, examples: Examples) -> float:
    """Share of the examples whose largest output is at their label.

    Parameters
    ----------
    model : nn.Module
        Gives (N, K) scores for K classes. It is asked in evaluation mode, and left in
        the mode it was in.
    examples : Examples
        ``x`` of shape (N, ...), ``y`` of shape (N,).

    Returns
    -------
    float
        From 0 to 1.

    Raises
    ------
    ValueError
        If the model's outputs are not one score for each class.

    Examples
    --------
    >>> accuracy(nn.Identity(), Examples(torch.eye(4), torch.tensor([0, 1, 2, 0])))
    0.75
    """
    right = evaluate(model, examples, None)[1]
    if right is None:
        raise ValueError(
            "accuracy needs outputs of shape (N, K), one score for each of K classes, "
            f"and integer labels y of shape (N,); y is {_checks.kind(examples.y)}."
        )
    return right


@contextmanager
def seeded(seed: int, device: torch.device | str = "cpu") -> Iterator[None]:
    """Draw from ``seed`` inside the block, and as if nothing had happened after it.

    For what draws from torch's shared generator: initial weights and dropout.

    Examples
    --------
    >>> with seeded(0):
    ...     first = nn.Linear(2, 2)
    >>> with seeded(0):
    ...     second = nn.Linear(2, 2)
    >>> torch.equal(first.weight, second.weight)
    True
    """
    device = torch.device(device)
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


def _counting(first: int, last: int, progress: bool) -> Iterable[int]:
    numbers = range(first, last + 1)
    return tqdm(numbers, initial=first - 1, total=last) if progress else numbers


def _ready(
    model: nn.Module,
    train: Examples,
    validation: Examples | None,
    loss: Loss,
    patience: int | None,
) -> tuple[Examples, Examples | None]:
    """Check the examples and move them, once, to where the parameters are."""
    if patience is not None and validation is None:
        raise ValueError(
            f"patience={patience} watches the validation loss, and there is no "
            "validation split; pass one, or leave patience out."
        )
    device = _checks.parameters(model)[0].device
    moved = []
    for name, given in {"train": train, "validation": validation}.items():
        if given is not None:
            _checks.examples(name, given)
            moved.append(Examples(given.x.to(device), given.y.to(device)))
            _checks.match(name, model, moved[-1], loss)
    return moved[0], moved[1] if validation is not None else None


def _adamw(lr: float | None, weight_decay: float | None) -> MakeOptimizer:
    lr, weight_decay = 1e-2 if lr is None else lr, weight_decay or 0.0
    return partial(torch.optim.AdamW, lr=lr, weight_decay=weight_decay, fused=True)
