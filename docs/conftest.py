"""Let pytest run the ``{doctest}`` blocks of the pages."""

from sybil import Sybil
from sybil.parsers.myst import DocTestDirectiveParser

collect_ignore = ["_ext"]  # modules of the build, tested in tests/book
pytest_collect_file = Sybil(
    parsers=[DocTestDirectiveParser()], patterns=["*.md"]
).pytest()
