"""How is the shape of a model drawn? Columns of units, lines between them, arrows."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes

from transformer_path.workshop.palette import LIGHT, MARKERS


def network(
    ax: Axes, widths: Sequence[int], names: Sequence[str], color: str = "mlp"
) -> None:
    """Draw the layers of a network as columns, every unit joined to the next layer's.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    widths : sequence of int
        Units of the input, of each layer, of the output.
    names : sequence of str
        What stands below each column.
    color : str
        Name of the colour of the hidden units; an architecture's brings its marker.
    """
    bottom = -(max(widths) + 0.4) / 2
    columns = [[(i, j - (n - 1) / 2) for j in range(n)] for i, n in enumerate(widths)]
    for left, right in pairwise(columns):
        for p in left:
            for q in right:
                ax.plot(
                    *np.transpose([p, q]),
                    color=LIGHT["hairline"],
                    linewidth=1,
                    zorder=1,
                )
    for i, (column, name) in enumerate(zip(columns, names, strict=True)):
        hidden = 0 < i < len(columns) - 1
        hue, marker = (LIGHT[color], MARKERS.get(color, "o")) if hidden else _DATA
        ax.plot(*np.transpose(column), marker, markersize=13, color=hue, zorder=2)
        ax.text(i, bottom, name, ha="center", va="top", color=hue)
    ax.set(xlim=(-0.5, len(columns) - 0.5), ylim=(bottom - 1, -bottom))
    ax.axis("off")


def arrow(
    ax: Axes,
    start: Sequence[float],
    end: Sequence[float],
    color: str = "ink-2",
    *,
    width: float = 1.2,
    gap: float = 0.0,
) -> None:
    """Draw an arrow that stops ``gap`` points short of its end.

    Parameters
    ----------
    ax : Axes
        Where to draw; an arrow does not widen its limits.
    start, end : sequence of float
        Its two ends, (x, y).
    color : str
        Name of a colour of the book.
    width, gap : float
        In points.
    """
    looks = {
        "arrowstyle": "-|>",
        "color": LIGHT[color],
        "linewidth": width,
        "shrinkA": 0,
        "shrinkB": gap,
    }
    (x, y), (i, j) = start, end
    ax.annotate("", (float(i), float(j)), (float(x), float(y)), arrowprops=looks)


_DATA = (LIGHT["ink"], "o")
