"""The same chapter three ways: a page, a script and a notebook, from one source.

``python -m book.forms`` writes ``examples/NN_name.py`` and ``examples/NN_name.ipynb``
for every chapter ``docs/NN-name.md`` that has code, and deletes what has no page any
more. As an extension it copies those files into the built book, below ``examples/``.
"""

import os
import re
import shutil
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

from myst_nb.core.read import read_myst_markdown_notebook
from myst_parser.config.main import MdParserConfig
from nbformat import NotebookNode
from pybtex.database import BibliographyData, parse_file
from sphinx.application import Sphinx

from book.forms.notebook import notebook
from book.forms.script import script

ROOT = Path(__file__).parents[4]
SYNTAX = MdParserConfig(
    enable_extensions={"amsmath", "attrs_block", "colon_fence", "deflist", "dollarmath"}
)


@dataclass(frozen=True, kw_only=True)
class Page:
    """A chapter, read: its cells of prose and code, and what its head says."""

    docname: str
    title: str
    stop: str
    outcome: str
    cells: list[NotebookNode]
    urls: dict[str, str]

    @staticmethod
    def keeps(cell: NotebookNode) -> bool:
        """Whether a cell of code belongs to every form.

        ``remove-cell`` hides what only the book needs; the numbers that a hidden cell
        notes stand in the prose, so such a cell stays.
        """
        hidden = "remove-cell" in cell.metadata.get("tags", [])
        return not hidden or bool(re.search(r"\bnote\(", cell.source))

    @property
    def name(self) -> str:
        """The name of its script and notebook, without the ending."""
        return file_name(self.docname)


def file_name(docname: str) -> str:
    """Name the script and the notebook of a page, without the ending."""
    return docname.replace("-", "_")


def read(path: Path) -> Page | None:
    """Read a chapter; None if it is no stop or has no code."""
    book = read_myst_markdown_notebook(path.read_text("utf-8"), SYNTAX, path=path)
    if "stop" not in book.metadata:
        return None
    if not any(cell.cell_type == "code" for cell in book.cells):
        return None
    urls = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]
    return Page(
        docname=path.stem,
        title=re.search(r"^# (.+)$", book.cells[0].source, re.MULTILINE)[1],
        stop=str(book.metadata["stop"]),
        outcome=str(book.metadata.get("you_will_have", "what it computes")),
        cells=book.cells,
        urls={"book": urls["Book"], "repository": urls["Source"]},
    )


def forms(docs: Path) -> dict[str, str]:
    """Write the scripts and notebooks of all chapters: text by file name."""
    bibliography = parse_file(docs / "references.bib")

    def cite(role: str, keys: str) -> str:
        return citation(bibliography, role, keys)

    written: dict[str, str] = {}
    for path in sorted(docs.glob("[0-9][0-9]*.md")):
        if page := read(path):
            written[f"{page.name}.py"] = script(page, cite)
            written[f"{page.name}.ipynb"] = notebook(page, cite)
    return written


def citation(bibliography: BibliographyData, role: str, keys: str) -> str:
    """Cite by names and year, ``Vaswani et al. (2017)`` or ``(Rumelhart, 1986)``."""
    cited = []
    for key in map(str.strip, keys.split(",")):
        if key not in bibliography.entries:
            raise ValueError(f"{key!r} is cited, and docs/references.bib lacks it")
        entry = bibliography.entries[key]
        people = entry.persons.get("author") or entry.persons["editor"]
        last = [" ".join(person.last_names).strip("{}") for person in people]
        names = " and ".join(last) if len(last) < 3 else f"{last[0]} et al."
        year = entry.fields.get("year", "")
        cited.append(f"{names} ({year})" if role.endswith(":t") else f"{names}, {year}")
    joined = "; ".join(cited)
    return joined if role.endswith(":t") else f"({joined})"


def write(docs: Path = ROOT / "docs", target: Path = ROOT / "examples") -> list[Path]:
    """Bring a folder up to date; give the files that changed."""
    target.mkdir(exist_ok=True)
    new = forms(docs)
    changed = []
    for path in sorted(target.glob("[0-9][0-9]*")):
        if path.name not in new and path.suffix in {".py", ".ipynb"}:
            path.unlink()
            changed.append(path)
    for name, text in new.items():
        path = target / name
        if not path.exists() or path.read_text("utf-8") != text:
            _replace(path, text)
            changed.append(path)
    return changed


def _replace(path: Path, text: str) -> None:
    """Write a file so that nobody ever sees half of it."""
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, suffix=".tmp", delete=False
    ) as file:
        file.write(text)
    os.chmod(file.name, 0o644)
    os.replace(file.name, path)


def copy(app: Sphinx, error: Exception | None) -> None:
    """Put the scripts and notebooks into the finished book."""
    if error or app.builder.format != "html":
        return
    target = Path(app.outdir, "examples")
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for path in sorted(Path(app.confdir, "examples").glob("[0-9][0-9]*")):
        shutil.copy(path, target)
