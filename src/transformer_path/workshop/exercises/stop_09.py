"""The exercises of chapter 9, self-attention."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ._compare import same_number, same_tensor
from ._functions import call, same_function
from ._words import different, kind


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


def by_distance(answer: object) -> str:
    """9.4: a function answer(query, key, value, bias), attention with distances."""

    def reference(query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
        scores = _scores(query, key) + _spread(query, bias)
        result: Tensor = scores.softmax(-1) @ value
        return result

    cases = [
        _draw(*[(b, h, t, d)] * 3, (h, 2 * r + 1))
        for b, h, t, d, r in ((2, 3, 7, 5, 2), (1, 2, 3, 4, 5), (2, 1, 1, 3, 1))
    ]
    hint = "Scores of shape (B, H, T, T), plus bias[h, clamp(s - t, -R, R) + R]."
    same_function(answer, reference, cases, hint=hint, gradient=True)
    return "It knows who stands beside it, at position 5 and at position 5,000."


def three_strangers(answer: object) -> str:
    """9.5: three numbers, what is wrong with each of three versions of attention."""
    hint = "0 right, 1 scale, 2 axis of the softmax, 3 mask."
    expected = torch.tensor([0.0, 2.0, 1.0])
    same_tensor(answer, expected, hint=hint, wanted="a list of three numbers")
    return "The one that looks odd is right, and the two that look right are not."


def own_property(answer: object) -> str:
    """9.6: a function answer(candidate, x) that tells causal attention from others."""
    hint = "Change one position at a time, and see which results move."
    (x,) = _draw((12, 4))
    rows = torch.arange(12)
    distance = rows[:, None] - rows  # t - s
    early = distance >= 0
    for what, mask in {
        "is causal": early,
        "looks everywhere": early | True,
        "sees the next token": distance >= -1,
        "cannot see itself": (distance >= 1) | (rows[:, None] == 0),
        "looks at no more than four positions": early & (distance < 4),
        "is causal only up to the tenth position": early | (rows[:, None] >= 10),
        "cannot see the first position, from the sixth on": early
        & ((rows > 0) | (rows[:, None] < 6)),
    }.items():
        given = call(answer, (_masked(mask), x), ["candidate", "x"], hint)
        if not isinstance(given, bool):
            raise different(
                f"answer(candidate, x) is {kind(given)}; True or False was expected.",
                hint,
            )
        if given != (mask is early):
            raise different(
                f"answer(candidate, x) is {given} for a candidate that {what}.", hint
            )
    return "No other version was needed: only what is promised."


CHECKS: dict[str, Callable[[object], str]] = {
    "9.1": surer,
    "9.2": asks_itself,
    "9.3": through_the_softmax,
    "9.4": by_distance,
    "9.5": three_strangers,
    "9.6": own_property,
}


def _draw(*shapes: tuple[int, ...]) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    return tuple(
        torch.randn(*shape, generator=generator, dtype=torch.float64)
        for shape in shapes
    )


def _itself(x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor) -> Tensor:
    result: Tensor = _scores(x @ w_q, x @ w_k).softmax(-1) @ (x @ w_v)
    return result


def _backwards(query: Tensor, key: Tensor, value: Tensor, upstream: Tensor) -> Tensor:
    scale = query.shape[-1] ** 0.5
    weights = (query @ key.mT / scale).softmax(-1)  # (T, S)
    each = upstream @ value.mT  # (T, S)
    mean = (weights * each).sum(-1, keepdim=True)
    result: Tensor = weights * (each - mean) @ key / scale
    return result


def _spread(query: Tensor, bias: Tensor, sign: int = 1) -> Tensor:
    """Give a number for each pair of positions, by their distance, (H, T, T)."""
    place, reach = torch.arange(query.shape[-2]), bias.shape[1] // 2
    distance = sign * (place - place[:, None])
    return bias[:, distance.clamp(-reach, reach) + reach]


def _masked(mask: Tensor) -> Callable[[Tensor], Tensor]:
    def candidate(x: Tensor) -> Tensor:
        scores = (x @ x.mT / 2).masked_fill(~mask, -torch.inf)
        result: Tensor = scores.softmax(-1) @ x
        return result

    return candidate


def _moved(candidate: Callable[[Tensor], Tensor], x: Tensor, s: int) -> Tensor:
    """Tell which results move when position s changes."""
    other = x.clone()
    other[s] += 1
    moved: Tensor = (candidate(other) - candidate(x)).abs().amax(1) > 1e-9
    return moved


def _scores(query: Tensor, key: Tensor) -> Tensor:
    scores: Tensor = query @ key.mT / query.shape[-1] ** 0.5
    return scores


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
    "9.5": [[0, 0, 0], [0, 1, 2], [0, 1, 3], [1, 1, 2], [0, 1], None, "third"],
    "9.6": [
        lambda candidate, x: not _moved(candidate, x, 11)[:11].any(),  # the last only
        lambda candidate, x: (
            not any(
                _moved(candidate, x, s)[:s].any()
                for s in range(12)  # nothing of the past
            )
        ),
        lambda candidate, x: all(
            bool(_moved(candidate, x, s)[s:].all()) for s in range(12)
        ),
        lambda candidate, x: bool((candidate(x[:6]) - candidate(x)[:6]).norm() < 1e-9),
        lambda candidate, x: candidate(x),
        lambda _: True,
        True,
    ],
}
