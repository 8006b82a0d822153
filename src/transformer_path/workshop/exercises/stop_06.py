"""The exercises of chapter 6, convolution and convolutional networks."""

from collections.abc import Callable
from itertools import product

import torch
from torch import Tensor

from transformer_path.sequences.convolution import convolve
from transformer_path.workshop.toys import two_events

from ._compare import as_numbers
from ._functions import call, same_function
from ._words import different, kind


def toeplitz(answer: object) -> str:
    """6.1: the matrix of a convolution with one kernel."""

    def reference(weight: Tensor, length: int) -> Tensor:
        inputs = torch.eye(length, dtype=weight.dtype)[:, None]  # (T, 1, T)
        return convolve(inputs, weight.view(1, 1, -1))[:, 0].T

    kernels = [[2.0, 3.0, 5.0], [-1.0, 0.5, 4.0, 7.0], [3.0]]
    cases = [
        (torch.tensor(kernel, dtype=torch.float64), length)
        for kernel, length in zip(kernels, (7, 4, 3), strict=True)
    ]
    hint = "Row t holds the kernel from column t on, and zeros elsewhere."
    same_function(answer, reference, cases, hint=hint)
    return "One kernel, moved by one in each row: a linear layer with shared weights."


def far_and_gapless(answer: object) -> str:
    """6.2: four dilations with which four kernels of 3 see 31 positions, no gaps."""
    given = as_numbers(answer, "answer", wanted="a list of four dilations")
    if given.shape != (4,):
        raise different(
            f"answer has the shape {tuple(given.shape)}; four dilations were expected."
        )
    if (given < 1).any() or (given % 1 != 0).any():
        raise different("A dilation is a whole number, 1 or more.")
    dilations = [int(d) for d in given]
    seen = 1 + 2 * sum(dilations)
    if seen != 31:
        raise different(
            f"These four see {seen} positions, not 31.", "Each adds twice its dilation."
        )
    places = product(*([0, d, 2 * d] for d in dilations))
    reached = {sum(place) for place in places}
    missing = sorted(set(range(31)) - reached)
    if missing:
        raise different(
            f"They span 31 positions, but {len(missing)} of these are never looked at, "
            f"the first of them number {missing[0]}.",
            "Begin with 1, and do not leap farther than what is already seen.",
        )
    return "With a dilation of 1 throughout, it would take fifteen layers."


def which_first(answer: object) -> str:
    """6.3: a kernel that tells which of two spikes came first, a distance apart."""
    for distance in (1, 7, 24):
        weight, dilation = _kernel(call(answer, (distance,), ("distance",)))
        x, y = two_events(200, seed=0, distance=distance, noise=0.0)
        found = convolve(x[:, None].double(), weight.view(1, 1, -1), dilation=dilation)
        largest = found[:, 0].amax(1)  # (200,)
        up_first, up_last = float(largest[y == 0].min()), float(largest[y == 1].max())
        if up_first <= up_last + 1e-3 * float(weight.abs().sum()):
            raise different(
                f"At distance {distance} the largest response can be {up_first:.3g} "
                f"where the spike up comes first, and {up_last:.3g} where it comes "
                "last; the first should always be the larger.",
                "One window should meet both spikes at once.",
            )
    return "Two weights, if you know the distance. What if you do not?"


def _kernel(given: object) -> tuple[Tensor, int]:
    """Read the weights and the dilation of an answer."""
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise different(
            f"answer(distance) gave {kind(given)}; a pair was expected, the weights "
            "and a dilation."
        )
    weight = as_numbers(given[0], "the weights").flatten()
    dilation = as_numbers(given[1], "the dilation").flatten()
    if len(dilation) != 1 or dilation < 1 or dilation % 1 != 0:
        raise different("The dilation should be one whole number, 1 or more.")
    if not 2 <= len(weight) <= 5 or not weight.isfinite().all():
        raise different(
            f"The kernel has {len(weight)} weights; 2 to 5 finite ones were expected, "
            "whatever the distance."
        )
    if dilation * (len(weight) - 1) + 1 > 80:
        raise different("The kernel spans more than the 80 positions of a series.")
    return weight, int(dilation)


CHECKS: dict[str, Callable[[object], str]] = {
    "6.1": toeplitz,
    "6.2": far_and_gapless,
    "6.3": which_first,
}


def _circulant(weight: Tensor, length: int) -> Tensor:
    row = torch.zeros(length, dtype=weight.dtype)
    row[: len(weight)] = weight
    return torch.stack([row.roll(t) for t in range(length)])


WRONG: dict[str, list[object]] = {
    "6.1": [
        None,
        _circulant,
        lambda weight, length: _circulant(weight, length)[: length - len(weight) + 1].T,
        lambda weight, length: _circulant(weight.flip(0), length)[
            : length - len(weight) + 1
        ],
        lambda weight, length: weight.expand(length - len(weight) + 1, -1),
        lambda weight: weight,
        torch.eye(3),
    ],
    "6.2": [
        None,
        15,
        [1, 1, 1, 1],
        [1, 2, 4],
        [1, 3, 9, 27],
        [1, 1, 1, 12],
        [15, 0, 0, 0],
        [1.5, 1.5, 4, 8],
        [-1, 4, 4, 8],
        "1, 2, 4, 8",
    ],
    "6.3": [
        None,
        ([1.0, -1.0], 3),
        lambda _: ([1.0, -1.0], 1),
        lambda distance: ([-1.0, 1.0], distance),
        lambda distance: ([1.0, 1.0], distance),
        lambda distance: ([1.0] + [0.0] * (distance - 1) + [-1.0], 1),
        lambda distance: ([0.0, 0.0], distance),
        lambda distance: ([1.0, -1.0], distance + 1),
        lambda _: ([1.0, -1.0], 0.5),
        lambda distance: [1.0, -1.0, float(distance)],
        lambda distance: ([1.0, float("nan")], distance),
        lambda _: ([1.0, -1.0], 1000),
        lambda distance: distance,
    ],
}
