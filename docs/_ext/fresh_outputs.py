"""Cached outputs that cannot be stale.

MyST-NB keys its cache on the cells alone. Here every page keeps its outputs under its
``fingerprint``: the hash of whatever they may depend on. Change a module, and the
pages that import it run again; change it back, and their outputs come from the cache.

A page that shows what *other* pages computed is written again whenever they are.
``{glue:...}`` across pages is noticed. A directive that reads other pages' outputs in
its own way, in a post-transform, says so while its page is read::

    from fresh_outputs import note_paste
    note_paste(self.env, "04a-feedforward-networks")   # without a name: every page

A build that was killed, or that gave warnings, is not trusted: the next one reads and
writes every page again, so that no warning is forgotten and no file is half written.
That takes seconds, since only pages without kept outputs are executed.
"""

import hashlib
import logging
import shutil
from contextlib import suppress
from pathlib import Path

from docutils import nodes
from myst_nb.ext.glue.utils import PendingGlueReference
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.util.logging import NAMESPACE, is_suppressed_warning
from sphinx.util.typing import ExtensionMetadata

from fingerprint import fingerprint, read_page
from page_cache import has_outputs, outputs_folder, prune


def note_paste(env: BuildEnvironment, from_docname: str = "*") -> None:
    """Note that the page being read shows what another page computed."""
    env.metadata[env.docname].setdefault("fresh_pastes", set()).add(from_docname)


def kept_outputs(env: BuildEnvironment, docname: str) -> bool | None:
    """Say whether a page's outputs are kept; None if it runs nothing."""
    digest, _ = _state(env, docname, _text(env, docname))
    return has_outputs(outputs_folder(env, docname, digest)) if digest else None


class Ear(logging.Handler):
    """Hears whether a build gives a warning that is not suppressed."""

    heard = False
    suppressed: tuple[str, ...] = ()

    def emit(self, record: logging.LogRecord) -> None:
        """Remember it."""
        kind = getattr(record, "type", ""), getattr(record, "subtype", "")
        self.heard |= not is_suppressed_warning(*kind, self.suppressed)


class Freshness:
    """What one build knows of the freshness of its pages."""

    def __init__(self) -> None:
        self.distrusted = False
        self.text = ""  # of the page being read
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
        if error is None:
            prune(outputs_folder(app.env, "", "").parent)
            if not self.ear.heard:
                Path(app.doctreedir, f"unfinished-{app.builder.name}").unlink()

    def outdated(
        self, app: Sphinx, env: BuildEnvironment, added: set, changed: set, removed: set
    ) -> set[str]:
        """Read again the pages whose text or outputs may have changed."""
        old = env.found_docs - added - changed
        return {d for d in old if self.distrusted or _has_moved(env, d)}

    def purge(self, app: Sphinx, env: BuildEnvironment, docname: str) -> None:
        """Forget the numbers of a page that is read again or was removed."""
        Path(env.mystnb_config.output_folder, f"{docname}.glue.json").unlink(True)

    def before_page(self, app: Sphinx, docname: str, content: list[str]) -> None:
        """Point MyST-NB to the page's own outputs; start no kernel without cells."""
        self.text = content[0]
        digest, text_digest = _state(app.env, docname, self.text)
        app.env.metadata[docname]["fresh_state"] = (digest, text_digest)
        folder = outputs_folder(app.env, docname, digest)
        has_outputs(folder)  # a damaged folder is dropped
        app.env.mystnb_config = app.env.mystnb_config.copy(
            execution_mode=app.config.nb_execution_mode if digest else "off",
            execution_cache_path=str(folder),
        )

    def after_page(self, app: Sphinx, doctree: nodes.document) -> None:
        """Note what the page pastes; distrust it if a module changed meanwhile."""
        env = app.env
        for reference in doctree.findall(PendingGlueReference):
            note_paste(env, reference.refdoc)
        before = env.metadata[env.docname]["fresh_state"]
        if before != _state(env, env.docname, self.text):
            shutil.rmtree(outputs_folder(env, env.docname, before[0]), True)
            env.metadata[env.docname]["fresh_state"] = None

    def to_write(self, app: Sphinx, env: BuildEnvironment) -> list[str]:
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


def _text(env: BuildEnvironment, docname: str) -> str:
    return Path(env.doc2path(docname)).read_text("utf-8-sig")


def _has_moved(env: BuildEnvironment, docname: str) -> bool:
    now = _state(env, docname, _text(env, docname))
    return env.metadata[docname].get("fresh_state") != now


def _state(env: BuildEnvironment, docname: str, text: str) -> tuple[str, str]:
    """Give the fingerprint of a page (empty if it runs nothing) and of its text."""
    notebook = read_page(env, docname, text)
    digest = fingerprint(env, docname, notebook) if notebook else ""
    return digest, hashlib.sha256(text.encode()).hexdigest()


def _links(env: BuildEnvironment) -> str:
    """Hash what pages can show of each other: front matter, titles, labels, objects."""
    front = {
        docname: {k: v for k, v in fields.items() if not k.startswith("fresh_")}
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


def notice_extensions(app: Sphinx, config: Config) -> None:
    """Read all pages again when one of the book's extensions has changed."""
    code = [p.read_bytes() for p in sorted(Path(__file__).parent.glob("*.py"))]
    config.fresh_extensions = hashlib.sha256(b"".join(code)).hexdigest()


def setup(app: Sphinx) -> ExtensionMetadata:
    """Add the extension to Sphinx."""
    app.add_config_value("fresh_source_root", "src", "env", [str])
    app.add_config_value("fresh_extensions", "", "env", [str])
    freshness = Freshness()
    app.connect("config-inited", notice_extensions)
    app.connect("builder-inited", freshness.start, priority=900)
    app.connect("env-get-outdated", freshness.outdated)
    app.connect("env-purge-doc", freshness.purge)
    app.connect("source-read", freshness.before_page)
    app.connect("doctree-read", freshness.after_page)
    app.connect("env-updated", freshness.to_write)
    app.connect("build-finished", freshness.finish)
    return {
        "version": "1",
        "env_version": 1,
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
