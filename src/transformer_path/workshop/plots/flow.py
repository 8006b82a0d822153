"""How is an architecture drawn? As boxes on a stream, lit in the order of the data.

One drawing, many frames: boxes that work now are full, wires that have carried
something are dark. A box may link to the line of code that it stands for.
"""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import BoxStyle, Ellipse, FancyBboxPatch, Patch, PathPatch
from matplotlib.path import Path

from transformer_path.workshop.palette import LIGHT

from .stepper import LINK
from .style import figure

Point = tuple[float, float]


class Box(NamedTuple):
    """What computes: what stands in it, where its middle lies, how large it is."""

    text: str
    middle: Point
    size: Point
    color: str
    line: str


class Wire(NamedTuple):
    """What carries numbers away from the box ``after``, through points."""

    after: str
    points: Sequence[Point]
    color: str
    text: str
    width: float


class Words(NamedTuple):
    """What stands beside the boxes."""

    text: str
    at: Point
    size: float
    weight: str


class Flow:
    """Boxes and wires between them, to be drawn with some of them lit.

    Places are in tenths of an inch, from the upper left corner.

    Parameters
    ----------
    width, height : float
        Of the drawing.

    Examples
    --------
    >>> flow = Flow(20, 10)
    >>> flow.box("half", "x / 2", (5, 5), (8, 4), "mlp")
    >>> flow.wire("half", (9, 5), (15, 5))
    >>> flow.draw(lit={"half"}).get_size_inches().tolist()
    [2.0, 1.0]
    """

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self.boxes: dict[str, Box] = {}
        self.wires: list[Wire] = []
        self.frames: list[tuple[Point, Point]] = []
        self.words: list[Words] = []

    def box(
        self,
        name: str,
        text: str,
        middle: Point,
        size: Point,
        color: str = "ink-2",
        line: str = "",
    ) -> None:
        """Add a box; one that holds a single sign is round.

        Parameters
        ----------
        name : str
            What it is called, also for readers who do not see it.
        text : str
            What stands in it.
        middle, size : (float, float)
            Where it lies, and how large it is.
        color : str
            Name of a colour of the book.
        line : str
            The address of the line of code that it stands for, as from
            :func:`~transformer_path.workshop.where.where`.
        """
        self.boxes[name] = Box(text, middle, size, color, line)

    def wire(
        self,
        after: str,
        *points: Point,
        color: str = "ink-2",
        text: str = "",
        width: float = 1.6,
    ) -> None:
        """Let an arrow lead from the box ``after`` through points, ``text`` at its end.

        Raises
        ------
        ValueError
            If there is no such box.
        """
        if after not in self.boxes:
            raise ValueError(
                f"no box is called {after!r}; there are {', '.join(self.boxes)}."
            )
        self.wires.append(Wire(after, points, color, text, width))

    def frame(self, corner: Point, opposite: Point) -> None:
        """Put a faint line around what is repeated."""
        self.frames.append((corner, opposite))

    def say(
        self, text: str, at: Point, *, size: float = 8.5, bold: bool = False
    ) -> None:
        """Put words beside the boxes, beginning there."""
        self.words.append(Words(text, at, size, "bold" if bold else "normal"))

    def draw(
        self,
        lit: Collection[str] = (),
        done: Collection[str] = (),
        words: Sequence[Words] = (),
    ) -> Figure:
        """Draw all of it.

        Parameters
        ----------
        lit : collection of str
            The boxes that work now.
        done : collection of str
            Those that have worked: their wires are dark.
        words : sequence of Words
            What stands in this drawing only.
        """
        fig, ax = figure(self.width / 10, self.height / 10)
        fig.set_layout_engine("none")
        ax.set_position((0, 0, 1, 1))
        ax.set(xlim=(0, self.width), ylim=(self.height, 0))
        ax.axis("off")
        for (x, y), (right, bottom) in self.frames:
            middle, size = ((x + right) / 2, (y + bottom) / 2), (right - x, bottom - y)
            ax.add_patch(_shape(middle, size, 1.2, fc="none", ec=LIGHT["hairline"]))
        _draw_wires(ax, self.wires, done)
        for name, box in self.boxes.items():
            _draw_box(ax, name, box, name in lit)
        for text, at, points, weight in [*self.words, *words]:
            hue = LIGHT["ink-2"]
            ax.text(*at, text, color=hue, size=points, weight=weight, va="center")
        return fig


def _shape(middle: Point, size: Point, radius: float = 0.6, **looks: Any) -> Patch:
    (x, y), (width, height) = middle, size
    if width == height:
        return Ellipse(middle, width, height, clip_on=False, **looks)
    return FancyBboxPatch(
        (x - width / 2, y - height / 2),
        width,
        height,
        boxstyle=BoxStyle.Round(pad=0, rounding_size=radius),
        clip_on=False,
        **looks,
    )


def _draw_box(ax: Axes, name: str, box: Box, lit: bool) -> None:
    hue = LIGHT[box.color]
    area = _shape(box.middle, box.size, ec=hue, lw=1.2, zorder=4)
    area.set_facecolor(to_rgba(hue, 1 if lit else 0.1))
    if box.line:
        area.set(url=box.line, gid=f"{LINK}{name}")
    ax.add_patch(area)
    ax.text(
        *box.middle,
        box.text,
        ha="center",
        va="center",
        color="white" if lit else LIGHT["ink"],
        fontweight="bold" if lit else "normal",
        linespacing=1.1,
        zorder=5,
    )


def _draw_wires(ax: Axes, wires: Sequence[Wire], done: Collection[str]) -> None:
    """Draw all that look alike as one path."""
    lines: dict[tuple[str, float], list[Path]] = {}
    heads: dict[str, list[Path]] = {}
    for wire in wires:
        hue = LIGHT[wire.color if wire.after in done else "hairline"]
        line, head = _line_and_head(wire)
        lines.setdefault((hue, wire.width), []).append(line)
        heads.setdefault(hue, []).append(head)
        if wire.text:
            (i, j), (x, y) = wire.points[-2:]
            at = (x - 1.9, y - 0.8) if x != i else (x + 0.8, (y + j) / 2)
            looks: dict[str, Any] = {
                "size": 8.5,
                "weight": "bold",
                "va": "center",
                "zorder": 3,
            }
            ax.text(*at, wire.text, color=LIGHT[wire.color], **looks)
    for (hue, width), paths in lines.items():
        looks = {"ec": hue, "fc": "none", "lw": width, "clip_on": False}
        order = 1 if hue == LIGHT["hairline"] else 2
        whole = Path.make_compound_path(*paths)
        ax.add_patch(PathPatch(whole, capstyle="butt", zorder=order, **looks))
    for hue, paths in heads.items():
        whole = Path.make_compound_path(*paths)
        ax.add_patch(PathPatch(whole, fc=hue, lw=0, clip_on=False, zorder=3))


def _line_and_head(wire: Wire) -> tuple[Path, Path]:
    """Give the two paths of an arrow; the line ends where the head begins."""
    *_, (i, j), (x, y) = wire.points
    dx, dy = (x > i) - (x < i), (y > j) - (y < j)
    back, aside = (x - 0.9 * dx, y - 0.9 * dy), (0.55 * dy, 0.55 * dx)
    sides = [(back[0] + s * aside[0], back[1] + s * aside[1]) for s in (1, -1)]
    line = Path([*wire.points[:-1], (x - 0.8 * dx, y - 0.8 * dy)])
    return line, Path([(x + 0.1 * dx, y + 0.1 * dy), *sides, (x, y)], closed=True)
