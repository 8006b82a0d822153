"""Where are the outputs of a page kept, and are they whole?

Each fingerprint of a page has a folder, with a cache of jupyter-cache inside: two
workers never write to the same database.
"""

import os
import shutil
from pathlib import Path

from jupyter_cache import get_cache
from sphinx.environment import BuildEnvironment

KEPT = 5  # folders kept of each page: a change that is taken back costs nothing


def outputs_folder(env: BuildEnvironment, docname: str, fingerprint: str) -> Path:
    """Say where the outputs of a page with this fingerprint are kept."""
    name = f"{docname.replace('/', '--')}.{fingerprint[:20]}"
    return Path(env.app.outdir).parent / ".jupyter_cache" / name


def has_outputs(folder: Path) -> bool:
    """Say whether a folder holds outputs; drop it if it is damaged."""
    if not folder.exists():
        return False
    try:
        cache = get_cache(folder)
        records = cache.list_cache_records()
        for record in records:
            cache.get_cache_bundle(record.pk)
    except Exception:  # killed while writing, truncated, emptied: make it again
        shutil.rmtree(folder)
        return False
    os.utime(folder)
    return bool(records)


def prune(kept: Path) -> None:
    """Keep the folders last used of each page, drop the others."""
    folders: dict[str, list[Path]] = {}
    for path in kept.glob("*.*"):
        folders.setdefault(path.name.rpartition(".")[0], []).append(path)
    for of_page in folders.values():
        of_page.sort(key=lambda path: path.stat().st_mtime)
        for path in of_page[:-KEPT]:
            shutil.rmtree(path, ignore_errors=True)
