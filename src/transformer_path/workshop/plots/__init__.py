"""Which colour, which marker, which size: one style for every figure.

Each architecture keeps its colour and its marker through the whole book. The same
two dictionaries colour the pages (``conf.py``) and the figures; figures are drawn in
the light theme, the pages follow the reader's.
"""

import io
from html import escape

import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.text import Annotation
from numpy.typing import ArrayLike

LIGHT = {
    "linear": "#6f6e6f",
    "mlp": "#b5501a",
    "cnn": "#084534",
    "rnn": "#0d5cff",
    "attention": "#91057f",
    "query": "#8d31ee",
    "key": "#976204",
    "value": "#154b4e",
    "ink": "#16181d",
    "ink-2": "#4b515b",
    "hairline": "#d4d7dd",
    "brand": "#1d4ed8",
    "failure": "#b3261e",
    "success": "#0b6b3a",
}
DARK = {
    "linear": "#d5d7e0",
    "mlp": "#b88f24",
    "cnn": "#6bed95",
    "rnn": "#7f9dff",
    "attention": "#f0629a",
    "query": "#b96ffe",
    "key": "#e77603",
    "value": "#9ad9ce",
    "ink": "#dfe1e5",
    "ink-2": "#a9afb8",
    "hairline": "#3a3e44",
    "brand": "#8ab4ff",
    "failure": "#ff8a80",
    "success": "#5fd08f",
}
MARKERS = {"linear": "o", "mlp": "v", "cnn": "D", "rnn": "s", "attention": "^"}


def figure(width: float = 4.9, height: float = 3.0) -> tuple[Figure, Axes]:
    """Start a figure in the book's style, its size in inches.

    The style stays set for the rest of the session: matplotlib reads colours and
    fonts when it draws, not only when a figure begins.
    """
    plt.style.use(_STYLE)
    return plt.subplots(figsize=(width, height))


def curves(
    ax: Axes, x: ArrayLike, runs: ArrayLike, color: str, label: str = ""
) -> None:
    """Draw one thin line for every seed, and a thick one for their mean.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    x : array_like of shape (N,)
        Positions common to all runs.
    runs : array_like of shape (R, N)
        One row for every seed; a single run may come as (N,).
    color : str
        Name of a colour of the book; an architecture's brings its marker along.
    label : str
        Stands at the end of the mean, in place of a legend.
    """
    x, runs = np.asarray(x, float), np.atleast_2d(np.asarray(runs, float))
    mean, hue = runs.mean(axis=0), LIGHT[color]
    for run in runs if len(runs) > 1 else ():
        ax.plot(x, run, color=hue, linewidth=0.7, alpha=0.5)
    every = max(1, len(x) // 6)
    ax.plot(
        x, mean, color=hue, linewidth=1.8, marker=MARKERS.get(color), markevery=every
    )
    if label:
        label_end(ax, x[-1], mean[-1], label, color)


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
    """Shift end labels up and down until none is nearer than ``gap`` points."""
    labels = [t for t in ax.texts if isinstance(t, Annotation) and t.get_gid() == _END]
    points = 72 / ax.get_figure(root=True).dpi  # type: ignore[union-attr]
    at = np.array([ax.transData.transform(label.xy)[1] for label in labels])
    order = np.argsort(at, kind="stable")
    placed = at[order] * points
    for _ in range(100):
        overlap = np.maximum(0, gap - np.diff(placed))
        if not overlap.any():
            break
        placed[:-1] -= overlap / 2
        placed[1:] += overlap / 2
    for index, height in zip(order, placed, strict=True):
        labels[index].set_position((7, height - at[index] * points))


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


_END = "label-end"
_CORNERS = [(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5), (-0.5, -0.5)]


class Stepper:
    """Frames of one figure that the reader steps through.

    Give it one figure after the other, then end the cell with it.

    Parameters
    ----------
    label : str
        What the frames show, for readers who do not see them.

    Examples
    --------
    >>> stepper = Stepper("a point moving right")
    >>> for x in range(4):
    ...     fig, ax = figure(2, 1)
    ...     _ = ax.plot(x, 0, "o")
    ...     stepper.add(fig, f"x = {x}")
    >>> stepper
    a point moving right: x = 0 | x = 1 | x = 2 | x = 3
    """

    def __init__(self, label: str) -> None:
        self.label = label
        self.frames: list[tuple[str, str]] = []

    def add(self, fig: Figure, text: str) -> None:
        """Keep the figure as the next frame, ``text`` below it, and close it."""
        drawing = io.StringIO()
        fig.savefig(drawing, format="svg", metadata={"Date": None, "Creator": None})
        plt.close(fig)
        svg = drawing.getvalue()
        self.frames.append((svg[svg.index("<svg") :].strip(), text))

    def __repr__(self) -> str:
        return f"{self.label}: {' | '.join(text for _, text in self.frames)}"

    def _repr_html_(self) -> str:
        """Show a strip of frames in a notebook; the book makes it steppable."""
        frames = "".join(
            f'<figure class="tp-frame" style="margin: 0; flex: none">{svg}'
            f"<figcaption>{escape(text)}</figcaption></figure>"
            for svg, text in self.frames
        )
        return (
            f'<div class="tp-stepper" aria-label="{escape(self.label)}" '
            f'style="display: flex; gap: 1rem; overflow-x: auto">{frames}</div>'
        )


_STYLE = {
    "figure.figsize": (4.9, 3.0),
    "figure.constrained_layout.use": True,
    "figure.facecolor": "white",  # for notebooks; the book takes the paper away
    "savefig.facecolor": "auto",
    "axes.facecolor": "none",
    "font.size": 9.75,
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same everywhere
    "text.color": LIGHT["ink"],
    "axes.labelcolor": LIGHT["ink-2"],
    "axes.titlesize": 9.75,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": LIGHT["ink-2"],
    "axes.linewidth": 0.8,
    "xtick.color": LIGHT["ink-2"],
    "ytick.color": LIGHT["ink-2"],
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.prop_cycle": cycler(color=[LIGHT[name] for name in MARKERS]),
    "grid.color": LIGHT["hairline"],
    "lines.markersize": 5.0,
    "patch.edgecolor": LIGHT["ink-2"],
    "hatch.color": LIGHT["ink-2"],
    "svg.fonttype": "none",
    "svg.hashsalt": "transformer-path",
}
