"""Every term of the glossary says at which stop it is taught. HTML only."""

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

from book.path.graph import path_of, teachers


def link_terms(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Link the page that teaches a term at the end of its definition."""
    glossaries = list(doctree.findall(addnodes.glossary))
    if app.builder.format != "html" or not glossaries:
        return
    taught = teachers(path_of(app.env))
    for item in (i for g in glossaries for i in g.findall(nodes.definition_list_item)):
        terms = [term.astext().lower() for term in item.findall(nodes.term)]
        stop = next((taught[term] for term in terms if term in taught), None)
        last = list(item.findall(nodes.paragraph))[-1:]
        if stop and last:
            uri = app.builder.get_relative_uri(docname, stop.page)
            is_root = stop.page == app.config.root_doc
            text = "Roadmap" if is_root else f"Stop {stop.number}"
            link = nodes.reference("", text, refuri=uri, internal=True)
            last[0] += [nodes.Text(" "), nodes.inline("", "", link, classes=["taught"])]
