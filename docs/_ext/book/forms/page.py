"""A chapter, read: its prose and code, the numbers it noted and the works it cites."""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from myst_nb.core.read import read_myst_markdown_notebook
from myst_parser.config.main import MdParserConfig

ROOT = Path(__file__).parents[4]
SYNTAX = MdParserConfig(
    enable_extensions={"amsmath", "attrs_block", "colon_fence", "deflist", "dollarmath"}
)
MADE_ON = "made_on"  # among a page's numbers: the processor that computed them
ROLE = re.compile(r"\{([\w:]+)\}`([^`]*)`")
Cite = Callable[[str, str], str]  # a role and its keys become a text


class PageError(ValueError):
    """What is wrong with a page, with the page and the line in front."""


@contextmanager
def at(page: str, line: int) -> Iterator[None]:
    """Say of what is wrong in a page where that is."""
    try:
        yield
    except PageError:
        raise
    except ValueError as error:
        raise PageError(f"{page}:{line}: {error}") from error


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A stretch of prose, or a cell of code; ``line`` is its first on the page."""

    is_code: bool
    source: str
    line: int


@dataclass(frozen=True, kw_only=True)
class Project:
    """What ``pyproject.toml`` says of the project: where it is published."""

    book: str
    repository: str

    @property
    def install(self) -> str:
        """What ``pip install`` is given."""
        return f"transformer-path @ git+{self.repository}"


@dataclass(frozen=True, kw_only=True)
class Page:
    """A chapter, its prose and its code, and what its head says."""

    docname: str
    title: str
    stop: str
    outcome: str
    cells: list[Cell]
    numbers: Mapping[str, str]
    cite: Cite
    project: Project

    @property
    def path(self) -> str:
        """Where the page stands, for messages."""
        return f"docs/{self.docname}.md"

    @property
    def name(self) -> str:
        """The name of its script and notebook, without the ending."""
        return file_name(self.docname)

    @property
    def used(self) -> dict[str, str]:
        """The page's own numbers that stand in the prose, and where they are from."""
        prose = "\n".join(cell.source for cell in self.cells if not cell.is_code)
        roles = ROLE.findall(prose)
        names = sorted({name for role, name in roles if role.startswith("glue")})
        own = [n for n in names if n in self.numbers and "::" not in n]
        own += [MADE_ON] if MADE_ON in self.numbers else []
        return {name: self.numbers[name] for name in own}

    def number(self, name: str) -> str:
        """Give a number of the page as the reader sees it."""
        if name not in self.numbers:
            raise ValueError(
                f"the number {name!r} is pasted, and the built book has none of that "
                "name; note it in a cell, then run: make html"
            )
        return self.numbers[name]


def file_name(docname: str) -> str:
    """Name the script and the notebook of a page, without the ending."""
    return docname.replace("-", "_")


def project(root: Path = ROOT) -> Project:
    """Read where the project is published."""
    urls = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"][
        "urls"
    ]
    return Project(book=urls["Book"], repository=urls["Source"])


def read(path: Path, numbers: Mapping[str, str], cite: Cite) -> Page | None:
    """Read a chapter; None if it is no stop or has no code."""
    text = path.read_text("utf-8")
    book = read_myst_markdown_notebook(text, SYNTAX, add_source_map=True, path=path)
    head: dict[str, Any] = book.metadata
    lines = text.splitlines()
    cells = []
    for cell, line in zip(book.cells, head["source_map"], strict=True):
        is_code = cell.cell_type == "code"
        while not is_code and not lines[line].strip():
            line += 1  # MyST-NB counts prose from the blank lines above it
        first = line if is_code else line + 1
        cells.append(Cell(is_code=is_code, source=cell.source, line=first))
    if "stop" not in head or not any(cell.is_code for cell in cells):
        return None
    title = re.search(r"^# (.+)$", text, re.MULTILINE)
    if title is None:
        raise PageError(
            f"docs/{path.name}:1: the page has no title; begin it with # Title"
        )
    return Page(
        docname=path.stem,
        title=title[1],
        stop=str(head["stop"]),
        outcome=str(head.get("you_will_have", "what it computes")),
        cells=cells,
        numbers=numbers,
        cite=cite,
        project=project(),
    )
