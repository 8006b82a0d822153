"""The exercises of chapter 9, self-attention."""

from collections.abc import Callable

import torch
from torch import Tensor

from ._functions import same_function


def by_distance(answer: object) -> str:
    """9.4: a function answer(query, key, value, bias), attention with distances."""

    def reference(query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
        scores = query @ key.mT / query.shape[-1] ** 0.5
        return (scores + _spread(query, bias)).softmax(-1) @ value

    generator = torch.Generator().manual_seed(0)
    cases = []
    for b, h, t, d, r in ((2, 3, 7, 5, 2), (1, 2, 3, 4, 5), (2, 1, 1, 3, 1)):
        shapes = [(b, h, t, d)] * 3 + [(h, 2 * r + 1)]
        cases.append(
            tuple(
                torch.randn(*shape, generator=generator, dtype=torch.float64)
                for shape in shapes
            )
        )
    hint = "Scores of shape (B, H, T, T), plus bias[h, clamp(s - t, -R, R) + R]."
    same_function(answer, reference, cases, hint=hint, gradient=True)
    return "It knows who stands beside it, at position 5 and at position 5,000."


CHECKS: dict[str, Callable[[object], str]] = {
    "9.4": by_distance,
}


def _spread(query: Tensor, bias: Tensor, sign: int = 1) -> Tensor:
    """Give a number for each pair of positions, by their distance, (H, T, T)."""
    place, reach = torch.arange(query.shape[-2]), bias.shape[1] // 2
    distance = sign * (place - place[:, None])
    return bias[:, distance.clamp(-reach, reach) + reach]


def _scores(query: Tensor, key: Tensor) -> Tensor:
    return query @ key.mT / query.shape[-1] ** 0.5


WRONG: dict[str, list[object]] = {
    "9.4": [
        lambda q, k, v, _: _scores(q, k).softmax(-1) @ v,  # without the numbers
        lambda q, k, v, bias: (_scores(q, k) + _spread(q, bias, -1)).softmax(-1) @ v,
        lambda q, k, v, bias: (
            (_scores(q, k).softmax(-1) + _spread(q, bias)) @ v  # after the softmax
        ),
        lambda q, k, v, bias: (
            ((q @ k.mT + _spread(q, bias)) / q.shape[-1] ** 0.5).softmax(-1) @ v
        ),
        lambda q, k, v, bias: (_scores(q, k) + _spread(q, bias)).softmax(-2) @ v,
        lambda q, k, v, bias: (
            (_scores(q, k) + _spread(q, bias[:, 1:-1])).softmax(-1) @ v
        ),
        lambda value: value,
        3,
    ],
}
