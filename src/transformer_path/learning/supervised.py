"""How does a machine learn from pairs of a question and its answer?

It has a family of functions with a few free numbers, a loss that says how wrong they
are, and it goes downhill. First a line through points, then a classifier of any
number of classes; every gradient is written out by hand.
"""

from typing import NamedTuple

import torch
from torch import Tensor


def mean_squared_error(prediction: Tensor, target: Tensor) -> Tensor:
    """Average the squared distance between predictions and targets.

    Parameters
    ----------
    prediction, target : Tensor
        Of one shape.

    Returns
    -------
    Tensor
        A single number.

    Raises
    ------
    ValueError
        If the shapes differ; broadcasting would compare every prediction with every
        target.

    Examples
    --------
    A mistake twice as large costs four times as much:

    >>> y = torch.tensor([1.0, 2.0, 3.0])
    >>> mean_squared_error(y + 2, y) / mean_squared_error(y + 1, y)
    tensor(4.)
    """
    if prediction.shape != target.shape:
        raise ValueError(
            f"prediction of shape {tuple(prediction.shape)} and target of shape "
            f"{tuple(target.shape)} differ; reshape one so that each prediction meets "
            "its own target."
        )
    return ((prediction - target) ** 2).mean()


class Line(NamedTuple):
    """A line, ``y = slope * x + intercept``; each of the two is a single number."""

    slope: Tensor
    intercept: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """Predict the y of every x."""
        return self.slope * x + self.intercept


def fit_line(x: Tensor, y: Tensor) -> Line:
    """Find the line with the least mean squared error, in closed form.

    Parameters
    ----------
    x, y : Tensor
        The points.

    Shapes
    ------
    x, y
        (N,)

    Raises
    ------
    ValueError
        If the two are not vectors of one length, or all x are the same.

    References
    ----------
    :cite:t:`hastie2009elements`, Section 3.2.

    Examples
    --------
    What the best line leaves over no longer goes up or down with x:

    >>> x, y = torch.tensor([0.0, 1.0, 2.0, 3.0]), torch.tensor([1.0, 0.0, 4.0, 3.0])
    >>> rest = y - fit_line(x, y)(x)
    >>> torch.allclose((rest * x).sum(), torch.tensor(0.0), atol=1e-6)
    True
    """
    _check_points(x, y)
    dx, dy = x - x.mean(), y - y.mean()
    if not dx.any():
        raise ValueError(
            f"all {len(x)} values of x are {x[0].item():g}; a line needs at least two "
            "different ones."
        )
    slope = (dx * dy).sum() / (dx * dx).sum()
    return Line(slope, y.mean() - slope * x.mean())


def line_gradient(line: Line, x: Tensor, y: Tensor) -> Line:
    """Say how fast the mean squared error grows with the slope and the intercept.

    Parameters
    ----------
    line : Line
        Where to look.
    x, y : Tensor
        The points.

    Shapes
    ------
    x, y
        (N,)

    Examples
    --------
    At the bottom of the valley it is level:

    >>> x, y = torch.tensor([0.0, 1.0, 2.0, 3.0]), torch.tensor([1.0, 0.0, 4.0, 3.0])
    >>> gradient = line_gradient(fit_line(x, y), x, y)
    >>> torch.allclose(torch.stack(gradient), torch.zeros(2), atol=1e-6)
    True
    """
    error = line(x) - y  # (N,)
    return Line(2 * (error * x).mean(), 2 * error.mean())


def descend_line(x: Tensor, y: Tensor, *, lr: float, steps: int) -> list[Line]:
    """Find the same line by gradient descent, from the flat line at zero.

    Parameters
    ----------
    x, y : Tensor
        The points.
    lr : float
        The learning rate: how far to go along the downhill direction.
    steps : int
        How many steps to take.

    Returns
    -------
    list of Line
        The path: the line before the first step and after each one.

    Shapes
    ------
    x, y
        (N,)

    Raises
    ------
    ValueError
        If the two are not vectors of one length, or ``lr`` is not positive.

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
    _check_points(x, y)
    _check_lr(lr)
    line = Line(x.new_zeros(()), x.new_zeros(()))
    path = [line]
    for _ in range(steps):
        gradient = line_gradient(line, x, y)
        line = Line(
            line.slope - lr * gradient.slope,
            line.intercept - lr * gradient.intercept,
        )
        path.append(line)
    return path


def softmax(logits: Tensor) -> Tensor:
    """Turn scores into probabilities: positive, and each row sums to one.

    Parameters
    ----------
    logits : Tensor
        Scores, the larger the likelier.

    Shapes
    ------
    logits, result
        (..., K)

    References
    ----------
    :cite:t:`bridle1990probabilistic`, who named it.

    Examples
    --------
    Only differences count, so the largest score may be moved to zero, and no
    exponential overflows:

    >>> z = torch.tensor([1.0, 2.0, 3.0])
    >>> torch.allclose(softmax(z + 1000), softmax(z))
    True
    """
    shifted = logits - logits.amax(-1, keepdim=True)
    powers = shifted.exp()
    return powers / powers.sum(-1, keepdim=True)


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Average the surprise, minus the log of the right class's probability.

    Parameters
    ----------
    logits : Tensor
        Scores of every class.
    labels : Tensor
        The right classes, whole numbers from 0 to K - 1.

    Returns
    -------
    Tensor
        A single number.

    Shapes
    ------
    logits
        (N, K)
    labels
        (N,)

    Raises
    ------
    ValueError
        If shapes, type or range of the labels do not fit.

    References
    ----------
    :cite:t:`murphy2022probabilistic`, Section 10.3.

    Examples
    --------
    Who has no idea, and says so, pays the logarithm of the number of classes:

    >>> labels = torch.tensor([3, 1])
    >>> loss = cross_entropy(torch.zeros(2, 10), labels)
    >>> torch.allclose(loss, torch.tensor(10.0).log())
    True
    """
    _check_labels(logits, labels)
    shifted = logits - logits.amax(1, keepdim=True)  # (N, K)
    log_total = shifted.exp().sum(1).log()  # (N,)
    right = shifted[torch.arange(len(labels)), labels]  # (N,)
    return (log_total - right).mean()


class SoftmaxRegression(NamedTuple):
    """One linear score a class: the weights and the bias of a linear classifier.

    ``weight`` has shape (K, C), ``bias`` shape (K,), as in :class:`torch.nn.Linear`.
    """

    weight: Tensor
    bias: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """Score every class: from (N, C) to logits (N, K)."""
        return x @ self.weight.T + self.bias


def softmax_regression_gradient(
    model: SoftmaxRegression, x: Tensor, labels: Tensor
) -> SoftmaxRegression:
    """Say how fast the cross-entropy grows with every weight and bias.

    Parameters
    ----------
    model : SoftmaxRegression
        Where to look.
    x : Tensor
        The inputs.
    labels : Tensor
        The right classes, whole numbers from 0 to K - 1.

    Returns
    -------
    SoftmaxRegression
        The gradient, of the same shapes as the model.

    Shapes
    ------
    x
        (N, C)
    labels
        (N,)

    Examples
    --------
    What one class gains the others lose: the gradient sums to zero over the classes.

    >>> x, labels = torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([0, 2])
    >>> model = SoftmaxRegression(torch.zeros(3, 2), torch.zeros(3))
    >>> gradient = softmax_regression_gradient(model, x, labels)
    >>> torch.allclose(gradient.weight.sum(0), torch.zeros(2), atol=1e-6)
    True
    """
    logits = model(x)
    _check_labels(logits, labels)
    error = softmax(logits)  # (N, K), becomes p - y
    error[torch.arange(len(labels)), labels] -= 1
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

    Parameters
    ----------
    x : Tensor
        The inputs.
    labels : Tensor
        The right classes, whole numbers from 0 to ``n_classes`` - 1.
    n_classes : int
        How many classes there are, K.
    lr : float
        The learning rate.
    steps : int
        How many steps to take, each over all examples.
    weight_decay : float
        Adds half of this, times the sum of the squared weights, to the loss.

    Shapes
    ------
    x
        (N, C)
    labels
        (N,)

    Raises
    ------
    ValueError
        If shapes or labels do not fit, ``x`` is not finite, or ``lr`` not positive.

    References
    ----------
    :cite:t:`hastie2009elements`, Section 4.4.

    Examples
    --------
    The classes of two heaps of points, learned from two examples each:

    >>> x = torch.tensor([[0.0, 1.0], [1.0, 0.0], [5.0, 4.0], [4.0, 5.0]])
    >>> model = fit_softmax_regression(
    ...     x, torch.tensor([0, 0, 1, 1]), 2, lr=0.1, steps=200
    ... )
    >>> model(x).argmax(1)
    tensor([0, 0, 1, 1])
    """
    _check_lr(lr)
    _check_finite("x", x)
    model = SoftmaxRegression(
        x.new_zeros(n_classes, x.shape[1]), x.new_zeros(n_classes)
    )
    for _ in range(steps):
        gradient = softmax_regression_gradient(model, x, labels)
        model = SoftmaxRegression(
            model.weight - lr * (gradient.weight + weight_decay * model.weight),
            model.bias - lr * gradient.bias,
        )
    return model


def _check_points(x: Tensor, y: Tensor) -> None:
    if x.dim() != 1 or x.shape != y.shape or len(x) == 0:
        raise ValueError(
            f"x of shape {tuple(x.shape)} and y of shape {tuple(y.shape)} are not the "
            "coordinates of points; both must be vectors of one length, (N,)."
        )
    _check_finite("x", x)
    _check_finite("y", y)


def _check_finite(name: str, values: Tensor) -> None:
    bad = ~values.isfinite()
    if bad.any():
        raise ValueError(
            f"{name} is not a finite number in {int(bad.sum())} of {bad.numel()} "
            "places; remove or replace those examples."
        )


def _check_lr(lr: float) -> None:
    if not lr > 0:
        raise ValueError(
            f"lr={lr} does not go downhill; the learning rate must be positive, for "
            "example 0.1."
        )


def _check_labels(logits: Tensor, labels: Tensor) -> None:
    if logits.dim() != 2 or labels.shape != logits.shape[:1]:
        raise ValueError(
            f"logits of shape {tuple(logits.shape)} and labels of shape "
            f"{tuple(labels.shape)} do not fit; expected (N, K) and (N,)."
        )
    if labels.is_floating_point() or labels.dtype == torch.bool:
        raise ValueError(
            f"labels of type {labels.dtype} are not whole numbers; "
            "use labels.long(), and class numbers rather than one-hot rows."
        )
    n_classes = logits.shape[1]
    if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < n_classes:
        raise ValueError(
            f"labels run from {int(labels.min())} to {int(labels.max())}, but "
            f"{n_classes} columns of logits stand for the classes 0 to "
            f"{n_classes - 1}."
        )
