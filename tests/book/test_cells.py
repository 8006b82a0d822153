"""What a page shows of its cells and of the package: the idea, and nothing is lost."""

import ast

import pytest

from book.blocks.excerpts import idea_of
from book.blocks.plumbing import idea, imports
from book.blocks.visible import visible_lines

CELL = """\
import math
from os import (
    path,
)

# The radius is one.
area = math.pi
# Is that right?
# Surely.
assert area > 3
note(
    area=f"{area:.2f}",
)

for each in range(3):
    assert each < 3
    note(each=str(each))
for each in range(3):
    # Loud.
    print(each)
    assert each < 3

if area:
    assert path


def twice(x):
    return 2 * x


torch.testing.assert_close(twice(area), 2 * area)
"""


def test_the_plumbing_of_a_cell_goes_with_its_comments_and_its_gaps():
    assert idea(CELL) == (
        "# The radius is one.\narea = math.pi\n\n"
        "for each in range(3):\n    # Loud.\n    print(each)\n\n\n"
        "def twice(x):\n    return 2 * x\n\n\n"
        "torch.testing.assert_close(twice(area), 2 * area)"
    )


def test_imports_are_kept_as_they_are_written():
    assert imports(CELL) == ["import math", "from os import (\n    path,\n)"]


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("note(a='1')", ""),
        ("# Only words\nassert a", ""),
        ("x = note(a='1')", "x = note(a='1')"),
        ("notes(a='1')", "notes(a='1')"),
        ("if a:\n    assert a\nelse:\n    b()", "if a:\n    assert a\nelse:\n    b()"),
        ("for a in b():\n    assert a", ""),
        ("with a:\n    assert b\n    c()", "with a:\n    c()"),
        ("%magic", "%magic"),
        (
            "def f():\n    assert a\n    return b",
            "def f():\n    assert a\n    return b",
        ),
    ],
)
def test_what_is_no_plumbing_stays(code, shown):
    assert idea(code) == shown


def test_what_is_shown_of_a_cell_is_python():
    for line in range(len(CELL.splitlines())):
        kept = "\n".join(CELL.splitlines()[line:])
        try:
            ast.parse(kept)
        except SyntaxError:
            continue
        ast.parse(idea(kept))


SOURCE = '''\
def long_name(
    first: Tensor,  # (N, C)
    /,
    second: "Callable[[T], T]" = lambda x: x,
    *others: int,
    third: dict[str, int] = {"a": 1},
    **rest: Any,
) -> tuple[T, T]:
    """Words."""
    _check_points(first, second)

    if first is None:
        raise ValueError(
            "no"
        )
    seen: set[
        int
    ] = set()
    late: int
    # ä: the columns of a line count bytes
    ä: dict[str, int] = {"ä": 1}  # stays
    for each in others:
        if each < 0:
            raise ValueError("no")
        first += each
    if second:
        return first
    return first, second
'''


def test_an_excerpt_shows_neither_words_nor_types_nor_guards():
    assert idea_of(SOURCE) == (
        "def long_name(\n"
        '    first, /, second=lambda x: x, *others, third={"a": 1}, **rest\n'
        "):\n"
        "    seen = set()\n"
        "    # ä: the columns of a line count bytes\n"
        '    ä = {"ä": 1}  # stays\n'
        "    for each in others:\n"
        "        first += each\n"
        "    if second:\n"
        "        return first\n"
        "    return first, second"
    )


@pytest.mark.parametrize(
    "code",
    [
        "class A(NamedTuple):\n    weight: Tensor\n    n: int = 1",
        "def f(x): return x  # (N,)",
        "def _check_a(x):\n    if x:\n        raise ValueError(x)",
        "async def f(x):\n    return [y for y in x]",
        "@cache\ndef f():\n    return 1",
    ],
)
def test_an_excerpt_keeps_everything_else(code):
    assert idea_of(code) == code


def test_nested_functions_lose_their_types_too():
    code = (
        "def f(x: int):\n    def g(y: int) -> int:\n        z: int = y\n"
        "        return z\n    return g"
    )
    shown = "def f(x):\n    def g(y):\n        z = y\n        return z\n    return g"
    assert idea_of(code) == shown


def test_only_visible_code_is_counted():
    code = "<div class='highlight'><pre><span>a</span>\n\nb\n</pre></div>"
    output = f"<div class='cell_output docutils'>{code}<img></div>"
    assert visible_lines(code) == 3
    assert visible_lines(f"{code}{output}<details>{code}</details>{code}") == 6
