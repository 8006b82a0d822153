"""The exercises of chapter 13: what has changed in the transformer since 2017."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

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


def weights_that_a_token_meets(answer: object) -> str:
    """13.7: one number, the weights of experts that one token meets."""
    hint = "Three matrices an expert, two experts a layer, 32 layers."
    same_number(answer, 3 * 4096 * 14336 * 2 * 32, hint=hint)
    return "About 11 billion, of 45 that have to lie in memory."


def _imbalance(shares: Tensor, chosen: Tensor) -> Tensor:
    n = shares.shape[1]
    asked = F.one_hot(chosen, n).to(shares).mean(0)
    return n * (asked * shares.mean(0)).sum()


def measures_imbalance(answer: object) -> str:
    """13.8: a function answer(shares, chosen), one number."""
    cases = []
    for n, e in ((40, 8), (7, 3), (5, 1)):
        (scores,) = draw((n, e))
        shares = (2 * scores).softmax(-1)
        cases.append((shares, shares.argmax(-1)))
    cases.append((cases[0][0], torch.full((40,), 3)))  # whatever the shares say
    hint = "Two vectors of E numbers: how often each was asked, and its mean share."
    same_function(answer, _imbalance, cases, hint=hint)
    return "Only one of the two vectors has a gradient."


def _mixture(
    x: Tensor, router: Tensor, gate: Tensor, up: Tensor, down: Tensor, k: int
) -> Tensor:
    shares = (x @ router.T).softmax(-1)  # (N, E)
    weights, chosen = shares.topk(k)
    if k > 1:
        weights = weights / weights.sum(-1, keepdim=True)
    counts = torch.zeros_like(shares).scatter(-1, chosen, weights)
    hidden = F.silu(torch.einsum("nc,efc->nef", x, gate))
    hidden = hidden * torch.einsum("nc,efc->nef", x, up)
    return torch.einsum("nef,ecf,ne->nc", hidden, down, counts)


def mixes(answer: object) -> str:
    """13.9: a function answer(x, router, gate, up, down, k), (N, C)."""
    cases = []
    for n, c, e, f, k in ((7, 5, 4, 3, 2), (6, 3, 5, 2, 1), (4, 2, 3, 4, 3)):
        matrix = (e, f, c)
        drawn = draw((n, c), (e, c), matrix, matrix, (e, c, f))
        cases.append((*drawn, k))
    hint = "With k above 1 the weights add up to 1; with one expert it is its share."
    same_function(answer, _mixture, cases, hint=hint, gradient=True)
    return "Chosen by numbers that learn: no gradient flows through the choice itself."


# 13.10 to 13.12, three minutes to a language model


def lifted(answer: object) -> str:
    """13.10: one number, where five rounds take a singular value of 0.001."""
    hint = "s to 3.4445 s - 4.7750 s³ + 2.0315 s⁵, five times, from 0.001."
    same_number(answer, _lift(0.001), hint=hint, tolerance=1e-3)
    return "From a thousandth to nearly a half: small directions catch up."


def _lift(s: float, steps: int = 5) -> float:
    for _ in range(steps):
        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
    return s


def _guesses_together(logits: Tensor) -> Tensor:
    return logits.softmax(-1).mean(0).log()


def guesses_together(answer: object) -> str:
    """13.11: a function answer(logits), (M, T, V) to (T, V)."""
    cases = [draw((3, 5, 7)), draw((1, 2, 4)), draw((2, 1, 3))]
    hint = "The mean is of probabilities; a mean of logits is another model."
    same_function(answer, _guesses_together, cases, hint=hint, gradient=True)
    return "Three opinions, one distribution."


def _exact_step(g: Tensor) -> Tensor:
    u, _, vt = torch.linalg.svd(g, full_matrices=False)
    step: Tensor = max(1, g.shape[0] / g.shape[1]) ** 0.5 * (u @ vt)
    return step


def exact_step(answer: object) -> str:
    """13.12: a function answer(g), (R, C) to (R, C)."""
    cases = [draw((5, 3)), draw((3, 5)), draw((4, 4)), draw((6, 1))]
    hint = "torch.linalg.svd(g, full_matrices=False); leave S out; mind tall matrices."
    same_function(answer, _exact_step, cases, hint=hint)
    return "All singular values are exactly equal, and the decomposition is slow."


CHECKS: dict[str, Callable[[object], str]] = {
    "13.1": cache_of_groups,
    "13.2": norms,
    "13.3": groups,
    "13.4": reach_of_windows,
    "13.5": only_the_distance,
    "13.6": other_pairs,
    "13.7": weights_that_a_token_meets,
    "13.8": measures_imbalance,
    "13.9": mixes,
    "13.10": lifted,
    "13.11": guesses_together,
    "13.12": exact_step,
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


def _of_shares_alone(shares: Tensor, _chosen: Tensor) -> Tensor:
    return shares.shape[1] * shares.mean(0).square().sum()


def _of_choices_alone(shares: Tensor, chosen: Tensor) -> Tensor:
    n = shares.shape[1]
    return n * F.one_hot(chosen, n).double().mean(0).square().sum()


def _token_by_token(shares: Tensor, chosen: Tensor) -> Tensor:
    n = shares.shape[1]
    return n * (F.one_hot(chosen, n) * shares).sum(-1).mean()


def _asks_all(
    x: Tensor, router: Tensor, gate: Tensor, up: Tensor, down: Tensor, _: int
) -> Tensor:
    return _mixture(x, router, gate, up, down, len(router))


def _never_divides(
    x: Tensor, router: Tensor, gate: Tensor, up: Tensor, down: Tensor, k: int
) -> Tensor:
    total = (x @ router.T).softmax(-1).topk(k).values.sum(-1, keepdim=True)
    return _mixture(x, router, gate, up, down, k) * (total if k > 1 else 1)


def _asks_the_worst(
    x: Tensor, router: Tensor, gate: Tensor, up: Tensor, down: Tensor, k: int
) -> Tensor:
    return _mixture(x, -router, gate, up, down, k)


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
    "13.7": [
        3 * 4096 * 14336 * 8 * 32,
        2 * 4096 * 14336 * 2 * 32,
        3 * 4096 * 14336 * 2,
        3 * 4096 * 14336 * 32,
        11.3,
        None,
    ],
    "13.8": [
        _of_shares_alone,
        _of_choices_alone,
        _token_by_token,
        lambda shares, chosen: _imbalance(shares, chosen) / shares.shape[1],
        lambda shares, chosen: _imbalance(shares, chosen) - 1,
        3,
    ],
    "13.9": [
        _asks_all,
        _never_divides,
        _asks_the_worst,
        lambda x, router, gate, up, down, k: _mixture(x, router, up, gate, down, k),
        lambda x, *_: x,
        None,
    ],
    "13.10": [0.001, 0.0034445, 3.4445**5 * 0.001, 1.0, _lift(0.001, 4), None],
    "13.11": [
        lambda logits: logits.mean(0).log_softmax(-1),
        lambda logits: logits.log_softmax(-1).mean(0),
        lambda logits: logits.softmax(-1).mean(0),
        lambda logits: logits.softmax(-1).sum(0).log(),
        3,
    ],
    "13.12": [
        lambda g: g / g.norm(),
        lambda g: torch.sign(g),
        lambda g: _exact_step(g) / max(1, g.shape[0] / g.shape[1]) ** 0.5,
        lambda g: _exact_step(g.T).T,
        lambda _: None,
    ],
}
