"""What if the same detector looks everywhere?

A convolution cuts the input into windows and gives each of them to the same small
linear layer (:cite:t:`lecun1998gradient`, Section II). Pooling keeps one number of a
window. The functions take one axis of positions, ``(B, C, T)``, or two,
``(B, C, H, W)``. Like all of the field, they slide the kernel as it is; mathematics
calls that a cross-correlation.
"""

from collections.abc import Iterable, Sequence
from math import gcd, prod

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from transformer_path.workshop._inputs import whole

Sizes = int | Sequence[int]
"""One number for all axes of positions, or one for each."""


def windows(
    x: Tensor, size: Sizes, *, stride: Sizes = 1, dilation: Sizes = 1
) -> Tensor:
    """Cut windows out of the input, one for every place of the kernel.

    Parameters
    ----------
    x : Tensor
        One or two axes of positions, behind the channels.
    size, stride, dilation : int or sequence of int
        How many positions a window takes, how far it moves from one place to the next,
        and how far apart its positions lie.

    Shapes
    ------
    x
        (B, C, T) or (B, C, H, W)
    result
        (B, C, T', K) or (B, C, H', W', K, L), where T' is
        ⌊(T - dilation · (K - 1) - 1) / stride⌋ + 1

    Raises
    ------
    ValueError
        If a number is too small, or a window is longer than the input.

    Examples
    --------
    >>> windows(torch.arange(6).view(1, 1, 6), 3, stride=2)[0, 0]
    tensor([[0, 1, 2],
            [2, 3, 4]])
    >>> windows(torch.arange(6).view(1, 1, 6), 3, dilation=2)[0, 0]
    tensor([[0, 2, 4],
            [1, 3, 5]])
    """
    axes = _axes(x)
    sizes, strides, dilations = (
        _per_axis(name, numbers, axes)
        for name, numbers in [
            ("size", size),
            ("stride", stride),
            ("dilation", dilation),
        ]
    )
    for axis, k, s, d in zip(
        range(2, 2 + axes), sizes, strides, dilations, strict=True
    ):
        span = d * (k - 1) + 1
        places = x.shape[axis] - span + 1  # of a window that moves by 1
        if places < 1:
            raise ValueError(
                f"a window over {span} positions (size {k}, dilation {d}) is longer "
                f"than axis {axis} of the input, {x.shape[axis]} with its padding; pad "
                "more, or use a smaller window."
            )
        if s == span:  # side by side: a view, so that pooling copies nothing
            n = x.shape[axis] // s
            x = torch.unflatten(x.narrow(axis, 0, n * s), axis, (n, s))
            x = x.movedim(axis + 1, -1)[..., ::d]
        else:
            cuts = [slice(i * d, i * d + places, s) for i in range(k)]
            before = (slice(None),) * axis
            x = torch.stack([x[(*before, cut)] for cut in cuts], -1)
    return x


def convolve(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    stride: Sizes = 1,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """Give every window of the input to the same linear layer.

    Parameters
    ----------
    x : Tensor
        The input.
    weight : Tensor
        One kernel for each output channel.
    bias : Tensor, optional
        One number for each output channel.
    stride, dilation : int or sequence of int
        As for :func:`windows`.
    padding : int or sequence of int
        How many zeros are put at either end first.
    groups : int
        Into how many parts the channels are split; each part of the output sees only
        the same part of the input.

    Shapes
    ------
    x
        (B, C, T) or (B, C, H, W)
    weight
        (F, C / groups, K) or (F, C / groups, K, L)
    bias
        (F,)
    result
        (B, F, T') or (B, F, H', W')

    Raises
    ------
    ValueError
        If the shapes do not fit, or a window is longer than the padded input.

    References
    ----------
    :cite:t:`dumoulin2016guide`, whose figures show what each number does.

    Examples
    --------
    What moves in the input moves in the output, as long as the edges see only zeros:

    >>> x, weight = torch.zeros(1, 1, 20), torch.randn(1, 1, 5)
    >>> x[..., 4:8] = torch.randn(4)
    >>> before, after = convolve(x, weight), convolve(x.roll(7, -1), weight)
    >>> torch.allclose(after, before.roll(7, -1), atol=1e-6)
    True
    """
    _check_shapes(x, weight, bias, groups)
    axes = _axes(x)
    ends = _per_axis("padding", padding, axes, at_least=0)
    x = F.pad(x, [n for n in reversed(ends) for _ in "<>"])  # torch: last axis first
    seen = windows(x, weight.shape[2:], stride=stride, dilation=dilation)
    seen = torch.unflatten(seen, 1, (groups, -1))  # (B, G, C / G, T', K)
    kernels = torch.unflatten(weight, 0, (groups, -1))  # (G, F / G, C / G, K)
    result = torch.einsum(_SUMS[axes], kernels, seen).flatten(1, 2)  # (B, F, T')
    return result if bias is None else result + bias.view(-1, *[1] * axes)


_SUMS = {1: "gfck,bgctk->bgft", 2: "gfckl,bgchwkl->bgfhw"}


def max_pool(x: Tensor, size: Sizes, *, stride: Sizes | None = None) -> Tensor:
    """Keep the largest number of every window, channel by channel.

    Where several are the largest, the first of them gets the gradient, as in torch.

    Parameters
    ----------
    x : Tensor
        The input.
    size : int or sequence of int
        How many positions a window takes.
    stride : int or sequence of int, optional
        How far it moves; by its own size if not given, so that windows do not overlap.

    Shapes
    ------
    x
        (B, C, T) or (B, C, H, W)
    result
        (B, C, T') or (B, C, H', W')

    Raises
    ------
    ValueError
        If a number is too small, or a window is longer than the input.

    Examples
    --------
    >>> max_pool(torch.tensor([[[1.0, 5.0, 2.0, 4.0, 3.0]]]), 2)
    tensor([[[5., 4.]]])
    """
    seen = windows(x, size, stride=size if stride is None else stride)
    return seen.flatten(x.dim()).max(-1).values


def average_pool(x: Tensor, size: Sizes, *, stride: Sizes | None = None) -> Tensor:
    """Keep the mean of every window, channel by channel; else as :func:`max_pool`.

    Examples
    --------
    A convolution whose weights are all the same:

    >>> x = torch.randn(2, 1, 9)
    >>> same = convolve(x, torch.full((1, 1, 3), 1 / 3), stride=3)
    >>> torch.allclose(average_pool(x, 3), same, atol=1e-6)
    True
    """
    seen = windows(x, size, stride=size if stride is None else stride)
    return seen.flatten(x.dim()).mean(-1)


class _Convolution(nn.Module):
    """The weights of a convolution over ``axes`` axes of positions."""

    axes: int

    def __init__(
        self,
        n_in: int,
        n_out: int,
        size: Sizes,
        *,
        stride: Sizes = 1,
        padding: Sizes = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        _check_channels(n_in, n_out, groups)
        self.size = _per_axis("size", size, self.axes)
        self.stride = _per_axis("stride", stride, self.axes)
        self.padding = _per_axis("padding", padding, self.axes, at_least=0)
        self.dilation = _per_axis("dilation", dilation, self.axes)
        self.groups = groups
        limit = (n_in // groups * prod(self.size)) ** -0.5
        weight = torch.empty(n_out, n_in // groups, *self.size)
        self.weight = nn.Parameter(weight.uniform_(-limit, limit, generator=generator))
        self.bias = None
        if bias:
            offsets = torch.empty(n_out).uniform_(-limit, limit, generator=generator)
            self.bias = nn.Parameter(offsets)

    def forward(self, x: Tensor) -> Tensor:
        """From (B, n_in, T) to (B, n_out, T'), or with two axes of positions."""
        return convolve(
            x,
            self.weight,
            self.bias,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            groups=self.groups,
        )


class Conv1d(_Convolution):
    """A convolution along one axis; equals :class:`torch.nn.Conv1d`.

    Parameters
    ----------
    n_in, n_out : int
        How many channels come in, and how many kernels there are.
    size, stride, padding, dilation : int or sequence of int
        As for :func:`convolve`.
    groups : int
        As for :func:`convolve`; divides both numbers of channels.
    bias : bool
        Whether a number is added to each output channel.
    generator : torch.Generator, optional
        Where the first weights are drawn from, evenly between ±1/√n, where n is how
        many inputs one output has.

    Raises
    ------
    ValueError
        If a number is too small, or ``groups`` does not divide the channels.

    Examples
    --------
    It has as many parameters for a long input as for a short one:

    >>> layer = Conv1d(3, 7, 5, padding=2)
    >>> sum(p.numel() for p in layer.parameters())
    112
    >>> layer(torch.ones(2, 3, 11)).shape, layer(torch.ones(2, 3, 1100)).shape
    (torch.Size([2, 7, 11]), torch.Size([2, 7, 1100]))
    """

    axes = 1


class Conv2d(_Convolution):
    """A convolution over height and width; equals :class:`torch.nn.Conv2d`.

    The parameters are those of :class:`Conv1d`; a pair, such as ``size=(3, 5)``, is one
    number for the height and one for the width.
    """

    axes = 2


class MaxPool(nn.Module):
    """:func:`max_pool` as a layer; equals ``nn.MaxPool1d`` and ``nn.MaxPool2d``."""

    def __init__(self, size: Sizes, *, stride: Sizes | None = None) -> None:
        super().__init__()
        self.size, self.stride = size, size if stride is None else stride

    def forward(self, x: Tensor) -> Tensor:
        """From (B, C, T) to (B, C, T'), or with two axes of positions."""
        return max_pool(x, self.size, stride=self.stride)


class AveragePool(MaxPool):
    """:func:`average_pool` as a layer; equals ``nn.AvgPool1d`` and ``nn.AvgPool2d``."""

    def forward(self, x: Tensor) -> Tensor:
        """From (B, C, T) to (B, C, T'), or with two axes of positions."""
        return average_pool(x, self.size, stride=self.stride)


def receptive_field(layers: Iterable[nn.Module]) -> int:
    """How many neighbouring inputs can one output depend on, along the last axis?

    A layer widens the view by its window, less one, in steps of all strides before it.

    Parameters
    ----------
    layers : iterable of nn.Module
        In their order, as an ``nn.Sequential`` gives them. Those without a window, such
        as an activation function, look at one position and change nothing.

    References
    ----------
    :cite:t:`araujo2019computing`, for networks with a single path.

    Examples
    --------
    Two windows of 3 see as far as one of 5; a stride lets what follows see farther:

    >>> receptive_field([Conv1d(1, 8, 3), nn.ReLU(), Conv1d(8, 8, 3)])
    5
    >>> receptive_field([Conv1d(1, 8, 3), MaxPool(2), Conv1d(8, 8, 3)])
    8
    """
    seen = step = 1
    for layer in layers:
        if isinstance(layer, _Convolution | MaxPool):
            size, stride = _last(layer.size), _last(layer.stride)
            dilation = layer.dilation[-1] if isinstance(layer, _Convolution) else 1
            seen += step * dilation * (size - 1)
            step *= stride
    return seen


def _last(numbers: Sizes) -> int:
    return numbers if isinstance(numbers, int) else numbers[-1]


def _axes(x: Tensor) -> int:
    if x.dim() not in (3, 4):
        raise ValueError(
            f"x of shape {tuple(x.shape)} is no batch of channels over positions; "
            "expected (B, C, T) or (B, C, H, W); x[:, None] adds a single channel."
        )
    return x.dim() - 2


def _per_axis(
    name: str, numbers: Sizes, axes: int, at_least: int = 1
) -> tuple[int, ...]:
    each = tuple(numbers) if isinstance(numbers, Sequence) else (numbers,) * axes
    if len(each) != axes:
        raise ValueError(
            f"{name}={numbers} holds {len(each)} numbers for {axes} axes of positions; "
            "give one for all, or one for each."
        )
    return tuple(whole(name, number, at_least) for number in each)


def _check_channels(n_in: int, n_out: int, groups: int) -> None:
    for name, number in {"n_in": n_in, "n_out": n_out, "groups": groups}.items():
        whole(name, number, at_least=1)
    if n_in % groups or n_out % groups:
        common = gcd(n_in, n_out)
        possible = [n for n in range(1, common + 1) if common % n == 0]
        raise ValueError(
            f"groups={groups} does not divide n_in={n_in} and n_out={n_out}; it may be "
            f"one of {possible}."
        )


def _check_shapes(x: Tensor, weight: Tensor, bias: Tensor | None, groups: int) -> None:
    axes, given = _axes(x), f"weight of shape {tuple(weight.shape)}"
    n_out, channels = weight.shape[0], x.shape[1]
    if weight.dim() != axes + 2:
        raise ValueError(
            f"{given} does not fit x of shape {tuple(x.shape)}; expected "
            f"{('(F, C, K)', '(F, C, K, L)')[axes - 1]}, one kernel for each output."
        )
    _check_channels(channels, n_out, groups)
    if channels != weight.shape[1] * groups:
        raise ValueError(
            f"{given} with groups={groups} takes {weight.shape[1] * groups} channels, "
            f"but x of shape {tuple(x.shape)} has {channels} along axis 1."
        )
    if bias is not None and bias.shape != (n_out,):
        raise ValueError(
            f"bias of shape {tuple(bias.shape)} does not fit {given}; expected "
            f"({n_out},), one for each output channel."
        )
