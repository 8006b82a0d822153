"""How long does a page take to read, and how long did it take to run?

A rate for each kind of thing that one reads: words of prose, lines of code, formulas.
What is folded away, what cells print and the exercises' hints and solutions do not
count. The running time is the one that MyST-NB measured.
"""

from collections.abc import Iterator

from docutils import nodes
from sphinx.environment import BuildEnvironment
from sphinx.transforms import SphinxTransform

from book.blocks.boxes import folded

SECONDS = {"word": 0.4, "line of code": 6.0, "formula": 20.0, "symbol": 2.0}
SILENT = nodes.FixedTextElement | nodes.raw | nodes.comment | nodes.Invisible
SILENT_CLASSES = {"cell_output"}


class CountMinutes(SphinxTransform):
    """Note a page's reading time in whole minutes."""

    default_priority = 895  # after what is no idea has been folded away

    def apply(self, **_: object) -> None:
        """Go through the page as it is shown."""
        metadata = self.env.metadata[self.env.current_document.docname]
        if "stop" in metadata:
            seconds = sum(SECONDS[kind] * n for kind, n in read(self.document))
            metadata["reading_minutes"] = str(max(1, round(seconds / 60)))


def read(node: nodes.Node) -> Iterator[tuple[str, int]]:
    """Go through what one reads: its kind, and how much of it there is."""
    classes = node.get("classes", ()) if isinstance(node, nodes.Element) else ()
    if isinstance(node, folded) or not SILENT_CLASSES.isdisjoint(classes):
        return
    if isinstance(node, nodes.literal_block):
        yield "line of code", len(node.astext().splitlines())
    elif isinstance(node, nodes.math_block):
        yield "formula", 1
    elif isinstance(node, nodes.math):
        yield "symbol", 1
    elif isinstance(node, nodes.Text):
        yield "word", len(node.split())
    elif not isinstance(node, SILENT):
        for child in node.children:
            yield from read(child)


def times(env: BuildEnvironment, page: str) -> str:
    """Say both times; a page without cells has only the first."""
    minutes = env.metadata[page].get("reading_minutes")
    text = f"{minutes} min reading" if minutes else ""
    collected = getattr(env, "nb_metadata", {}).get(page, {})
    seconds = (collected.get("exec_data") or {}).get("runtime")
    if seconds is None:
        return text
    shown = f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
    return f"{text} · {shown} running"
