"""Roles that Sphinx and docutils write incompletely, made complete.

The captions of a table of contents are headings without a level, and the entries of a
bibliography stand in a list without being its items; screen readers stumble over both,
and axe reports them.
"""

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

CAPTION = '<p class="caption" role="heading"'
REPAIRS = {
    "furo_navigation_tree": (f"{CAPTION}>", f'{CAPTION} aria-level="2">'),
    "body": ('role="doc-biblioentry"', 'role="listitem"'),
}


def repair(
    _app: Sphinx,
    _pagename: str,
    _templatename: str,
    context: dict[str, Any],
    _doctree: nodes.document | None,
) -> None:
    """Complete the roles in the parts of a page, before the theme puts it together."""
    for part, (old, new) in REPAIRS.items():
        if part in context:
            context[part] = context[part].replace(old, new)
