"""The exercises of chapter 9, self-attention."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ._attention import (
    Largest,
    backwards,
    draw,
    fit,
    headed,
    itself,
    masked,
    moved,
    sliced,
    spread,
)
from ._compare import same_number, same_tensor
from ._functions import as_function, call, same_function
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
        cases.append(draw(*shapes))
    hint = "Queries x @ w_q, (B, T, D); scores (B, T, T), divided by the root of D."
    same_function(answer, itself, cases, hint=hint, gradient=True)
    return "One sequence in, one sequence out, and every position has asked all."


def through_the_softmax(answer: object) -> str:
    """9.3: a function answer(query, key, value, upstream), the query's gradient."""
    cases = [
        draw((t, d), (s, d), (s, c), (t, c))
        for t, s, d, c in ((3, 5, 4, 2), (1, 1, 3, 3), (4, 4, 2, 5))
    ]
    hint = "Back through `weights @ value`, the softmax of each row, and the product."
    same_function(answer, backwards, cases, hint=hint)
    return "That is what moves a query: only the answers that differ from the average."


def as_many(answer: object) -> str:
    """9.4: one number, the length at which two kinds of work are the same."""
    hint = "8 T C² for the four matrices, 4 T² C for scores and averages; C is 768."
    same_number(answer, 1536, hint=hint)
    return "Twice the width, whatever the width and however many the heads."


def sum_of_heads(answer: object) -> str:
    """9.5: a function answer(x, w_q, w_k, w_v, w_out, mask), heads added up."""
    cases = []
    for b, h, t, c, d in ((2, 3, 5, 4, 2), (1, 1, 3, 2, 5), (3, 2, 1, 3, 3)):
        shapes = ((b, t, c), *[(h, c, d)] * 3, (h, d, c))
        cases.append((*draw(*shapes), torch.ones(t, t, dtype=torch.bool).tril()))
    hint = "x[:, None] @ w_q is (B, H, T, D), and each head's result @ w_out[h] (T, C)."
    same_function(answer, headed, cases, hint=hint, gradient=True)
    return "A head adds something of its own to every position, and so do the others."


def in_slices(answer: object) -> str:
    """9.6: a function answer(query, key, value, size), attention without a table."""
    hint = "Some queries at a time, size of them, with all keys; then torch.cat."
    cases = [
        (*draw((t, d), (s, d), (s, e)), size)
        for t, s, d, e, size in ((7, 5, 4, 3, 2), (64, 64, 4, 4, 8), (3, 6, 2, 1, 5))
    ]
    same_function(answer, sliced, cases, hint=hint)
    with Largest() as spy:
        as_function(answer, ["query", "key", "value", "size"])(*cases[1])
    if spy.numbers > 8 * 64:
        raise different(
            f"with 64 queries, 64 keys and slices of 8, answer makes a tensor of "
            f"{spy.numbers} numbers; 512 are allowed.",
            hint,
        )
    return "The same numbers, and never all the weights at once."


def by_distance(answer: object) -> str:
    """9.7: a function answer(query, key, value, bias), attention with distances."""

    def reference(query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
        scores = fit(query, key) + spread(query, bias)
        result: Tensor = scores.softmax(-1) @ value
        return result

    cases = [
        draw(*[(b, h, t, d)] * 3, (h, 2 * r + 1))
        for b, h, t, d, r in ((2, 3, 7, 5, 2), (1, 2, 3, 4, 5), (2, 1, 1, 3, 1))
    ]
    hint = "Scores of shape (B, H, T, T), plus bias[h, clamp(s - t, -R, R) + R]."
    same_function(answer, reference, cases, hint=hint, gradient=True)
    return "It knows who stands beside it, at position 5 and at position 5,000."


def three_strangers(answer: object) -> str:
    """9.8: three numbers, what is wrong with each of three versions of attention."""
    hint = "0 right, 1 scale, 2 axis of the softmax, 3 mask."
    expected = torch.tensor([0.0, 2.0, 1.0])
    same_tensor(answer, expected, hint=hint, wanted="a list of three numbers")
    return "The one that looks odd is right, and the two that look right are not."


def own_property(answer: object) -> str:
    """9.9: a function answer(candidate, x) that tells causal attention from others."""
    hint = "Change one position at a time, and see which results move."
    (x,) = draw((12, 4))
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
        given = call(answer, (masked(mask), x), ["candidate", "x"], hint)
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
    "9.4": as_many,
    "9.5": sum_of_heads,
    "9.6": in_slices,
    "9.7": by_distance,
    "9.8": three_strangers,
    "9.9": own_property,
}


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
        lambda x, q, k, v: itself(x, k, q, v),
        lambda x, q, k, v: itself(x, q, k, v).detach(),
        lambda x: x,
        3,
    ],
    "9.3": [
        lambda q, k, v, u: backwards(q, k, v, u) * q.shape[-1] ** 0.5,  # no scale
        lambda q, k, v, u: (  # without what the others lose
            fit(q, k).softmax(-1) * (u @ v.mT) @ k / q.shape[-1] ** 0.5
        ),
        lambda q, k, v, u: -backwards(q, k, v, u),
        lambda _, k, v, u: u @ v.mT @ k,
        lambda q: q,
        None,
    ],
    "9.4": [768, 384, 1024, 3072, 1536.5, None, "2 C"],
    "9.5": [
        lambda x, q, k, v, o, mask: headed(x, q, k, v, o, mask | True),
        lambda x, q, k, v, o, mask: headed(x, q, k, v, o, mask.mT),
        lambda x, q, k, v, o, mask: headed(x, k, q, v, o, mask),
        lambda x, q, k, v, o, mask: headed(x, q, k, v, o, mask) / len(q),  # a mean
        lambda x, q, k, v, o, mask: headed(x, 2 * q, k, v, o, mask),  # wrong scale
        lambda x, q, k, v, o, mask: headed(x, q, k, v, o, mask).detach(),
        lambda x, q, k, v, o, mask: headed(x, q[:1], k[:1], v[:1], o[:1], mask),
        lambda x: x,
        None,
    ],
    "9.6": [
        lambda q, k, v, _: fit(q, k).softmax(-1) @ v,  # all at once
        lambda q, k, v, size: sliced(q[: len(q) // size * size], k, v, size),
        lambda q, k, v, size: sliced(q * q.shape[1] ** 0.5, k, v, size),
        lambda q, k, v, size: sum(  # each slice of keys with a softmax of its own
            fit(q, part).softmax(-1) @ v[size * i :][:size] / len(k.split(size))
            for i, part in enumerate(k.split(size))
        ),
        lambda q, k, v, size: sliced(q, k, v, 2 * size),
        lambda q: q,
        3,
    ],
    "9.7": [
        lambda q, k, v, _: fit(q, k).softmax(-1) @ v,  # without the numbers
        lambda q, k, v, bias: (fit(q, k) + spread(q, bias, -1)).softmax(-1) @ v,
        lambda q, k, v, bias: (fit(q, k).softmax(-1) + spread(q, bias)) @ v,  # after
        lambda q, k, v, bias: (
            ((q @ k.mT + spread(q, bias)) / q.shape[-1] ** 0.5).softmax(-1) @ v
        ),
        lambda q, k, v, bias: (fit(q, k) + spread(q, bias)).softmax(-2) @ v,
        lambda q, k, v, bias: (fit(q, k) + spread(q, bias[:, 1:-1])).softmax(-1) @ v,
        lambda value: value,
        3,
    ],
    "9.8": [[0, 0, 0], [0, 1, 2], [0, 1, 3], [1, 1, 2], [0, 1], None, "third"],
    "9.9": [
        lambda candidate, x: not moved(candidate, x, 11)[:11].any(),  # the last only
        lambda candidate, x: (  # nothing of the past
            not any(moved(candidate, x, s)[:s].any() for s in range(12))
        ),
        lambda candidate, x: all(
            bool(moved(candidate, x, s)[s:].all()) for s in range(12)
        ),
        lambda candidate, x: bool((candidate(x[:6]) - candidate(x)[:6]).norm() < 1e-9),
        lambda candidate, x: candidate(x),
        lambda _: True,
        True,
    ],
}
