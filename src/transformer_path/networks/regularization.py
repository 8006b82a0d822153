"""How is a network kept from memorising its examples, beyond weight decay?

Dropout silences units at random while the network learns
(:cite:t:`srivastava2014dropout`). Augmentation changes the examples instead: each time
a series is looked at, it is moved, scaled, tilted and disturbed a little, in ways that
leave its class as it is.

Both act in training only. What is measured is the whole network, on series as they
came.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
from torch import Generator, Tensor, nn

from transformer_path.workshop.batches import mixed
from transformer_path.workshop.datasets import Examples

Batch = Callable[[int], Examples]


def dropout(x: Tensor, keep: Tensor, p: float) -> Tensor:
    """Set to 0 what is not kept, and scale the rest up so that the mean stays.

    Parameters
    ----------
    x : Tensor
        What a layer computed.
    keep : Tensor
        Which of its numbers stay: bool, or 0 and 1.
    p : float
        The probability with which each of them was dropped.

    Shapes
    ------
    x, keep, result
        (...)

    Raises
    ------
    ValueError
        If ``p`` is no probability below 1, or the shapes differ.

    References
    ----------
    :cite:t:`srivastava2014dropout`, who scale the weights after the training instead.

    Examples
    --------
    The average over all masks, each with its probability, is what went in:

    >>> x, p = torch.tensor([6.0]), 0.25
    >>> kept, dropped = (dropout(x, torch.tensor([keep]), p) for keep in (True, False))
    >>> (1 - p) * kept + p * dropped
    tensor([6.])
    """
    _check_probability(p)
    if keep.shape != x.shape:
        raise ValueError(
            f"keep of shape {tuple(keep.shape)} does not fit x of shape "
            f"{tuple(x.shape)}; every number of x has its own yes or no."
        )
    return x * keep / (1 - p)


class Dropout(nn.Module):
    """Drop each number with probability ``p``; equals :class:`torch.nn.Dropout`.

    In evaluation mode nothing is dropped. The masks come from torch's shared generator,
    as those of torch's layer do: with the same seed they are the same.

    Parameters
    ----------
    p : float
        The probability with which a number is dropped.

    Raises
    ------
    ValueError
        If ``p`` is no probability below 1.

    Examples
    --------
    The mode decides:

    >>> x = torch.randn(3, 5)
    >>> torch.equal(Dropout(0.5).eval()(x), x)
    True
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        _check_probability(p)
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """From (...) to (...)."""
        if not self.training or self.p == 0:
            return x
        keep = torch.bernoulli(x.detach(), 1 - self.p)  # of its shape; 1 - p of them 1
        return dropout(x, keep, self.p)

    def extra_repr(self) -> str:
        """Say p, where a model is printed."""
        return f"p={self.p}"


def shift(x: Tensor, by: Tensor) -> Tensor:
    """Move each series along; what leaves at one end returns at the other.

    Shapes
    ------
    x, result
        (..., T)
    by
        (...), whole numbers of positions; a positive one moves to the right

    Raises
    ------
    ValueError
        If ``by`` is not one whole number for each series.

    Examples
    --------
    >>> shift(torch.tensor([[1, 2, 3, 4], [1, 2, 3, 4]]), torch.tensor([1, -1]))
    tensor([[4, 1, 2, 3],
            [2, 3, 4, 1]])
    """
    if by.shape != x.shape[:-1] or by.is_floating_point():
        raise ValueError(
            f"by of shape {tuple(by.shape)} and type {by.dtype} does not move x of "
            f"shape {tuple(x.shape)}; expected {tuple(x.shape[:-1])}, a whole number "
            "for each series."
        )
    positions = torch.arange(x.shape[-1], device=x.device) - by[..., None]  # (..., T)
    return x.gather(-1, positions % x.shape[-1])


def shear(x: Tensor, slope: Tensor) -> Tensor:
    """Tilt each series: add a line that is 0 in the middle and falls by ``slope``.

    Shapes
    ------
    x, result
        (..., T)
    slope
        (...)

    Raises
    ------
    ValueError
        If ``slope`` is not one number for each series.

    Examples
    --------
    >>> shear(torch.zeros(1, 5), torch.tensor([2.0]))
    tensor([[ 1.0000,  0.5000,  0.0000, -0.5000, -1.0000]])
    """
    if slope.shape != x.shape[:-1]:
        raise ValueError(
            f"slope of shape {tuple(slope.shape)} does not tilt x of shape "
            f"{tuple(x.shape)}; expected {tuple(x.shape[:-1])}, one for each series."
        )
    line = torch.linspace(0.5, -0.5, x.shape[-1], dtype=x.dtype, device=x.device)
    return x + slope[..., None] * line


@dataclass(frozen=True, kw_only=True)
class Augment:
    """Change series at random, in ways that leave the class as it is.

    Each setting is the end of a range that is drawn from evenly, anew for every series,
    except the noise, which is normal. With all of them at 0 a series stays as it is.

    Parameters
    ----------
    shift : int
        So many positions to the left or right, at most.
    scale : float
        Its height times a factor between ``1 - scale`` and ``1 + scale``.
    shear : float
        Tilted by a slope between ``-shear`` and ``shear``.
    noise : float
        The standard deviation of what is added to every value by itself.

    Raises
    ------
    ValueError
        If a setting is negative or not finite, ``shift`` is not whole, or ``scale``
        is 1 or more, which could turn a series upside down.

    References
    ----------
    :cite:t:`greydanus2024mnist1d`, Section 3: the generator of MNIST-1D draws a
    shift, a factor, a slope and noise for each series.

    Examples
    --------
    >>> x, generator = torch.randn(3, 40), torch.Generator().manual_seed(0)
    >>> torch.equal(Augment()(x, generator), x)
    True
    >>> moved = Augment(shift=2)(x, generator)
    >>> torch.equal(moved.sort(-1).values, x.sort(-1).values)  # the same numbers
    True
    """

    shift: int = 0
    scale: float = 0.0
    shear: float = 0.0
    noise: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not 0 <= value < float("inf"):
                raise ValueError(
                    f"{field.name}={value} is no range; give 0 or more (0 leaves the "
                    "series as it is)."
                )
        if self.shift % 1:
            raise ValueError(f"shift={self.shift} must be a whole number of positions.")
        if self.scale >= 1:
            raise ValueError(
                f"scale={self.scale} allows a factor of {1 - self.scale:g}, which "
                "erases a series or turns it upside down; stay below 1."
            )

    def __call__(self, x: Tensor, generator: Generator) -> Tensor:
        """From series (..., T) to changed ones."""
        each = x.shape[:-1]

        def between(limit: float) -> Tensor:
            return limit * (
                2 * torch.rand(each, generator=generator, dtype=x.dtype) - 1
            )

        if self.shift:
            low, high = -int(self.shift), int(self.shift) + 1
            x = shift(x, torch.randint(low, high, each, generator=generator))
        if self.scale:
            x = x * (1 + between(self.scale))[..., None]
        if self.shear:
            x = shear(x, between(self.shear))
        if self.noise:
            x = x + self.noise * torch.randn(
                x.shape, generator=generator, dtype=x.dtype
            )
        return x


def augmented(batch: Batch, augment: Augment, *, seed: int = 0) -> Batch:
    """Change the series of every minibatch; the labels stay.

    Parameters
    ----------
    batch : callable
        From the number of a step to its examples, as from
        :func:`~transformer_path.workshop.batches.minibatches`.
    augment : Augment
        What may be changed, and how far.
    seed : int
        Decides the changes. A step's are always the same, and no two steps' are.

    Examples
    --------
    >>> from transformer_path.workshop.batches import minibatches
    >>> series = Examples(torch.randn(6, 40), torch.arange(6))
    >>> batch = augmented(minibatches(series, 3), Augment(noise=0.1))
    >>> torch.equal(batch(0).x, batch(0).x)
    True
    """

    def changed(step: int) -> Examples:
        x, y = batch(step)
        generator = torch.Generator().manual_seed(mixed(seed, step))
        return Examples(augment(x, generator), y)

    return changed


def _check_probability(p: float) -> None:
    if not 0 <= p < 1:
        raise ValueError(
            f"p={p} is no probability of being dropped; give 0 or more and less than "
            "1, for example 0.2."
        )
