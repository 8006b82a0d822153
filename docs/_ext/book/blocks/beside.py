"""The formula on the left, the lines that compute it on the right.

::

    :::{beside}
    $$ y = x^2 $$

    ```python
    y = x**2
    ```
    :::

The last block must hold the code; everything before it stands on the left. On narrow
windows the two stand below each other. Code wider than its column is a warning.
"""

from docutils import nodes
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from book.blocks.excerpts import WIDTH

LOGGER = logging.getLogger(__name__)


class Beside(SphinxDirective):
    """Set the last block beside the blocks before it."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Split the content into two columns."""
        self.assert_has_content()
        *left, right = self.parse_content_to_nodes()
        if not left or not _shows_code(right):
            LOGGER.warning(
                "{beside} needs text or a formula and then, as its last block, code",
                type="beside",
                subtype="columns",
                location=self.get_location(),
            )
        if (widest := _width(right)) > WIDTH:
            LOGGER.warning(
                f"this code is {widest} characters wide, and its column holds {WIDTH}; "
                "break its longest line, or show it below the formula",
                type="beside",
                subtype="width",
                location=self.get_location(),
            )
        grid = nodes.container(classes=["tp-beside"])
        self.set_source_info(grid)
        grid += nodes.container("", *left, classes=["tp-beside-left"])
        grid += nodes.container("", right, classes=["tp-beside-right"])
        return [grid]


def _width(node: nodes.Node) -> int:
    """Give the length of the longest line of code."""
    code = [block.astext() for block in node.findall(nodes.literal_block)]
    return max((len(line) for text in code for line in text.splitlines()), default=0)


def _shows_code(node: nodes.Node) -> bool:
    return any(True for _ in node.findall(nodes.literal_block))
