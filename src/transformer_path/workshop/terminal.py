"""How does a text reach a terminal that lacks some of its characters?

The book writes a minus sign as one, and other users' terminals may hold only the
characters of cp1252, or of ASCII. A number that was computed for minutes must not be
lost over that: what a terminal cannot show is replaced by what it can.
"""

import codecs
import io
import sys
import unicodedata

_REPLACEMENTS = {
    "−": "-",
    "–": "-",
    "—": "-",
    "±": "+-",
    "×": "x",
    "·": "*",
    "≈": "~",
    "≤": "<=",
    "≥": ">=",
    "≠": "!=",
    "→": "->",
    "←": "<-",
    "…": "...",
    "“": '"',
    "”": '"',
    "‘": "'",
    "’": "'",
    "£": "GBP ",
    "€": "EUR ",
    "Σ": "sum",
    "∞": "inf",
    "√": "sqrt",
    "⁄": "/",
}


def readable(text: str) -> str:
    """Replace what the terminal cannot show.

    Examples
    --------
    Whatever can be shown stays as it is:

    >>> readable("3 - 1 = 2")
    '3 - 1 = 2'
    >>> "x = −0.5 ± 0.1".encode("ascii", "readable")
    b'x = -0.5 +- 0.1'
    """
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return text.encode(encoding, "readable").decode(encoding)


def say(text: str) -> None:
    """Print a text of the package: on any terminal, as well as it goes."""
    print(readable(text))


def print_anywhere() -> None:
    """Let every ``print`` of this process pass, as :func:`say` does.

    For scripts, whose own lines print too: call it once, first.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="readable")


def _replace(error: UnicodeError) -> tuple[str, int]:
    """Find something close to the characters that cannot be encoded."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lost = error.object[error.start : error.end]
    return "".join(map(_closest, lost)), error.end


def _closest(character: str) -> str:
    """Give the ASCII text that comes closest: a letter without its accent, or "?"."""
    parts = unicodedata.normalize("NFKD", _REPLACEMENTS.get(character, character))
    known = "".join(_REPLACEMENTS.get(part, part) for part in parts)
    return known.encode("ascii", "ignore").decode() or "?"


codecs.register_error("readable", _replace)
