"""Which small problems can be seen whole? Points in the plane, spikes in noise."""

import numpy as np
import torch

from transformer_path.workshop._inputs import whole
from transformer_path.workshop.datasets import Examples


def spirals(n: int, *, seed: int, noise: float = 0.04) -> Examples:
    """Two arms, wound around each other one and a half times.

    Parameters
    ----------
    n : int
        How many points; they lie on the two arms by turns.
    seed : int
        Decides the places of the points.
    noise : float
        How far they lie beside their arm: the standard deviation of each coordinate.

    Returns
    -------
    examples : Examples
        ``x`` of shape (N, 2), from about -2 to 2, and the number of the arm, 0 or 1.

    References
    ----------
    :cite:t:`lang1988spirals`, who wound them three times.

    Examples
    --------
    Half a turn of the plane takes one arm onto the other: outermost, they lie on
    opposite sides.

    >>> x, y = spirals(1000, seed=0)
    >>> last = [x[y == arm][x[y == arm].norm(dim=1).argmax()] for arm in (0, 1)]
    >>> bool((last[0] + last[1]).norm() < 0.5)
    True
    """
    n, rng = _start(n, seed)
    arm = np.arange(n) % 2
    turn = 3 * np.pi * np.sqrt(rng.uniform(0.02, 1, n))  # evenly along the arms
    angle, length = turn + np.pi * arm, 2 * turn / (3 * np.pi)
    x = length[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    return _examples(x + rng.normal(0, noise, (n, 2)), arm)


def moons(n: int, *, seed: int, noise: float = 0.1) -> Examples:
    """Two half circles, each with one end inside the other.

    Parameters
    ----------
    n : int
        How many points; they lie on the two moons by turns.
    seed : int
        Decides the places of the points.
    noise : float
        How far they lie beside their moon: the standard deviation of each coordinate.

    Returns
    -------
    examples : Examples
        ``x`` of shape (N, 2), from about -1.5 to 1.5, and the number of the moon.

    Examples
    --------
    Half a turn around the origin takes one moon onto the other:

    >>> x, y = moons(1000, seed=0)
    >>> centres = x[y == 0].mean(0), x[y == 1].mean(0)
    >>> bool((centres[0] + centres[1]).norm() < 0.1)
    True
    """
    n, rng = _start(n, seed)
    angle, moon = rng.uniform(0, np.pi, n), np.arange(n) % 2
    side = 1 - 2 * moon
    x = np.stack([side * (np.cos(angle) - 0.5), side * (np.sin(angle) - 0.25)], 1)
    return _examples(x + rng.normal(0, noise, (n, 2)), moon)


def two_events(
    n: int,
    *,
    seed: int,
    distance: int | tuple[int, int] = (1, 24),
    length: int = 80,
    margin: int = 26,
    noise: float = 0.3,
) -> Examples:
    """Series of noise with a spike up and a spike down; the class: which comes first.

    Parameters
    ----------
    n : int
        How many series.
    seed : int
        Decides their classes, places and noise.
    distance : int or (int, int)
        How many positions the spikes lie apart, or between which two numbers.
    length, margin : int
        How long a series is, and how near to its ends no spike may come. A window that
        is not longer than ``margin + 1`` then fits around a spike in every way.
    noise : float
        Its standard deviation; the spikes are 3 high.

    Returns
    -------
    examples : Examples
        ``x`` of shape (N, length); 0 where the spike up is first, 1 where it is last.

    Raises
    ------
    ValueError
        If two spikes so far apart do not fit between the margins.

    Examples
    --------
    Read from its end, a series belongs to the other class:

    >>> x, y = two_events(5, seed=0, noise=0)
    >>> torch.equal((x.argmax(1) > x.argmin(1)).long(), y)
    True
    >>> torch.equal((x.flip(1).argmax(1) > x.flip(1).argmin(1)).long(), 1 - y)
    True
    """
    n, rng = _start(n, seed)
    near, far = (distance, distance) if isinstance(distance, int) else distance
    if not 1 <= near <= far < length - 2 * margin:
        raise ValueError(
            f"distance={distance} does not fit between margins of {margin} in a series "
            f"of length {length}; it may go from 1 to {length - 2 * margin - 1}."
        )
    apart = rng.integers(near, far + 1, n)
    first = margin + rng.integers(0, length - 2 * margin - apart)
    label, rows = rng.permutation(n) % 2, np.arange(n)  # as many of either
    x = rng.normal(0, noise, (n, length))
    x[rows, first] += 3 * (1 - 2 * label)
    x[rows, first + apart] -= 3 * (1 - 2 * label)
    return _examples(x, label)


def _start(n: int, seed: int) -> tuple[int, np.random.Generator]:
    seed = whole("seed", seed, at_least=0)
    return whole("n", n, at_least=1), np.random.default_rng(seed)


def _examples(x: np.ndarray, labels: np.ndarray) -> Examples:
    return Examples(torch.tensor(x, dtype=torch.float32), torch.tensor(labels))
