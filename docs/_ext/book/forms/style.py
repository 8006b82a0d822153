"""One way to write a cell, for every page.

Its code is formatted as the package is; its options, if it has any, stand in YAML
between lines of three dashes; its tags are those that mean something here.
"""

import ast
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import nbformat
import yaml

from book.forms.page import ROOT, PageError

TAGS = {
    "hide-input": "the code is not the page's subject",
    "show-all": "imports, notes and assertions are its subject",
    "given": "the solutions of the exercises may use it",
}
CELL = re.compile(
    r"^```\{code-cell\}[^\n]*\n(.*?)^```[ \t]*$", re.DOTALL | re.MULTILINE
)
BLOCK = re.compile(r"---\n(.*?\n)---\n", re.DOTALL)
SHORT = re.compile(r"(?::[\w-]+:[^\n]*\n)+")


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A cell as it stands on a page, from ``start`` to ``end`` of its text."""

    page: str
    line: int
    start: int
    end: int
    text: str
    options: str
    code: str

    @property
    def styled(self) -> str:
        """The cell in style, if its code is."""
        head = f"---\n{self.options}---\n" if self.options else ""
        return f"{head}{self.code}\n"


def go_through(docs: Path, mend: bool) -> list[str]:
    """Give what is not in style, with page and line; write it in style on demand."""
    texts = {path: path.read_text("utf-8") for path in sorted(docs.rglob("*.md"))}
    found = {path: list(cells(path, text)) for path, text in texts.items()}
    pages = [path for path in found if found[path]]
    messages = []
    for path, codes in zip(pages, formatted([found[p] for p in pages]), strict=True):
        text = texts[path]
        for cell, code in reversed(list(zip(found[path], codes, strict=True))):
            new = replace(cell, code=code).styled
            if new != cell.text:
                does = "brought into style" if mend else "is not in style"
                messages.append(f"{cell.page}:{cell.line}: this cell {does}")
                text = text[: cell.start] + new + text[cell.end :]
        if mend and text != texts[path]:
            path.write_text(text, encoding="utf-8")
    return sorted(messages, key=_place)


def _place(message: str) -> tuple[str, int]:
    page, line, _ = message.split(":", 2)
    return page, int(line)


def cells(path: Path, text: str) -> Iterator[Cell]:
    """Find the cells of a page."""
    page = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name
    for match in CELL.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        options, code = _parted(match[1])
        tags = (yaml.safe_load(options) or {}).get("tags", [])
        if unknown := set(tags) - set(TAGS):
            known = "; ".join(f"{tag}: {use}" for tag, use in TAGS.items())
            raise PageError(
                f"{page}:{line}: {', '.join(unknown)} means nothing; {known}"
            )
        try:
            ast.parse(code)
        except SyntaxError as error:
            where = line + match[1].count("\n") - code.count("\n") + (error.lineno or 1)
            raise PageError(f"{page}:{where}: {error.msg}") from error
        yield Cell(
            page=page,
            line=line,
            start=match.start(1),
            end=match.end(1),
            text=match[1],
            options=options,
            code=code,
        )


def _parted(text: str) -> tuple[str, str]:
    """Part a cell in the YAML of its options, however written, and its code."""
    if block := BLOCK.match(text):
        return block[1], text[block.end() :]
    if short := SHORT.match(text):
        return re.sub(r"^:([\w-]+):", r"\1:", short[0], flags=re.M), text[short.end() :]
    return "", text


def formatted(pages: list[list[Cell]]) -> list[list[str]]:
    """Format the code of all cells at once; a semicolon that hides a value stays."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, f"{number}.ipynb") for number in range(len(pages))]
        for file, page in zip(files, pages, strict=True):
            new = [nbformat.v4.new_code_cell(cell.code.strip("\n")) for cell in page]
            nbformat.write(nbformat.v4.new_notebook(cells=new), file)
        command = [sys.executable, "-m", "ruff", "format", "--quiet", "--isolated"]
        command += ["--line-length", "88", *map(str, files)]
        subprocess.run(command, check=True)
        books = [nbformat.read(file, as_version=4) for file in files]
    return [[cell.source for cell in book.cells] for book in books]
