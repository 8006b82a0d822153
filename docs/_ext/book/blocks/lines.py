"""Dropping statements from code as a careful hand would: the common ground of both.

A statement goes with the comments that lie directly on it, and leaves no gap.
"""

import ast
from collections.abc import Iterable


def without(code: str, statements: Iterable[ast.stmt]) -> str:
    r"""Drop statements, the comments directly above them, and needless blank lines.

    Examples
    --------
    >>> code = "a = 1\n# Is it?\nassert a == 1\n\nb = 2"
    >>> print(without(code, [ast.parse(code).body[1]]))
    a = 1
    <BLANKLINE>
    b = 2
    """
    lines = code.splitlines()
    dropped: set[int] = set()
    for statement in statements:
        first = first_line(statement) - 1
        while first and lines[first - 1].lstrip().startswith("#"):
            first -= 1
        dropped |= set(range(first, statement.end_lineno or statement.lineno))
    kept: list[str] = []
    run = widest = 0  # blank lines in a row, since the last line that stays
    cut = False  # whether something was dropped there
    for number, line in enumerate(lines):
        if number in dropped:
            run, widest, cut = 0, max(widest, run), True
        elif not line.strip():
            run += 1
        else:
            begins = cut and (not kept or kept[-1].endswith((":", "(")))
            kept += [""] * (0 if begins else max(widest, run)) + [line]
            run, widest, cut = 0, 0, False
    return "\n".join(kept).strip("\n")


def first_line(statement: ast.stmt) -> int:
    """Give the line on which a statement begins, its decorators included."""
    decorators = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(each.lineno for each in decorators)])
