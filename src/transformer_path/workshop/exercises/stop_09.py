"""The exercises of chapter 9, self-attention."""

from collections.abc import Callable

import torch
from torch import Tensor

from ._compare import same_tensor
from ._functions import call, same_function
from ._words import different, kind


def by_distance(answer: object) -> str:
    """9.4: a function answer(query, key, value, bias), attention with distances."""

    def reference(query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
        scores = query @ key.mT / query.shape[-1] ** 0.5
        result: Tensor = (scores + _spread(query, bias)).softmax(-1) @ value
        return result

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


def three_strangers(answer: object) -> str:
    """9.5: three numbers, what is wrong with each of three versions of attention."""
    hint = "0 right, 1 scale, 2 axis of the softmax, 3 mask."
    expected = torch.tensor([0.0, 1.0, 2.0])
    same_tensor(answer, expected, hint=hint, wanted="a list of three numbers")
    return "The one that looks odd is right, and the two that look right are not."


def own_property(answer: object) -> str:
    """9.6: a function answer(candidate, x) that tells causal attention from others."""
    hint = "Change one position at a time, and see which results move."
    x = torch.randn(
        12, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )
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
    "9.4": by_distance,
    "9.5": three_strangers,
    "9.6": own_property,
}


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
    "9.5": [[0, 0, 0], [0, 2, 1], [0, 1, 3], [1, 1, 2], [0, 1], None, "third"],
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
