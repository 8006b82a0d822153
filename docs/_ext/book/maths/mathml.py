r"""Formulas that need no script: TeX becomes MathML while the book is built.

KaTeX, from the installed ``sphinxcontrib-katex``, reads the formula inside V8
(``mini_racer``); ``repairs`` makes its MathML right for browsers. Set
``html_math_renderer = "mathml"``, then write ``$a$``, ``$$a$$ (label)`` and
``{eq}`label``` as always; ``\textcolor{#8d31ee}{Q}`` with the light value of a colour
of the palette follows the reader's theme. A formula that KaTeX cannot read is a
warning where it stands. The font is written by ``font``.
"""

import functools
import html
import os
import re
from pathlib import Path

import sphinxcontrib.katex
from docutils import nodes
from py_mini_racer import MiniRacer
from sphinx.transforms import SphinxTransform
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number
from sphinx.writers.html5 import HTML5Translator

from book.maths.repairs import repair

LOGGER = logging.getLogger(__name__)
WIDE = 28  # signs in a row: from here on a formula may have to scroll on a phone
CALL = """
function render(tex, display) {
  try {
    const options = {displayMode: display, output: "mathml", strict: "error"};
    return "+" + katex.renderToString(tex, options);
  } catch (error) { return "-" + error.message; }
}
"""


class RenderFormulas(SphinxTransform):
    """Render every formula once, when its page is read."""

    default_priority = 900

    def apply(self) -> None:
        """Keep the MathML in the node, so that writing needs no JavaScript engine."""
        for node in self.document.findall(_is_formula):
            _mathml(node)


def _is_formula(node: nodes.Node) -> bool:
    return isinstance(node, (nodes.math, nodes.math_block))


def _mathml(node: nodes.Element) -> str:
    """Give the MathML of a formula, or its TeX and a warning if KaTeX refuses it."""
    if "mathml" not in node:
        display = isinstance(node, nodes.math_block)
        tex = _one_formula(node.astext()) if display else node.astext()
        try:
            node["mathml"] = repair(to_katex(tex, display))
        except ValueError as error:
            LOGGER.warning("%s", error, location=node, type="mathml", subtype="tex")
            node["mathml"] = f"<code>{html.escape(node.astext())}</code>"
    return node["mathml"]


def _one_formula(tex: str) -> str:
    """Prepare a display formula: blank lines part equations, Sphinx numbers them."""
    tex = re.sub(r"\\(begin|end)\{(align|equation|gather|alignat)\}", r"\\\1{\2*}", tex)
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


@functools.cache
def to_katex(tex: str, display: bool) -> str:
    """Translate TeX to KaTeX's MathML.

    Raises
    ------
    ValueError
        If KaTeX cannot read the formula; the message shows where.
    """
    answer = _engine(os.getpid()).call("render", tex, display)
    if answer.startswith("-"):
        raise ValueError(f"{answer[1:]} in the formula {tex!r}")
    return re.search(r"<math.*</math>", answer, re.DOTALL)[0]


@functools.cache
def _engine(_process: int) -> MiniRacer:
    """Start KaTeX; every process needs its own, an engine does not survive a fork."""
    engine = MiniRacer()
    script = Path(sphinxcontrib.katex.__file__).with_name("katex.min.js")
    engine.eval(script.read_text(encoding="utf-8") + CALL)
    return engine


def visit_inline(self: HTML5Translator, node: nodes.math) -> None:
    """Write a formula in a sentence."""
    self.body.append(self.starttag(node, "span", "", CLASS="math notranslate"))
    self.body.append(_mathml(node) + "</span>")
    raise nodes.SkipNode


def visit_display(self: HTML5Translator, node: nodes.math_block) -> None:
    """Write a formula on its own line, in a box that scrolls, its number beside it."""
    self.body.append(self.starttag(node, "div", CLASS="math notranslate"))
    mathml = _mathml(node)
    rows = re.split("</mtr>", mathml)
    wide = max(len(re.sub(r"<[^>]*>", "", row)) for row in rows) >= WIDE
    focus = ' tabindex="0" role="group" aria-label="formula"' if wide else ""
    self.body.append(f'<div class="formula"{focus}>{mathml}</div>')
    if node.get("number"):
        number = get_node_equation_number(self, node)
        self.body.append(f'<span class="eqno">({number})')
        self.add_permalink_ref(node, "Link to this equation")
        self.body.append("</span>")
    self.body.append("</div>\n")
    raise nodes.SkipNode
