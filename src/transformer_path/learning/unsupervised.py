"""What can be seen in data that nobody has labelled?

Two answers, both by hand: the directions in which the data spreads (principal
component analysis, Pearson 1901) and the groups it falls into (k-means, Lloyd 1982,
with the careful start of Arthur and Vassilvitskii 2007).
"""

from typing import NamedTuple

import torch
from torch import Generator, Tensor
from torch.nn.functional import one_hot

from transformer_path.workshop._inputs import finite, points, whole


class Components(NamedTuple):
    """The principal components of a data set.

    ``mean`` has shape (C,); ``directions`` (M, C), one orthonormal row a component;
    ``variances`` (M,), the variance along each direction, largest first, in float64:
    the square of a float32 may be too large for one.
    """

    mean: Tensor
    directions: Tensor
    variances: Tensor


class Clustering(NamedTuple):
    """What k-means found.

    ``centers`` has shape (K, C); ``clusters`` (N,), the centre nearest to each point;
    ``inertia`` is the sum of squared distances to the nearest centre after each step,
    so the last entry belongs to these centres.
    """

    centers: Tensor
    clusters: Tensor
    inertia: list[float]


def power_iteration(matrix: Tensor, max_steps: int = 100_000) -> Tensor:
    """Find the direction that a covariance matrix stretches most.

    Each product with the matrix stretches a vector by the variance along each
    direction, so in the end the direction with the largest variance is all that is
    left.

    How fast depends on the second largest variance: their ratio is what remains of the
    error at each step. Where the two are equal, every direction between them is as good
    as the other, and one of these is found, which the start decides.

    Parameters
    ----------
    matrix : Tensor
        A covariance: symmetric, no variance negative.
    max_steps : int
        Stop after so many products, if the vector still turns.

    Shapes
    ------
    matrix
        (C, C)
    result
        (C,), of length 1

    Raises
    ------
    ValueError
        If the matrix is not a covariance, or there is no variance in it.

    Examples
    --------
    It is an eigenvector: the matrix stretches it and does not turn it.

    >>> matrix = torch.tensor([[2.0, 1.0], [1.0, 2.0]])
    >>> u = power_iteration(matrix)
    >>> torch.allclose(matrix @ u, 3 * u)
    True
    """
    matrix, dtype = _covariance(matrix)
    u = _any_direction(len(matrix))
    for _ in range(whole("max_steps", max_steps, at_least=1)):
        before, u = u, matrix @ u
        u = u / u.norm()
        if (u - before).norm() < 1e-14:  # it turns no more
            break
    return u.to(dtype)


def pca_by_power_iteration(x: Tensor, n_components: int) -> Components:
    """Find the principal components one after the other, by products alone.

    The widest direction first; then its part is taken out of the covariance
    (deflation), and the widest that is left is the next.

    It equals :func:`pca` to about 1e-10 where each variance is a hundredth larger than
    the next, and no smaller than a millionth of the first. Where two are closer, or
    equal, their directions may come out turned among themselves; the variances are
    right nevertheless.

    Shapes
    ------
    x
        (N, C), at least two points

    Raises
    ------
    ValueError
        As in :func:`pca`, and if there are fewer than ``n_components`` directions with
        any variance: what rounding leaves of the others is no direction.

    Examples
    --------
    >>> x = torch.randn(50, 3) * torch.tensor([3.0, 2.0, 1.0])
    >>> by_hand, by_svd = pca_by_power_iteration(x, 3), pca(x, 3)
    >>> torch.allclose(by_hand.directions, by_svd.directions, atol=1e-6)
    True
    """
    x, dtype, n_components = _table(x, n_components)
    mean = x.mean(0)
    covariance = (x - mean).T @ (x - mean) / (len(x) - 1)  # (C, C)
    left, found = covariance, list[Tensor]()
    for _ in range(n_components):
        _check_left(left, covariance, found)
        u = power_iteration(left)  # (C,)
        left = left - (u @ left @ u) * u.outer(u)
        found.append(u)
    directions = torch.stack(found)  # (M, C)
    variances = (directions @ covariance * directions).sum(1)  # (M,)
    return Components(mean.to(dtype), _signed(directions).to(dtype), variances)


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
    x, dtype, n_components = _table(x, n_components)
    mean = x.mean(0)
    _, s, vt = torch.linalg.svd(x - mean, full_matrices=False)
    variances = s[:n_components] ** 2 / (len(x) - 1)  # (M,)
    directions = _signed(vt[:n_components])  # (M, C)
    return Components(mean.to(dtype), directions.to(dtype), variances)


def project(x: Tensor, components: Components) -> Tensor:
    """Give each point's coordinates along the components: (N, C) to (N, M)."""
    return (x - components.mean) @ components.directions.T


def reconstruct(coordinates: Tensor, components: Components) -> Tensor:
    """Go back from coordinates to points: (N, M) to (N, C)."""
    return components.mean + coordinates @ components.directions


def squared_distances(x: Tensor, centers: Tensor) -> Tensor:
    """Squared distance of every point from every centre: (N, C), (K, C) to (N, K).

    In float64, whatever comes in: the square of a float32 may be too large for one.
    """
    return torch.cdist(x.double(), centers.double(), compute_mode=_EXACT) ** 2


# By default torch multiplies matrices, faster but with lost digits for near points.
_EXACT = "donot_use_mm_for_euclid_dist"


def kmeans_plus_plus(x: Tensor, n_clusters: int, generator: Generator) -> Tensor:
    """Choose starting centres that lie apart.

    The first is a point drawn at random; every next one is a point drawn with
    probability proportional to its squared distance from the nearest centre so far.

    Parameters
    ----------
    x : Tensor
        The points, one a row, (N, C).
    n_clusters : int
        How many centres, K.
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
    Two far groups get one centre each, whatever the seed:

    >>> x = torch.tensor([[0.0], [0.0], [9.0], [9.0]])
    >>> start = kmeans_plus_plus(x, 2, torch.Generator().manual_seed(0))
    >>> sorted(start.flatten().tolist())
    [0.0, 9.0]
    """
    x = points("x", x)
    n_clusters = _check_enough(x, n_clusters)
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
    """Give every point to its nearest centre, then move each centre to its points.

    A centre left without points moves to the point farthest from its own centre.

    Returns
    -------
    tuple of Tensor
        The moved centres (K, C), and the clusters (N,) that moved them.
    """
    x, centers = _among(x, centers)
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
    """Group points around centres, from a k-means++ start, until nothing moves.

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
    return kmeans_from(x, kmeans_plus_plus(x, n_clusters, generator), max_steps)


def kmeans_from(x: Tensor, centers: Tensor, max_steps: int = 300) -> Clustering:
    """Run k-means from given centres (K, C); see :func:`kmeans`."""
    inertia: list[float] = []
    for _ in range(whole("max_steps", max_steps, at_least=1)):
        before = centers
        centers, _ = kmeans_step(x, before)
        nearest, clusters = squared_distances(x, centers).min(1)
        inertia.append(float(nearest.sum()))
        if torch.equal(centers, before):
            break
    return Clustering(centers, clusters, inertia)


def purity(clusters: Tensor, labels: Tensor) -> float:
    """Say what share of the points carries the most frequent label of its cluster.

    Parameters
    ----------
    clusters, labels : Tensor
        Each point's cluster and its true class, in numbers of any kind.

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
    _check_each_has_both(clusters, labels)
    rows, row = torch.unique(clusters, return_inverse=True)  # (K,), (N,)
    columns, column = torch.unique(labels, return_inverse=True)
    cell = row * len(columns) + column  # (N,): each point's cell in the table
    table = cell.bincount(minlength=len(rows) * len(columns)).reshape(len(rows), -1)
    return int(table.amax(1).sum()) / len(labels)


def _table(x: Tensor, n_components: int) -> tuple[Tensor, torch.dtype, int]:
    """Give the points in float64, and the caller's type."""
    x, given = points("x", x, at_least=2), n_components
    most = min(x.shape)
    if not 1 <= given <= most:
        raise ValueError(
            f"n_components={given} does not fit {len(x)} points with {x.shape[1]} "
            f"features; choose from 1 to {most}."
        )
    return x.double(), x.dtype, whole("n_components", given, at_least=1)


def _covariance(matrix: Tensor) -> tuple[Tensor, torch.dtype]:
    """Give a covariance in float64, and the caller's type."""
    matrix = points("matrix", matrix)
    exact = matrix.double()
    square = exact.shape[0] == exact.shape[1]
    if not square or not torch.allclose(exact, exact.T) or exact.trace() <= 0:
        raise ValueError(
            f"matrix of shape {tuple(matrix.shape)} is not a covariance with variance "
            "in it: (C, C), symmetric, a positive number on its diagonal."
        )
    return exact, matrix.dtype


def _any_direction(n: int) -> Tensor:
    """Give a start that no data is symmetric to."""
    seeded = Generator().manual_seed(0)
    return torch.randn(n, generator=seeded, dtype=torch.float64)


def _check_left(left: Tensor, covariance: Tensor, found: list[Tensor]) -> None:
    if left.trace() <= 1e-13 * covariance.trace():
        raise ValueError(
            f"the points vary in {len(found)} of {len(left)} directions; choose "
            f"n_components up to {len(found)}, or use pca, which completes them."
        )


def _signed(directions: Tensor) -> Tensor:
    """Choose the sign of each direction: its largest entry is positive."""
    largest = directions.abs().argmax(1, keepdim=True)
    return directions * directions.gather(1, largest).sign()


def _check_enough(x: Tensor, n_clusters: int) -> int:
    if not 1 <= n_clusters <= len(x):
        raise ValueError(
            f"n_clusters={n_clusters} for {len(x)} points; choose from 1 to {len(x)}."
        )
    return whole("n_clusters", n_clusters, at_least=1)


def _among(x: Tensor, centers: Tensor) -> tuple[Tensor, Tensor]:
    """Give points and centres of one type, if they lie in one space."""
    x, centers = points("x", x), finite("centers", centers)
    if centers.dim() != 2 or centers.shape[1] != x.shape[1]:
        raise ValueError(
            f"centers of shape {tuple(centers.shape)} do not lie among points of shape "
            f"{tuple(x.shape)}; expected (n_clusters, {x.shape[1]})."
        )
    _check_enough(x, len(centers))
    return x, centers.to(x)


def _check_each_has_both(clusters: Tensor, labels: Tensor) -> None:
    if clusters.shape != labels.shape or clusters.ndim != 1 or not len(labels):
        raise ValueError(
            f"clusters of shape {tuple(clusters.shape)} and labels of shape "
            f"{tuple(labels.shape)}; expected one of each for every point, (N,)."
        )
