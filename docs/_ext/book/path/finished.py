"""A button at a chapter's end: "I have finished this chapter".

What is finished is remembered in the reader's browser only and filled in on the maps
(``path.js``). The button is hidden until the script has found a place to remember it.
"""

from html import escape

from docutils import nodes
from sphinx.application import Sphinx

from book.path.graph import path_of

BUTTON = """<p class="finished">
<button type="button" hidden aria-pressed="false" data-finishes="{page}">
I have finished this chapter</button>
</p>"""


def add_button(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Put the button at the end of every written stop but the landing page."""
    if app.builder.format != "html" or docname == app.config.root_doc:
        return
    if any(stop.page == docname for stop in path_of(app.env)):
        button = BUTTON.format(page=escape(docname))
        end = next(doctree.findall(nodes.section), doctree)
        end.append(nodes.raw("", button, format="html"))
