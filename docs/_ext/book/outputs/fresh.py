"""Cached outputs that cannot be stale.

MyST-NB keys its cache on the cells alone. Here every page keeps its outputs under its
``fingerprint``: the hash of whatever they may depend on. Change a module, and the
pages that import it run again; change it back, and their outputs come from the cache.
``pages`` does the same for what pages show of each other.
"""

import hashlib
import shutil
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from book.outputs.cache import lock, looks_kept, mend, outputs_folder, prune
from book.outputs.fingerprint import fingerprint, read_page


def kept_outputs(env: BuildEnvironment, docname: str) -> bool | None:
    """Say whether a page's outputs are kept; None if it runs nothing."""
    digest, _ = _state(env, docname, _text(env, docname))
    return looks_kept(outputs_folder(env, docname, digest)) if digest else None


class Reading:
    """The page that is being read."""

    text = ""

    def start(self, app: Sphinx, docname: str, content: list[str]) -> None:
        """Point MyST-NB to the page's own outputs; start no kernel without cells."""
        self.text = content[0]
        digest, text_digest = _state(app.env, docname, self.text)
        app.env.metadata[docname]["fresh_state"] = (digest, text_digest)
        folder = outputs_folder(app.env, docname, digest)
        self.lock = lock(folder)
        self.lock.acquire()
        mend(folder)
        app.env.mystnb_config = app.env.mystnb_config.copy(
            execution_mode=app.config.nb_execution_mode if digest else "off",
            execution_cache_path=str(folder),
        )

    def end(self, app: Sphinx, doctree: nodes.document) -> None:
        """Do not trust a page whose modules changed while it ran."""
        env = app.env
        before = env.metadata[env.docname]["fresh_state"]
        if before != _state(env, env.docname, self.text):
            shutil.rmtree(outputs_folder(env, env.docname, before[0]), True)
            env.metadata[env.docname]["fresh_state"] = None
        self.lock.release()


def outdated(
    app: Sphinx, env: BuildEnvironment, added: set, changed: set, removed: set
) -> set[str]:
    """Read again the pages whose text or outputs may have changed."""
    return {d for d in env.found_docs - added - changed if _has_moved(env, d)}


def forget(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    """Forget the numbers of a page that is read again or was removed."""
    _glue(env, docname).unlink(missing_ok=True)


def tidy(app: Sphinx, error: Exception | None) -> None:
    """Drop the outputs that were not used for long."""
    if error is None:
        prune(outputs_folder(app.env, "", "").parent)


def _text(env: BuildEnvironment, docname: str) -> str:
    return Path(env.doc2path(docname)).read_text("utf-8-sig")


def _has_moved(env: BuildEnvironment, docname: str) -> bool:
    """Say whether a page is not as it was read, or its numbers are lost."""
    glued = env.nb_metadata.get(docname, {}).get("glue")
    if glued and not _glue(env, docname).exists():
        return True
    now = _state(env, docname, _text(env, docname))
    return env.metadata[docname].get("fresh_state") != now


def _glue(env: BuildEnvironment, docname: str) -> Path:
    return Path(env.mystnb_config.output_folder, f"{docname}.glue.json")


def _state(env: BuildEnvironment, docname: str, text: str) -> tuple[str, str]:
    """Give the fingerprint of a page (empty if it runs nothing) and of its text."""
    notebook = read_page(env, docname, text)
    digest = fingerprint(env, docname, notebook) if notebook else ""
    return digest, hashlib.sha256(text.encode()).hexdigest()
