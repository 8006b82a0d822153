"""Is what we wrote by hand what torch and scikit-learn compute?"""

import math
import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression, LogisticRegression
from torch import nn
from torch.nn import functional as F

from transformer_path.learning.supervised import (
    Line,
    SoftmaxRegression,
    cross_entropy,
    descend_line,
    fit_line,
    fit_softmax_regression,
    line_gradient,
    mean_squared_error,
    softmax,
    softmax_regression_gradient,
)

EXACT = {"rtol": 1e-10, "atol": 1e-10}
SIZES = st.tuples(st.integers(1, 17), st.integers(1, 7), st.integers(1, 5))


def randn(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def points(n, seed=0):
    x = randn(n, seed=seed)
    return x, 2 * x - 3 + randn(n, seed=seed + 1)


def examples(n, k, c, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, c, generator=generator, dtype=torch.float64)
    return x, torch.randint(k, (n,), generator=generator)


def close(ours, theirs):
    torch.testing.assert_close(ours, theirs, **EXACT)


# Mean squared error and lines


@given(st.integers(1, 17), st.integers(0, 99))
def test_mean_squared_error_and_its_gradient_equal_torchs(n, seed):
    x, y = points(n, seed)
    slope, intercept = randn(2, seed=seed + 2).requires_grad_()
    line = Line(slope, intercept)
    ours, theirs = mean_squared_error(line(x), y), F.mse_loss(slope * x + intercept, y)
    close(ours, theirs)
    close(list(line_gradient(line, x, y)), list(torch.autograd.grad(theirs, line)))


@given(st.integers(2, 17), st.integers(0, 99))
def test_fit_line_equals_scikit_learns(n, seed):
    x, y = points(n, seed)
    theirs = LinearRegression().fit(x[:, None].numpy(), y.numpy())
    line = fit_line(x, y)
    assert line.slope.item() == pytest.approx(theirs.coef_[0], rel=1e-8, abs=1e-8)
    assert line.intercept.item() == pytest.approx(theirs.intercept_, rel=1e-8, abs=1e-8)


@given(st.integers(0, 99))
@settings(max_examples=10)
def test_descent_arrives_at_the_closed_form(seed):
    x, y = points(13, seed)
    path = descend_line(x, y, lr=0.2, steps=1500)
    assert len(path) == 1501
    assert path[0] == (0, 0)
    close(list(path[-1]), list(fit_line(x, y)))


def test_descent_takes_the_steps_of_torchs_sgd():
    x, y = points(7)
    line = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([line], lr=0.1)
    for ours in descend_line(x, y, lr=0.1, steps=5):
        close(torch.stack(ours), line.detach())
        optimizer.zero_grad()
        F.mse_loss(line[0] * x + line[1], y).backward()
        optimizer.step()


def test_a_learning_rate_beyond_two_over_the_curvature_diverges():
    x, y = points(13)
    curvature = 2 * torch.tensor([[(x * x).mean(), x.mean()], [x.mean(), 1]])
    edge = 2 / torch.linalg.eigvalsh(curvature).max().item()

    def last(lr):
        return mean_squared_error(descend_line(x, y, lr=lr, steps=3000)[-1](x), y)

    least = mean_squared_error(fit_line(x, y)(x), y)
    close(last(0.98 * edge), least)
    assert last(1.02 * edge) > 1e6 * least


# Softmax and cross-entropy


@given(SIZES, st.integers(0, 99), st.sampled_from([0.1, 1.0, 30.0]))
def test_softmax_and_its_gradient_equal_torchs(sizes, seed, scale):
    n, k, _ = sizes
    logits = (scale * randn(n, k, seed=seed)).requires_grad_()
    weights = randn(n, k, seed=seed + 1)
    ours, theirs = softmax(logits), F.softmax(logits, 1)
    close(ours, theirs)
    for mine, yours in zip(
        torch.autograd.grad((ours * weights).sum(), logits),
        torch.autograd.grad((theirs * weights).sum(), logits),
        strict=True,
    ):
        close(mine, yours)


@given(SIZES, st.integers(0, 99), st.sampled_from([0.1, 1.0, 300.0]))
def test_cross_entropy_and_its_gradient_equal_torchs(sizes, seed, scale):
    n, k, _ = sizes
    _, labels = examples(n, k, 1, seed)
    logits = (scale * randn(n, k, seed=seed)).requires_grad_()
    ours, theirs = cross_entropy(logits, labels), F.cross_entropy(logits, labels)
    close(ours, theirs)
    close(torch.autograd.grad(ours, logits)[0], torch.autograd.grad(theirs, logits)[0])


def test_softmax_works_along_the_last_axis_of_any_tensor():
    logits = randn(2, 3, 5)
    close(softmax(logits), F.softmax(logits, -1))


@pytest.mark.parametrize("size", [1e3, 1e30])
def test_large_logits_neither_overflow_nor_vanish(size):
    logits = torch.tensor([[size, -size, 0.0]])
    assert softmax(logits).tolist() == [[1.0, 0.0, 0.0]]
    assert cross_entropy(logits, torch.tensor([1])).item() == pytest.approx(2 * size)


def naive_softmax(logits):
    return logits.exp() / logits.exp().sum(-1, keepdim=True)


def column_softmax(logits):
    powers = (logits - logits.amax(-1, keepdim=True)).exp()
    return powers / powers.sum(0, keepdim=True)


@pytest.mark.parametrize("broken", [naive_softmax, column_softmax])
def test_a_broken_softmax_would_be_found(broken):
    logits = torch.tensor([[800.0, 0.0], [1.0, 2.0]])
    close(softmax(logits), F.softmax(logits, 1))
    with pytest.raises(AssertionError):
        close(broken(logits), F.softmax(logits, 1))


# Softmax regression


@given(SIZES, st.integers(0, 99))
def test_the_gradient_by_hand_equals_torchs(sizes, seed):
    n, k, c = sizes
    x, labels = examples(n, k, c, seed)
    layer = nn.Linear(c, k, dtype=torch.float64)
    model = SoftmaxRegression(layer.weight.detach(), layer.bias.detach())
    close(model(x), layer(x).detach())
    F.cross_entropy(layer(x), labels).backward()
    ours = softmax_regression_gradient(model, x, labels)
    close(list(ours), [layer.weight.grad, layer.bias.grad])


def gradient_of_sums(model, x, labels):
    weight, bias = softmax_regression_gradient(model, x, labels)
    return weight * len(x), bias * len(x)


def gradient_of_y_minus_p(model, x, labels):
    weight, bias = softmax_regression_gradient(model, x, labels)
    return -weight, -bias


def gradient_without_y(model, x, labels):
    p = softmax(model(x))
    return p.T @ x / len(x), p.mean(0)


@pytest.mark.parametrize(
    "broken", [gradient_of_sums, gradient_of_y_minus_p, gradient_without_y]
)
def test_a_broken_gradient_would_be_found(broken):
    x, labels = examples(11, 3, 2)
    weight, bias = randn(3, 2).requires_grad_(), randn(3, seed=1).requires_grad_()
    loss = F.cross_entropy(F.linear(x, weight, bias), labels)
    model = SoftmaxRegression(weight.detach(), bias.detach())
    theirs = list(torch.autograd.grad(loss, [weight, bias]))
    close(list(softmax_regression_gradient(model, x, labels)), theirs)
    with pytest.raises(AssertionError):
        close(list(broken(model, x, labels)), theirs)


def test_fitting_takes_the_steps_of_torchs_sgd():
    x, labels = examples(23, 5, 3)
    layer = nn.Linear(3, 5, dtype=torch.float64)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    optimizer = torch.optim.SGD(
        [
            {"params": [layer.weight], "weight_decay": 0.3},
            {"params": [layer.bias], "weight_decay": 0.0},
        ],
        lr=0.7,
    )
    for _ in range(6):
        optimizer.zero_grad()
        F.cross_entropy(layer(x), labels).backward()
        optimizer.step()
    ours = fit_softmax_regression(x, labels, 5, lr=0.7, steps=6, weight_decay=0.3)
    close(list(ours), [layer.weight.detach(), layer.bias.detach()])


def test_fitting_arrives_where_scikit_learn_does():
    x, labels = examples(101, 3, 2)
    ours = fit_softmax_regression(x, labels, 3, lr=1.0, steps=3000)
    theirs = LogisticRegression(C=math.inf, tol=1e-10, max_iter=1000)
    theirs.fit(x.numpy(), labels.numpy())
    p = softmax(ours(x)).numpy()
    np.testing.assert_allclose(p, theirs.predict_proba(x.numpy()), atol=1e-6)
    # Only differences of weights count: ours start at zero and keep summing to it.
    np.testing.assert_allclose(ours.weight.sum(0).numpy(), np.zeros(2), atol=1e-12)


def test_weight_decay_pulls_the_weights_towards_zero():
    x, labels = examples(31, 3, 2)
    sizes = [
        fit_softmax_regression(
            x, labels, 3, lr=0.5, steps=500, weight_decay=decay
        ).weight.norm()
        for decay in [0.0, 0.1, 1.0]
    ]
    assert sizes == sorted(sizes, reverse=True)


# Types and sizes of numbers

WHOLE = [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64]


@pytest.mark.parametrize("dtype", [*WHOLE, torch.bool])
def test_labels_are_class_numbers_in_every_type(dtype):
    logits = torch.tensor([[0.4, 1.8], [0.4, 1.8], [1.8, 0.4]])
    labels = torch.tensor([1, 1, 0])
    expected = F.cross_entropy(logits, labels)
    assert expected == pytest.approx(0.2201, abs=1e-3)
    close(cross_entropy(logits, labels.to(dtype)), expected)
    model = SoftmaxRegression(torch.zeros(2, 1), torch.zeros(2))
    x = torch.ones(3, 1)
    ours = softmax_regression_gradient(model, x, labels.to(dtype))
    close(list(ours), list(softmax_regression_gradient(model, x, labels)))
    fitted = fit_softmax_regression(x, labels.to(dtype), 2, lr=0.1, steps=3)
    close(list(fitted), list(fit_softmax_regression(x, labels, 2, lr=0.1, steps=3)))


def mask_of(logits, labels):
    rows = torch.arange(len(labels))
    return -logits.log_softmax(1)[rows, labels].mean()


@pytest.mark.filterwarnings("ignore:indexing with dtype torch.uint8")
@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8])
def test_labels_used_as_a_mask_would_be_found(dtype):
    logits, labels = randn(2, 2), torch.tensor([1, 1])
    with pytest.raises((AssertionError, IndexError)):
        close(mask_of(logits, labels.to(dtype)), F.cross_entropy(logits, labels))


@pytest.mark.parametrize("dtype", [*WHOLE, torch.bool])
def test_whole_numbers_are_as_good_as_floats(dtype):
    x, y = torch.tensor([0, 1, 1, 0]).to(dtype), torch.tensor([1, 0, 1, 1]).to(dtype)
    a, b = x.double(), y.double()
    close(list(fit_line(x, y)), list(fit_line(a, b)))
    close(
        list(descend_line(x, y, lr=0.1, steps=3)[-1]),
        list(descend_line(a, b, lr=0.1, steps=3)[-1]),
    )
    close(mean_squared_error(x, y), F.mse_loss(a, b))
    close(softmax(x), F.softmax(a, -1))
    close(
        cross_entropy(x.reshape(2, 2), y[:2]),
        F.cross_entropy(a.reshape(2, 2), y[:2].long()),
    )
    close(
        list(fit_softmax_regression(x[:, None], y, 2, lr=0.1, steps=3)),
        list(fit_softmax_regression(a[:, None], y, 2, lr=0.1, steps=3)),
    )


def test_large_whole_numbers_lose_no_digit():
    x = 2**40 + torch.arange(5)  # float32 would make them all the same
    line = fit_line(x, 3 * x + 1)
    assert line.slope.item() == pytest.approx(3)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_a_line_has_the_type_of_its_points(dtype):
    x, y = (
        torch.tensor([0.0, 1.0, 2.0]).to(dtype),
        torch.tensor([1.0, 3.0, 5.0]).to(dtype),
    )
    line = fit_line(x, y)
    assert (line.slope.dtype, line.intercept.dtype) == (dtype, dtype)
    assert line == (2, 1)


@pytest.mark.parametrize("size", [1e-30, 1e-25, 1.0, 1e20, 1e37])
def test_a_line_does_not_depend_on_the_unit(size):
    x, y = torch.tensor([0.0, 1.0, 2.0, 3.0]), torch.tensor([1.0, 0.0, 4.0, 3.0])
    line, plain = fit_line(x * size, y * size), fit_line(x, y)
    assert line.slope.item() == pytest.approx(plain.slope.item(), rel=1e-6)
    assert line.intercept.item() / size == pytest.approx(plain.intercept.item())


def line_in_the_type_that_came(x, y):
    dx, dy = x - x.mean(), y - y.mean()
    return (dx * dy).sum() / (dx * dx).sum()


@pytest.mark.parametrize("size", [1e-25, 1e20])
def test_a_line_computed_in_float32_would_be_found(size):
    x, y = torch.tensor([0.0, 1.0, 2.0]), torch.tensor([0.0, 1.0, 2.0])
    assert fit_line(x * size, y * size).slope.item() == pytest.approx(1)
    assert not line_in_the_type_that_came(x * size, y * size).isclose(torch.tensor(1.0))


@pytest.mark.parametrize("number", [np.int64, np.int32, np.uint8, torch.tensor])
def test_whole_numbers_of_any_library_count_steps_and_classes(number):
    x, labels = examples(11, 3, 2)
    assert len(descend_line(x[:, 0], x[:, 1], lr=0.1, steps=number(4))) == 5
    ours = fit_softmax_regression(x, labels, number(3), lr=0.1, steps=number(4))
    close(list(ours), list(fit_softmax_regression(x, labels, 3, lr=0.1, steps=4)))


# Errors


def fails(message):
    return pytest.raises(ValueError, match=f"^{re.escape(message)}$")


def test_the_shapes_of_a_regression_are_checked():
    with fails(
        "prediction of shape (3, 1) and target of shape (3,) differ; reshape one, so "
        "that each meets its own."
    ):
        mean_squared_error(torch.ones(3, 1), torch.ones(3))
    message = (
        "x of shape (3, 2) and y of shape (3,) are not the coordinates of points; "
        "both must be vectors of one length, (N,)."
    )
    with fails(message):
        fit_line(torch.ones(3, 2), torch.ones(3))
    with fails(message):
        descend_line(torch.ones(3, 2), torch.ones(3), lr=0.1, steps=1)


def test_a_line_needs_two_different_x():
    with fails("all x are 2; a line needs two different ones."):
        fit_line(torch.full((3,), 2.0), torch.arange(3.0))


def test_values_must_be_finite():
    bad = torch.tensor([1.0, math.nan, math.inf])
    with fails(
        "y is not a finite number in 2 of 3 places, first at [1]; remove or replace "
        "those examples."
    ):
        fit_line(torch.arange(3.0), bad)
    with fails(
        "x is not a finite number in 2 of 3 places, first at [1, 0]; remove or replace "
        "those examples."
    ):
        fit_softmax_regression(bad[:, None], torch.zeros(3).long(), 2, lr=1, steps=1)


@pytest.mark.parametrize("steps", [-1, 1.5, math.nan, None, "3"])
def test_steps_are_counted(steps):
    message = f"steps={steps} must be a whole number, 0 or more."
    x, labels = examples(3, 2, 2)
    with fails(message):
        descend_line(x[:, 0], x[:, 1], lr=0.1, steps=steps)
    with fails(message):
        fit_softmax_regression(x, labels, 2, lr=0.1, steps=steps)


def test_no_step_is_the_start():
    x, labels = examples(3, 2, 2)
    assert descend_line(x[:, 0], x[:, 1], lr=0.1, steps=0) == [(0, 0)]
    assert not fit_softmax_regression(x, labels, 2, lr=0.1, steps=0).weight.any()


@pytest.mark.parametrize("steps", [0, 1])
def test_a_classifier_needs_examples_and_their_labels(steps):
    def fit(x, labels, **settings):
        settings = {"n_classes": 2, "lr": 0.1, "steps": steps} | settings
        return fit_softmax_regression(x, labels, **settings)

    x, labels = examples(5, 2, 3)
    expected = "; expected points as rows, (N, C), with N of 1 or more."
    for shape in [(0, 3), (5, 0), (5,), (2, 5, 3)]:
        with fails(f"x of shape {shape}{expected}"):
            fit(torch.zeros(shape), labels)
    with fails(
        "logits of shape (5, 2) and labels of shape (4,) do not fit; expected (N, K) "
        "and (N,)."
    ):
        fit(x, labels[:4])
    with fails("n_classes=0 must be a whole number, 1 or more."):
        fit(x, labels, n_classes=0)
    with fails("x holds complex numbers; pass its real part or its abs."):
        fit(x * 1j, labels)
    for decay in (-0.1, math.nan, math.inf):
        with fails(
            f"weight_decay={decay} does not pull weights to 0; choose 0, or a small "
            "number above it, like 0.001."
        ):
            fit(x, labels, weight_decay=decay)


def test_weights_that_overflow_are_not_returned():
    x, labels = examples(31, 3, 2)
    with fails(
        "the weights have overflowed with lr=1e+300; choose a smaller one, or scale "
        "the columns of x to about 1."
    ):
        fit_softmax_regression(x, labels, 3, lr=1e300, steps=60, weight_decay=1.0)


@pytest.mark.parametrize("lr", [0, -0.5, math.nan, math.inf])
def test_a_learning_rate_must_go_downhill(lr):
    message = f"lr={lr} does not go downhill; choose one above 0, like 0.1."
    x, labels = examples(3, 2, 2)
    with fails(message):
        descend_line(x[:, 0], x[:, 1], lr=lr, steps=1)
    with fails(message):
        fit_softmax_regression(x, labels, 2, lr=lr, steps=1)


@pytest.mark.parametrize(
    ("logits", "labels", "message"),
    [
        (
            torch.zeros(2, 3),
            torch.zeros(2, 1).long(),
            "logits of shape (2, 3) and labels of shape (2, 1) do not fit; expected "
            "(N, K) and (N,).",
        ),
        (
            torch.zeros(3),
            torch.zeros(3).long(),
            "logits of shape (3,) and labels of shape (3,) do not fit; expected "
            "(N, K) and (N,).",
        ),
        (
            torch.zeros(0, 3),
            torch.zeros(0).long(),
            "logits of shape (0, 3) and labels of shape (0,) hold no examples to "
            "average over.",
        ),
        (
            torch.zeros(2, 3),
            torch.zeros(2),
            "labels of type torch.float32 are not class numbers; use labels.long().",
        ),
        (
            torch.zeros(2, 3),
            torch.tensor([1, 3]),
            "labels run from 1 to 3, but the 3 columns of logits stand for the classes "
            "0 to 2.",
        ),
        (
            torch.zeros(2, 3),
            torch.tensor([-1, 2]),
            "labels run from -1 to 2, but the 3 columns of logits stand for the "
            "classes 0 to 2.",
        ),
    ],
)
def test_labels_are_checked(logits, labels, message):
    with fails(message):
        cross_entropy(logits, labels)
    if logits.dim() == 2:
        model = SoftmaxRegression(torch.zeros(3, 1), torch.zeros(3))
        with fails(message):
            softmax_regression_gradient(model, torch.zeros(len(logits), 1), labels)
