"""A page as a script that reads as if a person had written it.

The prose becomes comments, the cells stay as they are; what only makes sense on the
page (exercises, folded derivations, figures' captions) stays there.
"""

import ast
import re
import textwrap
import unicodedata
from collections.abc import Iterator

from book.forms.blocks import ITEM, Block, blocks
from book.forms.page import ROLE, Cell, Page, at
from book.forms.tex import plain

WIDTH = 88
LEFT_OUT = {"Exercises", "Read on"}  # sections of the page only
RECURSE = {"beside"}
ASIDES = {"sidenote", "note", "tip", "important", "warning", "admonition", "failure"}
HEADER = '''"""{title}{question}

{about}

    pip install "{install}"
    python examples/{file}
    python examples/{file} --figures FOLDER
"""

from transformer_path.workshop import script

script.start()
'''

KINDS = ("Stepper", "SideBySide", "Explorable")
FRAMES = {f"{module}{kind}" for module in ("", "plots.") for kind in KINDS}


def script(page: Page) -> str:
    """Write the page as a Python script."""
    prose = _Comments(page)
    body: list[str] = []
    leaving_out = False
    for cell in page.cells:
        if cell.is_code:
            if not leaving_out:
                body.append(code(page, cell))
            continue
        before = ""
        for block in blocks(cell.source, cell.line):
            if block.kind == "heading" and block.level <= 2:
                leaving_out = block.lines[0] in LEFT_OUT
            if leaving_out or (block.kind == "heading" and block.level == 1):
                continue
            text = "\n\n".join(prose.comments(block))
            if block.kind == before == "item":
                body[-1] += f"\n{text}"
            else:
                body.append(text)
            before = block.kind
    return header(page) + "\n" + "\n\n".join(filter(None, body)) + "\n"


def header(page: Page) -> str:
    """Say what the script is, and how to run it."""
    about = (
        f"Stop {page.stop} of the path as a script: the code of the page "
        f"{page.project.book}{page.docname}.html, its prose as comments. You will have "
        f"{_Comments(page).inline(page.outcome)}. The numbers in the comments are the "
        "page's; the script computes and prints them. It needs the book's package, "
        "runs from anywhere, and can save the figures in a folder:"
    )
    return HEADER.format(
        title=page.title,
        question="" if page.title.endswith("?") else ".",
        about=_fill(about),
        install=page.project.install,
        file=f"{page.name}.py",
    )


def code(page: Page, cell: Cell) -> str:
    """Keep a cell; refuse a value at its end that only a notebook would show."""
    source = re.sub(r";\s*$", "", cell.source.strip("\n"))
    tree = ast.parse(source)
    last = tree.body[-1] if tree.body else None
    if not isinstance(last, ast.Expr) or isinstance(last.value, ast.Call):
        return source
    shown = ast.get_source_segment(source, last) or ""
    if shown in _steppers(tree):
        before = source.splitlines()[: last.lineno - 1]
        return "\n".join([*before, f"script.keep({shown})"])
    with at(page.path, cell.line):
        raise ValueError(
            f"this cell ends in the value {shown}, which a script does not show; "
            f"write print({shown}), or end the cell in a call or a plots.Stepper"
        )


def _steppers(tree: ast.Module) -> Iterator[str]:
    """Find the names to which a cell gives frames."""
    for statement in tree.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=made)):
                if ast.unparse(made) in FRAMES:
                    yield name


class _Comments:
    """Writes blocks of prose as comments."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def comments(self, block: Block) -> Iterator[str]:
        """Turn a block into comments."""
        with at(self.page.path, block.line):
            if block.kind == "directive" and block.name in RECURSE | ASIDES:
                if block.title:
                    yield _wrap(self.inline(block.title) + ":")
                for inner in block.blocks:
                    yield from self.comments(inner)
            elif text := self.comment(block):
                yield text

    def comment(self, block: Block) -> str:
        """Turn a block that holds no others into one comment."""
        match block.kind, block.name:
            case "heading", _:
                title = self.inline(block.lines[0])
                rule = ("=" if block.level == 2 else "-") * min(len(title), WIDTH - 2)
                return f"\n# {title}\n# {rule}"
            case "text" | "item", _:
                return _wrap(self.inline(block.text))
            case ("formula", _) | ("directive", "math"):
                return _formula(block)
            case "table", _:
                return _table([self.inline(line) for line in block.lines])
            case "code", _:
                return _comment(textwrap.indent(block.text, "    "))
            case "directive", "source":
                return _wrap(f"The lines of the package: {block.title}")
        return ""

    def inline(self, text: str) -> str:
        """Reduce the markup inside a line to its text."""
        text = re.sub(r"\s*\n\s*", " ", text)
        text = re.sub(r"(?<!\$)\$([^$]+)\$", lambda m: plain(m[1]), text)
        text = ROLE.sub(self.role, text)
        text = re.sub(r"!\[[^\]]*\]\([^)]*\)", "", text)
        text = re.sub(r"\[([^\]]*)\]\((https?:[^)\s]*)\)", r"\1 (\2)", text)
        text = re.sub(r"\[([^\]]*)\](?:\([^)]*\)|\{[.#][^}]*\})", r"\1", text)
        text = re.sub(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1", r"\2", text)
        return re.sub(r"(?<![\w*])([*_])(?=\S)([^*`]+?)(?<=\S)\1(?!\w)", r"\2", text)

    def role(self, match: re.Match[str]) -> str:
        """Give the text that a role shows."""
        name, content = match.groups()
        if name.startswith("glue"):
            return self.page.number(content)
        if name.startswith("cite"):
            return self.page.cite(name, content)
        if name in {"eq", "math:numref"}:
            return f"({content})"
        shown = re.sub(r"\s*<[^>]*>$", "", content)
        return shown.rpartition(".")[2] if shown.startswith("~") else shown


def _formula(block: Block) -> str:
    rows = plain(block.text).splitlines()
    lines = [line for row in rows for line in textwrap.wrap(row, WIDTH - 8)]
    if block.name and lines and block.kind == "formula":
        lines[-1] += f"    ({block.name})"
    return _comment("\n".join(f"    {line}" for line in lines))


def _table(lines: list[str]) -> str:
    """Set a table in columns, or a wide one as a list."""
    rows = [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in lines
        if not re.fullmatch(r"[|:\s-]+", line)
    ]
    rows = [row for row in rows if any(row)]
    if not rows:
        return ""
    widths = [max(map(_width, column)) for column in zip(*rows, strict=False)]
    if sum(widths) + 2 * len(widths) + 4 > WIDTH:  # too wide: a row becomes an item
        items = (f"- {row[0]}: {'; '.join(filter(None, row[1:]))}" for row in rows[1:])
        return "\n".join(map(_wrap, items))
    set_rows = (
        "    "
        + "  ".join(
            cell + " " * (width - _width(cell))
            for cell, width in zip(row, widths, strict=False)
        )
        for row in rows
    )
    return _comment("\n".join(row.rstrip() for row in set_rows))


def _width(text: str) -> int:
    """Count the columns of a text: an accent needs none of its own."""
    return sum(not unicodedata.combining(char) for char in text)


def _wrap(text: str) -> str:
    item = ITEM.match(text)
    hanging = " " * (2 + len(item[0])) if item else ""
    return _fill(re.sub(r"\s+", " ", text.strip()), "# ", "# " + hanging[2:])


def _fill(text: str, first: str = "", other: str = "") -> str:
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=other,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _comment(text: str) -> str:
    return "\n".join(f"# {line}".rstrip() for line in text.splitlines())


_STEPPERS = {"Stepper", "SideBySide"}
