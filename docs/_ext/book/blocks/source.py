"""The package's own lines in the page: the idea, without docstring, types and guards.

::

    ```{source} transformer_path.learning.supervised.softmax
    ```

``:part: for i`` shows only the block that starts at the first line with this text. The
page is read again when the module changes.
"""

import importlib
import inspect
import textwrap
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective

from book.blocks.excerpts import idea_of, part_of


def load(name: str) -> tuple[ModuleType, Any]:
    """Import the module in a dotted name and find the object in it."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        path = ".".join(parts[:length])
        try:
            module = importlib.import_module(path)
        except ModuleNotFoundError as error:
            if not (path + ".").startswith(f"{error.name}."):
                raise
            continue
        found: Any = module
        for part in parts[length:]:
            found = getattr(found, part)
        return module, found.fget if isinstance(found, property) else found
    raise ModuleNotFoundError(f"No module named {parts[0]!r}")


def shown_lines(name: str, options: Mapping[str, Any]) -> tuple[ModuleType, str]:
    """Give the module of an object, and those of its lines that a page shows."""
    module, found = load(name)
    code = idea_of(textwrap.dedent(inspect.getsource(found)))
    return module, part_of(code, options["part"]) if "part" in options else code


def _origin(name: str, module: ModuleType) -> dict[str, Any]:
    """Say where the lines of an object stand, for the figures that link to them."""
    lines, first = inspect.getsourcelines(load(name)[1])
    above = len(module.__name__.split("."))
    path = "/".join(Path(inspect.getfile(module)).parts[-above:])
    return {
        "tp_name": name,
        "tp_file": path,
        "tp_lines": dict(enumerate(map(str.rstrip, lines), max(first, 1))),
    }


class Source(SphinxDirective):
    """Show the source of an object of the package and link to its reference."""

    required_arguments = 1
    option_spec: ClassVar[dict[str, Any]] = {
        "part": directives.unchanged_required,
    }

    def run(self) -> list[nodes.Node]:
        """Read the source and depend on its file."""
        name = self.arguments[0]
        try:
            module, code = shown_lines(name, self.options)
        except (ImportError, AttributeError, TypeError, ValueError) as error:
            raise self.error(f"{{source}} cannot show {name}: {error}") from error
        self.env.note_dependency(inspect.getfile(module))
        block = nodes.literal_block(
            code, code, language="python", **_origin(name, module)
        )
        caption = nodes.paragraph("", "", self.link(name), classes=["tp-source-name"])
        source = nodes.container("", block, caption, classes=["tp-source"])
        self.set_source_info(source)
        self.set_source_info(block)
        return [source]

    def link(self, name: str) -> pending_xref:
        """Refer to the API page, without complaint where it does not exist."""
        shown = name.removeprefix("transformer_path.")
        text = nodes.literal(name, shown, classes=["py", "py-obj"])
        attributes = {"refdomain": "py", "reftype": "obj", "reftarget": name}
        return pending_xref(
            "",
            text,
            **attributes,
            refexplicit=True,
            refdoc=self.env.docname,
            quiet=True,
        )


def stay_quiet(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, text: nodes.Element
) -> nodes.Element | None:
    """Show the plain name of an object that the API page does not list."""
    return text if node.get("quiet") else None
