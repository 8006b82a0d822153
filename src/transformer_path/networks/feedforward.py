"""How do simple units become one network, and what does a nonlinearity change?

A neuron weighs its inputs, adds a bias and applies an activation function. Neurons side
by side are a layer; layers one after the other are a multilayer perceptron, the MLP
(:cite:t:`rumelhart1986learning`).

The functions are written once and run on two engines, torch's tensors and our own
:class:`~transformer_path.networks.autograd.Variable`: they ask for no more than both
can do. The modules hold the weights, as in :mod:`torch.nn`.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any, TypeVar

import torch
from torch import Generator, Tensor, nn

from transformer_path.networks.autograd import Variable

T = TypeVar("T", Tensor, Variable)


def relu(x: T) -> T:
    """Keep what is positive, the rest becomes 0.

    Examples
    --------
    Two of them, back to back, are the absolute value:

    >>> x = torch.tensor([-2.0, 0.5, 3.0])
    >>> torch.equal(relu(x) + relu(-x), x.abs())
    True
    """
    return x.relu()


def tanh(x: T) -> T:
    """Squash every number into the range from -1 to 1."""
    return x.tanh()


def sigmoid(x: T) -> T:
    """Squash every number into the range from 0 to 1.

    Examples
    --------
    It is a tanh, moved and stretched, and exact where it is small:

    >>> x = torch.tensor([-2.0, 0.5, 3.0])
    >>> torch.allclose(sigmoid(x), (1 + tanh(x / 2)) / 2)
    True
    >>> sigmoid(torch.tensor(-40.0)).log()
    tensor(-40.)
    """
    return x.sigmoid()


def neuron(x: T, weight: T, bias: T) -> T:
    """Weigh the inputs, add the bias, activate.

    Shapes
    ------
    x
        (..., C)
    weight
        (C,), one for each input
    bias
        ()
    result
        (...)

    References
    ----------
    :cite:t:`rosenblatt1958perceptron`, whose neuron jumped at zero.

    Examples
    --------
    It is silent on one side of a line and grows with the distance on the other:

    >>> x = torch.tensor([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]])
    >>> neuron(x, torch.tensor([1.0, 1.0]), torch.tensor(-2.0))
    tensor([0., 0., 2.])
    """
    return relu((x * weight).sum(-1) + bias)


def linear(x: T, weight: T, bias: T) -> T:
    """Compute the weighted sums of a whole layer at once, not activated yet.

    Shapes
    ------
    x
        (..., C)
    weight
        (F, C), one row for each neuron; (S, F, C) for S layers at once
    bias
        (F,); (S, 1, F) for S layers at once
    result
        (..., F); (S, N, F) for S layers at once

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Examples
    --------
    One after the other, two of these are only a third one:

    >>> x, v, w = torch.randn(5, 3), torch.randn(4, 3), torch.randn(2, 4)
    >>> twice = linear(linear(x, v, torch.ones(4)), w, torch.zeros(2))
    >>> torch.allclose(twice, linear(x, w @ v, w @ torch.ones(4)), atol=1e-5)
    True
    """
    _check_layer(x, weight, bias)
    return x @ weight.mT + bias  # (..., C) @ (C, F) + (F,)


def feedforward(
    x: T, parameters: Sequence[T], activation: Callable[[T], T] = relu
) -> T:
    """Send the inputs through all layers; the last one is not activated.

    Parameters
    ----------
    x : Tensor or Variable
        The inputs.
    parameters : sequence of Tensor or Variable
        The weight and the bias of the first layer, of the second, and so on.
    activation : callable
        The nonlinearity between the layers.

    Shapes
    ------
    x
        (..., C)
    parameters
        (F, C), (F,), (G, F), (G,), ..., (K, ·), (K,)
    result
        (..., K)

    Raises
    ------
    ValueError
        If the parameters do not pair up, or a shape does not fit.

    Examples
    --------
    Exclusive or, which no single layer can compute:

    >>> x = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> v, b = torch.tensor([[1.0, 1.0], [1.0, 1.0]]), torch.tensor([0.0, -1.0])
    >>> w, c = torch.tensor([[1.0, -2.0]]), torch.tensor([0.0])
    >>> feedforward(x, [v, b, w, c]).squeeze(1)
    tensor([0., 1., 1., 0.])
    """
    _check_pairs(parameters)
    weights, biases = parameters[::2], parameters[1::2]
    layers = list(zip(weights, biases, strict=True))
    for weight, bias in layers[:-1]:
        x = activation(linear(x, weight, bias))  # (..., F)
    return linear(x, *layers[-1])


def descend(parameters: Iterable[T], lr: float) -> None:
    """Take one step of gradient descent, and set the gradients back to 0.

    If one parameter cannot take its step, none does.

    Parameters
    ----------
    parameters : iterable of Tensor or Variable
        What is learned. ``backward()`` must have been called before.
    lr : float
        The learning rate: how far to go against the gradient.

    Raises
    ------
    ValueError
        If ``lr`` is not positive, or a gradient is missing or not finite.

    References
    ----------
    :cite:t:`robbins1951stochastic`.
    """
    for parameter, gradient in _gradients(parameters, lr).items():
        parameter.data = parameter.data - lr * gradient
        parameter.grad = 0 * gradient  # gradients add up: the next starts from 0


class Linear(nn.Module):
    """A layer's weights and biases; equals :class:`torch.nn.Linear`.

    Parameters
    ----------
    n_in, n_out : int
        How many numbers come in, and how many neurons there are.
    generator : torch.Generator, optional
        Where the first weights are drawn from, evenly between ±1/√n_in.

    Raises
    ------
    ValueError
        If a width is smaller than 1.
    """

    def __init__(
        self, n_in: int, n_out: int, *, generator: Generator | None = None
    ) -> None:
        super().__init__()
        _check_widths([n_in, n_out])
        limit = n_in**-0.5
        weight, bias = torch.empty(n_out, n_in), torch.empty(n_out)
        self.weight = nn.Parameter(weight.uniform_(-limit, limit, generator=generator))
        self.bias = nn.Parameter(bias.uniform_(-limit, limit, generator=generator))

    def forward(self, x: Tensor) -> Tensor:
        """From (..., n_in) to (..., n_out)."""
        return linear(x, self.weight, self.bias)


class MLP(nn.Module):
    """A multilayer perceptron: layers with a nonlinearity between them.

    The layers are ordinary modules: one may be exchanged, used twice, or wrapped, as in
    ``mlp.layers[1] = nn.Sequential(nn.Dropout(0.1), mlp.layers[1])``.

    Parameters
    ----------
    widths : sequence of int
        How many numbers enter, how many neurons each layer has; the last layer gives
        the scores. ``[40, 100, 100, 10]`` has two hidden layers.
    activation : callable
        The nonlinearity: :func:`relu`, :func:`tanh`, :func:`sigmoid` or another.
    generator : torch.Generator, optional
        Where the first weights are drawn from.

    Raises
    ------
    ValueError
        If there are fewer than two widths, or one is smaller than 1.

    References
    ----------
    :cite:t:`goodfellow2016deep`, Chapter 6.

    Examples
    --------
    Hidden neurons have no order: swapped along with their weights, they compute the
    same.

    >>> mlp, x = MLP([3, 7, 2]), torch.randn(5, 3)
    >>> before, order = mlp(x), torch.randperm(7)
    >>> first, last = mlp.layers
    >>> first.weight.data = first.weight.data[order]
    >>> first.bias.data = first.bias.data[order]
    >>> last.weight.data = last.weight.data[:, order]
    >>> torch.allclose(mlp(x), before, atol=1e-6)
    True
    """

    def __init__(
        self,
        widths: Sequence[int],
        *,
        activation: Callable[[Tensor], Tensor] = relu,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        _check_widths(widths)
        self.activation = activation
        self.layers = nn.ModuleList(
            Linear(n_in, n_out, generator=generator) for n_in, n_out in pairwise(widths)
        )

    def forward(self, x: Tensor) -> Tensor:
        """From (..., widths[0]) to (..., widths[-1])."""
        *hidden, last = self.layers
        for layer in hidden:
            x = self.activation(layer(x))  # (..., F)
        scores: Tensor = last(x)
        return scores


def _check_layer(x: T, weight: T, bias: T) -> None:
    if len(weight.shape) < 2 or bias.shape[-1:] != weight.shape[-2:-1]:
        raise ValueError(
            f"weight of shape {tuple(weight.shape)} and bias of shape "
            f"{tuple(bias.shape)} make no layer; expected (F, C) and (F,), one row and "
            "one bias for each of the F neurons."
        )
    if x.shape[-1:] != weight.shape[-1:]:
        raise ValueError(
            f"x of shape {tuple(x.shape)} does not fit weight of shape "
            f"{tuple(weight.shape)}: the layer expects {weight.shape[-1]} numbers "
            "along the last axis of x."
        )


def _check_pairs(parameters: Sequence[T]) -> None:
    if not parameters or len(parameters) % 2:
        raise ValueError(
            f"{len(parameters)} parameters do not pair up; a network is a list of "
            "weight, bias, weight, bias, and so on."
        )


def _gradients(parameters: Iterable[T], lr: float) -> dict[T, Any]:
    """Give the gradient of each parameter, if all of them can take their step."""
    if not 0 < lr < float("inf"):
        raise ValueError(
            f"lr={lr} does not go downhill; the learning rate must be a positive "
            "number, for example 0.1."
        )
    gradients = {parameter: parameter.grad for parameter in parameters}
    for position, gradient in enumerate(gradients.values()):
        if gradient is None:
            raise ValueError(
                f"parameter {position} has no gradient; call loss.backward() first, "
                "and let the loss depend on it."
            )
        if not torch.as_tensor(gradient).isfinite().all():
            raise ValueError(
                f"the gradient of parameter {position} is not finite; the loss has "
                "overflowed, most often because the learning rate is too large."
            )
    return gradients


def _check_widths(widths: Sequence[int]) -> None:
    if len(widths) < 2 or min(widths) < 1:
        raise ValueError(
            f"widths={list(widths)} make no network; give two or more, each at least "
            "1: how many numbers enter, and how many neurons each layer has."
        )
