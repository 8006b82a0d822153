"""Where are the outputs of a page kept, and are they whole?

Each fingerprint of a page has a folder, with a cache of jupyter-cache inside: two
workers never write to the same database. Two builds at the same time (``make live``
and ``make html``) wait for each other, page by page.
"""

import os
import shutil
from pathlib import Path

from filelock import BaseFileLock, FileLock
from jupyter_cache import get_cache
from sphinx.environment import BuildEnvironment

from book.outputs.kernel import build_folder

KEPT = 5  # folders kept of each page: a change that is taken back costs nothing


def outputs_folder(env: BuildEnvironment, docname: str, fingerprint: str) -> Path:
    """Say where the outputs of a page with this fingerprint are kept."""
    name = f"{docname.replace('/', '--')}.{fingerprint[:20]}"
    return build_folder(env) / ".jupyter_cache" / name


def looks_kept(folder: Path) -> bool:
    """Say whether a folder seems to hold outputs; touch nothing."""
    return any(folder.glob("executed/*/base.ipynb"))


def lock(folder: Path) -> BaseFileLock:
    """Take a page for oneself: another build at the same time waits, and profits."""
    locks = folder.parent / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    return FileLock(locks / folder.stem)


def mend(folder: Path) -> None:
    """Drop a folder that was damaged, and note that it is used."""
    if not folder.exists():
        return
    try:
        cache = get_cache(folder)
        for record in cache.list_cache_records():
            cache.get_cache_bundle(record.pk)
        os.utime(folder)
    except Exception:  # killed while writing, truncated, emptied: make it again
        shutil.rmtree(folder)


def prune(kept: Path) -> None:
    """Keep the folders last used of each page, drop the others."""
    folders: dict[str, list[Path]] = {}
    for path in kept.glob("*.*"):
        folders.setdefault(path.name.rpartition(".")[0], []).append(path)
    for of_page in folders.values():
        of_page.sort(key=lambda path: path.stat().st_mtime)
        for path in of_page[:-KEPT]:
            shutil.rmtree(path, ignore_errors=True)
