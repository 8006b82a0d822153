"""How does a page show what moves? As frames that the reader steps through."""

import io
import re
from html import escape

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from transformer_path.workshop.terminal import readable

LINK = "link: "  # how the gid of what has a url begins; behind it stands its name


class Stepper:
    """Frames of one figure that the reader steps through.

    Give it one figure after the other, then end the cell with it.

    Parameters
    ----------
    label : str
        What the frames show, for readers who do not see them.

    Examples
    --------
    >>> from transformer_path.workshop.plots import figure
    >>> stepper = Stepper("a point moving right")
    >>> for x in range(4):
    ...     fig, ax = figure(2, 1)
    ...     _ = ax.plot(x, 0, "o")
    ...     stepper.add(fig, f"x = {x}")
    >>> stepper
    a point moving right: x = 0 | x = 1 | x = 2 | x = 3
    """

    _html_class = "tp-stepper"

    def __init__(self, label: str) -> None:
        self.label = label
        self.frames: list[tuple[str, str]] = []

    def add(self, fig: Figure, text: str) -> None:
        """Keep the figure as the next frame, ``text`` below it, and close it."""
        drawing = io.StringIO()
        fig.savefig(drawing, format="svg", metadata={"Date": None, "Creator": None})
        plt.close(fig)
        svg = re.sub(  # a link is known by its name, not by what is drawn in it
            rf'<g id="{LINK}([^"]*)">\s*<a ',
            r'<g>\n<a aria-label="\1" ',
            drawing.getvalue(),
        )
        self.frames.append((svg[svg.index("<svg") :].strip(), text))

    def __repr__(self) -> str:
        texts = " | ".join(text for _, text in self.frames)
        return readable(f"{self.label}: {texts}")

    def _attributes(self) -> str:
        """Add to the element what else the book's scripts need."""
        return ""

    def _repr_html_(self) -> str:
        """Show a strip of frames in a notebook; the book makes it steppable."""
        frames = "".join(
            f'<figure class="tp-frame" style="margin: 0; flex: none">{svg}'
            f"<figcaption>{escape(text)}</figcaption></figure>"
            for svg, text in self.frames
        )
        return (
            f'<div class="{self._html_class}" aria-label="{escape(self.label)}"'
            f"{self._attributes()} "
            f'style="display: flex; gap: 1rem; overflow-x: auto">{frames}</div>'
        )


class SideBySide(Stepper):
    """Two or three figures side by side: before and after.

    On a narrow window they stand one below the other. Give it one figure after the
    other, then end the cell with it.

    Parameters
    ----------
    label : str
        What the figures show together, for readers who do not see them.

    Examples
    --------
    >>> from transformer_path.workshop.plots import figure
    >>> pair = SideBySide("a line, and the same line folded")
    >>> for y in ([0, 1, 2], [0, 1, 0]):
    ...     fig, ax = figure(3, 2)
    ...     _ = ax.plot(y)
    ...     pair.add(fig, f"y = {y}")
    >>> pair
    a line, and the same line folded: y = [0, 1, 2] | y = [0, 1, 0]
    """

    _html_class = "tp-side"
