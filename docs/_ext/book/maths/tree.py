r"""From TeX to a MathML tree that browsers show as it stands.

``math_core`` reads the TeX and writes MathML Core, the part of MathML that browsers
share. What goes beyond it (a box, a strike, a class of a stylesheet that the book does
not have) would vanish without a word; so a formula may use only what stands in
``ELEMENTS``, ``ATTRIBUTES`` and ``STYLES``, which Chromium and Firefox both show.
"""

import re
from xml.etree import ElementTree

from math_core import LatexError, LatexToMathML

from transformer_path.workshop.palette import LIGHT

# fmt: off
ELEMENTS = {
    "math", "mfrac", "mi", "mmultiscripts", "mn", "mo", "mover", "mpadded", "mphantom",
    "mprescripts", "mroot", "mrow", "mspace", "msqrt", "msub", "msubsup", "msup",
    "mtable", "mtd", "mtext", "mtr", "munder", "munderover", "b", "em", "i", "code",
}
ATTRIBUTES = {
    "accent", "accentunder", "display", "displaystyle", "form", "height",
    "linethickness", "lspace", "mathvariant", "maxsize", "minsize", "rspace",
    "scriptlevel", "stretchy", "style", "symmetric", "width",
}
STYLES = {
    "border-bottom", "border-left", "border-right", "border-top", "color",
    "justify-items", "margin-left", "math-shift", "padding-bottom", "padding-left",
    "padding-right", "padding-top", "text-align",
}
# fmt: on
COLOURED = re.compile(r"\\textcolor\s*\{#([0-9a-fA-F]{6})\}\s*\{")
ALIGNED = re.compile(r"\\(begin|end)\{(?:alignat\*?\}\{\d+|align(?:at)?\*?|split)\}")
GATHERED = re.compile(r"\\(begin|end)\{gather\*?\}")
SPACED = re.compile(r"\\\\\s*(\[\s*-?[\d.]+\s*[a-z]+\s*\])")  # as in \\[6pt]
EQUATION = re.compile(r"\\(?:begin|end)\{equation\*?\}")
TOKENS = {
    f"color:{colour};": f"color:var(--tp-{name},{colour})"
    for name, colour in LIGHT.items()
}
# Chromium sets the combining arrow of ``\vec`` beside its letter.
READER = LatexToMathML(fancy_error=False, macros={"vec": r"\overrightarrow{#1}"})


def read(tex: str, display: bool = False) -> ElementTree.Element:
    r"""Read a formula into its ``<math>`` element.

    Raises
    ------
    ValueError
        If the formula cannot be read, or could not be shown as it is meant.

    Examples
    --------
    >>> ElementTree.tostring(read(r"\mathbf{x} \in \mathbb{R}"), "unicode")
    '<math><mi>𝐱</mi><mo>∈</mo><mi>ℝ</mi></math>'
    >>> read(r"\cancel{x}")
    Traceback (most recent call last):
    ValueError: browsers do not show <menclose>, which the formula ... needs; ...
    """
    if spaced := SPACED.search(tex):
        raise ValueError(
            f"{spaced[1]} behind a line break would be shown as it stands in the "
            f"formula {tex!r}; write it without."
        )
    hexadecimal = COLOURED.sub(r"{\\color[HTML]{\1}", _one_formula(tex))
    try:
        mathml = READER.convert_with_local_state(hexadecimal, displaystyle=display)
    except LatexError as error:
        reason = str(error).partition(": ")[2].rstrip(".")
        raise ValueError(f"{reason} in the formula {tex!r}") from None
    # The one entity that it writes and that XML does not know.
    math = ElementTree.fromstring(mathml.replace("&ApplyFunction;", "\u2061"))
    for element in math.iter():
        for part in _not_shown(element):
            raise ValueError(
                f"browsers do not show {part}, which the formula {tex!r} needs; "
                "write it without."
            )
        _follow_the_theme(element)
        _keep_the_size(element)
    return math


def _one_formula(tex: str) -> str:
    """Prepare a formula: blank lines part equations, Sphinx numbers them."""
    tex = EQUATION.sub("", tex)
    tex = ALIGNED.sub(r"\\\1{aligned}", tex)
    tex = GATHERED.sub(r"\\\1{gathered}", tex)
    parts = [part.strip() for part in re.split(r"\n\s*\n", tex) if part.strip()]
    rows = [_lines(part) for part in parts]
    if len(rows) > 1:
        return r"\begin{gathered}" + r"\\".join(rows) + r"\end{gathered}"
    return rows[0] if rows else ""


def _lines(part: str) -> str:
    """Align the lines of an equation at their ``&``, as Sphinx promises."""
    if r"\\" not in part or r"\begin" in part:
        return part
    environment = "aligned" if "&" in part else "gathered"
    return rf"\begin{{{environment}}}{part}\end{{{environment}}}"


def _not_shown(element: ElementTree.Element) -> list[str]:
    """List what of an element is no part of MathML Core."""
    names = element.attrib.keys()
    style = element.get("style", "").rstrip(";")
    properties = {rule.partition(":")[0].strip() for rule in style.split(";") if rule}
    found = [f"<{element.tag}>"] if element.tag not in ELEMENTS else []
    found += [f"{name}= of <{element.tag}>" for name in names - ATTRIBUTES]
    return found + [f"{name}: of <{element.tag}>" for name in properties - STYLES]


def _follow_the_theme(element: ElementTree.Element) -> None:
    """Make a colour of the palette the variable that changes with the theme."""
    style = element.get("style", "")
    if style.lower() in TOKENS:
        element.set("style", TOKENS[style.lower()])


def _keep_the_size(element: ElementTree.Element) -> None:
    r"""Give ``\bigr)^2`` its size: Chromium grows no bare sign that has an exponent."""
    for base in element[:1]:
        if element.tag in {"msub", "msup", "msubsup"} and "minsize" in base.attrib:
            element[0] = ElementTree.Element("mrow")
            element[0].append(base)
