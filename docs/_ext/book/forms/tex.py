r"""A formula as a person would type it into a comment: ``Σ_n (x_n - μ)²``.

Every kind of MathML element has one way to be written as text, and the kind of a piece
decides the spaces around it. What has no way is an error.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import NamedTuple
from xml.etree.ElementTree import Element

from book.maths.tree import read

WIDE = "\u2003"
SIGNS = {
    "−": "-", "∑": "Σ", "∏": "Π", "∼": "~", "∣": "|", "∗": "*", "⋅": "·", "⟶": "→",
    "⟵": "←", "⟹": "⇒", "⟺": "⇔", "↦": "→", "⋯": "...", "\u2061": "", "\u2063": "",
}  # fmt: skip
KINDS = {
    "open": "([{⌊⌈⟨", "close": ")]}⌋⌉⟩!.%", "bar": "|‖", "comma": ",;", "slash": "/",
    "large": "∑∏∫", "prefix": "∂∇¬∀∃", "letter": "⋯⋮⊤′", "space": "\u2061\u2063",
}  # fmt: skip
KIND = {sign: kind for kind, signs in KINDS.items() for sign in signs}
BRACES = {"⏟", "⏞", "⎵", "⎴"}
ACCENTS = {
    "ˆ": "\u0302", "\u0302": "\u0302", "¯": "\u0304", "\u0332": "\u0304",
    "˜": "\u0303", "˙": "\u0307", "¨": "\u0308", "→": "\u20d7",
}  # fmt: skip
RAISED = str.maketrans("0123456789-⊤′″", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻ᵀ'\"")
OWN_MEANING = re.compile("DOUBLE-STRUCK|SCRIPT|FRAKTUR")  # unlike bold or slanted
NAME = r"(?:[^\W_]|[\u0300-\u036f\u20d7])"  # a letter or digit, or its accent
INDEX = re.compile(rf"-?{NAME}+|[*+]")
FACTOR = re.compile(rf"(?:{NAME}|[_^∂∇√'∞])+(?:\([^()]*\))?|([‖|])[^‖|]*\1\S?")
OPERANDS = {"letter", "word", "fraction", "close"}
GROUPS = {"math", "mrow", "mpadded", "mtd", "mtr"}


class Piece(NamedTuple):
    """A piece of a formula, and the kind that decides the spaces around it."""

    text: str
    kind: str  # letter, word, fraction, infix, thin or one of KINDS


def plain(tex: str) -> str:
    r"""Write a formula without TeX's commands, a line for each of its lines.

    Raises
    ------
    ValueError
        If the formula cannot be read, or has a part that text cannot hold.

    Examples
    --------
    >>> plain(r"\frac{1}{N} \sum_{n=1}^{N} \lVert x_n - \mu \rVert^2")
    '1/N Σ_(n=1)^N ‖x_n - μ‖²'
    >>> plain(r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}")
    '[1 2; 3 4]'
    """
    math = read(tex)
    try:
        text = _write(math)
    except ValueError as error:
        raise ValueError(f"{error} in the formula {tex!r} of a comment") from None
    text = re.sub(r" +", " ", text)
    text = re.sub(rf" ?{WIDE}[ {WIDE}]*", "    ", text)
    return "\n".join(line.strip() for line in text.splitlines() if line.strip())


def _write(elements: Iterable[Element], tight: bool = False) -> str:
    """Write elements one after the other, with the spaces that their kinds ask for."""
    text, last = "", Piece("", "open")
    pieces = list(_pieces(elements))
    for index, (sign, kind) in enumerate(pieces):
        if kind == "space" and last.kind == "open":
            continue
        if kind == "bar":
            kind = _side(pieces, index)
        if sign in {"+", "-", "±"} and last.kind not in OPERANDS:
            kind = "prefix"
        text += " " * _apart(last, Piece(sign, kind), tight) + sign
        if kind != "space":
            last = Piece(sign, kind)
    return text


def _side(pieces: list[Piece], index: int) -> str:
    """Tell the bars of a norm, which come in pairs, from the bar between two things."""
    bar = pieces[index].text[0]
    same = [i for i, p in enumerate(pieces) if p.kind == "bar" and p.text[0] == bar]
    return "infix" if len(same) % 2 else ("open", "close")[same.index(index) % 2]


def _apart(left: Piece, right: Piece, tight: bool) -> bool:
    """Whether a space stands between two pieces."""
    kinds = {left.kind, right.kind}
    if "infix" in kinds:
        return not tight
    if left.kind in {"open", "prefix", "slash"}:
        return False
    if right.kind in {"close", "comma", "thin", "slash", "space"}:
        return False
    if left.kind == "thin":
        return not right.text.isdecimal()
    if right.kind == "open" and right.text not in "|‖":  # f(x), but Σ (x), 1/N (x)
        return left.kind in {"comma", "large", "fraction"} or left.text[-1:] == "ᵀ"
    if kinds == {"letter"}:  # w x, but 2x and, in an index, nk
        return not tight and not left.text.isdecimal()
    return True


def _pieces(elements: Iterable[Element]) -> Iterator[Piece]:
    """Give the pieces of a row: groups dissolved, three dots made one."""
    flat = [part for element in elements for part in _dissolve(element)]
    while flat:
        if [part.text for part in flat[:3]] in ([*"..."], [*"···"]):
            yield Piece("...", "letter")
            flat = flat[3:]
        else:
            yield _piece(flat.pop(0))


def _dissolve(element: Element) -> Iterator[Element]:
    fenced = len(element) == 3 and element[1].tag == "mtable"
    if element.tag in GROUPS and not fenced:
        for child in element:
            yield from _dissolve(child)
    elif element.tag != "mphantom":
        yield element


def _piece(element: Element) -> Piece:
    """Write one element."""
    match element.tag:
        case "mi" | "mn" | "mtext":
            return _letters("".join(element.itertext()))
        case "mo":
            return _sign(element)
        case "mspace":
            width = float(element.get("width", "0").removesuffix("em"))
            return Piece(WIDE if width >= 1 else " " * (width > 0), "space")
        case "mfrac" if element.get("linethickness") == "0":
            return Piece(" choose ".join(_write([part]) for part in element), "word")
        case "mfrac":
            return Piece("/".join(_factor([part]) for part in element), "fraction")
        case "msqrt":
            return Piece("√" + _factor(element), "word")
        case "mroot":
            return Piece(f"{_factor(element[:1])}^(1/{_factor(element[1:])})", "word")
        case "msub" | "msup" | "msubsup" | "munder" | "mover" | "munderover":
            return _scripts(element)
        case "mtable" if element.get("displaystyle") == "true":  # lines of an equation
            return Piece("\n".join(_write([row]) for row in element), "word")
        case "mtable":
            return Piece(_matrix(element), "word")
        case "mrow":
            return Piece(_matrix(element[1], element[0].text or ""), "word")
    raise ValueError(f"text cannot hold <{element.tag}>")


def _letters(text: str) -> Piece:
    """Write a number, a letter or words; a bold letter is the letter itself."""
    text = re.sub(r"\s", " ", text.replace("\ufe00", ""))
    text = "".join(
        unicodedata.normalize("NFKC", char)
        if ord(char) >= 0x1D400 and not OWN_MEANING.search(unicodedata.name(char))
        else char
        for char in text
    )
    word = len(text) > 1 and not re.fullmatch(r"[\d.,]+", text)
    return Piece(text, KIND.get(text, "word" if word else "letter"))


def _sign(element: Element) -> Piece:
    sign = element.text or ""
    if len(sign) > 1:  # a function in a table, for instance
        return _letters(sign)
    thin = sign == "," and element.get("rspace") == "0"  # 1{,}000, or in an index
    return Piece(SIGNS.get(sign, sign), "thin" if thin else KIND.get(sign, "infix"))


def _factor(elements: Iterable[Element]) -> str:
    """Put brackets around what would fall apart beside a ``/`` or behind a root."""
    pieces = list(_pieces(elements))
    if {piece.kind for piece in pieces} == {"letter"}:
        return "".join(piece.text for piece in pieces)
    text = _write(elements).strip()
    return text if FACTOR.fullmatch(text) else f"({text})"


def _scripts(element: Element) -> Piece:
    """Write what stands below and above: ``x_n²``, ``Σ_(n=1)^N``, ``x̄``, a brace."""
    base, *scripts = element
    marks = [script.text or "" for script in scripts]
    if BRACES & set(marks):
        return Piece(f"[{_write([base])}]", "fraction")
    if {"accent", "accentunder"} & set(element.keys()):
        return _accented(_write([base]), marks[0])
    if base.tag in {"munder", "mover"} and BRACES & {base[1].text}:
        return Piece(f"[{_write([base[0]])}: {_write(scripts)}]", "fraction")
    pieces = [piece for piece in _pieces([base]) if piece.text]
    text, kind = pieces[0] if len(pieces) == 1 else (_write([base]), "word")
    lower = scripts[0] if element.tag not in {"msup", "mover"} else None
    upper = scripts[-1] if element.tag not in {"msub", "munder"} else None
    if lower is not None:
        text += "_" + _index(lower)
    if upper is not None:
        raised = _write([upper], tight=True)
        short = re.fullmatch(r"-?\d|[⊤′″]", raised)
        text += raised.translate(RAISED) if short else "^" + _index(upper)
    grown = kind in {"letter", "prefix"} and set("_^") & set(text)
    return Piece(text, "word" if grown else kind)


def _index(element: Element) -> str:
    text = _write([element], tight=True).strip()
    return text if INDEX.fullmatch(text) else f"({text})"


def _accented(text: str, mark: str) -> Piece:
    if mark not in ACCENTS or not text.isalnum():
        raise ValueError(f"text cannot hold {mark!r} over or under {text!r}")
    return Piece("".join(char + ACCENTS[mark] for char in text), "letter")


def _matrix(table: Element, fence: str = "[") -> str:
    """Write ``[1 2; 3 4]``; cases read ``{x, if x > 0; 0, otherwise}``."""
    rows = [[_write(cell).strip(" ,") for cell in row] for row in table]
    wide = any(" " in cell for row in rows for cell in row)
    text = "; ".join((", " if wide or fence == "{" else " ").join(row) for row in rows)
    opening = fence if fence in {"{", "|", "‖"} else "["
    return opening + text + {"{": "}", "[": "]"}.get(opening, opening)
