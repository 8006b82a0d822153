"""Cached outputs that cannot be stale.

MyST-NB keys its cache on the cells alone. Here every page keeps its outputs under its
``fingerprint``: the hash of whatever they may depend on. Change a module, and the
pages that import it run again; change it back, and their outputs come from the cache.
"""

import hashlib
import shutil
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment

from book.outputs.cache import lock, looks_kept, mend, outputs_folder, prune
from book.outputs.fingerprint import fingerprint, read_page
from book.outputs.kernel import Replaced, environment, myst


def find_source(app: Sphinx, config: Config) -> None:
    """Find the folder of the project's modules, named relative to ``conf.py``."""
    config.fresh_source_root = str(app.confdir / config.fresh_source_root)


def kept_outputs(env: BuildEnvironment, docname: str) -> bool | None:
    """Say whether a page's outputs are kept; None if it runs nothing."""
    state, _ = _state(env, docname, _text(env, docname))
    return looks_kept(outputs_folder(env, docname, state[0])) if state[0] else None


class Reading:
    """The page that is being read."""

    text = ""

    def __init__(self) -> None:
        self.replaced = Replaced()

    def start(self, app: Sphinx, docname: str, content: list[str]) -> None:
        """Point MyST-NB to the page's own outputs; start no kernel without cells."""
        self.text = content[0]
        state, files = _state(app.env, docname, self.text)
        app.env.metadata[docname]["fresh_state"] = state
        folder = outputs_folder(app.env, docname, state[0])
        self.lock = lock(folder)
        self.lock.acquire()
        mend(folder)
        myst(app.env).mystnb_config = myst(app.env).mystnb_config.copy(
            execution_mode=app.config.nb_execution_mode if state[0] else "off",
            execution_cache_path=str(folder),
        )
        self.replaced.start(environment(app.env, files))

    def end(self, app: Sphinx, doctree: nodes.document) -> None:
        """Do not trust a page whose modules changed while it ran."""
        self.replaced.end()
        env, docname = app.env, app.env.current_document.docname
        before = env.metadata[docname]["fresh_state"]
        if before != _state(env, docname, self.text)[0]:
            shutil.rmtree(outputs_folder(env, docname, before[0]), True)
            env.metadata[docname]["fresh_state"] = None
        self.lock.release()


def outdated(
    app: Sphinx,
    env: BuildEnvironment,
    added: set[str],
    changed: set[str],
    removed: set[str],
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
    glued = myst(env).nb_metadata.get(docname, {}).get("glue")
    if glued and not _glue(env, docname).exists():
        return True
    now, _ = _state(env, docname, _text(env, docname))
    return env.metadata[docname].get("fresh_state") != now


def _glue(env: BuildEnvironment, docname: str) -> Path:
    return Path(myst(env).mystnb_config.output_folder, f"{docname}.glue.json")


def _state(
    env: BuildEnvironment, docname: str, text: str
) -> tuple[tuple[str, str], list[Path]]:
    """Give the fingerprint of a page (empty if it runs nothing) and of its text.

    With it come the files that are part of the fingerprint.
    """
    notebook = read_page(env, docname, text)
    digest, files = fingerprint(env, docname, notebook) if notebook else ("", [])
    return (digest, hashlib.sha256(text.encode()).hexdigest()), files
