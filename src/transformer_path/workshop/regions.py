"""In how many linear pieces does a ReLU network compute? Counted exactly, not sampled.

Between two kinks nothing changes in which units are active, and the network is linear.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from transformer_path.workshop._inputs import finite, points

Array = NDArray[np.float64]


def breakpoints(parameters: Sequence[Tensor], low: float, high: float) -> Tensor:
    """Find where units of a ReLU network of one input become active or inactive.

    Layer by layer: between the kinks found so far every unit's weighted sum is a
    straight line, so it crosses zero once or never.

    Parameters
    ----------
    parameters : sequence of Tensor
        The weight and the bias of the first layer, of the second, and so on.
    low, high : float
        The interval to look at.

    Returns
    -------
    Tensor of shape (number of kinks,)
        In order and strictly inside the interval; one more is the number of pieces.

    Raises
    ------
    ValueError
        If this is no network of one input.

    References
    ----------
    :cite:t:`hanin2019complexity`, who count them in the same way.

    Examples
    --------
    The absolute value of x, and again, moved down by one:

    >>> both, apart = torch.tensor([[1.0], [-1.0]]), torch.zeros(2)
    >>> add, one = torch.tensor([[1.0, 1.0]]), torch.ones(1)
    >>> twice = [both, apart, both @ add, torch.tensor([-1.0, 1.0]), add, -one]
    >>> breakpoints(twice, -3, 3)
    tensor([-1.,  0.,  1.], dtype=torch.float64)
    """
    weights = [finite("parameters", p).detach().double().numpy() for p in parameters]
    if len(weights) < 2 or len(weights) % 2 or weights[0].shape[-1:] != (1,):
        raise ValueError(
            f"parameters of shapes {[tuple(p.shape) for p in parameters]} are no "
            "network of one input; give (F, 1), (F,), ..., weight and bias by turns."
        )
    x = np.array([low, high], float)
    kinks = x[:0]
    for depth in range(2, len(weights), 2):
        sums = _sums(x, weights[:depth])  # (N, F), straight lines between the x
        kinks = np.union1d(kinks, _crossings(x, sums))
        x = np.concatenate([[low], kinks, [high]])
    return torch.from_numpy(kinks)


def _sums(x: Array, weights: Sequence[Array]) -> Array:
    """Compute the weighted sums of the last of some layers, before its ReLU."""
    hidden = x[:, None]
    for weight, bias in zip(weights[:-2:2], weights[1:-2:2], strict=True):
        hidden = np.maximum(hidden @ weight.T + bias, 0)
    return np.asarray(hidden @ weights[-2].T + weights[-1])


def _crossings(x: Array, sums: Array) -> Array:
    """Find where straight lines between the rows of ``sums`` cross zero."""
    scale = np.abs(sums).max(0, initial=1.0)
    signs = np.sign(np.where(np.abs(sums) < 1e-12 * scale, 0, sums))
    left, unit = np.nonzero(signs[:-1] * signs[1:] < 0)
    a, b = sums[left, unit], sums[left + 1, unit]
    return x[left] + (x[left + 1] - x[left]) * a / (a - b)


def regions(weight: Tensor, bias: Tensor, reach: float) -> int:
    """Count into how many regions the lines of units cut a square of the plane.

    Every line that crosses the square adds a region, and one more for each line that
    it meets inside: true for lines of which no three meet in a point.

    Parameters
    ----------
    weight, bias : Tensor of shape (F, 2) and (F,)
        A unit's line is where its weighted sum is zero.
    reach : float
        The square runs from -reach to reach.

    Raises
    ------
    ValueError
        If these are no lines in the plane.

    Examples
    --------
    Three lines make 7 regions, if all of their crossings are in sight:

    >>> weight = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    >>> bias = torch.tensor([0.0, 0.0, -1.0])
    >>> regions(weight, bias, reach=2.0), regions(weight, bias, reach=0.5)
    (7, 4)
    """
    w = points("weight", weight.detach().double())
    b = finite("bias", bias.detach().double())
    if w.shape[1] != 2 or b.shape != w.shape[:1]:
        raise ValueError(
            f"weight of shape {tuple(w.shape)} and bias of shape {tuple(b.shape)} are "
            "no lines in the plane; give (F, 2) and (F,), a row for each."
        )
    crosses = b.abs() < reach * w.abs().sum(1)  # some corners lie on either side
    w, b = w[crosses], b[crosses]
    pair = torch.triu_indices(len(w), len(w), 1).T  # (pairs, 2)
    pairs, shifts = w[pair], b[pair]  # (pairs, 2, 2), (pairs, 2)
    skew = torch.linalg.det(pairs).abs() > 1e-12
    meet = torch.linalg.solve(pairs[skew], -shifts[skew])  # (pairs, 2)
    return 1 + len(w) + int((meet.abs() < reach).all(1).sum())
