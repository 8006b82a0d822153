"""The exercises of chapter 5, training deep networks."""

from collections.abc import Callable

import torch
from torch import Tensor

from ._functions import same_function


def shift_behind(answer: object) -> str:
    """5.4: series moved in their true order, though their positions are permuted."""
    generator = torch.Generator().manual_seed(0)

    def reference(permuted: Tensor, order: Tensor, by: int) -> Tensor:
        return permuted[:, order.argsort()].roll(by, dims=1)[:, order]

    cases = []
    for length, by in [(7, 1), (11, -3), (5, 0), (13, 20)]:
        series = torch.randn(3, length, generator=generator, dtype=torch.float64)
        order = torch.randperm(length, generator=generator)
        cases.append((series[:, order], order, by))
    same_function(
        answer,
        reference,
        cases,
        hint="Undo the permutation, move every series, and permute it again.",
    )
    return "Whoever knows the order can hand it over; the network never had it."


CHECKS: dict[str, Callable[[object], str]] = {
    "5.4": shift_behind,
}

WRONG: dict[str, list[object]] = {
    "5.4": [
        lambda permuted, _order, by: permuted.roll(by, dims=1),  # along a wrong order
        lambda permuted, order, by: permuted[:, order.argsort()].roll(by, dims=1),
        lambda permuted, order, by: permuted[:, order].roll(by, 1)[:, order.argsort()],
        lambda permuted, order, by: permuted[:, order.argsort()].roll(-by, 1)[:, order],
        lambda permuted, order, by: permuted[:, order.argsort()].roll(by, 0)[:, order],
        lambda permuted, order, by: permuted[:, order.argsort()].roll(by)[:, order],
        lambda permuted, order: permuted[:, order],
        None,
    ],
}
