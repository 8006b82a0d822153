"""What does a chapter need, what will it give, and how long will it take?

Every page of the path (a page with ``stop`` in its front matter) but the landing page
gets a line above its title and four facts below it, made from the front matter, the
concept graph, the number of words and the measured running time. HTML only.
"""

from docutils import nodes
from docutils.utils import new_document
from myst_parser.parsers.sphinx_ import MystParser
from sphinx.addnodes import download_reference
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util.osutil import relative_uri
from sphinx.writers.html5 import HTML5Translator

from book.forms.three import file_name
from book.path.graph import Stop, path_of, teachers
from book.path.reading_time import times


class header_part(nodes.General, nodes.Element, nodes.Invisible):  # noqa: N801
    """A part of the header; invisible to what summarises a page by its first words."""


class KeepOutcome(SphinxTransform):
    """Parse ``you_will_have`` as MyST, with the page, so that its links resolve."""

    default_priority = 400

    def apply(self, **_: object) -> None:
        """Keep the parsed text at the page's end, from where the header takes it."""
        for field in self.document.findall(nodes.field):
            if field[0].astext() == "you_will_have":
                parsed = new_document(self.document["source"], self.document.settings)
                MystParser().parse(field[1].astext(), parsed)
                words = [word for block in parsed for word in block.children]
                self.document.append(header_part("", *words))
                return


def add_header(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Write the line above the title and the facts below it."""
    kept = list(doctree.findall(header_part))  # several, where pages become one
    for part in kept:
        part.parent.remove(part)
    path = path_of(app.env)
    here = next((stop for stop in path if stop.page == docname), None)
    title = next(doctree.findall(nodes.title), None)
    if app.builder.format != "html" or docname == app.config.root_doc:
        return
    if here is None or title is None:
        return
    facts = {
        "You need": needs(app, here, path),
        "You will have": kept[0].children if kept else [],
        "Time": [nodes.Text(times(app.env, docname))],
        "Take it along": forms(app, doctree, docname),
    }
    items = [
        nodes.definition_list_item(
            "",
            nodes.term("", label),
            nodes.definition("", nodes.paragraph("", "", *value)),
        )
        for label, value in facts.items()
        if value
    ]
    text = " · ".join(filter(None, [f"Stop {here.number}", here.part]))
    eyebrow = nodes.paragraph("", text, classes=["eyebrow", here.architecture])
    section, place = title.parent, title.parent.index(title)
    listed = nodes.definition_list("", *items, classes=["facts"])
    section.insert(place + 1, header_part("", listed))
    section.insert(place, header_part("", eyebrow))


def needs(app: Sphinx, here: Stop, path: list[Stop]) -> list[nodes.Node]:
    """Link each concept to the page that teaches it."""
    taught = teachers(path)
    links: list[nodes.Node] = []
    for concept in here.needs:
        teacher = taught.get(concept.lower())
        if teacher and teacher.page:
            uri = app.builder.get_relative_uri(here.page, teacher.page)
            links += [link(concept, uri), nodes.Text(", ")]
        else:
            links += [nodes.Text(concept), nodes.Text(", ")]
    return links[:-1] or [nodes.Text("nothing but curiosity")]


def forms(app: Sphinx, doctree: nodes.document, docname: str) -> list[nodes.Node]:
    """Link the same chapter as a script, as a notebook and in Colab."""
    cells = (node for node in doctree.findall(nodes.container))
    if not any("cell" in cell["classes"] for cell in cells):
        return []
    own = app.builder.get_target_uri(docname)
    name = f"examples/{file_name(docname)}"
    repository = app.config.repository_url.removeprefix("https://github.com/")
    colab = (
        f"https://colab.research.google.com/github/{repository}/blob/main/{name}.ipynb"
    )
    return [
        download("script", relative_uri(own, f"{name}.py")),
        nodes.Text(" · "),
        download("notebook", relative_uri(own, f"{name}.ipynb")),
        nodes.Text(" · "),
        link("Colab", colab),
    ]


def link(text: str, uri: str) -> nodes.reference:
    """Return a plain link."""
    return nodes.reference("", text, refuri=uri, internal=True)


def download(text: str, uri: str) -> download_reference:
    """Return a link to a file to keep."""
    return download_reference("", text, refuri=uri)


def write_nothing(_self: HTML5Translator, _node: header_part) -> None:
    """Leave the writing to what lies inside."""
