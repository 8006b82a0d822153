"""How is a series of MNIST-1D made?

The ``mnist1d`` package makes one series at a time. Here the same numbers are drawn in
the same order, and what follows is computed for all series at once: the same series,
several times as fast, and with what was drawn for each of them.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from mnist1d.data import get_dataset_args, get_templates
from numpy.random import RandomState
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

Array = NDArray[np.float64]


class Made(NamedTuple):
    """Series and what was drawn for each of them.

    ``x`` has shape (N, 40), not centred yet; all others have shape (N,): the class
    ``y``, the zeros added behind the template (few of them stretch it), the factor of
    its height, the shift and the slope.
    """

    x: Array
    y: NDArray[np.int64]
    padding: NDArray[np.int64]
    height: Array
    shift: NDArray[np.int64]
    slope: Array


def make(n: int, seed: int, *, max_shift: int = 47, **fixed: float) -> Made:
    """Make ``n`` series, a tenth of each class, in a random order.

    Parameters
    ----------
    n : int
        A multiple of 10.
    seed : int
        Decides all that is random; 42 is the published data set's.
    max_shift : int
        The largest shift, in positions of the 72 before they are resampled to 40; the
        shifts run from 0. The published series have 47.
    **fixed : float
        Any of ``padding``, ``height``, ``shift`` and ``slope``: the same for every
        series, in place of what was drawn. All else stays as it was drawn.

    Raises
    ------
    ValueError
        If ``n`` is not a multiple of 10, ``max_shift`` is negative, or what is to be
        fixed is none of these.

    References
    ----------
    :cite:t:`greydanus2024mnist1d`, Section 3.

    Examples
    --------
    The published series were centred and scaled after they had been made:

    >>> from mnist1d.data import make_dataset
    >>> x, published = make(5000, seed=42).x, make_dataset()
    >>> bool(np.allclose((x[:4000] - x.mean()) / x.std(), published["x"]))
    True

    The same series, had nothing tilted them:

    >>> level, line = make(5000, seed=42, slope=0).x, np.linspace(-0.5, 0.5, 40)
    >>> tilt = np.outer(make(5000, seed=42).slope, line)
    >>> bool(np.allclose(level - tilt, x))
    True
    """
    if n % 10 or n < 10:
        raise ValueError(f"n={n}; it must be a multiple of 10, as many of each class.")
    if max_shift < 0:
        raise ValueError(f"max_shift={max_shift}; shifts run from 0 to it: 0 or more.")
    draws, args = RandomState(seed), get_dataset_args()
    low, high = args.padding
    length = args.template_len + high
    y = np.repeat(np.arange(10), n // 10)
    padding, shift = np.empty(n, np.int64), np.empty(n, np.int64)
    height, slope = np.empty(n), np.empty(n)
    smooth, rough = np.empty((n, length)), np.empty((n, length))
    for i in range(n):  # in the order of the package
        padding[i] = low + int(draws.rand() * (high - low + 1))
        height[i] = 1 + args.scale_coeff * (draws.rand() - 0.5)
        shift[i] = draws.choice(max_shift + 1)
        smooth[i] = draws.randn(length)
        rough[i] = draws.randn(length)
        slope[i] = args.shear_scale * (draws.rand() - 0.5)
    _fix({"padding": padding, "height": height, "shift": shift, "slope": slope}, fixed)

    positions = (np.arange(length) - shift[:, None]) % length
    shape = height[:, None] * _stretched(low, high, length)[y, padding - low]
    shape = np.take_along_axis(shape, positions, 1)
    smooth = gaussian_filter1d(args.corr_noise_scale * smooth, 2)
    x = np.where(shape != 0, shape, smooth) + args.iid_noise_scale * rough
    x -= slope[:, None] * np.linspace(-0.5, 0.5, length)
    x = _resampled(x, args.final_seq_length)
    o = draws.permutation(n)
    return Made(x[o], y[o], padding[o], height[o], shift[o], slope[o])


def _fix(
    drawn: Mapping[str, Array | NDArray[np.int64]], fixed: Mapping[str, float]
) -> None:
    """Overwrite what was drawn."""
    for name, value in fixed.items():
        if name not in drawn:
            raise ValueError(
                f"{name}={value} cannot be fixed; choose among {', '.join(drawn)}."
            )
        drawn[name][:] = value


def _stretched(low: int, high: int, length: int) -> Array:
    """Every template with every padding, all of one length, (10, paddings, length)."""
    templates = get_templates()["x"] + 1e-8  # so that only what is added is zero
    padded = [np.pad(templates, ((0, 0), (0, p))) for p in range(low, high + 1)]
    return np.stack([_resampled(each, length) for each in padded], 1)


def _resampled(x: Array, n: int) -> Array:
    """Interpolate each row to n values, from its first to its last."""
    at = np.linspace(0, 1, n) * (x.shape[1] - 1)
    left = np.minimum(at.astype(int), x.shape[1] - 2)
    share = at - left
    return np.asarray(x[:, left] * (1 - share) + x[:, left + 1] * share)
