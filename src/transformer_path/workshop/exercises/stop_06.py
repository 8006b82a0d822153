"""The exercises of chapter 6, convolution and convolutional networks."""

from collections.abc import Callable
from itertools import product

import torch
from torch import Tensor

from transformer_path.sequences.convolution import convolve
from transformer_path.workshop.toys import two_events

from ._compare import as_numbers
from ._functions import same_function
from ._words import different


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
    """6.3: how clearly a spike up is followed by a spike down, a distance later."""

    def reference(x: Tensor, distance: int) -> Tensor:
        kernel = torch.tensor([[[1.0, -1.0]]], dtype=x.dtype)
        return convolve(x[:, None], kernel, dilation=distance)[:, 0].amax(1)

    cases = [(two_events(7, seed=d, distance=d).x.double(), d) for d in (1, 7, 24)]
    cases.append((torch.arange(10.0, dtype=torch.float64).view(2, 5), 2))
    hint = "The weights are 1 and -1, `distance` apart; keep the largest of each map."
    same_function(answer, reference, cases, hint=hint, gradient=True)
    return "Two weights, if you know the distance. What if you do not?"


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
        lambda x, distance: (x[:, distance:] - x[:, :-distance]).amax(1),
        lambda x, distance: (x[:, :-distance] + x[:, distance:]).amax(1),
        lambda x, distance: (x[:, :-distance] - x[:, distance:]).mean(1),
        lambda x, distance: (x[:, :-distance] - x[:, distance:]).amax(),
        lambda x, distance: (x - x.roll(-distance, 1)).amax(1),
        lambda x, _: (x[:, :-1] - x[:, 1:]).amax(1),
        lambda x, distance: (x.argmax(1) + distance == x.argmin(1)).long(),
        lambda x, distance: x.sub_(x.roll(-distance, 1))[:, :-distance].amax(1),
        lambda x, distance: (x[:, :-distance] - x[:, distance:]).detach().amax(1),
    ],
}
