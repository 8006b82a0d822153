"""A page as a script that reads as if a person had written it.

The prose becomes comments, the cells stay as they are; what only makes sense on the
page (exercises, folded derivations, figures' captions) stays there.
"""

import ast
import re
import textwrap
import unicodedata
from collections.abc import Callable, Iterator

from book.forms.blocks import ITEM, Block, blocks
from book.forms.tex import plain

WIDTH = 88
LEFT_OUT = {"Exercises", "Read on"}  # sections of the page only
RECURSE = {"beside"}
ASIDES = {"sidenote", "note", "tip", "important", "warning", "admonition", "failure"}
VALUES = {
    "round",
    "len",
    "float",
    "int",
    "sum",
    "max",
    "min",
    "sorted",
    "list",
    "tuple",
}
DOING = ("assert_", "append", "backward", "manual_seed")
DRAWING = {"ax", "axes", "fig", "plots", "plt", "stepper"}
ROLE = re.compile(r"\{([\w:]+)\}`([^`]*)`")
NOTED = re.compile(r"\{glue:\w+\}`(\w+)`")
HEADER = '''"""{title}{question}

{about}

    python examples/{file}

{numbers}"""
'''


def script(page, cite: Callable[[str, str], str]) -> str:
    """Write the page as a Python script.

    ``page`` is a ``three_forms.Page``; ``cite`` gives the text of a citation.
    """
    body: list[str] = []
    leaving_out = False
    for cell in page.cells:
        if cell.cell_type == "code":
            if not leaving_out and page.keeps(cell):
                body.append(code(cell.source))
            continue
        before = ""
        for block in blocks(cell.source):
            if block.kind == "heading" and block.level <= 2:
                leaving_out = block.lines[0] in LEFT_OUT
            if leaving_out or (block.kind == "heading" and block.level == 1):
                continue
            text = "\n\n".join(comments(block, cite))
            if block.kind == before == "item":
                body[-1] += f"\n{text}"
            else:
                body.append(text)
            before = block.kind
    prose = "\n".join(body)
    used = [name for name in NOTED.findall(_prose(page)) if f"[{name}]" in prose]
    text = header(page, used) + "\n" + "\n\n".join(filter(None, body)) + "\n"
    return _imports_first(text)


def _prose(page) -> str:
    return "\n".join(cell.source for cell in page.cells if cell.cell_type == "markdown")


def header(page, used: list[str]) -> str:
    """Say what the script is, and how to run it."""
    about = (
        f"Stop {page.stop} of the path as a script: the code of the page, its prose "
        f"as comments. You will have {inline(page.outcome)}. Figures are drawn, not "
        "shown: the page has them. Run it from anywhere:"
    )
    numbers = (
        f"A name in brackets, such as [{used[0]}], stands for a number that the script "
        "prints."
        if used
        else ""
    )
    return HEADER.format(
        title=page.title,
        question="" if page.title.endswith("?") else ".",
        about=textwrap.fill(about, WIDTH),
        file=f"{page.name}.py",
        numbers=textwrap.fill(numbers, WIDTH) + "\n" if numbers else "",
    )


def comments(block: Block, cite: Callable[[str, str], str]) -> Iterator[str]:
    """Turn a block of prose into comments."""
    match block.kind:
        case "heading":
            title = inline(block.lines[0], cite)
            rule = ("=" if block.level == 2 else "-") * min(len(title), WIDTH - 2)
            yield f"\n# {title}\n# {rule}"
        case "text" | "item":
            yield _wrap(inline(block.text, cite))
        case "formula":
            yield _formula(block)
        case "table":
            yield _table(block, cite)
        case "code":
            yield _comment(textwrap.indent(block.text, "    "))
        case "directive":
            yield from _directive(block, cite)


def _directive(block: Block, cite: Callable[[str, str], str]) -> Iterator[str]:
    if block.name in RECURSE | ASIDES:
        if block.title:
            yield _wrap(inline(block.title, cite) + ":")
        for inner in blocks(block.text):
            yield from comments(inner, cite)
    elif block.name == "source":
        yield _wrap(f"The lines of the package: {block.title}")
    elif block.name == "math":
        yield _formula(block)


def _formula(block: Block) -> str:
    rows = plain(block.text).splitlines()
    lines = [line for row in rows for line in textwrap.wrap(row, WIDTH - 8)]
    if block.name and lines and block.kind == "formula":
        lines[-1] += f"    ({block.name})"
    return _comment("\n".join(f"    {line}" for line in lines))


def _table(block: Block, cite: Callable[[str, str], str]) -> str:
    """Set a table in columns, or a wide one as a list."""
    rows = [
        [inline(cell.strip(), cite) for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in block.lines
        if not re.fullmatch(r"[|:\s-]+", line)
    ]
    rows = [row for row in rows if any(row)]
    if not rows:
        return ""
    widths = [max(map(_width, column)) for column in zip(*rows, strict=False)]
    if sum(widths) + 2 * len(widths) + 4 > WIDTH:  # too wide: a row becomes an item
        items = (f"- {row[0]}: {'; '.join(filter(None, row[1:]))}" for row in rows[1:])
        return "\n".join(map(_wrap, items))
    lines = (
        "    "
        + "  ".join(
            cell + " " * (width - _width(cell))
            for cell, width in zip(row, widths, strict=False)
        )
        for row in rows
    )
    return _comment("\n".join(line.rstrip() for line in lines))


def _width(text: str) -> int:
    """Count the columns of a text: an accent needs none of its own."""
    return sum(not unicodedata.combining(char) for char in text)


def _wrap(text: str) -> str:
    item = ITEM.match(text)
    hanging = " " * (2 + len(item[0])) if item else ""
    return textwrap.fill(
        re.sub(r"\s+", " ", text.strip()),
        WIDTH,
        initial_indent="# ",
        subsequent_indent="# " + hanging[2:],
        break_long_words=False,
        break_on_hyphens=False,
    )


def _comment(text: str) -> str:
    return "\n".join(f"# {line}".rstrip() for line in text.splitlines())


def inline(text: str, cite: Callable[[str, str], str] | None = None) -> str:
    """Reduce the markup inside a line to its text."""
    text = re.sub(r"\s*\n\s*", " ", text)
    text = re.sub(r"(?<!\$)\$([^$]+)\$", lambda m: plain(m[1]), text)

    def role(match: re.Match[str]) -> str:
        name, content = match.groups()
        if name.startswith("glue"):
            return f"[{content.partition(':')[0]}]"
        if name.startswith("cite") and cite:
            return cite(name, content)
        if name in {"eq", "math:numref"}:
            return f"({content})"
        shown = re.sub(r"\s*<[^>]*>$", "", content)
        return shown.rpartition(".")[2] if shown.startswith("~") else shown

    text = ROLE.sub(role, text)
    text = re.sub(r"!\[[^\]]*\]\([^)]*\)", "", text)
    text = re.sub(r"\[([^\]]*)\]\((https?:[^)\s]*)\)", r"\1 (\2)", text)
    text = re.sub(r"\[([^\]]*)\](?:\([^)]*\)|\{[.#][^}]*\})", r"\1", text)
    text = re.sub(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1", r"\2", text)
    return re.sub(r"(?<![\w*])([*_])(?=\S)([^*`]+?)(?<=\S)\1(?!\w)", r"\2", text)


def code(source: str) -> str:
    """Keep a cell, but print what a notebook would show by itself."""
    source = re.sub(r";\s*$", "", source.strip("\n"))
    tree = ast.parse(source)
    last = tree.body[-1] if tree.body else None
    if not isinstance(last, ast.Expr) or _speaks(last.value):
        return source
    lines = source.splitlines()
    kept = lines[: last.lineno - 1]
    shown = "\n".join(lines[last.lineno - 1 :])
    if isinstance(last.value, ast.Name) and last.value.id.startswith(("step", "fig")):
        return "\n".join(kept).rstrip()
    return "\n".join([*kept, f"print({shown})"])


def _speaks(value: ast.expr) -> bool:
    """Whether an expression is there for what it does, not for its value."""
    if isinstance(value, ast.Constant):
        return True
    if not isinstance(value, ast.Call):
        return False
    root = value.func
    if isinstance(root, ast.Name):
        return root.id not in VALUES
    if isinstance(root, ast.Attribute) and root.attr.startswith(DOING):
        return True
    while isinstance(root, ast.Attribute | ast.Call | ast.Subscript):
        root = root.func if isinstance(root, ast.Call) else root.value
    return isinstance(root, ast.Name) and root.id in DRAWING


def _imports_first(text: str) -> str:
    """Choose the backend that opens no window, if the script draws at all."""
    if "plots" not in text and "matplotlib" not in text:
        return text
    head, quotes, rest = text.partition('"""\n')
    return f'{head}{quotes}\nimport matplotlib\n\nmatplotlib.use("Agg")\n{rest}'
