"""Which lines of a source does a page show? The idea: no words, types or guards.

Functions from code to less code. Docstrings go, for the page has prose; so do the types
of signatures, and what only refuses bad input. All of it stands in the file itself.
"""

import ast
import io
import re
import textwrap
import tokenize
from collections.abc import Iterator

from book.blocks.lines import without

WIDTH = 66  # characters that the column beside a formula holds
Function = ast.FunctionDef | ast.AsyncFunctionDef


def idea_of(code: str) -> str:
    r"""Reduce a function, class or module to its idea.

    Examples
    --------
    >>> print(idea_of("def half(x: float = 1.0) -> float:\n    return x / 2"))
    def half(x=1.0):
        return x / 2
    """
    tree = ast.parse(code)
    code = without(code, [*_docstrings(tree), *_guards(tree), *_declarations(tree)])
    return _without_types(code)


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


def _docstrings(tree: ast.AST) -> Iterator[ast.stmt]:
    for node in ast.walk(tree):
        if (
            isinstance(node, Function | ast.ClassDef | ast.Module)
            and ast.get_docstring(node) is not None
            and len(node.body) > 1
        ):
            yield node.body[0]


def _guards(tree: ast.AST) -> Iterator[ast.stmt]:
    """Find each ``if`` that does nothing but raise, and each ``_check_...(...)``."""
    for function in _functions(tree):
        for node in ast.walk(function):
            body = getattr(node, "body", None)
            if not isinstance(body, list):
                continue
            guards = [each for each in body if _is_guard(each)]
            words = isinstance(node, Function) and ast.get_docstring(node) is not None
            if len(guards) + words < len(body):  # what only guards is shown whole
                yield from guards


def _is_guard(statement: ast.stmt) -> bool:
    match statement:
        case ast.If(body=[ast.Raise()], orelse=[]):
            return True
        case ast.Expr(value=ast.Call(func=ast.Name(id=name))):
            return name.startswith("_check")
    return False


def _declarations(tree: ast.AST) -> Iterator[ast.stmt]:
    """Find what gives a local name a type and no value."""
    for function in _functions(tree):
        for node in ast.walk(function):
            if isinstance(node, ast.AnnAssign) and node.value is None:
                yield node


def _functions(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def _without_types(code: str) -> str:
    """Take the types from signatures and local names; fields of a class keep theirs."""
    tree, lines = ast.parse(code), code.splitlines()
    typed = {
        node.lineno: node
        for function in _functions(tree)
        for node in ast.walk(function)
        if isinstance(node, ast.AnnAssign)
    }
    for number in sorted(typed, reverse=True):  # from below: the lines above stay
        target, annotation = typed[number].target, typed[number].annotation
        last = annotation.end_lineno or number
        # Columns of ast count bytes.
        before = lines[number - 1].encode()[: target.end_col_offset]
        after = lines[last - 1].encode()[annotation.end_col_offset :]
        lines[number - 1 : last] = [(before + after).decode()]
    code = "\n".join(lines)
    colons = _colons(code)
    functions = {each.lineno: each for each in _functions(ast.parse(code))}
    for number in sorted(functions, reverse=True):
        last, column = colons[number]
        *head, end = _signature(functions[number], code)
        lines[number - 1 : last] = [*head, end + lines[last - 1][column + 1 :]]
    return "\n".join(lines)


def _colons(code: str) -> dict[int, tuple[int, int]]:
    """Map the line of each ``def`` to line and column of the colon that ends it."""
    found: dict[int, tuple[int, int]] = {}
    start, depth = 0, 0
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.string == "def" and token.type == tokenize.NAME:
            start, depth = token.start[0], 0
        elif start and token.type == tokenize.OP:
            depth += (token.string in "([{") - (token.string in ")]}")
            if token.string == ":" and not depth:
                found[start], start = token.start, 0
    return found


def _signature(function: Function, code: str) -> list[str]:
    """Write ``def name(arguments):`` without types, on as few lines as fit."""
    indent = " " * function.col_offset
    word = "async def" if isinstance(function, ast.AsyncFunctionDef) else "def"
    start, names = f"{indent}{word} {function.name}(", _arguments(function.args, code)
    line = f"{start}{', '.join(names)}):"
    if len(line) <= WIDTH:
        return [line]
    lines, room = [start], f"{indent}    "
    if len(room + ", ".join(names)) <= WIDTH:
        return [start, room + ", ".join(names), f"{indent}):"]
    for name in names:
        if len(lines) == 1 or len(lines[-1]) + len(name) + 2 > WIDTH:
            lines.append(f"{room}{name},")
        else:
            lines[-1] += f" {name},"
    return [*lines, f"{indent}):"]


def _arguments(arguments: ast.arguments, code: str) -> list[str]:
    """List the arguments as they are written, without their types."""
    plain = [*arguments.posonlyargs, *arguments.args]
    missing = len(plain) - len(arguments.defaults)
    names = [
        _argument(each, default, code)
        for each, default in zip(
            [*plain, *arguments.kwonlyargs],
            [*[None] * missing, *arguments.defaults, *arguments.kw_defaults],
            strict=True,
        )
    ]
    if arguments.vararg or arguments.kwonlyargs:
        star = f"*{arguments.vararg.arg}" if arguments.vararg else "*"
        names.insert(len(plain), star)
    if arguments.posonlyargs:
        names.insert(len(arguments.posonlyargs), "/")
    if arguments.kwarg:
        names.append(f"**{arguments.kwarg.arg}")
    return names


def _argument(argument: ast.arg, default: ast.expr | None, code: str) -> str:
    if default is None:
        return argument.arg
    return f"{argument.arg}={ast.get_source_segment(code, default)}"
