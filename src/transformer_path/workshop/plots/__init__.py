"""How are figures drawn? In one style, and the same things alike.

Lines and their labels (``curves`` to ``slope``), drawings of data and of networks
(``heatmap`` to ``network``), frames that the reader steps through and figures
that a hand moves. Colours are names of the palette, and nothing leaves a bitmap behind,
so that every figure follows the reader's theme.
"""

import matplotlib.pyplot as plt

from transformer_path.workshop.palette import LIGHT, MARKERS

from .diagrams import arrow, network
from .explorable import Explorable
from .flow import Flow
from .lines import curves, label, label_end, level, log_ticks, slope
from .pictures import (
    decision_region,
    dots,
    heatmap,
    panels,
    points,
    series,
)
from .stepper import SideBySide, Stepper
from .style import figure, stacked

__all__ = [
    "LIGHT",
    "MARKERS",
    "Explorable",
    "Flow",
    "SideBySide",
    "Stepper",
    "arrow",
    "curves",
    "decision_region",
    "dots",
    "figure",
    "heatmap",
    "label",
    "label_end",
    "level",
    "log_ticks",
    "network",
    "panels",
    "plt",
    "points",
    "series",
    "slope",
    "stacked",
]
