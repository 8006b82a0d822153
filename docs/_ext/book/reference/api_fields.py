"""The fields of a named tuple are documented with the tuple, not one by one.

Python gives each of them a docstring ("Alias for field number 0") that says nothing.
"""

from sphinx.application import Sphinx


def skip(
    _app: Sphinx, _what: str, _name: str, thing: object, *_: object
) -> bool | None:
    """Leave out what has no docstring of its own."""
    doc = getattr(thing, "__doc__", None) or ""
    return True if doc.startswith("Alias for field number") else None
