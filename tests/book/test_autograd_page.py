"""The chapter on autograd cuts the walk out of the engine by line numbers."""

import ast
import inspect
import re
import textwrap
from pathlib import Path

from transformer_path.networks.autograd import Variable

PAGE = Path(__file__).parents[2] / "docs" / "03-autograd.md"


def test_the_page_shows_the_whole_walk():
    shown = re.search(r"Variable\.backward\n:lines: (\d+)-(\d+)\n", PAGE.read_text())
    first, last = int(shown[1]), int(shown[2])
    source = textwrap.dedent(inspect.getsource(Variable.backward))
    docstring = ast.parse(source).body[0].body[0]
    lines = source.splitlines()
    del lines[docstring.lineno - 1 : docstring.end_lineno]
    assert lines[first - 1].strip() == "pending = {self: start}"
    assert last == len(lines)
