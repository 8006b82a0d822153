"""PCA and k-means against scikit-learn, and the properties that define them."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA

from transformer_path.learning import unsupervised
from transformer_path.learning.unsupervised import (
    kmeans,
    kmeans_from,
    kmeans_plus_plus,
    kmeans_step,
    pca,
    project,
    purity,
    reconstruct,
    squared_distances,
)


def points(n, c, seed):
    generator = torch.Generator().manual_seed(seed)
    spread = torch.arange(1, c + 1, dtype=torch.float64)
    return torch.randn(n, c, generator=generator, dtype=torch.float64) * spread + 3


sizes = st.tuples(st.integers(7, 40), st.integers(2, 6), st.integers(0, 10_000))


@given(sizes, st.data())
@settings(max_examples=40, deadline=None)
def test_pca_equals_scikit_learn(size, data):
    x = points(*size)
    m = data.draw(st.integers(1, min(x.shape)))
    ours = pca(x, m)
    theirs = PCA(m, svd_solver="full").fit(x.numpy())
    sign = np.sign((ours.directions.numpy() * theirs.components_).sum(1))
    np.testing.assert_allclose(
        ours.directions, sign[:, None] * theirs.components_, atol=1e-9
    )
    np.testing.assert_allclose(ours.variances, theirs.explained_variance_, atol=1e-10)
    np.testing.assert_allclose(
        project(x, ours), theirs.transform(x.numpy()) * sign, atol=1e-8
    )


@given(sizes)
@settings(max_examples=20, deadline=None)
def test_all_components_lose_nothing(size):
    x = points(*size)
    components = pca(x, x.shape[1])
    back = reconstruct(project(x, components), components)
    torch.testing.assert_close(back, x, atol=1e-10, rtol=0)
    identity = components.directions @ components.directions.T
    torch.testing.assert_close(identity, torch.eye(len(identity)).double())
    # The covariance along the components is diagonal, with the variances on it.
    torch.testing.assert_close(
        project(x, components).T.cov(), components.variances.diag(), atol=1e-9, rtol=0
    )


def test_the_sign_of_a_direction_does_not_depend_on_the_order_of_points():
    x = points(17, 5, 0)
    torch.testing.assert_close(pca(x, 3).directions, pca(x.flip(0), 3).directions)
    assert (pca(x, 3).directions.abs().amax(1) == pca(x, 3).directions.amax(1)).all()


@given(sizes, st.integers(1, 5))
@settings(max_examples=40, deadline=None)
def test_kmeans_equals_scikit_learn_from_the_same_start(size, k):
    x = points(*size)
    start = kmeans_plus_plus(x, k, torch.Generator().manual_seed(size[2]))
    ours = kmeans_from(x, start)
    theirs = KMeans(k, init=start.numpy(), n_init=1, tol=0, algorithm="lloyd")
    theirs.fit(x.numpy())
    np.testing.assert_array_equal(ours.clusters, theirs.labels_)
    np.testing.assert_allclose(ours.centers, theirs.cluster_centers_, atol=1e-10)
    np.testing.assert_allclose(ours.inertia[-1], theirs.inertia_, rtol=1e-10)


def test_squared_distances_are_exact_for_near_points():
    x = torch.tensor([[1e6, 0.0], [1e6 + 1, 0.0]], dtype=torch.float64)
    expected = torch.tensor([[0.0, 1.0], [1.0, 0.0]], dtype=torch.float64)
    torch.testing.assert_close(squared_distances(x, x), expected, atol=0, rtol=0)


def test_centers_are_where_the_gradient_of_the_objective_vanishes():
    x = points(31, 3, 4)
    found = kmeans(x, 4, torch.Generator().manual_seed(0))
    centers = found.centers.clone().requires_grad_()
    squared_distances(x, centers).amin(1).sum().backward()
    torch.testing.assert_close(
        centers.grad, torch.zeros_like(centers), atol=1e-9, rtol=0
    )


def test_no_step_raises_the_inertia_even_with_an_empty_cluster():
    x = points(29, 2, 1)
    start = torch.stack([x[0], x[1], torch.full((2,), 1e3).double()])
    moved, clusters = kmeans_step(x, start)
    assert clusters.unique().tolist() == [0, 1]
    farthest = squared_distances(x, start).amin(1).argmax()
    torch.testing.assert_close(moved[2], x[farthest])
    found = kmeans_from(x, start)
    assert found.clusters.unique().tolist() == [0, 1, 2]
    assert found.inertia == sorted(found.inertia, reverse=True)


def test_the_start_draws_far_points_in_proportion_to_squared_distance():
    # From 0, the other points lie at squared distances 1 and 9.
    x = torch.tensor([[0.0], [0.0], [0.0], [0.0], [0.0], [0.0], [1.0], [3.0]])
    far = near = 0
    for seed in range(2000):
        start = kmeans_plus_plus(x, 2, torch.Generator().manual_seed(seed))
        if start[0] == 0:
            far += int(start[1] == 3)
            near += int(start[1] == 1)
    assert far + near == pytest.approx(1500, abs=100)
    assert far / (far + near) == pytest.approx(0.9, abs=0.04)


def test_a_start_without_the_square_would_fail(monkeypatch):
    def distances(x, centers):
        return squared_distances(x, centers).sqrt()

    monkeypatch.setattr(unsupervised, "squared_distances", distances)
    with pytest.raises(AssertionError):
        test_the_start_draws_far_points_in_proportion_to_squared_distance()


def test_identical_points_still_get_as_many_centers_as_asked():
    x = torch.ones(5, 2)
    found = kmeans(x, 3, torch.Generator().manual_seed(0))
    assert found.centers.shape == (3, 2)
    assert found.inertia[-1] == 0


def test_the_same_seed_gives_the_same_clusters():
    x = points(23, 3, 2)
    first, second = (kmeans(x, 5, torch.Generator().manual_seed(7)) for _ in range(2))
    assert torch.equal(first.centers, second.centers)
    other = kmeans(x, 5, torch.Generator().manual_seed(8))
    assert not torch.equal(first.centers, other.centers)


def test_max_steps_stops_early():
    x = points(37, 3, 3)
    generator = torch.Generator().manual_seed(0)
    assert len(kmeans(x, 5, generator, max_steps=1).inertia) == 1


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1))
def test_purity_does_not_see_the_names_of_clusters(pairs):
    clusters, labels = torch.tensor(pairs).T
    renamed = torch.tensor([3, 0, 4, 1, 2])[clusters]
    assert purity(renamed, labels) == purity(clusters, labels)
    assert purity(torch.arange(len(labels)), labels) == 1
    assert purity(labels, labels) == 1


GENERATOR = torch.Generator().manual_seed(0)
NAN = torch.tensor([[0.0, 1.0], [float("nan"), 1.0]])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: pca(torch.ones(5), 1),
            "x of shape (5,); expected points as rows, (N, C), with N of 2 or more.",
        ),
        (
            lambda: pca(torch.ones(5, 3), 4),
            "n_components=4 does not fit 5 points with 3 features; choose from 1 to 3.",
        ),
        (
            lambda: pca(NAN, 1),
            "x holds a NaN or an infinity, first in row 1; drop or fill such rows "
            "before looking for structure.",
        ),
        (
            lambda: kmeans(NAN, 1, GENERATOR),
            "x holds a NaN or an infinity, first in row 1; drop or fill such rows "
            "before looking for structure.",
        ),
        (
            lambda: kmeans(torch.ones(5, 3), 0, GENERATOR),
            "n_clusters=0 for 5 points; choose from 1 to 5.",
        ),
        (
            lambda: kmeans(torch.ones(5, 3), 6, GENERATOR),
            "n_clusters=6 for 5 points; choose from 1 to 5.",
        ),
        (
            lambda: kmeans(torch.ones(5, 3), 2, GENERATOR, max_steps=0),
            "max_steps=0, but k-means takes at least 1 step.",
        ),
        (
            lambda: kmeans_from(torch.ones(5, 3), torch.ones(2, 4)),
            "centers of shape (2, 4) do not lie among points of shape (5, 3); expected "
            "(n_clusters, 3).",
        ),
        (
            lambda: purity(torch.zeros(3).long(), torch.zeros(2).long()),
            "clusters of shape (3,) and labels of shape (2,); expected one of each for "
            "every point, (N,).",
        ),
    ],
)
def test_errors_say_what_was_given_and_what_to_do(call, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        call()
