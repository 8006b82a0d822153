"""The scripts of a ``plots.Explorable``: on its page, and on no other.

Nothing to write in a page beyond the cell. ``_static/explorable/explorable.js`` is what
all of them share, ``mathematics.js`` holds the formulas, and ``NAME.js`` moves one.
"""

import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

FOLDER = "explorable"
SHARED = ("mathematics", "explorable")
NAME = re.compile(r'<div class="tp-explorable" [^>]*? data-name="([^"]*)"')
logger = logging.getLogger(__name__)


def add_scripts(
    app: Sphinx, page: str, template: str, context: dict, doctree: Any
) -> None:
    """Load what the explorables of a page need; warn of one that has no script."""
    raws = doctree.findall(nodes.raw) if doctree else ()
    names = {name for raw in raws for name in NAME.findall(raw.astext())}
    known = scripts(app)
    for name in sorted(names - known):
        logger.warning(
            "the explorable %r has no script %s/%s.js; there are: %s",
            name,
            FOLDER,
            name,
            ", ".join(sorted(known)),
            location=page,
            type="book",
            subtype="explorable",
        )
    for name in [*SHARED, *sorted(names & known)] if names else ():
        app.add_js_file(f"{FOLDER}/{name}.js", loading_method="defer")


def scripts(app: Sphinx) -> set[str]:
    """Name the explorables that there are."""
    folders = (Path(app.confdir, path, FOLDER) for path in app.config.html_static_path)
    found = {path.stem for folder in folders for path in folder.glob("*.js")}
    return found - set(SHARED)
