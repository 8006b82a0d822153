"""``{path-map}``: the path as a map, every stop a link; a small one on every chapter.

The map is inline SVG, computed from the pages' front matter. On a narrow window a list
with dots takes its place (``path.css``). Only what the reader has finished is filled,
by ``path.js``.
"""

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective

from book.path.drawing import Drawing
from book.path.graph import Stop, path_of
from book.path.layout import LARGE, SMALL
from book.path.reading_time import times


class path_map(nodes.General, nodes.Element):  # noqa: N801
    """The place of the large map."""


class PathMap(SphinxDirective):
    """Keep a place for the map: the other pages' stops are not known yet."""

    def run(self) -> list[nodes.Node]:
        """Return the place."""
        return [path_map()]


def draw_maps(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Put the large map into its place, and a small one under a chapter's title."""
    is_html = app.builder.format == "html"
    for place in list(doctree.findall(path_map)):
        place.replace_self([_map(app, docname, large=True)] if is_html else [])
    title = next(doctree.findall(nodes.title), None)
    is_stop = any(stop.page == docname for stop in drawn_path(app.env))
    if is_html and is_stop and title is not None:
        section = title.parent
        section.insert(section.index(title) + 1, _map(app, docname, large=False))


def _map(app: Sphinx, docname: str, *, large: bool) -> nodes.raw:
    size, kind, name = (
        (LARGE, "large", "The path")
        if large
        else (SMALL, "small", "Your place on the path")
    )
    drawing = Drawing(
        drawn_path(app.env),
        docname,
        lambda page: app.builder.get_relative_uri(docname, page),
        _times(app.env) if large else {},
    )
    html = (
        f'<nav class="path-map path-{kind}" aria-label="{name}">\n'
        f"{drawing.svg(size, name)}\n{drawing.list()}\n</nav>"
    )
    return nodes.raw("", html, format="html")


def drawn_path(env: BuildEnvironment) -> list[Stop]:
    """Return the path without the landing page, on which it is drawn."""
    return [stop for stop in path_of(env) if stop.page != env.config.root_doc]


def _times(env: BuildEnvironment) -> dict[str, str]:
    return {stop.page: times(env, stop.page) for stop in drawn_path(env) if stop.page}
