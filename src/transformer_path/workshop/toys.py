"""Which small problems can be seen whole? Points in the plane, of two classes."""

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


def _start(n: int, seed: int) -> tuple[int, np.random.Generator]:
    seed = whole("seed", seed, at_least=0)
    return whole("n", n, at_least=1), np.random.default_rng(seed)


def _examples(x: np.ndarray, labels: np.ndarray) -> Examples:
    return Examples(torch.tensor(x, dtype=torch.float32), torch.tensor(labels))
