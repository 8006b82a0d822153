"""From a box of a drawing to the line of code that it stands for, on the same page.

A figure links to a line by its address in the repository, as ``workshop.where`` gives
it. Where a ``{source}`` of the page shows that line, the link leads there. A line that
no source of the page shows is a warning.
"""

import re
from typing import Any

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging

LINK = re.compile(
    r'xlink:href="https://[^"]*/blob/main/src/([^"#]+)#L(\d+)" target="_blank"'
)
ANNOTATION = re.compile(r"^(\w+): [\w\[\], |.]+ = ")  # which an excerpt leaves out
logger = logging.getLogger(__name__)


class LinkLines(SphinxPostTransform):
    """Lead the links of the figures to the lines that this page shows."""

    default_priority = 310  # after the figures have become part of the page
    formats = ("html",)

    def run(self, **kwargs: Any) -> None:
        """Give each line that is linked an id, and let the links lead to it."""
        shown = [
            block
            for block in self.document.findall(nodes.literal_block)
            if "tp_lines" in block
        ]
        for figure in list(self.document.findall(nodes.raw)):
            html = figure.astext()
            if LINK.search(html):
                linked = LINK.sub(lambda m: f'href="#{self._target(m, shown)}"', html)
                figure.replace_self(nodes.raw("", linked, format="html"))

    def _target(self, link: re.Match[str], shown: list[nodes.literal_block]) -> str:
        """Find the id of a line, and make sure that it has one."""
        path, number = link[1], int(link[2])
        found = [
            (block, place)
            for block in shown
            if block["tp_file"] == path and number in block["tp_lines"]
            for place in _places(block, number)
        ]
        if len(found) != 1:
            logger.warning(
                "a figure links to line %d of %s, which the sources of this page show "
                "%d times; show it once with {source}",
                number,
                path,
                len(found),
                location=self.env.docname,
                type="book",
                subtype="links",
            )
            return ""
        block, place = found[0]
        name = nodes.make_id(f"{block['tp_name']}-{shown.index(block)}")
        block["highlight_args"] = {"linespans": name}
        return f"{name}-{place}"


def _places(block: nodes.literal_block, number: int) -> list[int]:
    """Give the places, counted from 1, where an excerpt shows a line of its file."""
    wanted = bare(block["tp_lines"][number])
    lines = block.astext().splitlines()
    return [i for i, line in enumerate(lines, 1) if bare(line) == wanted]


def bare(line: str) -> str:
    """Give a line as it is in an excerpt: without indentation and a name's type.

    Examples
    --------
    >>> bare("    half: Tensor = x / 2")
    'half = x / 2'
    """
    return ANNOTATION.sub(r"\1 = ", line.strip())
