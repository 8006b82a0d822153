"""What can be seen in data that nobody has labelled?

Two answers, both by hand: the directions in which the data spreads (principal
component analysis, Pearson 1901) and the groups it falls into (k-means, Lloyd 1982,
with the careful start of Arthur and Vassilvitskii 2007).
"""

from typing import NamedTuple

import torch
from torch import Generator, Tensor
from torch.nn.functional import one_hot


class Components(NamedTuple):
    """The principal components of a data set.

    ``mean`` has shape (C,); ``directions`` (M, C), one orthonormal row a component;
    ``variances`` (M,), the variance along each direction, largest first.
    """

    mean: Tensor
    directions: Tensor
    variances: Tensor


class Clustering(NamedTuple):
    """What k-means found.

    ``centers`` has shape (K, C); ``clusters`` (N,), each point's cluster; ``inertia``
    is a list of the sum of squared distances to the nearest center, one entry a step.
    """

    centers: Tensor
    clusters: Tensor
    inertia: list[float]


def pca(x: Tensor, n_components: int) -> Components:
    """Find the directions along which the points vary most.

    Each direction is a unit vector, perpendicular to those before it, that maximises
    the variance of the points' coordinate along it. Its sign is free; here its largest
    entry is positive.

    Parameters
    ----------
    x : Tensor
        The points, one a row.
    n_components : int
        How many directions to keep.

    Shapes
    ------
    x
        (N, C), at least two points

    Raises
    ------
    ValueError
        If ``x`` is not a table of finite numbers with two rows or more, or has fewer
        than ``n_components`` directions to offer.

    References
    ----------
    :cite:t:`pearson1901lines`.

    Examples
    --------
    Points along the diagonal spread in one direction only:

    >>> x = torch.tensor([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]])
    >>> found = pca(x, n_components=2)
    >>> torch.allclose(found.directions[0], torch.full((2,), 0.5).sqrt())
    True
    >>> bool(found.variances[1] < 1e-12)
    True
    """
    _check_points(x, at_least=2)
    n, c = x.shape
    if not 1 <= n_components <= min(n, c):
        raise ValueError(
            f"n_components={n_components} does not fit {n} points with {c} features; "
            f"choose from 1 to {min(n, c)}."
        )
    mean = x.mean(0)
    _, s, vt = torch.linalg.svd(x - mean, full_matrices=False)
    variances = s[:n_components] ** 2 / (n - 1)  # (M,)
    directions = vt[:n_components]  # (M, C)
    largest = directions.abs().argmax(1, keepdim=True)
    sign = directions.gather(1, largest).sign()  # (M, 1)
    return Components(mean, sign * directions, variances)


def project(x: Tensor, components: Components) -> Tensor:
    """Give each point's coordinates along the components: (N, C) to (N, M)."""
    return (x - components.mean) @ components.directions.T


def reconstruct(coordinates: Tensor, components: Components) -> Tensor:
    """Go back from coordinates to points: (N, M) to (N, C)."""
    return components.mean + coordinates @ components.directions


def squared_distances(x: Tensor, centers: Tensor) -> Tensor:
    """Squared distance of every point from every center: (N, C), (K, C) to (N, K)."""
    return torch.cdist(x, centers, compute_mode=_EXACT) ** 2


# By default torch multiplies matrices, faster but with lost digits for near points.
_EXACT = "donot_use_mm_for_euclid_dist"


def kmeans_plus_plus(x: Tensor, n_clusters: int, generator: Generator) -> Tensor:
    """Choose starting centers that lie apart.

    The first is a point drawn at random; every next one is a point drawn with
    probability proportional to its squared distance from the nearest center so far.

    Parameters
    ----------
    x : Tensor
        The points, one a row, (N, C).
    n_clusters : int
        How many centers, K.
    generator : Generator
        The source of randomness.

    Raises
    ------
    ValueError
        If ``x`` is not a table of finite numbers or ``n_clusters`` is not between 1
        and the number of points.

    References
    ----------
    :cite:t:`arthur2007kmeans`, Section 2.2.

    Examples
    --------
    Two far groups get one center each, whatever the seed:

    >>> x = torch.tensor([[0.0], [0.0], [9.0], [9.0]])
    >>> start = kmeans_plus_plus(x, 2, torch.Generator().manual_seed(0))
    >>> sorted(start.flatten().tolist())
    [0.0, 9.0]
    """
    _check_points(x, at_least=1)
    n = len(x)
    if not 1 <= n_clusters <= n:
        raise ValueError(
            f"n_clusters={n_clusters} for {n} points; choose from 1 to {n}."
        )
    first = torch.randint(len(x), (1,), generator=generator)
    centers = x[first]  # (1, C)
    for _ in range(n_clusters - 1):
        nearest = squared_distances(x, centers).amin(1)  # (N,)
        if nearest.sum() == 0:  # fewer distinct points than centers
            nearest = torch.ones_like(nearest)
        chosen = torch.multinomial(nearest, 1, generator=generator)
        centers = torch.cat([centers, x[chosen]])
    return centers


def kmeans_step(x: Tensor, centers: Tensor) -> tuple[Tensor, Tensor]:
    """Give every point to its nearest center, then move each center to its points.

    A center left without points moves to the point farthest from its own center.

    Returns
    -------
    tuple of Tensor
        The moved centers (K, C), and the clusters (N,) that moved them.
    """
    distances = squared_distances(x, centers)  # (N, K)
    nearest, clusters = distances.min(1)
    members = one_hot(clusters, len(centers)).to(x)  # (N, K)
    sizes = members.sum(0)[:, None]  # (K, 1)
    moved = members.T @ x / sizes.clamp(min=1)  # (K, C)
    empty = sizes[:, 0] == 0
    farthest = nearest.argsort(descending=True)
    moved[empty] = x[farthest[: int(empty.sum())]]
    return moved, clusters


def kmeans(
    x: Tensor, n_clusters: int, generator: Generator, max_steps: int = 300
) -> Clustering:
    """Group points around centers, from a k-means++ start, until nothing moves.

    Parameters
    ----------
    x : Tensor
        The points, one a row, (N, C).
    n_clusters : int
        How many groups, K.
    generator : Generator
        The source of randomness of the start.
    max_steps : int
        Stop after so many steps at the latest.

    Raises
    ------
    ValueError
        If ``x`` is not a table of finite numbers, ``n_clusters`` is not between 1 and
        the number of points, or ``max_steps`` is below 1.

    References
    ----------
    :cite:t:`lloyd1982quantization`.

    Examples
    --------
    No step makes the fit worse:

    >>> x = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    >>> inertia = kmeans(x, 4, torch.Generator().manual_seed(1)).inertia
    >>> inertia == sorted(inertia, reverse=True)
    True
    """
    if max_steps < 1:
        raise ValueError(f"max_steps={max_steps}, but k-means takes at least 1 step.")
    return kmeans_from(x, kmeans_plus_plus(x, n_clusters, generator), max_steps)


def kmeans_from(x: Tensor, centers: Tensor, max_steps: int = 300) -> Clustering:
    """Run k-means from given centers (K, C); see :func:`kmeans`."""
    if centers.ndim != 2 or centers.shape[1] != x.shape[1]:
        raise ValueError(
            f"centers of shape {tuple(centers.shape)} do not lie among points of shape "
            f"{tuple(x.shape)}; expected (n_clusters, {x.shape[1]})."
        )
    inertia: list[float] = []
    for _ in range(max_steps):
        moved, clusters = kmeans_step(x, centers)
        inertia.append(float(((x - moved[clusters]) ** 2).sum()))
        if torch.equal(moved, centers):
            break
        centers = moved
    return Clustering(centers, clusters, inertia)


def purity(clusters: Tensor, labels: Tensor) -> float:
    """Say what share of the points carries the most frequent label of its cluster.

    Parameters
    ----------
    clusters, labels : Tensor
        Each point's cluster and its true class.

    Shapes
    ------
    clusters, labels
        (N,)

    Raises
    ------
    ValueError
        If the two differ in shape or are empty.

    Examples
    --------
    The names of the clusters do not matter, only who shares one:

    >>> labels = torch.tensor([0, 0, 1, 1])
    >>> purity(torch.tensor([7, 7, 3, 3]), labels)
    1.0
    >>> purity(torch.tensor([5, 5, 5, 5]), labels)
    0.5
    """
    if clusters.shape != labels.shape or clusters.ndim != 1 or not len(labels):
        raise ValueError(
            f"clusters of shape {tuple(clusters.shape)} and labels of shape "
            f"{tuple(labels.shape)}; expected one of each for every point, (N,)."
        )
    _, ids = torch.unique(clusters, return_inverse=True)
    shared = one_hot(ids).T @ one_hot(labels)  # (K, classes)
    return int(shared.amax(1).sum()) / len(labels)


def _check_points(x: Tensor, at_least: int) -> None:
    if x.ndim != 2 or len(x) < at_least:
        raise ValueError(
            f"x of shape {tuple(x.shape)}; expected points as rows, (N, C), with N of "
            f"{at_least} or more."
        )
    if not torch.isfinite(x).all():
        row = int((~torch.isfinite(x)).any(1).nonzero()[0])
        raise ValueError(
            f"x holds a NaN or an infinity, first in row {row}; drop or fill such rows "
            "before looking for structure."
        )
