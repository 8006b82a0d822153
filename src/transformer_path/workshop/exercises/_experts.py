"""The exercises of mixture of experts and of three minutes, in chapter 13."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from ._attention import draw
from ._compare import same_number
from ._functions import same_function


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
    "13.7": weights_that_a_token_meets,
    "13.8": measures_imbalance,
    "13.9": mixes,
    "13.10": lifted,
    "13.11": guesses_together,
    "13.12": exact_step,
}


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
