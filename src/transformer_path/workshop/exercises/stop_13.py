"""The exercises of chapter 13: what has changed in the transformer since 2017."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from . import _experts, _low_rank
from ._attention import draw
from ._compare import same_number
from ._functions import same_function


def cache_of_groups(answer: object) -> str:
    """13.1: one number, the bytes of the cache."""
    hint = "A quarter of the keys and values of exercise 11.7."
    same_number(answer, 2 * 32 * 8192 * 8 * 128 * 2, hint=hint)
    return "Exactly one gibibyte: four readers where there was one."


def _layer_norm(x: Tensor) -> Tensor:
    return F.layer_norm(x, (x.shape[-1],))


def norms(answer: object) -> str:
    """13.2: a function answer(x), layer normalisation without learned numbers."""
    x, y, z = draw((2, 5, 7), (3, 4), (1, 2))
    hint = "LayerNorm takes away one thing that F.rms_norm leaves in: the mean."
    cases = [(3 * x + 2,), (y / 10 - 1,), (1e-3 * z,)]
    same_function(answer, _layer_norm, cases, hint=hint, gradient=True)
    return "So RMSNorm is a layer norm for whoever has no mean to lose."


def _grouped(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    shared = query.shape[1] // key.shape[1]
    key, value = (x.repeat_interleave(shared, 1) for x in (key, value))
    return F.scaled_dot_product_attention(query, key, value, is_causal=True)


def groups(answer: object) -> str:
    """13.3: a function answer(query, key, value), (B, H, T, D)."""
    cases = []
    for b, g, shared, t, d in ((2, 2, 3, 5, 4), (1, 1, 4, 3, 2), (3, 3, 1, 2, 5)):
        keys = (b, g, t, d)
        cases.append(draw((b, g * shared, t, d), keys, keys))
    hint = "Heads 0 to H/G - 1 share the first keys and values, and so on."
    same_function(answer, _grouped, cases, hint=hint, gradient=True)
    return "No key was copied: a group's queries are rows of one matrix product."


def reach_of_windows(answer: object) -> str:
    """13.4: one number, the tokens that can matter."""
    hint = "Each of 32 layers adds what lies before the position itself: 4,095."
    same_number(answer, 32 * 4095, hint=hint)
    return "The receptive field grows with the layers, as it does in convolutions."


def _apart(query: Tensor, key: Tensor, distance: int, speeds: Tensor) -> Tensor:
    angle = torch.exp(1j * distance * speeds.double())
    q, k = (torch.view_as_complex(x.reshape(-1, 2)) for x in (query, key))
    found: Tensor = (q * angle * k.conj()).sum().real
    return found


def only_the_distance(answer: object) -> str:
    """13.5: a function answer(query, key, distance, speeds), one number."""
    cases = []
    for size, distance in ((8, 3), (2, 1), (6, 40)):
        query, key, speeds = draw((size,), (size,), (size // 2,))
        cases.append((query, key, distance, speeds.abs()))
    hint = "Only the query turns, by distance * speeds; the key stands at 0."
    same_function(answer, _apart, cases, hint=hint, gradient=True)
    return "Neither position was needed, only how far they are apart."


def _halves(x: Tensor, positions: Tensor, sign: float = 1.0) -> Tensor:
    speed = 10_000.0 ** (-torch.arange(0, x.shape[-1], 2).double() / x.shape[-1])
    turn = torch.exp(sign * 1j * positions[:, None] * speed)
    turned = torch.complex(*x.double().chunk(2, -1)) * turn
    return torch.cat([turned.real, turned.imag], -1)


def other_pairs(answer: object) -> str:
    """13.6: a function answer(x, positions), (..., T, D)."""
    cases = []
    for shape in ((2, 3, 5, 8), (4, 2), (1, 1, 3, 6)):
        cases.append((*draw(shape), torch.arange(2, 2 + shape[-2])))
    hint = "Feature i turns with feature i + D / 2; i counts the speeds, too."
    same_function(answer, _halves, cases, hint=hint, gradient=True, tolerance=1e-5)
    return "Which order a file has, it does not say: the wrong one gives no error."


CHECKS: dict[str, Callable[[object], str]] = {
    "13.1": cache_of_groups,
    "13.2": norms,
    "13.3": groups,
    "13.4": reach_of_windows,
    "13.5": only_the_distance,
    "13.6": other_pairs,
    **_experts.CHECKS,
    **_low_rank.CHECKS,
}


def _by_turns(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Deal the keys out to the heads in turn: 0, 1, 0, 1."""
    shared = query.shape[1] // key.shape[1]
    key, value = (x.repeat(1, shared, 1, 1) for x in (key, value))
    return F.scaled_dot_product_attention(query, key, value, is_causal=True)


def _mean_query(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Ask one question a group, the mean of its heads'."""
    shared = query.shape[1] // key.shape[1]
    parts = [query[:, n::shared] for n in range(shared)]  # one of each group
    mean = torch.stack(parts).mean(0).repeat_interleave(shared, 1)
    return _grouped(mean, key, value)


def _neighbours(x: Tensor, positions: Tensor) -> Tensor:
    order = torch.arange(x.shape[-1]).view(-1, 2).T.flatten()
    return _halves(x[..., order], positions)[..., order.argsort()]


WRONG: dict[str, list[object]] = {
    "13.1": [2 * 32 * 8192 * 4096 * 2, 32 * 8192 * 8 * 128 * 2, 2**29, 2**28, None],
    "13.2": [
        lambda x: F.rms_norm(x, x.shape[-1:], eps=1e-5),
        lambda x: x - x.mean(-1, keepdim=True),
        lambda x: F.rms_norm(x - x.mean(), x.shape[-1:], eps=1e-5),
        lambda x: F.rms_norm(x, x.shape[-1:], eps=1e-5) - x.mean(-1, keepdim=True),
        lambda x: F.rms_norm(x - x.mean(-1, keepdim=True), x.shape[-1:]),
        3,
    ],
    "13.3": [
        _by_turns,
        _mean_query,
        lambda query, key, value: F.scaled_dot_product_attention(
            query, key, value, enable_gqa=True
        ),
        lambda query, key, value: _grouped(query / 2, key, value),
        lambda query, key, value: _grouped(query, value, key),
        lambda query, *_: torch.zeros_like(query) + query[:, :1],
        None,
    ],
    "13.4": [32 * 4096, 4095, 31 * 4095, 32 * 4095 + 1, None],
    "13.5": [
        lambda query, key, distance, speeds: _apart(query, key, -distance, speeds),
        lambda query, key, _, speeds: _apart(query, key, 0, speeds),
        lambda query, key, distance, speeds: _apart(query, key, distance, speeds / 2),
        lambda query, key, *_: query * key,
        3,
    ],
    "13.6": [
        _neighbours,
        lambda x, positions: _halves(x, positions, -1.0),
        lambda x, positions: _halves(x, positions + 1),
        lambda x, _: x,
        None,
    ],
    **_experts.WRONG,
    **_low_rank.WRONG,
}
