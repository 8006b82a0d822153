"""The exercises of LoRA, in chapter 13."""

from collections.abc import Callable

import torch
from torch import Tensor

from ._attention import draw
from ._compare import same_number
from ._functions import same_function


def numbers_that_learn(answer: object) -> str:
    """13.13: one number, what learns beside query and value of a large model."""
    hint = "A change of rank 8 beside a matrix of 4096 by 4096 has 8 · 2 · 4096."
    same_number(answer, 32 * 2 * 8 * 2 * 4096, hint=hint)
    return "Four million numbers, beside almost seven billion that stay."


def _gradient_of_up(x: Tensor, upstream: Tensor, down: Tensor) -> Tensor:
    return upstream.mT @ (x @ down.mT)


def gradient_of_up(answer: object) -> str:
    """13.14: a function answer(x, upstream, down), (n_out, r)."""
    cases = [
        draw((n, n_in), (n, n_out), (r, n_in))
        for n, n_in, n_out, r in ((5, 4, 3, 2), (2, 3, 6, 1), (7, 2, 2, 3))
    ]
    hint = "up is a linear layer's matrix, and its input is x @ down.T."
    same_function(answer, _gradient_of_up, cases, hint=hint)
    return "It is not 0, although up is: so the first step can begin."


def _closest(change: Tensor, r: int) -> Tensor:
    u, s, vt = torch.linalg.svd(change, full_matrices=False)
    closest: Tensor = u[:, :r] * s[:r] @ vt[:r]
    return closest


def closest(answer: object) -> str:
    """13.15: a function answer(change, r), of the shape of the change."""
    cases = [
        (*draw(shape), r)
        for shape, r in (((5, 3), 2), ((3, 5), 1), ((4, 4), 4), ((6, 2), 0))
    ]
    hint = "torch.linalg.svd gives the directions in the order of their strength."
    same_function(answer, _closest, cases, hint=hint)
    return "No other matrix of this rank is nearer: the theorem of Eckart and Young."


CHECKS: dict[str, Callable[[object], str]] = {
    "13.13": numbers_that_learn,
    "13.14": gradient_of_up,
    "13.15": closest,
}


def _weakest(change: Tensor, r: int) -> Tensor:
    u, s, vt = torch.linalg.svd(change, full_matrices=False)
    weakest: Tensor = u[:, len(s) - r :] * s[len(s) - r :] @ vt[len(s) - r :]
    return weakest


def _without_strengths(change: Tensor, r: int) -> Tensor:
    u, _, vt = torch.linalg.svd(change, full_matrices=False)
    bare: Tensor = u[:, :r] @ vt[:r]
    return bare


WRONG: dict[str, list[object]] = {
    "13.13": [
        32 * 2 * 8 * 4096,
        32 * 8 * 2 * 4096,
        2 * 8 * 2 * 4096,
        32 * 4 * 8 * 2 * 4096,
        32 * 2 * 4096 * 4096,
        None,
    ],
    "13.14": [
        lambda x, upstream, down: _gradient_of_up(x, upstream, down).T,
        lambda x, upstream, down: _gradient_of_up(x, upstream, down) / len(x),
        lambda x, upstream, down: 0 * _gradient_of_up(x, upstream, down),
        lambda x, upstream, _: upstream.T @ x,
        3,
    ],
    "13.15": [
        _weakest,
        _without_strengths,
        lambda change, r: _closest(change, r + 1),
        lambda change, _: change,
        lambda change, r: _closest(change.T, r),
        None,
    ],
}
