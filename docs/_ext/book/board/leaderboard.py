"""The leaderboard, gathered from the pages that measured.

::

    ```{leaderboard}
    ```

    ```{leaderboard}
    :brief:
    ```

    ```{leaderboard}
    :times:
    ```

A page enters a row with ``transformer_path.workshop.leaderboard.enter``; the numbers
that MyST-NB keeps of each page are read when the board is written, so it is never older
than they are. Architectures that no page has measured yet stand there with the
published figure, as hollow dots. The brief form, for the landing page, has the accuracy
only. The form with times is a figure: what was measured, against its training time.
"""

import json
from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from myst_nb.core.variables import format_plain_text
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from book.board.table import Line, table
from book.board.times import drawn
from book.outputs.kernel import myst

logger = logging.getLogger(__name__)


class board(nodes.General, nodes.Element):  # noqa: N801
    """Where a leaderboard is to stand; ``brief`` and ``times`` say which."""


class Leaderboard(SphinxDirective):
    """Leave a place for the leaderboard."""

    option_spec: ClassVar = {"brief": directives.flag, "times": directives.flag}

    def run(self) -> list[nodes.Node]:
        """Leave the place; the page is read again when the published figures change."""
        published = find_spec("transformer_path.workshop.leaderboard")
        if published and published.origin:
            self.env.note_dependency(published.origin)
        place = board(brief="brief" in self.options, times="times" in self.options)
        self.set_source_info(place)
        return [place]


def place(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Put the leaderboard where a page asked for it."""
    places = list(doctree.findall(board))
    lines = sorted(gather(app.env), key=lambda line: line.percent) if places else []
    for node in places:
        if app.builder.format == "html":
            uri = partial(app.builder.get_relative_uri, docname)
            brief = node["brief"]
            html = drawn(lines) if node["times"] else table(lines, uri, brief=brief)
            node.replace_self(nodes.raw("", html, format="html"))
        else:
            texts = [f"{line.label}: {line.figure}" for line in lines]
            items = [nodes.list_item("", nodes.paragraph("", t)) for t in texts]
            node.replace_self(nodes.bullet_list("", *items))


def gather(env: BuildEnvironment) -> list[Line]:
    """Return what the pages have measured, and what is published of the rest."""
    from transformer_path.workshop.leaderboard import PUBLISHED  # slow: imports torch

    lines = {
        name: Line(label=it.label, colour=it.architecture or "ink-2", published=it[2:])
        for name, it in PUBLISHED.items()
    }
    for docname, name, glued in rows(env):
        known = lines.get(name, Line(label=name, colour="ink-2"))
        if known.page:
            warn(
                docname, name, f"is in {known.page} too; give one another name", "twice"
            )
            continue
        number = env.metadata[docname].get("stop")
        title = env.titles[docname].astext()
        try:
            lines[name] = known.measured(
                glued[f"leaderboard_{name}"],
                time=glued.get(f"time_leaderboard_{name}", ""),
                page=docname,
                chapter=f"{number} · {title}" if number else title,
            )
        except (KeyError, TypeError, ValueError) as error:
            warn(
                docname, name, f"cannot be read ({error!r}); note it by enter()", "row"
            )
    return list(lines.values())


def rows(env: BuildEnvironment) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield page, name and texts of all rows that the pages have entered."""
    for docname in sorted(env.all_docs):
        path = Path(myst(env).mystnb_config.output_folder, f"{docname}.glue.json")
        if not path.exists():
            continue
        glued = {
            key: format_plain_text(output["data"].get("text/plain", ""), "")
            for key, output in json.loads(path.read_text("utf-8")).items()
        }
        for key in glued:
            if key.startswith("leaderboard_"):
                yield docname, key.removeprefix("leaderboard_"), glued


def warn(docname: str, name: str, what: str, subtype: str) -> None:
    """Say, at the page that entered it, what is wrong with a row."""
    logger.warning(
        f"the row {name!r} of the leaderboard {what}.",
        type="leaderboard",
        subtype=subtype,
        location=docname,
    )
