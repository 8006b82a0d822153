"""What must change in KaTeX's MathML before a browser shows it as TeX would?

Browsers implement MathML Core, a part of what KaTeX writes: the variants of letters
become the Unicode letters themselves, the alignment and padding of tables become CSS,
and spaces that TeX puts around functions and norms are written out.
"""

import re
import unicodedata
from collections.abc import Iterator
from xml.etree import ElementTree

from transformer_path.workshop.palette import LIGHT

XMLNS = "{http://www.w3.org/1998/Math/MathML}"
APPLY = "\u2061"  # "apply function", which KaTeX puts after sin, max, softmax
CLOSING = set(")]}′!")
BARS = set("∣∥|‖")
FENCES = {"stretchy", "fence"}
SCRIPTS = {"msub", "msup", "msubsup", "munder", "mover", "munderover"}
TIGHT = {"lspace": "0", "rspace": "0"}
THIN = "0.1667em"
WIDTHS = {"\u200a": 1 / 18, "\u2009": 3 / 18, "\u2005": 4 / 18, "\u2003": 1.0}
TOKENS = {colour: name for name, colour in LIGHT.items()}
STYLE = re.compile(
    r"(?:MATHEMATICAL )?((?:(?:BOLD|ITALIC|SCRIPT|FRAKTUR|BLACK-LETTER|DOUBLE-STRUCK"
    r"|SANS-SERIF|MONOSPACE) )+)"
)


def repair(mathml: str) -> str:
    """Rewrite one ``<math>`` element of KaTeX for MathML Core.

    Examples
    --------
    >>> repair('<math><semantics><mi mathvariant="bold">x</mi></semantics></math>')
    '<math><mi>𝐱</mi></math>'
    """
    math = ElementTree.fromstring(mathml)
    for element in math.iter():
        element.tag = element.tag.removeprefix(XMLNS)
    semantics = math.find("semantics")
    if semantics is not None:
        math[:] = [child for child in semantics if child.tag != "annotation"]
    for element in list(math.iter()):
        _letters(element)
        _colours(element)
        _operators(element)
        _functions(element)
        _signs(element)
        _scripts(element)
        if element.tag == "mtable":
            _table(element)
    return ElementTree.tostring(math, encoding="unicode")


def _variants() -> Iterator[tuple[tuple[str, str], str]]:
    for code in (*range(0x2100, 0x2140), *range(0x1D400, 0x1D800)):
        kind, *base = unicodedata.decomposition(chr(code)).split()[:2] or [""]
        name = unicodedata.name(chr(code), "").replace("PLANCK", "ITALIC")
        style = STYLE.match(name)
        if kind == "<font>" and style:
            words = style[1].lower().replace("black-letter", "fraktur").split()
            yield ("-".join(words), chr(int(base[0], 16))), chr(code)


LETTERS = dict(_variants())


def _letters(element: ElementTree.Element) -> None:
    """Replace ``mathvariant`` by the letters of Unicode's mathematical alphabets."""
    variant = element.attrib.pop("mathvariant", None)
    text = element.text or ""
    if variant == "normal":
        if element.tag == "mi" and len(text) == 1:
            element.set("mathvariant", "normal")  # the one value browsers know
    elif variant:
        element.text = "".join(LETTERS.get((variant, char), char) for char in text)


def _colours(element: ElementTree.Element) -> None:
    """Let the colours of the palette follow the theme."""
    for attribute, style in (("mathcolor", "color"), ("mathbackground", "background")):
        colour = element.get(attribute, "").lower()
        if colour in TOKENS:
            del element.attrib[attribute]
            element.set("style", f"{style}:var(--tp-{TOKENS[colour]},{colour})")


def _operators(element: ElementTree.Element) -> None:
    """Set norms and absolute values tightly, and make spaces of text real spaces."""
    text = element.text or ""
    if element.tag == "mo" and text in BARS and element.attrib.keys() & FENCES:
        element.attrib |= TIGHT
        if element.get("fence") == "true":
            element.set("stretchy", "true")
    if element.tag == "mtext" and text and set(text) <= {*WIDTHS, "\u2063"}:
        width = sum(WIDTHS.get(char, 0) for char in text)
        element.tag, element.text = "mspace", None
        if "\u2063" in text:  # KaTeX's sign for a negative space
            element.set("style", f"margin-left:-{width:.4f}em")
        else:
            element.set("width", f"{width:.4f}em")


def _signs(row: ElementTree.Element) -> None:
    """Tell a sign from a difference: a = -b, a - b; and set dots as TeX does."""
    for before, mark in zip([None, *row], row, strict=False):
        if mark.tag != "mo" or mark.attrib.keys() & {"lspace", "form"}:
            continue
        after_comma = before is not None and before.text in {",", ";"}
        if mark.text in {"−", "-", "+", "±"} and before is not None:
            if before.tag == "mo" and before.text not in CLOSING:
                mark.set("form", "prefix")
        elif mark.text in {"…", "⋯"}:
            mark.attrib |= {"lspace": "0" if after_comma else THIN, "rspace": THIN}


def _scripts(element: ElementTree.Element) -> None:
    """Leave out the spaces around operators in sub- and superscripts, as TeX does."""
    if element.tag in SCRIPTS:
        for script in element[1:]:
            for mark in script.iter("mo"):
                if mark.text != APPLY and not mark.attrib.keys() & FENCES:
                    mark.attrib |= TIGHT


def _functions(row: ElementTree.Element) -> None:
    """Put TeX's thin spaces around the name of a function: log x, but log(x)."""
    children = list(row)
    for index, child in enumerate(children):
        applied = child.tag == "mo" and child.text == APPLY
        if not (applied or _is_limit(child)):
            continue
        before = children[: index - 1 if applied else index]
        after = children[index + 1 :]
        if after and not _opens(after[0]):
            row.insert(list(row).index(child) + 1, _space())
        if before and _is_operand(before[-1]):
            row.insert(list(row).index(before[-1]) + 1, _space())


def _is_limit(element: ElementTree.Element) -> bool:
    """Whether this is a function name with something under, over or behind it."""
    if element.tag not in SCRIPTS:
        return False
    base = list(element[0].iter("mo"))
    return element[0].tag == "mrow" and bool(base) and base[-1].text == APPLY


def _opens(element: ElementTree.Element) -> bool:
    """Whether TeX puts no space between a function and this, its successor."""
    first = next((e for e in element.iter() if e.text or e.tag == "mspace"), element)
    if element.tag in {"mfrac", "msqrt", "mtable"}:
        return False
    return first.tag in {"mo", "mspace"} and first.text != APPLY


def _is_operand(element: ElementTree.Element) -> bool:
    """Whether TeX puts a thin space between this and a function that follows."""
    last = list(element.iter())[-1]
    closing = last.tag == "mo" and (last.text or "") in CLOSING
    return element.tag not in {"mo", "mspace"} or closing


def _space() -> ElementTree.Element:
    return ElementTree.Element("mspace", width=THIN)


def _table(table: ElementTree.Element) -> None:
    """Turn a table's alignment, spacing and rules into CSS of its cells."""
    align = table.attrib.pop("columnalign", "center").split()
    gaps = table.attrib.pop("columnspacing", "1em").split()
    columnlines = table.attrib.pop("columnlines", "none").split()
    rowlines = table.attrib.pop("rowlines", "none").split()
    rowspacing = float(table.attrib.pop("rowspacing", "0.2em").split()[0][:-2]) / 2
    rowspacing += 0.15  # TeX's rows have a strut
    half = [float(gap[:-2]) / 2 for gap in gaps]
    rows = table.findall("mtr")
    for y, row in enumerate(rows):
        cells = row.findall("mtd")
        for x, cell in enumerate(cells):
            left = _at(half, x - 1) if x else 0
            right = _at(half, x) if x < len(cells) - 1 else 0
            top = rowspacing if y else 0
            bottom = rowspacing if y < len(rows) - 1 else 0
            side = _at(align, x)  # Chromium aligns formulas by its own values only
            style = f"text-align:{side};text-align:-webkit-{side};padding:"
            style += " ".join(f"{size:.3g}em" for size in (top, right, bottom, left))
            if x < len(cells) - 1 and _at(columnlines, x) != "none":
                style += ";border-right:1px solid"
            if y < len(rows) - 1 and _at(rowlines, y) != "none":
                style += ";border-bottom:1px solid"
            cell.set("style", style)


def _at(values: list, index: int):
    """Take a value of a list whose last one repeats, as in MathML's attributes."""
    return values[min(index, len(values) - 1)]
