"""How does a deep network keep its numbers, and its gradients, from dying out?

Three repairs, in the order of their invention: first weights whose size fits the layer
(Xavier, He), layers that standardise what passes through them (batch and layer
normalisation), and connections that let it pass unchanged (residual).
"""

import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor, nn

from transformer_path.networks.feedforward import Linear, T


def xavier(n_in: int, n_out: int) -> float:
    """Give the standard deviation that serves both directions about equally well.

    References
    ----------
    :cite:t:`glorot2010understanding`, Equation 12.

    Examples
    --------
    Through as many units as come in, a weighted sum keeps the size of its inputs:

    >>> x, weight = torch.randn(500, 400), xavier(400, 400) * torch.randn(400, 400)
    >>> bool(((x @ weight).std() - 1).abs() < 0.05)
    True
    """
    return math.sqrt(2 / (n_in + n_out))


def he(n_in: int, _n_out: int) -> float:
    """Give the standard deviation that makes up for what a ReLU takes away.

    References
    ----------
    :cite:t:`he2015delving`, Equation 10.

    Examples
    --------
    After the ReLU the mean square is what it was before the layer:

    >>> x, weight = torch.randn(500, 400), he(400, 400) * torch.randn(400, 400)
    >>> bool(((x @ weight).relu().square().mean() - 1).abs() < 0.1)
    True
    """
    return math.sqrt(2 / n_in)


@torch.no_grad()
def initialize(
    model: nn.Module,
    deviation: Callable[[int, int], float] = he,
    *,
    generator: Generator | None = None,
) -> None:
    """Draw the weights of every linear layer anew, and set the biases to 0.

    Parameters
    ----------
    model : nn.Module
        Changed in place.
    deviation : callable
        From the numbers of inputs and outputs of a layer to the standard deviation of
        its weights: :func:`he`, :func:`xavier` or another.
    generator : torch.Generator, optional
        Where the weights are drawn from.

    Raises
    ------
    ValueError
        If the model has no linear layer, or a deviation is negative or not finite.

    Examples
    --------
    Without a spread, the units of a layer are alike, and so are their gradients:

    >>> mlp = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    >>> initialize(mlp, lambda n_in, n_out: 0.0)
    >>> mlp[2].weight.data += 0.5
    >>> mlp(torch.randn(5, 3)).sum().backward()
    >>> mlp[0].weight.grad.std(0)
    tensor([0., 0., 0.])
    """
    layers = [m for m in model.modules() if isinstance(m, Linear | nn.Linear)]
    if not layers:
        raise ValueError(
            f"{type(model).__name__} has no linear layer whose weights could be drawn."
        )
    for layer in layers:
        n_out, n_in = layer.weight.shape
        size = deviation(n_in, n_out)
        if not 0 <= size < math.inf:
            raise ValueError(
                f"deviation({n_in}, {n_out}) gives {size}; the weights need a standard "
                "deviation, 0 or more."
            )
        layer.weight.normal_(0, size, generator=generator)
        if layer.bias is not None:
            layer.bias.zero_()


def normalize(x: T, axis: int | tuple[int, ...] = -1, eps: float = 1e-5) -> T:
    """Shift and scale to mean 0 and standard deviation 1 along an axis, or several.

    Parameters
    ----------
    x : Tensor or Variable
        Anything; it runs on both engines.
    axis : int or tuple of int
        Over which numbers mean and variance are taken.
    eps : float
        Added to the variance, so that equal numbers become 0 and not NaN.

    Examples
    --------
    Neither the size of the numbers nor what is added to all of them matters:

    >>> x = torch.arange(35.0).reshape(5, 7) ** 2
    >>> torch.allclose(normalize(10 * x + 3), normalize(x), atol=1e-4)
    True
    """
    centred = x - x.mean(axis, True)
    variance = (centred * centred).mean(axis, True)
    return centred / (variance + eps) ** 0.5


class LayerNorm(nn.Module):
    """Normalise the features of each example; equals :class:`torch.nn.LayerNorm`.

    Parameters
    ----------
    n : int
        How many features there are, along the last axis.
    eps : float
        Added to the variance.

    Raises
    ------
    ValueError
        If ``n`` is smaller than 1, ``eps`` negative, or an input has other features.

    References
    ----------
    :cite:t:`ba2016layer`, Section 3.

    Examples
    --------
    An example does not see the others of its batch:

    >>> norm, x = LayerNorm(7), torch.randn(5, 7)
    >>> torch.allclose(norm(x)[:2], norm(x[:2]))
    True
    """

    def __init__(self, n: int, eps: float = 1e-5) -> None:
        super().__init__()
        _check_settings(n, eps)
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(n))
        self.bias = nn.Parameter(torch.zeros(n))

    def forward(self, x: Tensor) -> Tensor:
        """From (..., n) to (..., n)."""
        _check_features(x, len(self.weight), axis=-1)
        return self.weight * normalize(x, -1, self.eps) + self.bias


class BatchNorm(nn.Module):
    """Normalise each feature over the batch; equals :class:`torch.nn.BatchNorm1d`.

    In training, mean and variance are those of the batch, and a running average of
    them is kept. In evaluation the running average is used.

    Parameters
    ----------
    n : int
        How many features there are, along axis 1.
    eps : float
        Added to the variance.
    momentum : float
        The share of the *new* batch in the running averages, 0 to 1.

    Shapes
    ------
    x
        (B, C), (B, C, T) or (B, C, height, width), with C = n
    result
        as x

    Raises
    ------
    ValueError
        If a setting makes no sense, an input has other features, or a batch in training
        has only one value for each feature.

    References
    ----------
    :cite:t:`ioffe2015batch`, Algorithms 1 and 2.

    Examples
    --------
    In training the output depends on the company; in evaluation it does not:

    >>> norm, x = BatchNorm(3), torch.randn(5, 3)
    >>> torch.allclose(norm(x)[:2], norm(x[:2]))
    False
    >>> _ = norm.eval()
    >>> torch.allclose(norm(x)[:2], norm(x[:2]))
    True
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor
    track_running_stats = True  # its name in torch: training changes the buffers

    def __init__(self, n: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        _check_settings(n, eps, momentum)
        self.eps, self.momentum = eps, momentum
        self.weight = nn.Parameter(torch.ones(n))
        self.bias = nn.Parameter(torch.zeros(n))
        self.register_buffer("running_mean", torch.zeros(n))
        self.register_buffer("running_var", torch.ones(n))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def forward(self, x: Tensor) -> Tensor:
        """From (B, n, ...) to (B, n, ...)."""
        _check_features(x, len(self.weight), axis=1)
        x = x.movedim(1, -1)  # (B, ..., C)
        if self.training:
            axes = tuple(range(x.dim() - 1))  # all but the features'
            self._follow(x.detach(), axes)
            x = normalize(x, axes, self.eps)
        else:
            x = (x - self.running_mean) / (self.running_var + self.eps) ** 0.5
        return (self.weight * x + self.bias).movedim(-1, 1)

    def _follow(self, x: Tensor, axes: tuple[int, ...]) -> None:
        """Let the running averages take a step towards the batch."""
        _check_spread(x)
        # A batch is divided by its own spread, the biased variance. What is remembered
        # is an estimate for examples that were not in it, the unbiased one.
        mean, variance = x.mean(axes), x.var(axes, correction=1)
        self.running_mean += self.momentum * (mean - self.running_mean)
        self.running_var += self.momentum * (variance - self.running_var)
        self.num_batches_tracked += 1


class Residual(nn.Module):
    """Add what a module computes to what it was given.

    Parameters
    ----------
    branch : nn.Module
        Its outputs have the shape of its inputs.

    Raises
    ------
    ValueError
        If they do not.

    References
    ----------
    :cite:t:`he2016deep`, Equation 1.

    Examples
    --------
    A branch that is 0 leaves its input as it is, and the gradient too:

    >>> x = torch.randn(5, 7, requires_grad=True)
    >>> silent = nn.Linear(7, 7)
    >>> initialize(silent, lambda n_in, n_out: 0.0)
    >>> torch.equal(Residual(silent)(x), x)
    True
    """

    def __init__(self, branch: nn.Module) -> None:
        super().__init__()
        self.branch = branch

    def forward(self, x: Tensor) -> Tensor:
        """From (..., C) to (..., C)."""
        change: Tensor = self.branch(x)
        if change.shape != x.shape:
            raise ValueError(
                f"the branch turns shape {tuple(x.shape)} into {tuple(change.shape)}; "
                "a residual connection adds the two, so they must be alike: give the "
                "branch as many outputs as inputs."
            )
        return x + change


def _check_settings(n: int, eps: float, momentum: float = 0.0) -> None:
    if n < 1:
        raise ValueError(f"n={n} features; there must be at least 1.")
    if not 0 <= eps < math.inf:
        raise ValueError(f"eps={eps} is added to a variance; it must be 0 or more.")
    if not 0 <= momentum <= 1:
        raise ValueError(
            f"momentum={momentum} is the share of the new batch in the running "
            "averages; it must lie between 0 and 1, for example 0.1."
        )


def _check_features(x: Tensor, n: int, axis: int) -> None:
    if x.dim() < (axis % 2) + (axis > 0) or x.shape[axis] != n:
        expected = f"(B, {n}) or (B, {n}, ...)" if axis > 0 else f"(..., {n})"
        raise ValueError(
            f"x of shape {tuple(x.shape)} does not fit a normalisation of {n} "
            f"features; expected {expected}."
        )


def _check_spread(x: Tensor) -> None:
    n = x.shape[:-1].numel()
    if n < 2:
        raise ValueError(
            f"a batch with {n} value{'s' * (n != 1)} for each of {x.shape[-1]} "
            "features has no spread to learn from; train on two examples or more, "
            "or call model.eval() if you only want predictions."
        )
