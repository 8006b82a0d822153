"""What must never be published?

A failing cell, a figure without alternative text, a message on stderr, a path of the
machine or an address in memory: each is a warning with the page and the line of the
cell, and a build with ``-W`` fails after it has reported them all.
"""

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import nbformat
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.transforms import SphinxTransform
from sphinx.util import logging

from book.outputs.kernel import myst

logger = logging.getLogger(__name__)

ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]{6,}")
ANSI = re.compile(r"\x1b\[[0-9;]*m")
SHOWN = 12  # lines of a traceback
NO_ALT = (
    "this figure has no alternative text; say what one sees in it: "
    'mystnb: image: {alt: "..."} in the options of its cell, ![...](file) in the text'
)


class CheckOutputs(SphinxTransform):
    """Check what the cells of a page put out, before anything else changes it."""

    default_priority = 5

    def apply(self, **kwargs: object) -> None:
        """Check every image, and every output."""
        for image in self.document.findall(nodes.image):
            if not image.get("alt", "").strip():
                warn((self.env.docname, _line(image)), "figure", NO_ALT)
        paths = _machine_paths(self.config)
        for output in self.document.findall(_is_output):
            for text in output.findall(nodes.Text):
                for kind, message in _faults(text, paths):
                    warn((self.env.docname, _line(output)), kind, message)


def _faults(text: nodes.Text, paths: re.Pattern[str]) -> Iterator[tuple[str, str]]:
    """Find what a text that a cell put out must not show."""
    if "stderr" in text.parent.get("classes", []):
        yield "stderr", f"this cell writes to stderr: {text.strip()}"
    elif found := paths.search(text):
        yield "path", f"this cell shows a path of this machine: {found[0]}"
    if found := ADDRESS.search(text):
        yield "address", f"this cell shows an address in memory: {found[0]}"


def check_run(app: Sphinx, doctree: nodes.document) -> None:
    """Report the cell that failed, in place of MyST-NB's message without a line."""
    env = app.env
    run = myst(env).nb_metadata[env.docname].get("exec_data") or {}
    if not run.get("error"):
        return
    path = Path(myst(env).mystnb_config.output_folder, f"{env.docname}.ipynb")
    notebook = nbformat.read(path, as_version=4)
    lines = notebook.metadata.get("source_map", [])
    late = run["error"] == "CellTimeoutError"
    limit = f"it ran for more than {app.config.nb_execution_timeout} seconds"
    message, ran = f"this cell failed: {limit if late else run['error']}", 0
    for index, cell in enumerate(notebook.cells):
        ran = index if cell.get("execution_count") else ran  # in time, or not
        for output in cell.get("outputs", []):
            if output.output_type == "error" and not late:
                trace = ANSI.sub("", "\n".join(output.traceback)).splitlines()
                message = f"this cell failed: {output.ename}: {output.evalue}"
                message = "\n    ".join([message, *trace[-SHOWN:]])
    warn((env.docname, lines[ran]), "failed", message)
    where = f"{env.doc2path(env.docname, base=False)}:{lines[ran]}"
    env.metadata[env.docname]["failed_at"] = f"{where}: {message.splitlines()[0]}"


def sum_up(app: Sphinx, error: Exception | None) -> None:
    """Name the failed cells once more, below what follows from them."""
    for _, fields in sorted(app.env.metadata.items()):
        if "failed_at" in fields and not app.quiet:
            print(fields["failed_at"])


def warn(location: tuple[str, int | None], kind: str, message: str) -> None:
    """Give a warning that names the page and the line."""
    logger.warning(message, location=location, type="page", subtype=kind)


def _is_output(node: nodes.Node) -> bool:
    return isinstance(node, nodes.container) and (
        node.get("nb_element") == "cell_code_output"
    )


def _line(node: nodes.Element) -> int | None:
    """Find the line of a node; inside a cell, of the cell's fence."""
    around: nodes.Element | None = node
    while around is not None:
        if around.get("nb_element") == "cell_code":
            return around.line - 2  # MyST-NB counts from the first line inside, plus 1
        around = around.parent
    while node.line is None and node.parent is not None:
        node = node.parent
    return node.line


def _machine_paths(config: Config) -> re.Pattern[str]:
    """Match the paths under which this machine keeps the book, Python and its user."""
    home = os.path.expanduser("~")  # stays "~" where there is no user, nor a HOME
    book = str(Path(config.fresh_source_root).parent)
    folders = {book, home, sys.prefix, tempfile.gettempdir()} - {"/", "~"}
    own = [re.escape(f"{folder}/") for folder in folders]
    usual = [r"/(?:home|Users)/\w+/", r"[A-Z]:\\Users\\", r"\S*/site-packages/"]
    return re.compile(f"(?:{'|'.join(own + usual)})\\S*")


def quieten(app: Sphinx, config: Config) -> None:
    """Leave failures and stderr to this extension, which knows their lines."""
    config.suppress_warnings += ["mystnb.exec"]
    config.nb_output_stderr = "show"
