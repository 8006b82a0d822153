"""``{chapter-list}``: the written stops, with what each gives and how long it takes.

For the landing page; the table of contents itself stays hidden.
"""

import re
from html import escape

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from book.path.graph import Stop
from book.path.maps import drawn_path
from book.path.reading_time import times

ROLE = re.compile(r"\{[\w:]+\}(?=`)")
CODE = re.compile(r"`~?([^`]+)`")


class chapter_list(nodes.General, nodes.Element):  # noqa: N801
    """The place of the list."""


class ChapterList(SphinxDirective):
    """Keep a place for the list: the other pages are not known yet."""

    def run(self) -> list[nodes.Node]:
        """Return the place."""
        return [chapter_list()]


def write_lists(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Fill each place in HTML; elsewhere the table of contents does."""
    for place in list(doctree.findall(chapter_list)):
        if app.builder.format != "html":
            place.parent.remove(place)
            continue
        items = "\n".join(
            entry(app, stop, docname) for stop in drawn_path(app.env) if stop.page
        )
        html = f'<ol class="chapter-list">\n{items}\n</ol>'
        place.replace_self(nodes.raw("", html, format="html"))


def entry(app: Sphinx, stop: Stop, docname: str) -> str:
    """Write one stop."""
    uri = escape(app.builder.get_relative_uri(docname, stop.page))
    text = ROLE.sub("", escape(stop.outcome, quote=False)).replace("'", "’")
    outcome = CODE.sub(r"<code>\1</code>", text)
    return (
        f'<li class="stop {escape(stop.architecture)}" data-page="{escape(stop.page)}">'
        f"<b>{stop.number}</b> "
        f'<p><a href="{uri}">{escape(stop.title)}</a> <span>{outcome}</span></p> '
        f"<small>{times(app.env, stop.page)}</small></li>"
    )
