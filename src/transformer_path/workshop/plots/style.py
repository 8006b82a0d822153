"""Which size, which font, which lines: one style for every figure."""

import matplotlib.pyplot as plt
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from transformer_path.workshop.palette import LIGHT, MARKERS


def figure(width: float = 4.9, height: float = 3.0) -> tuple[Figure, Axes]:
    """Start a figure in the book's style, its size in inches.

    The style stays set for the rest of the session: matplotlib reads colours and
    fonts when it draws, not only when a figure begins.
    """
    plt.style.use(_STYLE)
    return plt.subplots(figsize=(width, height))


def stacked(
    *heights: float, width: float = 4.9, height: float = 4.2
) -> tuple[Figure, list[Axes]]:
    """Start a figure of axes one below the other, over one common x axis.

    Parameters
    ----------
    *heights : float
        How high the axes are, from above, in proportion to one another.
    width, height : float
        Size of the whole in inches.
    """
    fig, first = figure(width, height)
    first.remove()
    rows = fig.subplots(len(heights), 1, sharex=True, height_ratios=heights)
    return fig, list(rows)


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
