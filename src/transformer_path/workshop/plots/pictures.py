"""How are data drawn? As points, regions, matrices, small series side by side.

Data is ink. What a model computes is drawn in the colour of its architecture, as areas
that are the more opaque the higher the value.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from numpy.typing import ArrayLike, NDArray

from transformer_path.workshop.palette import LIGHT

from .style import figure

RINGS = (("o", "ink", True), ("o", "ink", False))


def heatmap(
    ax: Axes,
    values: ArrayLike,
    color: str = "attention",
    *,
    negative: str = "failure",
    scale: float | None = None,
) -> None:
    """Draw a matrix as squares whose opacity is the value.

    Unlike ``imshow`` this leaves no bitmap behind, so the figure follows the theme.
    Square (i, j) is centred on x = j, y = i, and row 0 is at the top.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    values : array_like of shape (N, M)
        The matrix.
    color, negative : str
        Names of the colours for values above and below zero.
    scale : float, optional
        The value that is drawn opaque; by default the largest magnitude.
    """
    matrix = np.asarray(values, float)
    rows, columns = matrix.shape
    largest = float(np.abs(matrix).max()) if scale is None else scale
    # 64 steps of opacity look continuous, and squares of one step share one path.
    levels = np.rint(np.clip(matrix / (largest or 1.0), -1, 1) * 64).astype(int)
    for level in np.unique(levels[levels != 0]):
        squares = [_square(i, j) for i, j in np.argwhere(levels == level)]
        hue = LIGHT[color if level > 0 else negative]
        shape = Path.make_compound_path(*squares)
        ax.add_patch(
            PathPatch(shape, fc=hue, lw=0, alpha=abs(level) / 64, antialiased=False)
        )
    ax.grid(False)
    ax.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5), aspect="equal")


def _square(i: float, j: float) -> Path:
    corners = [(j + a, i + b) for a, b in _CORNERS]
    return Path(corners, closed=True)


def panels(
    titles: Iterable[object],
    columns: int = 5,
    *,
    width: float = 4.9,
    height: float = 2.1,
) -> tuple[Figure, list[Axes]]:
    """Start a figure of small multiples: bare axes in rows, on common scales.

    Parameters
    ----------
    titles : iterable
        One for each; an empty one leaves its place.
    columns : int
        How many stand in a row.
    width, height : float
        Size of the whole in inches.

    Returns
    -------
    Figure, list of Axes
        Without ticks and spines, row by row.
    """
    names = [str(title) for title in titles]
    fig, first = figure(width, height)
    first.remove()
    rows = -(-len(names) // columns)
    grid = fig.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for ax in grid.flat[len(names) :]:
        ax.remove()
    axes = list(grid.flat[: len(names)])
    for ax, name in zip(axes, names, strict=True):
        ax.set(title=name, xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
        ax.grid(False)
    return fig, axes


def series(ax: Axes, values: ArrayLike, color: str = "ink", width: float = 1.2) -> None:
    """Draw a series over its positions, with a faint line at zero.

    Parameters
    ----------
    ax : Axes
        Where to draw, one of :func:`panels` perhaps.
    values : array_like of shape (T,)
        The series.
    color : str
        Name of a colour of the book.
    width : float
        Of the line, in points.
    """
    ax.axhline(0, color=LIGHT["hairline"], linewidth=0.8, zorder=0)
    ax.plot(np.asarray(values, float), color=LIGHT[color], linewidth=width)


def points(
    ax: Axes,
    x: ArrayLike,
    labels: ArrayLike,
    looks: Sequence[tuple[str, str, bool]] = RINGS,
    size: float = 3.5,
) -> None:
    """Draw labelled points in the plane, full dots and rings if there are two classes.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    x : array_like of shape (N, 2)
        The points.
    labels : array_like of shape (N,)
        The class of each, counted from 0.
    looks : sequence of (marker, colour name, full)
        One for each class. A digit is a marker too: ``("$7$", "ink", True)``.
    size : float
        Of the markers, in points.
    """
    x, labels = np.asarray(x, float), np.asarray(labels)
    if (most := int(labels.max(initial=0))) >= len(looks):
        raise ValueError(f"label {most} has no look; looks has {len(looks)}: add some.")
    for label, (marker, color, full) in enumerate(looks):
        ax.plot(
            *x[labels == label].T,
            marker=marker,
            linestyle="none",
            color=LIGHT[color],
            markersize=size,
            markerfacecolor=LIGHT[color] if full else "none",
            markeredgewidth=0.1 if marker.startswith("$") else 0.8,
            alpha=0.8,
        )


def decision_region(
    ax: Axes,
    height: Callable[[NDArray[np.float64]], ArrayLike],
    reach: float,
    color: str = "mlp",
    *,
    levels: Sequence[float] = (0.1, 0.3, 0.5, 0.7, 0.9),
    boundary: float = 0.5,
    n: int = 81,
) -> None:
    """Shade a square of the plane, the darker the higher a function is there.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    height : callable
        From points (N, 2), an array, to N numbers: the probability of class 1, say.
    reach : float
        The square runs from -reach to reach.
    color : str
        Name of a colour of the book.
    levels : sequence of float
        Where it gets darker by a shade.
    boundary : float
        The value whose line is drawn.
    n : int
        Points of the grid along one side.
    """
    side = np.linspace(-reach, reach, n)
    grid = np.stack(np.meshgrid(side, side), -1).reshape(-1, 2)
    found = np.asarray(height(grid), float)
    if found.size != n * n:
        raise ValueError(
            f"height(points) gave {found.size} numbers for {n * n} points of shape "
            "(N, 2); return one for each, as model(points)[:, 1]."
        )
    values, hue = found.reshape(n, n), LIGHT[color]
    for low in levels:
        if low < values.max():
            shade = [low, max(values.max(), low) + 1.0]
            ax.contourf(side, side, values, shade, colors=[hue], alpha=0.1)
    if values.min() < boundary < values.max():
        ax.contour(side, side, values, [boundary], colors=[hue], linewidths=2)
    ax.grid(False)
    ax.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")


def dots(
    ax: Axes,
    rows: Mapping[str, ArrayLike],
    color: str = "linear",
    *,
    hollow: Mapping[str, ArrayLike] | None = None,
) -> None:
    """Draw the single results of a few runs as dots, a row for each name.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    rows : mapping of str to array_like of shape (R,)
        The results under their names, from the top down, each with a tick at its mean.
    color : str
        Name of a colour of the book.
    hollow : mapping, optional
        Results of the same names to compare with, drawn as rings below the dots.
    """
    rings = hollow or {}
    for row, (name, values) in enumerate(rows.items()):
        for numbers, at, fill in (
            (values, row - 0.12 * bool(rings), LIGHT[color]),
            (rings.get(name, ()), row + 0.12, "none"),
        ):
            found = np.asarray(numbers, float)
            if found.size:
                level = np.full(found.shape, at)
                ax.plot(found, level, "o", color=LIGHT[color], mfc=fill, alpha=0.6)
                ax.plot(found.mean(), at, "|", color=LIGHT["ink"], ms=14, mew=1.8)
    ax.grid(False, axis="y")
    ax.grid(True, axis="x")
    ax.set(
        yticks=range(len(rows)), yticklabels=list(rows), ylim=(len(rows) - 0.5, -0.5)
    )


_CORNERS = [(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5), (-0.5, -0.5)]
