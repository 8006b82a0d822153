"""How is a model fitted?

One loop for the whole path: take a batch, compute the loss, compute the gradients, take
a step. What a step looks at, how wrong the model is and what is worth knowing in
between are functions that you hand in; the loop knows nothing of data or labels.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import inf
from operator import index
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils._pytree import tree_map

from transformer_path.workshop.batches import mixed, place_among_processes, whole
from transformer_path.workshop.ensembles import Several
from transformer_path.workshop.runs import Evaluate, History, Run
from transformer_path.workshop.scores import classification_loss

__all__ = ["History", "fit", "seeded"]

Schedule = Callable[[float], float]


def fit(
    model: nn.Module,
    batch: Callable[[int], Any],
    *,
    optimizer: Optimizer | Sequence[Optimizer],
    loss: Callable[[Any, Any], Tensor] = classification_loss,
    steps: int | None = None,
    seconds: float | None = None,
    schedule: Schedule = lambda _: 1.0,
    clip: float = inf,
    accumulate: int = 1,
    evaluate: Evaluate = lambda _: {},
    every: int = 100,
    patience: int | None = None,
    checkpoint: Path | str | None = None,
    seed: int = 0,
    finite: bool = True,
    progress: bool = True,
) -> History:
    """Fit a model by gradient descent.

    Parameters
    ----------
    model : nn.Module
        Changed in place; comes back in evaluation mode. The batches go to the device
        of its parameters; what is no tensor goes along as it is.
    batch : callable
        From the number of a batch, counted from 0, to what ``loss`` takes; the same
        number always gives the same batch, as from
        :func:`~transformer_path.workshop.batches.minibatches`.
    optimizer : Optimizer or sequence of Optimizer
        Of the model's parameters; several may share them. Their learning rates are
        scaled by the schedule, and come back as they were.
    loss : callable
        From the model and a batch to one number, or to one for each of
        :class:`~transformer_path.workshop.ensembles.Several` models.
    steps, seconds : int, float
        When to stop: after so many steps, or so many seconds of training (evaluations
        do not count). One of the two.
    schedule : callable
        From the share of the run that is done, 0 to 1, to a factor for the learning
        rates: ``lambda done: 1 - done`` lets them fade to nothing.
    clip : float
        The length to which the gradient of all parameters together is shortened.
    accumulate : int
        Batches a step; their gradients are averaged.
    evaluate : callable
        From the model to named numbers for the history; called in evaluation mode,
        without gradients. It may do more, such as print a sample.
    every : int
        Steps between two evaluations; there is one at the beginning and at the end.
    patience : int, optional
        Stop when the first number of ``evaluate`` has not fallen for so many
        evaluations, and keep the weights of the best one.
    checkpoint : path, optional
        A file, rewritten at every evaluation. Where it exists, the run continues from
        it and ends with the same weights, bit for bit, as an uninterrupted one. A run
        is known by its settings, its schedule, and its loss and gradient on the first
        batch, so the model has to come as it came at the beginning.
    seed : int
        Decides what layers such as dropout draw. The shared generator stays as it was.
    finite : bool
        Whether to stop with an error when the loss is no longer a finite number.
    progress : bool
        Show a progress bar.

    Raises
    ------
    ValueError
        If the settings do not fit together, or the checkpoint is of another run.
    FloatingPointError
        If the loss is no longer finite; the message says from which step on.

    Examples
    --------
    >>> from transformer_path.workshop.batches import minibatches
    >>> from transformer_path.workshop.datasets import Examples
    >>> two = Examples(torch.tensor([[-1.0], [1.0]]), torch.tensor([0, 1]))
    >>> model = nn.Linear(1, 2)
    >>> sgd = torch.optim.SGD(model.parameters(), lr=1.0)
    >>> losses = fit(model, minibatches(two, 2), optimizer=sgd, steps=200)["train_loss"]
    >>> bool(losses[-1] < 0.1 < losses[0])
    True
    """
    optimizers = [optimizer] if isinstance(optimizer, Optimizer) else list(optimizer)
    every, accumulate = whole("every", every), whole("accumulate", accumulate)
    steps = None if steps is None else whole("steps", steps)
    patience = None if patience is None else whole("patience", patience)
    factors = _check(model, optimizers, steps, seconds, clip, schedule)
    parameters = list(model.parameters())
    run = Run(model, optimizers, evaluate, steps, seconds, patience, finite)
    device = parameters[0].device
    own_seed = mixed(seed, place_among_processes()[0])

    def loss_of(number: int) -> Tensor:
        return loss(model, tree_map(lambda part: _to(device, part), batch(number)))

    with seeded(own_seed, device) as reseed:
        reseed(mixed(own_seed, 0))
        run.pace(factors[0])
        run.begin(loss_of)
        if checkpoint is not None:
            told = {"steps": steps, "seconds": seconds, "clip": clip, "every": every}
            told |= {"accumulate": accumulate, "patience": patience, "seed": seed}
            run.resume(Path(checkpoint), told | {"schedule": factors})
        for done in run.until_over(progress):
            reseed(mixed(own_seed, run.step))  # a resumed run draws the same
            run.pace(schedule(done))
            if not model.training:  # after a look
                model.train()
            for p in parameters:
                p.grad = None
            values = []
            for number in range(run.step * accumulate, (run.step + 1) * accumulate):
                value = loss_of(number) / accumulate
                value.sum().backward()  # type: ignore[no-untyped-call]
                values.append(value.detach())
            if clip < inf:
                nn.utils.clip_grad_norm_(parameters, clip)
            for each in optimizers:
                each.step()
            run.end_step(torch.stack(values).sum(0))
            if run.step % every == 0 or run.is_over():
                run.look()
    run.end()
    return run.history


@contextmanager
def seeded(
    seed: int, device: torch.device | str = "cpu"
) -> Iterator[Callable[[int], None]]:
    """Draw from ``seed`` inside the block, and as if nothing had happened after it.

    For what draws from torch's shared generator: initial weights and dropout. Gives a
    function that starts again from another seed.

    Examples
    --------
    >>> with seeded(0):
    ...     first = nn.Linear(2, 2)
    >>> with seeded(0):
    ...     second = nn.Linear(2, 2)
    >>> torch.equal(first.weight, second.weight)
    True
    """
    generators, device = [torch.default_generator], torch.device(device)
    if device.type == "cuda":
        current = torch.cuda.current_device()
        place = current if device.index is None else device.index
        generators.append(torch.cuda.default_generators[place])
    if device.type == "mps":
        generators.append(torch.mps._get_default_mps_generator())

    def reseed(seed: int) -> None:
        for generator in generators:
            generator.manual_seed(index(seed))

    states = [generator.get_state() for generator in generators]
    try:
        reseed(seed)
        yield reseed
    finally:
        for generator, state in zip(generators, states, strict=True):
            generator.set_state(state)


def _to(device: torch.device, part: Any) -> Any:
    if not isinstance(part, Tensor):
        return part
    return part.to(device, non_blocking=device.type == "cuda")  # it need not wait


def _check(
    model: nn.Module,
    optimizers: Sequence[Optimizer],
    steps: int | None,
    seconds: float | None,
    clip: float,
    schedule: Schedule,
) -> list[float]:
    """Refuse what cannot work, before the first step; give the schedule's factors."""
    if (steps is None) == (seconds is None):
        raise ValueError(
            f"steps={steps} and seconds={seconds}; give one of the two, how long the "
            "run is to be."
        )
    for name, number in {"seconds": seconds, "clip": clip}.items():
        if number is not None and not number > 0:
            raise ValueError(f"{name}={number} must be a number above 0.")
    if seconds and place_among_processes()[1] > 1:
        raise ValueError("several processes must stop together; give steps.")
    factors = [float(schedule(k / 100)) for k in range(101)]
    if not all(0 <= factor < inf for factor in factors):
        raise ValueError(
            f"schedule gives factors from {min(factors)} to {max(factors)}; a schedule "
            "goes from the share of the run that is done, 0 to 1, to a factor for the "
            "rate, as lambda done: 1 - done."
        )
    if isinstance(model, Several) and clip < inf:
        raise ValueError(
            f"clip={clip} would shorten the gradients of several models together; fit "
            "them one after the other."
        )
    learned = {id(p) for p in model.parameters() if p.requires_grad}
    groups = [group for each in optimizers for group in each.param_groups]
    held = {id(p) for g in groups for p in g["params"] if p.requires_grad}
    if not learned or learned != held:
        raise ValueError(
            f"the optimizer holds {len(held)} parameters that learn, the model "
            f"({type(model).__name__}) has {len(learned)}; make it of this model's: "
            "torch.optim.SGD(model.parameters(), lr=0.1)."
        )
    return factors
