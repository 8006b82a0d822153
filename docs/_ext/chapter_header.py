"""What does a chapter need, what will it give, and how long will it take?

Every page of the path (a page with ``stop`` in its front matter) but the landing page
gets a line above its title and four facts below it, made from the front matter, the
concept graph, the number of words and the measured running time. HTML only.
"""

from docutils import nodes
from docutils.utils import new_document
from myst_parser.parsers.sphinx_ import MystParser
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util.osutil import relative_uri
from sphinx.util.typing import ExtensionMetadata

from path_graph import Stop, path_of, teachers

WORDS_A_MINUTE = 150  # of technical prose; code and formulas are not counted


class outcome(nodes.General, nodes.Element):  # noqa: N801
    """What the reader will have, kept in the page so that its links resolve."""


class KeepOutcome(SphinxTransform):
    """Parse ``you_will_have`` as MyST."""

    default_priority = 400

    def apply(self, **_: object) -> None:
        """Put the parsed text at the page's end, from where the header takes it."""
        for field in self.document.findall(nodes.field):
            if field[0].astext() == "you_will_have":
                parsed = new_document(self.document["source"], self.document.settings)
                MystParser().parse(field[1].astext(), parsed)
                words = [word for block in parsed for word in block.children]
                self.document.append(outcome("", *words))
                return


def count(app: Sphinx, doctree: nodes.document) -> None:
    """Note how long the page takes to read, and whether it has code to take along."""
    data = app.env.current_document.docname
    metadata = app.env.metadata[data]
    if "stop" in metadata:
        words = sum(len(text.split()) for text in doctree.findall(is_prose))
        metadata["reading_minutes"] = str(max(1, round(words / WORDS_A_MINUTE)))
        cells = (node for node in doctree.findall(nodes.container))
        if any("cell" in cell.get("classes", ()) for cell in cells):
            metadata["has_code"] = "yes"


def is_prose(node: nodes.Node) -> bool:
    """Whether a node is text that one reads word by word."""
    if not isinstance(node, nodes.Text):
        return False
    while node := node.parent:
        silent = nodes.literal_block | nodes.math | nodes.math_block | nodes.raw
        if isinstance(node, silent | nodes.comment | outcome):
            return False
        if "cell_output" in getattr(node, "attributes", {}).get("classes", ()):
            return False
    return True


def add_header(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Write the line above the title and the facts below it."""
    kept = next(doctree.findall(outcome), None)
    if kept is not None:
        kept.parent.remove(kept)
    path = path_of(app.env)
    here = next((stop for stop in path if stop.page == docname), None)
    if app.builder.format != "html" or not here or docname == app.config.root_doc:
        return
    title = next(doctree.findall(nodes.title))
    section, place = title.parent, title.parent.index(title)
    facts = {
        "You need": needs(app, here, path),
        "You will have": kept.children if kept is not None else [],
        "Time": [nodes.Text(time(app, docname))],
        "Take it along": forms(app, docname),
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
    section.insert(place + 1, nodes.definition_list("", *items, classes=["facts"]))
    text = " · ".join(filter(None, [f"Stop {here.number}", here.part]))
    section.insert(
        place, nodes.paragraph("", text, classes=["eyebrow", here.architecture])
    )


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


def time(app: Sphinx, docname: str) -> str:
    """Say how long the page takes to read, and took to run when it was built."""
    text = f"{app.env.metadata[docname]['reading_minutes']} min reading"
    collected = getattr(app.env, "nb_metadata", {}).get(docname, {})
    seconds = (collected.get("exec_data") or {}).get("runtime")
    if seconds is None:
        return text
    shown = f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
    return f"{text} · {shown} running"


def forms(app: Sphinx, docname: str) -> list[nodes.Node]:
    """Link the same chapter as a script, as a notebook and in Colab."""
    if "has_code" not in app.env.metadata[docname]:
        return []
    own = app.builder.get_target_uri(docname)
    name = docname.replace("-", "_")  # as three_forms names them
    file = f"examples/{name}.ipynb"
    repository = app.config.repository_url.removeprefix("https://github.com/")
    colab = f"https://colab.research.google.com/github/{repository}/blob/main/{file}"
    return [
        link("script", relative_uri(own, f"examples/{name}.py")),
        nodes.Text(" · "),
        link("notebook", relative_uri(own, file)),
        nodes.Text(" · "),
        link("Colab", colab),
    ]


def link(text: str, uri: str) -> nodes.reference:
    """Return a plain link."""
    return nodes.reference("", text, refuri=uri, internal=True)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the header; it comes after the small map, and so lies above it."""
    app.add_config_value("repository_url", "", "html", str)
    app.add_node(outcome)
    app.add_transform(KeepOutcome)
    app.connect("doctree-read", count)
    app.connect("doctree-resolved", add_header, priority=600)
    app.add_css_file("path.css")
    return {
        "version": "1",
        "env_version": 1,
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
