"""How does a page let the reader's hand move a figure, and what stands on paper?

A cell draws one state of the figure and gives the data; in the book a small script
(``docs/_static/explorable``) draws all the others. Everywhere else that state stands.
"""

import json
import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import SupportsFloat

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from .stepper import Stepper

MOVES = "moves"
Value = SupportsFloat | ArrayLike | Sequence[str] | Mapping[str, ArrayLike]


class Explorable(Stepper):
    """A figure that the reader moves by hand.

    Draw one state, with ``gid="moves"`` on all that the script is to draw instead, add
    it with the text that the script says at this state, and end the cell with it.

    Parameters
    ----------
    name : str
        Which script of ``docs/_static/explorable`` moves it: ``line`` for ``line.js``.
    label : str
        What the figure shows, for readers who do not see it.
    **values : number, array, list of str, or dict of arrays
        The data of the script, under the names that it knows.

    Raises
    ------
    ValueError
        If it gets a second figure, or one in which nothing moves; if it is shown
        without any.

    Examples
    --------
    >>> from transformer_path.workshop.plots import figure
    >>> line = Explorable("line", "a line", x=[0.0, 1.0], y=[1.0, 3.0])
    >>> fig, ax = figure(2, 1)
    >>> _ = ax.plot([0, 1], [0, 2], gid="moves")
    >>> line.add(fig, "Slope 2: the loss is 1")
    >>> line
    a line: Slope 2: the loss is 1
    """

    _html_class = "tp-explorable"

    def __init__(self, name: str, label: str, /, **values: Value) -> None:
        super().__init__(label)
        self.name = name
        self.values: dict[str, object] = {k: _plain(v) for k, v in values.items()}

    def add(self, fig: Figure, text: str) -> None:
        """Keep the figure as the state that stands where nothing moves."""
        if self.frames:
            raise ValueError(
                f"the explorable {self.name!r} has its figure; it takes no second one. "
                "For frames one after the other use plots.Stepper."
            )
        if not _mark(fig.axes):
            raise ValueError(
                f"nothing moves in the figure of the explorable {self.name!r}; draw "
                'what its script draws with gid="moves", as in ax.plot(y, gid="moves").'
            )
        super().add(fig, re.sub(r"-(?=\d)", "−", text))
        svg, text = self.frames[0]
        moving = r'class="tp-moves" data-axes="\1"'
        self.frames[0] = re.sub(rf'id="{MOVES}-(\d+)"', moving, svg), text
        self.values["axes"] = [_place(ax, fig) for ax in fig.axes]

    def _attributes(self) -> str:
        values = escape(json.dumps(self.values, ensure_ascii=False, allow_nan=False))
        return f' data-name="{escape(self.name)}" data-values="{values}"'

    def _repr_html_(self) -> str:
        """Show the figure as it stands, and say where it moves."""
        if not self.frames:
            raise ValueError(
                f"the explorable {self.name!r} has no figure for paper; draw one state "
                "and add it, as in explorable.add(fig, text)."
            )
        return super()._repr_html_() + "<p>On the book's page a hand can move it.</p>"


def _mark(axes: Sequence[Axes]) -> int:
    """Tell in which axes each moving artist lies; give how many there are."""
    moving = [
        (number, artist)
        for number, ax in enumerate(axes)
        for artist in ax.findobj(_moves)
    ]
    for number, artist in moving:
        artist.set_gid(f"{MOVES}-{number}")
    return len(moving)


def _moves(artist: Artist) -> bool:
    return artist.get_gid() == MOVES


def _place(ax: Axes, fig: Figure) -> dict[str, list[float]]:
    """Say where the axes lie in the drawing, in points from above, and their limits."""
    width, height = 72 * fig.get_size_inches()
    box = ax.get_position()  # as it was drawn: the layout has run
    return {
        "x": [box.x0 * width, box.x1 * width, *ax.get_xlim()],
        "y": [(1 - box.y0) * height, (1 - box.y1) * height, *ax.get_ylim()],
    }


def _plain(value: object) -> object:
    """Turn tensors and arrays into what JSON can hold."""
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    return value.tolist() if hasattr(value, "tolist") else value
