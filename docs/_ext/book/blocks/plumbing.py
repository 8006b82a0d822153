"""Which lines of a cell does a page show? All but its plumbing.

Imports, ``note(...)`` and ``assert`` are what a chapter needs to be true and to run,
not what it is about. They stay in the script and the notebook. ``assert_close`` stays
visible: a proof is shown on purpose.
"""

import ast
from collections.abc import Iterator

from book.blocks.lines import without

Import = ast.Import | ast.ImportFrom


def idea(code: str) -> str:
    r"""Drop imports, notes and assertions; nothing if nothing else is there.

    Examples
    --------
    >>> print(idea("import math\nr = math.pi\nassert r > 3\nprint(r)"))
    r = math.pi
    print(r)
    """
    tree = _parsed(code)
    if tree is None:
        return code
    rest = without(code, _plumbing(tree.body))
    return rest if ast.parse(rest).body else ""


def imports(code: str) -> list[str]:
    r"""List the imports of a cell as they are written.

    Examples
    --------
    >>> imports("import math\nr = math.pi\nfrom os import (\n    path,\n)")
    ['import math', 'from os import (\n    path,\n)']
    """
    tree = _parsed(code)
    found = (each for each in tree.body if isinstance(each, Import)) if tree else ()
    return [ast.get_source_segment(code, each) or "" for each in found]


def _parsed(code: str) -> ast.Module | None:
    try:
        return ast.parse(code)
    except SyntaxError:  # the page shows it, and the run says what is wrong
        return None


def _plumbing(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Find the plumbing, and each loop or block that holds nothing else."""
    for statement in body:
        match statement:
            case ast.Import() | ast.ImportFrom() | ast.Assert():
                yield statement
            case ast.Expr(value=ast.Call(func=ast.Name(id="note"))):
                yield statement
            case ast.For(orelse=[]) | ast.If(orelse=[]) | ast.With():
                inner = list(_plumbing(statement.body))
                yield from [statement] if len(inner) == len(statement.body) else inner
