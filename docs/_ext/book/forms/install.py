"""The command that installs the book's package, as scripts and notebooks give it.

::

    ```{install}
    ```
"""

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from book.forms import page


class Install(SphinxDirective):
    """Write the command; where the package is published stands in pyproject.toml."""

    def run(self) -> list[nodes.Node]:
        """Make a block of shell code."""
        command = f'pip install "{page.project().install}"'
        block = nodes.literal_block(command, command, language="sh")
        self.set_source_info(block)
        return [block]
