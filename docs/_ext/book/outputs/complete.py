"""A build writes every page or none, and is believed only when it is complete.

A page shows what others hold: their titles, numbers, times and places on the map. So
as soon as one page is read again or is gone, every page is written; who shows what of
whom need not be known. A build that reads nothing writes nothing.

A build that was killed, or that gave warnings, is not believed: the next one reads and
writes every page again, so that no warning is forgotten and no file is half written.
Pages whose outputs are kept are not executed by that (``fresh``).
"""

import logging
import shutil
from pathlib import Path

from sphinx.application import ENV_PICKLE_FILENAME, Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.logging import NAMESPACE, is_suppressed_warning

MARK = ".complete"  # in the output folder, newer than what was read for it


class Ear(logging.Handler):
    """Hears whether a build gives a warning that is not suppressed."""

    heard = False
    suppressed: tuple[str, ...] | list[str] = ()

    def emit(self, record: logging.LogRecord) -> None:
        """Remember it."""
        kind = getattr(record, "type", ""), getattr(record, "subtype", "")
        self.heard |= not is_suppressed_warning(*kind, self.suppressed)


class Completeness:
    """Whether the build before this one is complete, and whether this one is."""

    def __init__(self) -> None:
        self.believed = self.removed = False
        self.ear = Ear(logging.WARNING)

    def start(self, app: Sphinx) -> None:
        """Disbelieve this build until it has finished without a warning."""
        mark = Path(app.outdir, MARK)
        self.believed = _time(mark) > _time(app.doctreedir / ENV_PICKLE_FILENAME)
        mark.unlink(missing_ok=True)
        self.ear.suppressed = app.config.suppress_warnings
        logging.getLogger(NAMESPACE).addHandler(self.ear)
        shutil.rmtree(Path(app.outdir, "reports"), ignore_errors=True)

    def to_read(
        self,
        app: Sphinx,
        env: BuildEnvironment,
        added: set[str],
        changed: set[str],
        removed: set[str],
    ) -> set[str]:
        """Read every page again if the last build is not believed."""
        self.removed = bool(removed)
        return set() if self.believed else set(env.found_docs)

    def read(self, app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
        """Note whether anything has changed."""
        self.changed = self.removed or bool(docnames)

    def to_write(self, app: Sphinx, env: BuildEnvironment) -> list[str]:
        """Write every page, with a new index of words, if anything has changed."""
        if self.changed:
            Path(app.outdir, "searchindex.js").unlink(missing_ok=True)
        return list(env.all_docs) if self.changed else []

    def finish(self, app: Sphinx, error: Exception | None) -> None:
        """Believe the build."""
        logging.getLogger(NAMESPACE).removeHandler(self.ear)
        if error is None and not self.ear.heard:
            app.outdir.mkdir(parents=True, exist_ok=True)
            Path(app.outdir, MARK).touch()


def _time(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else 0
