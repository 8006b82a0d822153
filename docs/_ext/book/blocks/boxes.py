"""The boxes of a chapter: its failure, its exercises, their hints and solutions.

::

    :::{failure} Moved digits
    {glue:text}`shifted` of the moved digits are right. The [next page](next.md) ...
    :::

    ::::{exercise} 1.1 Change a number
    What does a learning rate of 10 do?
    :::{hint}
    Look at the first loss.
    :::
    :::{solution}
    It diverges.
    :::
    ::::
"""

import re
from typing import ClassVar

from docutils import nodes
from sphinx.util.docutils import SphinxDirective
from sphinx.writers.html5 import HTML5Translator


class folded(nodes.General, nodes.Element):  # noqa: N801
    """Content that the reader unfolds; its first child is its summary."""


class summary(nodes.Part, nodes.TextElement):  # noqa: N801
    """What shows before anything is unfolded."""


class Box(SphinxDirective):
    """A box with a title: ``{failure} Title``."""

    has_content = True
    required_arguments = 1
    final_argument_whitespace = True
    kind: ClassVar[str] = "failure"

    def run(self) -> list[nodes.Node]:
        """Set the title over the content."""
        self.assert_has_content()
        box = nodes.container(classes=["tp-box", f"tp-{self.kind}"])
        self.set_source_info(box)
        title = nodes.paragraph(classes=["tp-box-title"])
        title += self.title(box)
        box += title
        box += self.parse_content_to_nodes()
        return [box]

    def title(self, box: nodes.container) -> list[nodes.Node]:
        """Read the title, which may hold inline markup."""
        return self.parse_inline(self.arguments[0], lineno=self.lineno)[0]


class Exercise(Box):
    """An exercise: ``{exercise} 1.1 Title``; its target is ``exercise-1-1``."""

    kind = "exercise"

    def title(self, box: nodes.container) -> list[nodes.Node]:
        """Put the number before the title and make it a target."""
        match = re.fullmatch(r"(\d+\.\d+)\s+(.+)", self.arguments[0], re.DOTALL)
        if match is None:
            raise self.error(
                f"{{exercise}} {self.arguments[0]!r} has no number and title; "
                "write for example {exercise} 1.1 Change a number"
            )
        number, text = match.groups()
        target = f"exercise-{number.replace('.', '-')}"
        box["ids"].append(target)
        # Known to Sphinx, so that prose can link to it: [exercise 1.1](#exercise-1-1).
        std = self.env.domains.standard_domain
        std.note_hyperlink_target(
            target, self.env.docname, target, f"Exercise {number}"
        )
        before = nodes.inline("", f"Exercise {number}", classes=["tp-box-number"])
        return [
            before,
            nodes.Text(" "),
            *self.parse_inline(text, lineno=self.lineno)[0],
        ]


class Fold(SphinxDirective):
    """A folded part: ``{hint}`` or ``{solution}`` of an exercise."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Fold the content under its title."""
        self.assert_has_content()
        fold = folded("", summary("", "", *self.title()), classes=[f"tp-{self.name}"])
        self.set_source_info(fold)
        fold += self.parse_content_to_nodes()
        return [fold]

    def title(self) -> list[nodes.Node]:
        """Name the fold after the directive."""
        return [nodes.Text(self.name.capitalize())]


class Dropdown(Fold):
    """A part for the curious: ``{dropdown} Title``, a derivation for example."""

    required_arguments = 1
    final_argument_whitespace = True

    def title(self) -> list[nodes.Node]:
        """Read the title, which may hold inline markup."""
        return self.parse_inline(self.arguments[0], lineno=self.lineno)[0]


def visit_folded(self: HTML5Translator, node: folded) -> None:
    """Open a ``<details>``."""
    self.body.append(self.starttag(node, "details", CLASS="tp-fold"))


def depart_folded(self: HTML5Translator, node: folded) -> None:
    """Close it."""
    self.body.append("</details>\n")


def visit_summary(self: HTML5Translator, node: summary) -> None:
    """Open the summary."""
    self.body.append("<summary>")


def depart_summary(self: HTML5Translator, node: summary) -> None:
    """Close it."""
    self.body.append("</summary>\n")


def visit_open(self: nodes.NodeVisitor, node: folded) -> None:
    """Show the content where nothing can be unfolded."""


def skip(self: nodes.NodeVisitor, node: summary) -> None:
    """Leave out what only names a fold."""
    raise nodes.SkipNode
