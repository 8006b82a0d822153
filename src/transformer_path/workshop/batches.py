"""Which examples does step number n look at?

A *batch function* answers: ``batch(n)`` gives what step n learns from, and gives the
same whenever it is asked. A run that was interrupted needs no memory of its shuffle,
and a process among several knows its own part.
"""

from collections.abc import Callable, Sequence
from math import inf
from operator import index
from typing import SupportsIndex, TypeVar

import torch
from torch import Tensor, distributed
from torch.utils._pytree import tree_map

from transformer_path.workshop.datasets import Examples

Batch = TypeVar("Batch")


def minibatches(
    examples: Examples, size: int, *, seed: int = 0
) -> Callable[[int], Examples]:
    """Walk through the examples, in a new order in every epoch.

    Of what does not fill a minibatch at an epoch's end, the rest is left out. Where
    several processes train together (:mod:`torch.distributed`), each takes every
    n-th row of the minibatch, so that all of them see all of it.

    Parameters
    ----------
    examples : Examples
        Rows of ``x`` and ``y``.
    size : int
        Examples in a minibatch; all of them if there are fewer.
    seed : int
        Decides the orders.

    Returns
    -------
    callable
        From the number of a step, counted from 0, to its examples.

    Raises
    ------
    ValueError
        If there are no examples, or not one label for each input, or a number is not
        finite, or ``size`` is not a whole number from 1 on, or several processes
        cannot share a minibatch evenly.

    Examples
    --------
    Two minibatches of three are an epoch of six, in any order:

    >>> six = Examples(torch.arange(6.0)[:, None], torch.arange(6))
    >>> batch = minibatches(six, 3)
    >>> sorted([*batch(0).y.tolist(), *batch(1).y.tolist()])
    [0, 1, 2, 3, 4, 5]
    """
    _check_examples(examples)
    size = min(whole("size", size), len(examples.y))
    per_epoch = len(examples.y) // size
    latest: dict[int, Tensor] = {}  # the order of one epoch, kept for its other steps

    def batch(step: int) -> Examples:
        epoch, place = divmod(step, per_epoch)
        if epoch not in latest:
            latest.clear()
            generator = torch.Generator().manual_seed(mixed(seed, epoch))
            order = torch.randperm(len(examples.y), generator=generator)
            latest[epoch] = order.to(examples.x.device)
        rank, world = place_among_processes()
        if size % world:
            raise ValueError(
                f"a minibatch of {size} does not split into {world} equal parts, one "
                f"for each process; size may be {size - size % world or world}."
            )
        rows = latest[epoch][place * size : (place + 1) * size][rank::world]
        return Examples(examples.x[rows], examples.y[rows])

    return batch


def stacked(functions: Sequence[Callable[[int], Batch]]) -> Callable[[int], Batch]:
    """Put the batches of several functions one above the other, in a new first axis.

    Examples
    --------
    >>> six = Examples(torch.arange(6.0)[:, None], torch.arange(6))
    >>> batch = stacked([minibatches(six, 3, seed=seed) for seed in range(5)])
    >>> batch(0).x.shape
    torch.Size([5, 3, 1])
    """

    def batch(step: int) -> Batch:
        first, *others = [function(step) for function in functions]
        together: Batch = tree_map(lambda *each: torch.stack(each), first, *others)
        return together

    return batch


def place_among_processes() -> tuple[int, int]:
    """Give this process's rank and how many there are; (0, 1) for a single one."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1


def average(values: Tensor) -> Tensor:
    """Average over the processes."""
    _, world = place_among_processes()
    if world > 1:
        values = values / world
        distributed.all_reduce(values)
    return values


def mixed(seed: SupportsIndex, number: SupportsIndex) -> int:
    """Make one seed of two, so that seed 1 is not seed 0 one epoch later."""
    return (index(seed) * 0x9E37_79B9_7F4A_7C15 + index(number)) % 2**63


def whole(name: str, number: float) -> int:
    """Give a count as a plain int; NumPy's will do, a fraction will not."""
    if not 1 <= number < inf or number % 1:
        raise ValueError(f"{name}={number} must be a whole number, 1 or more.")
    return int(number)


def _check_examples(examples: Examples) -> None:
    x, y = examples
    if len(x) != len(y) or len(y) == 0:
        raise ValueError(
            f"{len(x)} rows of x and {len(y)} of y; each example needs one of both, "
            "and at least one example is needed."
        )
    for name, part in ("x", x), ("y", y):
        broken = (~part.isfinite()).reshape(len(x), -1).any(1)
        if broken.any():
            raise ValueError(
                f"{name} is not finite in {int(broken.sum())} of {len(x)} rows, the "
                f"first of them row {int(broken.nonzero()[0])}; repair them or leave "
                "them out."
            )
