"""How are measurements drawn? A line for what was measured, its name at its end.

Seeds are thin lines and their mean is thick; a name stands beside what it names, in its
colour, in place of a legend.
"""

from collections.abc import Mapping
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Annotation
from numpy.typing import ArrayLike

from transformer_path.workshop.palette import LIGHT, MARKERS

Side = Literal["right", "left", "above", "below"]


def curves(
    ax: Axes,
    x: ArrayLike,
    runs: ArrayLike,
    color: str,
    label: str = "",
    *,
    style: str = "-",
    hollow: bool = False,
    middle: Literal["mean", "median"] = "mean",
) -> None:
    """Draw one thin line for every seed, and a thick one for their mean.

    Parameters
    ----------
    ax : Axes
        Where to draw; set its limits and scales before.
    x : array_like of shape (N,)
        Positions common to all runs.
    runs : array_like of shape (R, N)
        One row for every seed; a single run may come as (N,).
    color : str
        Name of a colour of the book; an architecture's brings its marker along.
    label : str
        Stands at the end of the mean, in place of a legend, or where the mean leaves
        the axes for good.
    style : str
        Of the thick line, in matplotlib's letters: ``"--"`` or ``":"``.
    hollow : bool
        Leave the markers empty: the same model, measured on other data.
    middle : "mean" or "median"
        What the thick line shows.
    """
    x, runs = np.asarray(x, float), np.atleast_2d(np.asarray(runs, float))
    thick, hue = getattr(np, middle)(runs, axis=0), LIGHT[color]
    for run in runs if len(runs) > 1 else ():
        ax.plot(x, run, color=hue, linewidth=0.7, alpha=0.5)
    ax.plot(
        x,
        thick,
        color=hue,
        linestyle=style,
        linewidth=1.8,
        marker=MARKERS.get(color, "o" if hollow else None),
        markevery=max(1, len(x) // 6),
        markerfacecolor="none" if hollow else hue,
    )
    if label:
        last = _last_inside(ax, x, thick)
        label_end(ax, x[last], thick[last], label, color)


def _last_inside(ax: Axes, x: ArrayLike, y: ArrayLike) -> int:
    """Find the last point of a line that lies within the axes."""
    ax.axis()  # settles limits that matplotlib has yet to choose
    at = ax.transData.transform(np.column_stack([x, y]))
    box = ax.bbox.padded(1)
    inside = [i for i, point in enumerate(at) if box.contains(*point)]
    return inside[-1] if inside else -1


def label_end(ax: Axes, x: float, y: float, text: str, color: str = "ink") -> None:
    """Name a line at its end, moving labels apart that would touch.

    Parameters
    ----------
    ax : Axes
        Where to draw; set its limits and scales before.
    x, y : float
        The last point of the line. Where it lies outside the axes, the label stays
        at their edge.
    text : str
        What the line shows.
    color : str
        Name of a colour of the book.
    """
    low, high = sorted(ax.get_ylim())
    ax.annotate(
        text,
        (float(x), min(max(float(y), low), high)),
        xytext=(7, 0),
        textcoords="offset points",
        va="center",
        color=LIGHT[color],
        fontweight="bold",
        gid=_END,
        annotation_clip=False,
    )
    _spread(ax)


def _spread(ax: Axes, gap: float = 12.0) -> None:
    """Shift end labels up and down until none is nearer than ``gap`` points.

    Labels further apart than ``4 * gap`` from left to right are let be.
    """
    labels = [t for t in ax.texts if isinstance(t, Annotation) and t.get_gid() == _END]
    points = 72 / ax.get_figure(root=True).dpi  # type: ignore[union-attr]
    across, at = np.transpose([ax.transData.transform(t.xy) for t in labels]) * points
    columns = np.abs(across[:, None] - across) < 4 * gap
    order = np.argsort(at, kind="stable")
    placed = at.copy()
    for _ in range(100):
        moved = False
        for i, low in enumerate(order):
            for high in order[i + 1 :]:
                overlap = gap - (placed[high] - placed[low])
                if columns[low, high] and overlap > 1e-6:
                    placed[low] -= overlap / 2
                    placed[high] += overlap / 2
                    moved = True
        if not moved:
            break
    for label, height, own in zip(labels, placed, at, strict=True):
        label.set_position((7, height - own))


def label(
    ax: Axes,
    x: float,
    y: float,
    text: str,
    color: str = "ink",
    side: Side = "right",
) -> None:
    """Name a point, to one side of it.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    x, y : float
        The point.
    text : str
        Its name.
    color : str
        Name of a colour of the book.
    side : "right", "left", "above" or "below"
        Where the name stands.
    """
    dx, dy, ha, va = _SIDES[side]
    ax.annotate(
        text,
        (float(x), float(y)),
        xytext=(dx, dy),
        textcoords="offset points",
        ha=ha,
        va=va,
        color=LIGHT[color],
        fontweight="bold",
        annotation_clip=False,
    )


def level(
    ax: Axes,
    text: str = "",
    *,
    x: float | None = None,
    y: float | None = None,
    color: str = "ink-2",
) -> None:
    """Draw a dashed line at one value, to compare with: chance, a limit, a moment.

    Parameters
    ----------
    ax : Axes
        Where to draw; set its limits and scales before.
    text : str
        What the line stands for: beside its end, or at its top if it is upright.
    x, y : float
        Where it stands upright, or where it lies; one of the two.
    color : str
        Name of a colour of the book.
    """
    if (x is None) == (y is None):
        raise ValueError(f"level(x={x}, y={y}) needs one of x and y.")
    line = ax.axvline(x) if x is not None else ax.axhline(y or 0.0)
    line.set(color=LIGHT[color], linewidth=1.0, linestyle="--", zorder=1)
    if text and x is not None:
        label(ax, x, ax.get_ylim()[1], text, color, "above")
    elif text and y is not None:
        label_end(ax, ax.get_xlim()[1], y, text, color)


def log_ticks(ax: Axes, x: ArrayLike | None = None, y: ArrayLike | None = None) -> None:
    """Make an axis logarithmic, with ticks at the values that were measured.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    x, y : array_like, optional
        The ticks of that axis, each written out; an axis without any stays as it is.
    """
    for axis, ticks in ((ax.xaxis, x), (ax.yaxis, y)):
        if ticks is not None:
            values = np.asarray(ticks, float)
            axis.axes.set(**{f"{axis.axis_name}scale": "log"})
            axis.set_ticks(values, labels=[f"{v:,.10g}" for v in values])
            axis.set_ticks([], minor=True)


def slope(ax: Axes, power: float, through: tuple[float, float], text: str = "") -> None:
    """Draw the guide y ∝ x^power on log-log axes, from edge to edge.

    Parameters
    ----------
    ax : Axes
        Where to draw; set its limits and both scales before.
    power : float
        The slope of the guide on log-log axes.
    through : tuple of float
        A point of the guide.
    text : str
        Stands at the right end.
    """
    if (scales := (ax.get_xscale(), ax.get_yscale())) != ("log", "log"):
        raise ValueError(f"slope needs log-log axes, not {scales}; set both scales.")
    limits = ax.axis()
    x = np.geomspace(*limits[:2], 101)
    y = through[1] * (x / through[0]) ** power
    ax.plot(x, y, color=LIGHT["ink-2"], linewidth=1, linestyle="--", zorder=1)
    ax.axis(limits)
    if text:
        last = _last_inside(ax, x, y)
        label_end(ax, x[last], y[last], text, "ink-2")


_END = "label-end"
_SIDES: Mapping[Side, tuple[int, int, str, str]] = {
    "right": (7, 0, "left", "center"),
    "left": (-7, 0, "right", "center"),
    "above": (0, 5, "center", "bottom"),
    "below": (0, -5, "center", "top"),
}
