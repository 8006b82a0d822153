"""The exercises of chapter 13: what has changed in the transformer since 2017."""

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


CHECKS: dict[str, Callable[[object], str]] = {
    "13.7": weights_that_a_token_meets,
    "13.8": measures_imbalance,
    "13.9": mixes,
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
}
