"""A note in the margin, beside the paragraph that follows it.

::

    :::{sidenote}
    Residual connections came from image networks.
    :::
"""

from docutils import nodes
from sphinx.util.docutils import SphinxDirective


class Sidenote(SphinxDirective):
    """Put the content in the margin; on narrow windows, between the paragraphs."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Wrap the content; the style sheet places it."""
        self.assert_has_content()
        note = nodes.container(classes=["tp-sidenote"])
        self.set_source_info(note)
        note += self.parse_content_to_nodes()
        return [note]
