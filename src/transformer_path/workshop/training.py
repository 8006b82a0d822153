"""How is a model fitted?

One loop for the whole path: take a batch, compute the loss, compute the gradients, take
a step. What a step looks at, how wrong the model is and what is worth knowing in
between are functions that you hand in; the loop knows nothing of data or labels.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import inf
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils._pytree import tree_map

from transformer_path.workshop.batches import mixed, place_among_processes
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
        of its parameters.
    batch : callable
        From the number of a batch, counted from 0, to what ``loss`` takes; the same
        number always gives the same batch, as from
        :func:`~transformer_path.workshop.batches.minibatches`.
    optimizer : Optimizer or sequence of Optimizer
        Of the model's parameters; several may share them.
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
        is known by its settings, its schedule and its loss on the first batch, so the
        model has to come as it came at the beginning.
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
    settings: dict[str, Any] = {
        "steps": steps,
        "seconds": seconds,
        "clip": clip,
        "every": every,
    }
    settings |= {"accumulate": accumulate, "patience": patience, "seed": seed}
    _check_settings(model, optimizers, schedule, **settings)
    settings["seed"] = seed
    run = Run(model, optimizers, evaluate, patience, finite)
    groups = [group for each in optimizers for group in each.param_groups]
    rates = [group["lr"] for group in groups]
    device = next(model.parameters()).device

    def loss_of(number: int) -> Tensor:
        return loss(model, tree_map(lambda part: part.to(device), batch(number)))

    with _own_randomness(seed, device) as restart:
        restart(0)
        run.losses.append(loss_of(0).detach())
        run.look(float(rates[0]) * schedule(0.0))
        if checkpoint is not None:
            settings |= {"schedule": [schedule(k / 100) for k in range(101)]}
            run.resume(Path(checkpoint), settings | {"rates": [*map(float, rates)]})
        for done in run.until(steps, seconds, progress):
            for group, rate in zip(groups, rates, strict=True):
                group["lr"] = rate * schedule(done)
            restart(run.step)
            model.train()
            for k in range(accumulate):
                value = loss_of(run.step * accumulate + k)
                (value.sum() / accumulate).backward()  # type: ignore[no-untyped-call]
                run.losses.append(value.detach())
            if clip < inf:
                nn.utils.clip_grad_norm_(model.parameters(), clip)
            for each in optimizers:
                each.step()
                each.zero_grad()
            run.end_step()
            if run.step % every == 0 or run.is_over(steps, seconds):
                run.look(float(groups[0]["lr"]))
                if checkpoint is not None:
                    run.save()
    run.end()
    return run.history


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


@contextmanager
def _own_randomness(seed: int, device: torch.device) -> Iterator[Callable[[int], None]]:
    """Give a function that draws anew in every step: a resumed run draws the same.

    Several processes draw differently.
    """
    rank, _ = place_among_processes()
    with seeded(seed, device):
        generators = [torch.default_generator]
        if device.type == "cuda":
            index = (
                torch.cuda.current_device() if device.index is None else device.index
            )
            generators.append(torch.cuda.default_generators[index])

        def restart(step: int) -> None:
            for generator in generators:
                generator.manual_seed(mixed(mixed(seed, rank), step))

        yield restart


def _check_settings(
    model: nn.Module,
    optimizers: Sequence[Optimizer],
    schedule: Schedule,
    **settings: Any,
) -> None:
    """Refuse what cannot work, before the first step."""
    if (settings["steps"] is None) == (settings["seconds"] is None):
        raise ValueError(
            f"steps={settings['steps']} and seconds={settings['seconds']}; give one of "
            "the two, how long the run is to be."
        )
    for name in ("steps", "every", "accumulate", "patience"):
        number = settings[name]
        if number is not None and (number < 1 or number != int(number)):
            raise ValueError(f"{name}={number} must be a whole number, 1 or more.")
    for name in ("seconds", "clip"):
        if settings[name] is not None and not settings[name] > 0:
            raise ValueError(f"{name}={settings[name]} must be a number above 0.")
    if isinstance(model, Several) and settings["clip"] < inf:
        raise ValueError(
            f"clip={settings['clip']} would shorten the gradients of several models "
            "together; fit them one after the other."
        )
    if settings["seconds"] and place_among_processes()[1] > 1:
        raise ValueError("several processes must stop together; give steps.")
    if not 0 <= (factor := schedule(0.5)) < inf:
        raise ValueError(
            f"schedule(0.5) gives {factor}; a schedule goes from the share of the run "
            "that is done, 0 to 1, to a factor for the rate, as lambda done: 1 - done."
        )
    learned = {id(p) for p in model.parameters() if p.requires_grad}
    held = [p for o in optimizers for g in o.param_groups for p in g["params"]]
    if not learned or learned != {id(p) for p in held}:
        raise ValueError(
            f"the optimizer holds {len(held)} parameters, the model "
            f"({type(model).__name__}) has {len(learned)} that learn; make it of this "
            "model's: torch.optim.SGD(model.parameters(), lr=0.1)."
        )
