"""How long does a page take to read, and how long did it take to run?

The words of the prose are counted when a page is read; code, formulas, outputs and
what is folded away are not. The running time is the one that MyST-NB measured.
"""

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

WORDS_A_MINUTE = 150  # of technical prose
SILENT = nodes.literal_block | nodes.FixedTextElement | nodes.math | nodes.math_block
SILENT |= nodes.raw | nodes.comment | nodes.Invisible
SILENT_CLASSES = {"cell_input", "cell_output", "tp-hint", "tp-solution"}


def count(app: Sphinx, doctree: nodes.document) -> None:
    """Note a page's reading time in whole minutes."""
    metadata = app.env.metadata[app.env.current_document.docname]
    if "stop" in metadata:
        words = sum(len(text.split()) for text in doctree.findall(is_prose))
        metadata["reading_minutes"] = str(max(1, round(words / WORDS_A_MINUTE)))


def is_prose(node: nodes.Node) -> bool:
    """Whether a node is text that one reads word by word."""
    if not isinstance(node, nodes.Text):
        return False
    while node := node.parent:
        classes = node.get("classes", ()) if isinstance(node, nodes.Element) else ()
        if isinstance(node, SILENT) or not SILENT_CLASSES.isdisjoint(classes):
            return False
    return True


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
