"""The exercises of chapter 2, unsupervised learning."""

from functools import cache

import torch
from torch import Generator, Tensor

from transformer_path.learning.unsupervised import pca, project
from transformer_path.workshop.datasets import digits

from ._compare import same_number
from ._functions import same_function


def components_for_99_percent(answer: object) -> str:
    """2.1: how many components keep 99% of the variance of the digits."""
    expected = _enough()
    hint = "Wanted: the smallest M whose first M variances sum to 0.99 of all of them."
    same_number(answer, expected, hint=hint)
    return f"{expected} numbers of 64 say 99% of what distinguishes the digits."


def whitening(answer: object) -> str:
    """2.2: coordinates along the components, each with a variance of one."""

    def reference(x: Tensor, n_components: int) -> Tensor:
        components = pca(x, n_components)
        return project(x, components) / components.variances.sqrt()

    hint = "Wanted: project(x, components) over the root of each variance."
    same_function(answer, reference, [(_points(), 3), (_points(), 5)], hint=hint)
    return "Now no direction shouts: the covariance of the result is the identity."


def power_iteration(answer: object) -> str:
    """2.3: the first component by repeated multiplication."""

    def reference(x: Tensor) -> Tensor:
        return pca(x, 1).directions[0]

    hint = "Centre x, repeat u = x.T @ (x @ u), and scale u to length one each time."
    same_function(answer, reference, [(_points(),)], hint=hint)
    return (
        "That is power iteration, the first step of how large matrices are taken apart."
    )


@cache
def _enough() -> int:
    variances = pca(digits().train.x.double(), 64).variances
    kept = variances.cumsum(0) / variances.sum()
    return int((kept < 0.99).sum()) + 1


def _points() -> Tensor:
    """Points that are not centred, with a clear order of their directions."""
    x = torch.randn(53, 5, generator=Generator().manual_seed(2), dtype=torch.float64)
    turn: Tensor = torch.linalg.qr(torch.vander(torch.arange(1.0, 6.0).double())).Q
    stretched: Tensor = x * torch.tensor([1.0, 2.0, 3.0, 4.0, 6.0]) @ turn
    return stretched + 7


CHECKS = {
    "2.1": components_for_99_percent,
    "2.2": whitening,
    "2.3": power_iteration,
}
WRONG = {
    "2.1": [2, 40, None, 64, 41.3, 40.9, [41]],
    "2.2": [
        lambda x, m: project(x, pca(x, m)),
        lambda x, m: project(x, pca(x, m)) / pca(x, m).variances,
        lambda x, m: x @ pca(x, m).directions.T / pca(x, m).variances.sqrt(),
        lambda x, m: project(x, pca(x, m)) / pca(x, m).variances.sum().sqrt(),
        lambda x: project(x, pca(x, 3)) / pca(x, 3).variances.sqrt(),
    ],
    "2.3": [
        lambda x: x.T @ (x @ torch.ones(5).double()),
        lambda x: -pca(x, 1).directions[0],
        lambda x: pca(x, 1).directions,
        lambda x: pca(x, 1).directions[0] * x.sub_(7).isfinite().all(),  # changes x
        lambda x: torch.linalg.svd(x, full_matrices=False).Vh[0].abs(),
    ],
}
