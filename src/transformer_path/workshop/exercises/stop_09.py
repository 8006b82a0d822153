"""The exercises of chapter 9, self-attention."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ._compare import same_number
from ._functions import same_function


def surer(answer: object) -> str:
    """9.1: one number, the factor that makes a query sure."""
    hint = "The weights are sigmoid(d) and 1 - sigmoid(d); d is the scores' difference."
    same_number(answer, math.log(9), hint=hint, tolerance=1e-2)
    return "A longer query is a lower temperature."


def asks_itself(answer: object) -> str:
    """9.2: a function answer(x, w_q, w_k, w_v), self-attention."""
    cases = []
    for b, t, c, d in ((2, 5, 4, 3), (1, 1, 2, 6), (3, 4, 3, 3)):
        shapes = ((b, t, c), (c, d), (c, d), (c, d + 1))
        cases.append(_draw(*shapes))
    hint = "Queries x @ w_q, (B, T, D); scores (B, T, T), divided by the root of D."
    same_function(answer, _itself, cases, hint=hint, gradient=True)
    return "One sequence in, one sequence out, and every position has asked all."


def through_the_softmax(answer: object) -> str:
    """9.3: a function answer(query, key, value, upstream), the query's gradient."""
    cases = [
        _draw((t, d), (s, d), (s, c), (t, c))
        for t, s, d, c in ((3, 5, 4, 2), (1, 1, 3, 3), (4, 4, 2, 5))
    ]
    hint = "Back through `weights @ value`, the softmax of each row, and the product."
    same_function(answer, _backwards, cases, hint=hint)
    return "That is what moves a query: only the answers that differ from the average."


CHECKS: dict[str, Callable[[object], str]] = {
    "9.1": surer,
    "9.2": asks_itself,
    "9.3": through_the_softmax,
}


def _draw(*shapes: tuple[int, ...]) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    return tuple(
        torch.randn(*shape, generator=generator, dtype=torch.float64)
        for shape in shapes
    )


def _itself(x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor) -> Tensor:
    scores = (x @ w_q) @ (x @ w_k).mT / w_q.shape[1] ** 0.5
    result: Tensor = scores.softmax(-1) @ (x @ w_v)
    return result


def _backwards(query: Tensor, key: Tensor, value: Tensor, upstream: Tensor) -> Tensor:
    scale = query.shape[-1] ** 0.5
    weights = (query @ key.mT / scale).softmax(-1)  # (T, S)
    each = upstream @ value.mT  # (T, S)
    mean = (weights * each).sum(-1, keepdim=True)
    result: Tensor = weights * (each - mean) @ key / scale
    return result


WRONG: dict[str, list[object]] = {
    "9.1": [0.9, 9.0, 2.0, math.log(0.9), 2 * math.log(9), None, "twice"],
    "9.2": [
        lambda x, q, k, v: ((x @ q) @ (x @ k).mT).softmax(-1) @ (x @ v),  # no scale
        lambda x, q, k, v: (
            ((x @ q) @ (x @ k).mT / x.shape[-1] ** 0.5).softmax(-1) @ (x @ v)
        ),
        lambda x, q, k, v: (
            ((x @ q) @ (x @ k).mT / q.shape[1] ** 0.5).softmax(-2) @ (x @ v)
        ),
        lambda x, q, k, v: _itself(x, k, q, v),
        lambda x, q, k, v: _itself(x, q, k, v).detach(),
        lambda x: x,
        3,
    ],
    "9.3": [
        lambda q, k, v, u: _backwards(q, k, v, u) * q.shape[-1] ** 0.5,  # no scale
        lambda q, k, v, u: (
            (  # without what the others lose
                (q @ k.mT / q.shape[-1] ** 0.5).softmax(-1) * (u @ v.mT)
            )
            @ k
            / q.shape[-1] ** 0.5
        ),
        lambda q, k, v, u: -_backwards(q, k, v, u),
        lambda _, k, v, u: u @ v.mT @ k,
        lambda q: q,
        None,
    ],
}
