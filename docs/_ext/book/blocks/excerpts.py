"""Which lines of a source does a page show? Functions from code to less code."""

import ast
import re
import textwrap
from collections.abc import Iterator


def without_docstrings(code: str) -> str:
    """Drop the docstrings, and the blank lines that they leave behind."""
    return _without(code, _docstrings(ast.parse(code)))


def without_checks(code: str) -> str:
    """Drop each ``if`` that does nothing but raise."""
    return _without(code, _checks(ast.parse(code)))


def part_of(code: str, text: str) -> str:
    """Cut out the block that starts at the first line with ``text``."""
    lines = code.splitlines()
    start = next((i for i, line in enumerate(lines) if text in line), None)
    if start is None:
        raise ValueError(f"no line holds {text!r}")
    indent = len(lines[start]) - len(lines[start].lstrip())
    inside = re.compile(rf"\s{{{indent + 1}}}|\s{{{indent}}}[)\]}}]|\s*$")
    end = start + 1
    while end < len(lines) and inside.match(lines[end]):
        end += 1
    return textwrap.dedent("\n".join(lines[start:end])).strip("\n")


def lines_of(code: str, lines: str) -> str:
    """Cut out ``3``, ``3-9`` or, to the end, ``3-``; the first line is 1."""
    match = re.fullmatch(r"(\d+)(?:(-)(\d*))?", lines.strip())
    if match is None:
        raise ValueError(f"lines {lines!r} are not of the form 3, 3-9 or 3-")
    first, dash, last = match.groups()
    end = int(last) if last else None if dash else int(first)
    found = code.splitlines()[int(first) - 1 : end]
    if not found:
        raise ValueError(f"there are no lines {lines}")
    return textwrap.dedent("\n".join(found)).strip("\n")


def _docstrings(tree: ast.AST) -> Iterator[ast.stmt]:
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module)
            and ast.get_docstring(node) is not None
            and len(node.body) > 1
        ):
            yield node.body[0]


def _checks(tree: ast.AST) -> Iterator[ast.stmt]:
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and not node.orelse:
            match node.body:
                case [ast.Raise()]:
                    yield node


def _without(code: str, statements: Iterator[ast.stmt]) -> str:
    """Drop the lines of the statements, and the blank lines that follow them."""
    lines = code.splitlines()
    drop: set[int] = set()
    for statement in statements:
        end = statement.end_lineno or statement.lineno
        while end < len(lines) and not lines[end].strip():
            end += 1
        drop |= set(range(statement.lineno - 1, end))
    return "\n".join(line for i, line in enumerate(lines) if i not in drop).strip("\n")
