"""Where does a line of the package stand? A picture can point at the code it draws."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

FILES = "https://github.com/transformer-path/transformer-path/blob/main/src/"
ROOT = Path(__file__).parents[2]


def where(found: Callable[..., Any], text: str) -> str:
    """Give the address of the one line of a function or class that holds ``text``.

    In the repository; where a page of the book shows this line itself, the book makes a
    link within the page of it.

    Raises
    ------
    ValueError
        If no line holds the text, or several do.

    Examples
    --------
    >>> from transformer_path.networks.feedforward import relu
    >>> where(relu, "def relu").split("/")[-1].split("#")[0]
    'feedforward.py'
    """
    lines, first = inspect.getsourcelines(found)
    places = [first + i for i, line in enumerate(lines) if text in line]
    if len(places) != 1:
        raise ValueError(
            f"{text!r} stands in {len(places)} lines of {found.__qualname__}; give a "
            "piece of text that stands in one."
        )
    path = Path(inspect.getsourcefile(inspect.unwrap(found)) or "").relative_to(ROOT)
    return f"{FILES}{path.as_posix()}#L{places[0]}"
