"""A page as a notebook: its directives as plain Markdown, its exercises to fill in."""

import hashlib
import re
from collections.abc import Iterator

import nbformat
from nbformat import NotebookNode

from book.blocks.source import shown_lines
from book.forms.blocks import Block, blocks
from book.forms.page import ROLE, Page, at
from book.forms.script import ASIDES, RECURSE

NUMBERS = "transformer_path_numbers"  # in the metadata: the numbers in the prose
INSTALL = """\
# Installs the book's package where it is missing, on Colab for example.
import importlib.util

if importlib.util.find_spec("transformer_path") is None:
    %pip install --quiet "{install}"
"""
ANSWER = """\
from transformer_path.workshop.exercises import check

answer = ...  # yours

check("{number}", answer)
"""


def notebook(page: Page) -> str:
    """Write the page as the text of an ``.ipynb`` file, without outputs."""
    prose = _Prose(page)
    cells: list[NotebookNode] = []
    for cell in page.cells:
        if cell.is_code:
            cells.append(nbformat.v4.new_code_cell(cell.source))
            continue
        for kind, text in prose.cells(cell.source, cell.line):
            cells.append(getattr(nbformat.v4, f"new_{kind}_cell")(text))
    install = INSTALL.format(install=page.project.install)
    cells.insert(1, nbformat.v4.new_code_cell(install))
    for i, each in enumerate(cells):
        content = f"{page.name}{i}{each.source}".encode()
        each["id"] = hashlib.sha256(content).hexdigest()[:12]
    metadata = {
        "kernelspec": {
            "display_name": "Python 3",
            "language": "python",
            "name": "python3",
        },
        "language_info": {"name": "python"},
        NUMBERS: page.used,
    }
    book = nbformat.v4.new_notebook(cells=cells, metadata=metadata)
    nbformat.validate(book)
    return str(nbformat.writes(book)).rstrip("\n") + "\n"


def _equations(page: Page) -> dict[str, int]:
    """Give the labelled formulas of a page their numbers on the page."""
    prose = "\n".join(cell.source for cell in page.cells if not cell.is_code)
    labels = re.findall(r"\$\$\s*\(([^)]+)\)\s*$", prose, re.MULTILINE)
    return {label: i for i, label in enumerate(labels, 1)}


class _Prose:
    """Collects Markdown until a code cell has to come between."""

    def __init__(self, page: Page) -> None:
        self.page, self.equations = page, _equations(page)

    def cells(self, text: str, line: int) -> Iterator[tuple[str, str]]:
        """Give the cells for a stretch of prose: ``("markdown" | "code", text)``."""
        parts: list[str] = []
        for block in blocks(text, line):
            if block.kind == "directive" and block.name == "exercise":
                before, answer, after = self.exercise(block)
                yield "markdown", "\n\n".join([*parts, before])
                yield "code", answer
                parts = [after] if after else []
            elif part := self.block(block):
                tight = (
                    parts and block.kind == "item" and parts[-1][:1] in "-*+123456789"
                )
                if tight:
                    parts[-1] += f"\n{part}"
                else:
                    parts.append(part)
        if parts:
            yield "markdown", "\n\n".join(parts)

    def block(self, block: Block) -> str:
        """Write a block in Markdown that Jupyter knows."""
        with at(self.page.path, block.line):
            return self.written(block)

    def written(self, block: Block) -> str:
        """Write a block whose place on the page is known."""
        match block.kind:
            case "heading":
                title = f"{'#' * block.level} {self.inline(block.lines[0])}"
                return title + self.opening() if block.level == 1 else title
            case "formula":
                tag = rf" \tag{{{self.equations[block.name]}}}" if block.name else ""
                return f"$$\n{block.text}{tag}\n$$"
            case "code":
                return f"```{block.name}\n{block.text}\n```"
            case "directive":
                return self.directive(block)
        return self.inline(block.text)

    def opening(self) -> str:
        """Say where the chapter is at home."""
        url = f"{self.page.project.book}{self.page.docname}.html"
        return (
            f"\n\nStop {self.page.stop} of [transformer-path]({url}) as a notebook. "
            "Run the cells from top to bottom. The numbers in the text are the page's; "
            "the cells compute and print them."
        )

    def directive(self, block: Block) -> str:
        """Turn a directive into plain Markdown; drop what needs the book."""
        inside = "\n\n".join(filter(None, map(self.block, block.blocks)))
        title = self.inline(block.title)
        if block.name == "source":
            _, lines = shown_lines(block.title, block.options)
            return f"`{block.title}`:\n\n```python\n{lines}\n```"
        if block.name == "math":
            return f"$$\n{block.text}\n$$"
        if block.name in RECURSE:
            return inside
        if block.name in {"dropdown", "hint", "solution"}:
            return _folded(title or block.name.capitalize(), inside)
        if block.name in ASIDES:
            text = f"**{title}**\n\n{inside}" if title else inside
            return "\n".join(f"> {line}".rstrip() for line in text.splitlines())
        return ""

    def exercise(self, block: Block) -> tuple[str, str, str]:
        """Part an exercise in its text, a cell for the answer, and the solution."""
        number, _, title = block.title.partition(" ")
        inner = block.blocks
        solution = [b for b in inner if b.name == "solution"]
        text = [self.block(b) for b in inner if b not in solution]
        before = "\n\n".join([f"### Exercise {number}: {self.inline(title)}", *text])
        after = "\n\n".join(map(self.block, solution))
        return before, ANSWER.format(number=number), after

    def inline(self, text: str) -> str:
        """Reduce roles to their text; the rest is Markdown already."""
        text = ROLE.sub(self.role, text)
        text = re.sub(r"\[([^\]]*)\]\{[.#][^}]*\}", r"\1", text)
        return re.sub(r"\]\((?!https?:|#)([\w./-]+?)\.md(#[\w-]*)?\)", self.link, text)

    def role(self, match: re.Match[str]) -> str:
        """Give the text that a role shows."""
        name, content = match.groups()
        if name.startswith("glue"):
            return self.page.number(content)
        if name.startswith("cite"):
            return self.page.cite(name, content)
        if name == "eq":
            return f"({self.equations.get(content, content)})"
        shown = re.sub(r"\s*<[^>]*>$", "", content)
        if name.rpartition(":")[2] in {"func", "class", "meth", "mod", "obj"}:
            return f"`{shown.removeprefix('~')}`"
        return shown

    def link(self, match: re.Match[str]) -> str:
        """Link another page of the book where it is published."""
        return f"]({self.page.project.book}{match[1]}.html{match[2] or ''})"


def _folded(title: str, inside: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{inside}\n\n</details>"
