"""The package's own lines in the page, without their docstrings.

::

    ```{source} transformer_path.learning.supervised.softmax
    ```

``:part: def forward`` shows the block that starts at the first line with this text,
``:lines: 3-9`` only these lines. The page is read again when the module changes.
"""

import ast
import importlib
import inspect
import re
import textwrap
from types import ModuleType
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata


def load(name: str) -> tuple[ModuleType, object]:
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
        found: object = module
        for part in parts[length:]:
            found = getattr(found, part)
        return module, found
    raise ModuleNotFoundError(f"No module named {parts[0]!r}")


def without_docstrings(code: str) -> str:
    """Drop the docstrings, and the blank lines that they leave behind."""
    lines = code.splitlines()
    drop: set[int] = set()
    for node in ast.walk(ast.parse(code)):
        if not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module):
            continue
        if ast.get_docstring(node) is None or len(node.body) < 2:
            continue
        start, end = node.body[0].lineno - 1, node.body[0].end_lineno
        while end < len(lines) and not lines[end].strip():
            end += 1
        drop |= set(range(start, end))
    return "\n".join(line for i, line in enumerate(lines) if i not in drop).strip("\n")


def part_of(code: str, text: str) -> str:
    """Cut out the block that starts at the first line with ``text``."""
    lines = code.splitlines()
    start = next((i for i, line in enumerate(lines) if text in line), None)
    if start is None:
        raise ValueError(f"no line holds {text!r}")
    indent = len(lines[start]) - len(lines[start].lstrip())
    end = start + 1
    while end < len(lines) and (
        not lines[end].strip()
        or re.match(rf"\s{{{indent + 1}}}|\s{{{indent}}}[)\]}}]", lines[end])
    ):
        end += 1
    return textwrap.dedent("\n".join(lines[start:end])).strip("\n")


class Source(SphinxDirective):
    """Show the source of an object of the package and link to its reference."""

    required_arguments = 1
    option_spec: ClassVar[dict[str, Any]] = {
        "lines": directives.unchanged_required,
        "part": directives.unchanged_required,
    }

    def run(self) -> list[nodes.Node]:
        """Read the source and depend on its file."""
        name = self.arguments[0]
        try:
            module, found = load(name)
            code = without_docstrings(textwrap.dedent(inspect.getsource(found)))
            code = self.excerpt(code)
        except (ImportError, AttributeError, TypeError, ValueError) as error:
            raise self.error(f"{{source}} cannot show {name}: {error}") from error
        self.env.note_dependency(inspect.getfile(module))
        block = nodes.literal_block(code, code, language="python")
        caption = nodes.paragraph("", "", self.link(name), classes=["tp-source-name"])
        source = nodes.container("", block, caption, classes=["tp-source"])
        self.set_source_info(source)
        self.set_source_info(block)
        return [source]

    def excerpt(self, code: str) -> str:
        """Keep the part and the lines asked for."""
        if "part" in self.options:
            code = part_of(code, self.options["part"])
        if "lines" in self.options:
            first, _, last = self.options["lines"].partition("-")
            code = "\n".join(code.splitlines()[int(first) - 1 : int(last or first)])
        return textwrap.dedent(code)

    def link(self, name: str) -> pending_xref:
        """Refer to the API page, without complaint where it does not exist."""
        text = nodes.literal(name, name, classes=["py", "py-obj"])
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


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive."""
    app.add_directive("source", Source)
    app.connect("missing-reference", stay_quiet, priority=900)
    return {
        "version": "1",
        "env_version": 1,
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
