"""Pages that show what other pages hold are written again in time.

Sphinx writes the pages it has read. But a page also shows what *others* computed, and
their titles in its menus: it is written again whenever those change. ``{glue:...}``
across pages is noticed. A directive that reads other pages' outputs in its own way, in
a post-transform, says so while its page is read::

    from book.outputs.pages import note_paste
    note_paste(self.env, "04a-feedforward-networks")   # without a name: every page

A build that was killed, or that gave warnings, is not trusted: the next one reads and
writes every page again, so that no warning is forgotten and no file is half written.
So it is after a change of one of the book's extensions. That takes seconds, since only
pages without kept outputs are executed (``fresh_outputs``).
"""

import hashlib
import logging
import shutil
from contextlib import suppress
from pathlib import Path

from docutils import nodes
from myst_nb.ext.glue.utils import PendingGlueReference
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.logging import NAMESPACE, is_suppressed_warning

OF_A_PAGE = ("fresh_", "source_map", "failed_at")  # what no other page shows


def note_paste(env: BuildEnvironment, from_docname: str = "*") -> None:
    """Note that the page being read shows what another page computed."""
    env.metadata[env.docname].setdefault("fresh_pastes", set()).add(from_docname)


class Ear(logging.Handler):
    """Hears whether a build gives a warning that is not suppressed."""

    heard = False
    suppressed: tuple[str, ...] = ()

    def emit(self, record: logging.LogRecord) -> None:
        """Remember it."""
        kind = getattr(record, "type", ""), getattr(record, "subtype", "")
        self.heard |= not is_suppressed_warning(*kind, self.suppressed)


class Trust:
    """Whether the build before this one finished without a warning."""

    def __init__(self) -> None:
        self.distrusted = False
        self.ear = Ear(logging.WARNING)

    def start(self, app: Sphinx) -> None:
        """Distrust this build until it has finished without a warning."""
        marks = Path(app.doctreedir)
        self.distrusted = any(marks.glob("unfinished-*"))
        (marks / f"unfinished-{app.builder.name}").touch()
        self.ear.suppressed = app.config.suppress_warnings
        logging.getLogger(NAMESPACE).addHandler(self.ear)
        shutil.rmtree(Path(app.outdir, "reports"), ignore_errors=True)
        if self.distrusted:
            Path(app.outdir, "searchindex.js").unlink(missing_ok=True)

    def finish(self, app: Sphinx, error: Exception | None) -> None:
        """Trust the build."""
        logging.getLogger(NAMESPACE).removeHandler(self.ear)
        if error is None and not self.ear.heard:
            Path(app.doctreedir, f"unfinished-{app.builder.name}").unlink()

    def to_read(
        self, app: Sphinx, env: BuildEnvironment, added: set, changed: set, removed: set
    ) -> set[str]:
        """Read every page again if the last build is not trusted."""
        return set(env.found_docs) if self.distrusted else set()


def note_glue(app: Sphinx, doctree: nodes.document) -> None:
    """Note the numbers that a page pastes from others."""
    for reference in doctree.findall(PendingGlueReference):
        note_paste(app.env, reference.refdoc)


def to_write(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Write the pages older than what they show; all, if links may have changed."""
    before, env.fresh_links = getattr(env, "fresh_links", ""), _links(env)
    if before != env.fresh_links:
        return list(env.all_docs)
    if not hasattr(app.builder, "get_output_path"):
        return []
    read = {doc: _time(env.doctreedir / f"{doc}.doctree") for doc in env.all_docs}
    newest = max(read.values(), default=0)

    def shown(docname: str) -> float:
        pastes = env.metadata[docname].get("fresh_pastes", ())
        times = [newest if d == "*" else read.get(d, 0) for d in pastes]
        return max(times, default=0)

    return [
        doc
        for doc in read
        if _time(app.builder.get_output_path(doc)) < max(read[doc], shown(doc))
    ]


def _links(env: BuildEnvironment) -> str:
    """Hash what pages can show of each other: front matter, titles, labels, objects."""
    front = {
        docname: {k: v for k, v in fields.items() if not k.startswith(OF_A_PAGE)}
        for docname, fields in env.metadata.items()
    }
    titles = {docname: title.astext() for docname, title in env.titles.items()}
    std, py = env.domaindata["std"], env.domaindata["py"]
    seen = (front, titles, std["labels"], std["anonlabels"], std["objects"])
    lines = [sorted(map(repr, each.items())) for each in (*seen, py["objects"])]
    lines.append(sorted(map(repr, env.toctree_includes.items())))
    return hashlib.sha256(repr(lines).encode()).hexdigest()


def _time(path: Path) -> float:
    with suppress(FileNotFoundError):
        return path.stat().st_mtime_ns
    return 0
