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
    pca_by_power_iteration,
    power_iteration,
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


@given(
    st.integers(2, 6), st.floats(0.4, 0.95), st.floats(1e-3, 1e3), st.integers(0, 999)
)
@settings(max_examples=40, deadline=None)
def test_power_iteration_equals_the_decomposition(c, ratio, size, seed):
    generator = torch.Generator().manual_seed(seed)
    turn, _ = torch.linalg.qr(torch.randn(c, c, generator=generator).double())
    scores, _ = torch.linalg.qr(points(31, c + 1, seed))  # orthonormal columns
    scores = scores - scores.mean(0)
    scores, _ = torch.linalg.qr(scores[:, :c])  # centred, too
    spread = ratio ** torch.arange(c).double()  # variances fall by ratio², at least 10%
    x = size * (scores * spread @ turn + 3)
    ours = pca_by_power_iteration(x, c)
    variances = (size * spread) ** 2 / 30
    torch.testing.assert_close(ours.variances, variances, rtol=1e-10, atol=1e-10)
    theirs = turn * turn.gather(1, turn.abs().argmax(1, keepdim=True)).sign()
    for components in (ours, pca(x, c)):
        torch.testing.assert_close(components.directions, theirs, rtol=0, atol=1e-10)
    torch.testing.assert_close(ours.mean, x.mean(0))


def test_equal_variances_give_some_direction_between_them():
    matrix = torch.diag(torch.tensor([2.0, 5.0, 5.0])).double()
    u = power_iteration(matrix)
    torch.testing.assert_close(matrix @ u, 5 * u, rtol=0, atol=1e-12)
    square = torch.tensor([[1.0, 1], [1, -1], [-1, 1], [-1, -1]]).double()
    found = pca_by_power_iteration(square, 2)
    torch.testing.assert_close(found.variances, torch.full((2,), 4 / 3).double())
    identity = found.directions @ found.directions.T
    torch.testing.assert_close(identity, torch.eye(2).double(), rtol=0, atol=1e-10)


def test_close_variances_come_out_right_before_their_directions():
    matrix = torch.diag(torch.tensor([1.0, 1.0 - 1e-7, 0.3])).double()
    u = power_iteration(matrix, max_steps=100)
    assert u @ matrix @ u == pytest.approx(1, abs=1e-7)
    assert u[2].abs() < 1e-10


def test_more_steps_come_nearer_by_the_ratio_of_the_variances():
    matrix = torch.diag(torch.tensor([1.0, 0.9])).double()
    tilt = [power_iteration(matrix, max_steps=n)[1].abs() for n in (50, 51)]
    assert tilt[1] / tilt[0] == pytest.approx(0.9, abs=1e-3)


def test_a_column_of_the_matrix_would_be_caught_in_a_symmetry():
    # The first axis has the largest single variance, and is not the widest direction.
    matrix = torch.tensor([[1.0, 0, 0], [0, 0.9, 0.8], [0, 0.8, 0.9]])
    u = power_iteration(matrix)
    torch.testing.assert_close(u.abs(), torch.tensor([0, 0.5, 0.5]).sqrt())


def test_without_deflation_every_component_is_the_first(monkeypatch):
    x = points(31, 3, 0)
    first = unsupervised.power_iteration((x - x.mean(0)).T.cov())
    monkeypatch.setattr(unsupervised, "power_iteration", lambda _: first)
    broken = pca_by_power_iteration(x, 2).directions
    assert not torch.allclose(broken, pca(x, 2).directions, atol=1e-3)


SCALES = [1e-30, 1e-25, 1e20, 1e30]


@pytest.mark.parametrize("size", SCALES)
@pytest.mark.parametrize("method", [pca, pca_by_power_iteration])
def test_components_do_not_depend_on_the_unit(method, size):
    x = points(31, 3, 0).float()
    plain, ours = method(x, 3), method(x * size, 3)
    assert ours.mean.dtype == ours.directions.dtype == torch.float32
    torch.testing.assert_close(ours.directions, plain.directions)
    torch.testing.assert_close(ours.variances / size**2, plain.variances)
    torch.testing.assert_close(project(x * size, ours) / size, project(x, plain))


@pytest.mark.parametrize("size", SCALES)
def test_clusters_do_not_depend_on_the_unit(size):
    x = points(31, 3, 0).float()
    plain = kmeans(x, 4, torch.Generator().manual_seed(0))
    ours = kmeans(x * size, 4, torch.Generator().manual_seed(0))
    assert torch.equal(ours.clusters, plain.clusters)
    torch.testing.assert_close(ours.centers / size, plain.centers)
    assert ours.inertia[-1] / size**2 == pytest.approx(plain.inertia[-1])


def test_squares_in_float32_would_lose_such_data(monkeypatch):
    def in_float32(x, centers):
        return (x[:, None] - centers).square().sum(2)

    monkeypatch.setattr(unsupervised, "squared_distances", in_float32)
    with pytest.raises(AssertionError):
        test_clusters_do_not_depend_on_the_unit(1e-25)


WHOLE = [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64]


@pytest.mark.parametrize("dtype", WHOLE)
def test_whole_numbers_are_as_good_as_floats(dtype):
    x = torch.tensor([[1, 2], [3, 3], [9, 7], [8, 8], [0, 1]]).to(dtype)
    for method in (pca, pca_by_power_iteration):
        for ours, theirs in zip(method(x, 2), method(x.double(), 2), strict=True):
            torch.testing.assert_close(ours, theirs)
    ours, theirs = (
        kmeans(points, 2, torch.Generator().manual_seed(0))
        for points in (x, x.double())
    )
    torch.testing.assert_close(ours.centers, theirs.centers)
    assert torch.equal(ours.clusters, theirs.clusters)
    found = kmeans_from(x, x[:2])
    assert found.clusters.tolist() == [0, 0, 1, 1, 0]
    assert kmeans_step(x, x[:2])[0].is_floating_point()


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


@given(sizes, st.integers(1, 5), st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_centers_clusters_and_inertia_belong_together(size, k, max_steps):
    x = points(*size)
    generator = torch.Generator().manual_seed(size[2])
    found = kmeans(x, k, generator, max_steps=max_steps)
    nearest, clusters = squared_distances(x, found.centers).min(1)
    assert torch.equal(found.clusters, clusters)
    assert found.inertia[-1] == pytest.approx(nearest.sum().item(), rel=1e-12)
    assert found.inertia == sorted(found.inertia, reverse=True)
    assert len(found.inertia) <= max_steps


def test_clusters_of_the_centers_before_the_last_move_would_be_found():
    x, start = torch.tensor([[0.0], [2.0], [3.0], [9.0]]), torch.tensor([[0.0], [1.0]])
    found = kmeans_from(x, start, max_steps=1)
    assert found.centers.flatten().tolist() == pytest.approx([0, 14 / 3])
    assert found.clusters.tolist() == [0, 0, 1, 1]
    _, before = kmeans_step(x, start)
    assert before.tolist() == [0, 1, 1, 1]


def test_whole_numbers_of_numpy_count():
    x = points(37, 3, 3)
    ours = kmeans(x, np.int64(5), torch.Generator().manual_seed(0), np.int64(2))
    theirs = kmeans(x, 5, torch.Generator().manual_seed(0), 2)
    assert torch.equal(ours.centers, theirs.centers)
    assert pca(x, np.int32(2)).directions.shape == (2, 3)


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


@pytest.mark.parametrize("dtype", [torch.int8, torch.int32, torch.int64, torch.float32])
def test_purity_takes_numbers_of_any_kind(dtype):
    clusters, labels = torch.tensor([-1, -1, 5, 5]), torch.tensor([-1, 3, 3, 3])
    assert purity(clusters.to(dtype), labels) == 0.75
    assert purity(clusters, labels.to(dtype)) == 0.75
    assert purity(clusters == 5, labels == 3) == 0.75


def test_purity_needs_no_room_for_numbers_that_do_not_occur():
    large = torch.tensor([10**13, 5, 5])
    assert purity(large, torch.tensor([0, 1, 1])) == 1
    assert purity(torch.tensor([0, 1, 1]), large) == 1


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
            "x is not a finite number in 1 of 4 places, first at [1, 0]; remove or "
            "replace those examples.",
        ),
        (
            lambda: kmeans(NAN, 1, GENERATOR),
            "x is not a finite number in 1 of 4 places, first at [1, 0]; remove or "
            "replace those examples.",
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
            "max_steps=0 must be a whole number, 1 or more.",
        ),
        (
            lambda: kmeans_from(torch.ones(5, 3), torch.ones(2, 3), 0),
            "max_steps=0 must be a whole number, 1 or more.",
        ),
        (
            lambda: kmeans(torch.ones(5, 3), 2.5, GENERATOR),
            "n_clusters=2.5 must be a whole number, 1 or more.",
        ),
        (
            lambda: kmeans_from(torch.ones(2, 3), torch.ones(5, 3)),
            "n_clusters=5 for 2 points; choose from 1 to 2.",
        ),
        (
            lambda: kmeans_step(torch.ones(2, 3), torch.ones(5, 3)),
            "n_clusters=5 for 2 points; choose from 1 to 2.",
        ),
        (
            lambda: kmeans_from(torch.ones(2, 2), NAN),
            "centers is not a finite number in 1 of 4 places, first at [1, 0]; remove "
            "or replace those examples.",
        ),
        (
            lambda: pca(torch.ones(5, 3), 1.5),
            "n_components=1.5 must be a whole number, 1 or more.",
        ),
        (
            lambda: pca_by_power_iteration(torch.tensor([[0.0, 0], [1, 1], [2, 2]]), 2),
            "the points vary in 1 of 2 directions; choose n_components up to 1, or use "
            "pca, which completes them.",
        ),
        (
            lambda: power_iteration(torch.zeros(2, 2)),
            "matrix of shape (2, 2) is not a covariance with variance in it: (C, C), "
            "symmetric, a positive number on its diagonal.",
        ),
        (
            lambda: power_iteration(torch.ones(3, 2)),
            "matrix of shape (3, 2) is not a covariance with variance in it: (C, C), "
            "symmetric, a positive number on its diagonal.",
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
