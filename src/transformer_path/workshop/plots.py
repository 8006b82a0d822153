"""Which colour, which marker, which size: one style for every figure.

Each architecture keeps its colour and its marker through the whole book. The same
two dictionaries colour the pages (``conf.py``) and the figures; figures are drawn in
the light theme, the pages follow the reader's.
"""

import matplotlib.pyplot as plt
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure

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
    """Start a figure in the book's style, its size in inches."""
    plt.style.use(_STYLE)
    return plt.subplots(figsize=(width, height))


_STYLE = {
    "figure.figsize": (4.9, 3.0),
    "figure.constrained_layout.use": True,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "font.size": 9.75,
    "font.family": "sans-serif",
    "text.color": LIGHT["ink"],
    "axes.labelcolor": LIGHT["ink-2"],
    "axes.edgecolor": LIGHT["ink-2"],
    "xtick.color": LIGHT["ink-2"],
    "ytick.color": LIGHT["ink-2"],
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": LIGHT["hairline"],
    "axes.prop_cycle": cycler(color=[LIGHT[name] for name in MARKERS]),
    "svg.fonttype": "none",
    "svg.hashsalt": "transformer-path",
}
