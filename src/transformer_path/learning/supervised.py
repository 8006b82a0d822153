"""How does a machine learn from pairs of a question and its answer?

It has a family of functions with a few free numbers and a loss that says how wrong they
are, and it goes downhill. First a line, then a classifier; gradients by hand.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from transformer_path.workshop._inputs import finite, floats, points, whole


class Line(NamedTuple):
    """A line, ``slope * x + intercept``, both of them single numbers."""

    slope: Tensor
    intercept: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """Predict a y for every x."""
        return self.slope * x + self.intercept


def mean_squared_error(prediction: Tensor, target: Tensor) -> Tensor:
    """Average the squares of the mistakes.

    Raises
    ------
    ValueError
        If the shapes differ: broadcast, each prediction would meet every target.

    Examples
    --------
    A mistake twice as large costs four times as much:

    >>> y = torch.tensor([1.0, 2.0, 3.0])
    >>> mean_squared_error(y + 2, y) / mean_squared_error(y + 1, y)
    tensor(4.)
    """
    prediction, target = _each_its_own(prediction, target)
    return ((prediction - target) ** 2).mean()


def fit_line(x: Tensor, y: Tensor) -> Line:
    """Find the line with the least mean squared error, in closed form.

    Shapes
    ------
    x, y
        (N,)

    Raises
    ------
    ValueError
        If x and y are not the finite coordinates of points, or all x are the same.

    References
    ----------
    :cite:t:`hastie2009elements`, Section 3.2.

    Examples
    --------
    What the best line leaves over goes neither up nor down with x:

    >>> x, y = torch.tensor([0.0, 1.0, 2.0, 3.0]), torch.tensor([1.0, 0.0, 4.0, 3.0])
    >>> rest = y - fit_line(x, y)(x)
    >>> torch.allclose((rest * x).sum(), torch.tensor(0.0), atol=1e-6)
    True
    """
    dtype, x, y = _coordinates(x, y, different=2)
    dx, dy = x - x.mean(), y - y.mean()  # in float64
    slope = (dx * dy).sum() / (dx * dx).sum()
    intercept = y.mean() - slope * x.mean()
    return Line(slope.to(dtype), intercept.to(dtype))


def line_gradient(line: Line, x: Tensor, y: Tensor) -> Line:
    """Say how fast the mean squared error grows with the slope and the intercept."""
    error = line(x) - y  # (N,)
    return Line(2 * (error * x).mean(), 2 * error.mean())


def descend_line(x: Tensor, y: Tensor, *, lr: float, steps: int) -> list[Line]:
    """Find the same line by gradient descent, from the flat line at zero.

    The learning rate ``lr`` says how far to go along the downhill direction. The
    result is the whole path: the line before the first step and after each one.

    Shapes
    ------
    x, y
        (N,)

    Raises
    ------
    ValueError
        If x and y are not the finite coordinates of points, ``lr`` is not positive and
        finite, or ``steps`` not a whole number.

    References
    ----------
    :cite:t:`cauchy1847methode`, who invented it to compute orbits.

    Examples
    --------
    Every step down this valley is a step down:

    >>> x, y = torch.tensor([0.0, 1.0, 2.0, 3.0]), torch.tensor([1.0, 0.0, 4.0, 3.0])
    >>> path = descend_line(x, y, lr=0.1, steps=20)
    >>> losses = [mean_squared_error(line(x), y).item() for line in path]
    >>> losses == sorted(losses, reverse=True)
    True
    """
    dtype, x, y = _coordinates(x, y)
    steps = _check_descent(lr, steps)
    x, y = x.to(dtype), y.to(dtype)
    slope, intercept = x.new_zeros(()), x.new_zeros(())
    path = [Line(slope, intercept)]
    for _ in range(steps):
        uphill = line_gradient(path[-1], x, y)
        slope = slope - lr * uphill.slope
        intercept = intercept - lr * uphill.intercept
        path.append(Line(slope, intercept))
    return path


def softmax(logits: Tensor) -> Tensor:
    """Turn scores (..., K) into probabilities: positive, each row of them sums to one.

    References
    ----------
    :cite:t:`bridle1990probabilistic`, who named it.

    Examples
    --------
    Only differences count, so the largest may be moved to zero, and nothing overflows:

    >>> z = torch.tensor([1.0, 2.0, 3.0])
    >>> torch.allclose(softmax(z + 1000), softmax(z))
    True
    """
    logits = floats(logits)
    shifted = logits - logits.amax(-1, keepdim=True)
    powers = shifted.exp()  # (..., K)
    return powers / powers.sum(-1, keepdim=True)


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Average the surprise: minus the log of the right class's probability.

    It is written in operations that the variables of the chapter on autograd have too,
    so that it serves both engines.

    Shapes
    ------
    logits
        (N, K)
    labels
        (N,), whole numbers from 0 to K - 1, of any integer type

    Raises
    ------
    ValueError
        If shapes, type or range of the labels do not fit, or there is no example.

    References
    ----------
    :cite:t:`hastie2009elements`, Section 4.4.1.

    Examples
    --------
    Who has no idea, and says so, pays the logarithm of the number of classes:

    >>> loss = cross_entropy(torch.zeros(2, 10), torch.tensor([3, 1]))
    >>> torch.allclose(loss, torch.tensor(10.0).log())
    True
    """
    labels = _class_numbers(labels, logits)
    logits = floats(logits)
    rows = torch.arange(len(labels))
    largest = logits.data.argmax(1)
    shifted = logits - logits[rows, largest][:, None]  # at most 0
    log_total = shifted.exp().sum(1).log()  # (N,)
    return (log_total - shifted[rows, labels]).mean()


class SoftmaxRegression(NamedTuple):
    """A linear classifier: one row of weights and one bias for each class.

    ``weight`` has shape (K, C), ``bias`` (K,), as in :class:`torch.nn.Linear`.
    """

    weight: Tensor
    bias: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """Score every class: (N, C) to logits (N, K)."""
        return x @ self.weight.T + self.bias


def softmax_regression_gradient(
    model: SoftmaxRegression, x: Tensor, labels: Tensor
) -> SoftmaxRegression:
    """Say how fast the cross-entropy grows with every weight and bias.

    Examples
    --------
    What one class gains the others lose: over the classes it sums to zero.

    >>> x, labels = torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([0, 2])
    >>> model = SoftmaxRegression(torch.zeros(3, 2), torch.zeros(3))
    >>> gradient = softmax_regression_gradient(model, x, labels)
    >>> torch.allclose(gradient.weight.sum(0), torch.zeros(2), atol=1e-6)
    True
    """
    logits = model(x)
    labels = _class_numbers(labels, logits)
    error = softmax(logits)  # (N, K): p ...
    error[torch.arange(len(labels)), labels] -= 1  # ... - y
    return SoftmaxRegression(error.T @ x / len(x), error.mean(0))


def fit_softmax_regression(
    x: Tensor,
    labels: Tensor,
    n_classes: int,
    *,
    lr: float,
    steps: int,
    weight_decay: float = 0.0,
) -> SoftmaxRegression:
    """Learn a linear classifier by gradient descent, from zero weights.

    Every step looks at all examples. ``weight_decay`` adds half of itself times the sum
    of the squared weights to the loss.

    Shapes
    ------
    x
        (N, C)
    labels
        (N,), whole numbers from 0 to ``n_classes`` - 1

    Raises
    ------
    ValueError
        If shapes or labels do not fit, x is empty or not finite, ``lr`` is not positive
        and finite, another number makes no sense, or the weights overflow.
    """
    x, n_classes = points("x", x), whole("n_classes", n_classes, at_least=1)
    steps = _check_descent(lr, steps, weight_decay)
    weight, bias = x.new_zeros(n_classes, x.shape[1]), x.new_zeros(n_classes)
    labels = _class_numbers(labels, x @ weight.T)
    for _ in range(steps):
        model = SoftmaxRegression(weight, bias)
        gradient = softmax_regression_gradient(model, x, labels)
        weight = weight - lr * (gradient.weight + weight_decay * weight)
        bias = bias - lr * gradient.bias
    _check_bounded(weight, lr)
    return SoftmaxRegression(weight, bias)


def _each_its_own(prediction: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    if prediction.shape != target.shape:
        raise ValueError(
            f"prediction of shape {tuple(prediction.shape)} and target of shape "
            f"{tuple(target.shape)} differ; reshape one, so that each meets its own."
        )
    return floats(prediction), floats(target)


def _coordinates(
    x: Tensor, y: Tensor, different: int = 1
) -> tuple[torch.dtype, Tensor, Tensor]:
    """Give the caller's type, and the coordinates of points in float64."""
    x, y = finite("x", x), finite("y", y)
    if x.dim() != 1 or x.shape != y.shape or len(x) == 0:
        raise ValueError(
            f"x of shape {tuple(x.shape)} and y of shape {tuple(y.shape)} are not the "
            "coordinates of points; both must be vectors of one length, (N,)."
        )
    if different > 1 and (x == x[0]).all():
        raise ValueError(f"all x are {x[0].item():g}; a line needs two different ones.")
    return torch.promote_types(x.dtype, y.dtype), x.double(), y.double()


def _check_descent(lr: float, steps: int, weight_decay: float = 0.0) -> int:
    if not 0 < lr < float("inf"):
        raise ValueError(f"lr={lr} does not go downhill; choose one above 0, like 0.1.")
    if not 0 <= weight_decay < float("inf"):
        raise ValueError(
            f"weight_decay={weight_decay} does not pull weights to 0; choose 0, or a "
            "small number above it, like 0.001."
        )
    return whole("steps", steps, at_least=0)


def _check_bounded(weight: Tensor, lr: float) -> None:
    if not weight.isfinite().all():
        raise ValueError(
            f"the weights have overflowed with lr={lr}; choose a smaller one, or scale "
            "the columns of x to about 1."
        )


def _class_numbers(labels: Tensor, logits: Tensor) -> Tensor:
    """Give labels as indices of the columns of logits."""
    labels = torch.as_tensor(labels)
    if len(logits.shape) != 2 or labels.shape != logits.shape[:1]:
        raise ValueError(
            f"logits of shape {tuple(logits.shape)} and labels of shape "
            f"{tuple(labels.shape)} do not fit; expected (N, K) and (N,)."
        )
    if len(labels) == 0:
        raise ValueError(
            f"logits of shape {tuple(logits.shape)} and labels of shape "
            f"{tuple(labels.shape)} hold no examples to average over."
        )
    if labels.is_floating_point() or labels.is_complex():
        raise ValueError(
            f"labels of type {labels.dtype} are not class numbers; use labels.long()."
        )
    labels = labels.long()  # true is 1; an index of bool or uint8 would be a mask
    first, last, n_classes = int(labels.min()), int(labels.max()), logits.shape[1]
    if first < 0 or last >= n_classes:
        raise ValueError(
            f"labels run from {first} to {last}, but the {n_classes} columns of logits "
            f"stand for the classes 0 to {n_classes - 1}."
        )
    return labels
