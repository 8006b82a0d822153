r"""Formulas that need no script: TeX becomes MathML while the book is built.

Set ``html_math_renderer = "mathml"``, then write ``$a$``, ``$$a$$ (label)`` and
``{eq}`label``` as always; ``\textcolor{#8d31ee}{Q}`` with the light value of a colour
of the palette follows the reader's theme. A formula that cannot be read, or that
browsers would not show as it is meant, is a warning where it stands. ``tree`` reads
the formulas, ``font`` writes their font.
"""

import html
import re
from xml.etree import ElementTree

from docutils import nodes
from sphinx.transforms import SphinxTransform
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number
from sphinx.writers.html5 import HTML5Translator

from book.maths.tree import read

LOGGER = logging.getLogger(__name__)
WIDE = 28  # signs in a row: from here on a formula may have to scroll on a phone


class RenderFormulas(SphinxTransform):
    """Render every formula once, when its page is read."""

    default_priority = 900

    def apply(self) -> None:
        """Keep the MathML in the node, so that a fault is told when a page is read."""
        for node in self.document.findall(_is_formula):
            _mathml(node)


def _is_formula(node: nodes.Node) -> bool:
    return isinstance(node, (nodes.math, nodes.math_block))


def _mathml(node: nodes.Element) -> str:
    """Give the MathML of a formula, or its TeX and a warning if it cannot be shown."""
    if "mathml" not in node:
        display = isinstance(node, nodes.math_block)
        try:
            math = read(node.astext(), display)
            node["mathml"] = ElementTree.tostring(math, encoding="unicode")
        except ValueError as error:
            LOGGER.warning("%s", error, location=node, type="mathml", subtype="tex")
            node["mathml"] = f"<code>{html.escape(node.astext())}</code>"
    return str(node["mathml"])


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
