"""The exercises of chapter 2, unsupervised learning."""

from functools import cache

import torch
from sklearn.metrics import silhouette_samples, silhouette_score
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
    return (
        "All directions count the same: the covariance of the result is the identity."
    )


def silhouettes(answer: object) -> str:
    """2.3: how well points lie within their clusters, without labels."""

    def reference(x: Tensor, clusters: Tensor) -> Tensor:
        return torch.tensor(silhouette_score(x.numpy(), clusters.numpy()))

    hint = (
        "Wanted: the mean of (b - a) / max(a, b), of distances, not of their squares."
    )
    cases = [(_points(), _thirds()), (_points(), _thirds() % 2)]
    same_function(answer, reference, cases, hint=hint, wanted="a number")
    return "A score that needs no labels: try it for several numbers of clusters."


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


def _thirds() -> Tensor:
    """Three clusters of 11, 20 and 22 points along the longest axis."""
    return torch.bucketize(_points()[:, 0].argsort().argsort(), torch.tensor([10, 30]))


def _counts_itself(x: Tensor, clusters: Tensor) -> Tensor:
    """Take the mean distance to one's own cluster over too many points."""
    members = torch.eye(int(clusters.max()) + 1).double()[clusters]
    own, means = members.bool(), torch.cdist(x, x) @ members / members.sum(0)
    inside, outside = means[own], means.masked_fill(own, torch.inf).amin(1)
    return ((outside - inside) / torch.maximum(inside, outside)).mean()


CHECKS = {
    "2.1": components_for_99_percent,
    "2.2": whitening,
    "2.3": silhouettes,
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
        lambda x, clusters: silhouette_score(
            x.numpy(), clusters.numpy(), metric="sqeuclidean"
        ),
        lambda x, clusters: -silhouette_score(x.numpy(), clusters.numpy()),
        lambda x, clusters: silhouette_samples(x.numpy(), clusters.numpy()),
        lambda x: silhouette_score(x.numpy(), _thirds().numpy()),
        lambda x, clusters: _counts_itself(x, clusters),
    ],
}
