"""The same chapter three ways: a page, a script and a notebook, from one source.

``python -m book.forms`` writes ``examples/NN_name.py`` and ``examples/NN_name.ipynb``
for every chapter ``docs/NN-name.md`` that has code, and deletes what has no page any
more. The built book carries these files, below ``examples/``.

The prose of both holds the numbers of the built book. A notebook keeps those that it
shows, in its metadata: so the files can be derived again anywhere, and a number that
only differs as machines do (``book.outputs.numbers``) stays as it is written. Beside
them it keeps which kind of processor they are from: on another kind sums are rounded
otherwise, and a trained network may be another.
"""

import ast
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import torch
from sphinx.application import Sphinx

from book.forms.citations import citing
from book.forms.notebook import NUMBERS, notebook
from book.forms.page import MADE_ON, ROOT, file_name, read
from book.forms.script import script
from book.outputs.numbers import same

Numbers = dict[str, dict[str, str]]  # by page, then by name
BUILT = ROOT / "_build" / "jupyter_execute"
EXAMPLES = ROOT / "examples"


def forms(docs: Path, numbers: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Write the scripts and notebooks of all chapters: text by file name."""
    cite = citing(docs / "references.bib")
    written: dict[str, str] = {}
    of_others = {  # as a page pastes a number of another
        f"{page}.md::{name}:s": text
        for page, noted in numbers.items()
        for name, text in noted.items()
    }
    for path in chapters(docs):
        if page := read(path, {**of_others, **numbers.get(path.stem, {})}, cite):
            written[f"{page.name}.py"] = script(page)
            written[f"{page.name}.ipynb"] = notebook(page)
    return written


def chapters(docs: Path) -> list[Path]:
    """List the pages of the path."""
    return sorted(docs.glob("[0-9][0-9]*.md"))


def built_numbers(folder: Path = BUILT) -> Numbers:
    """Read the numbers that the pages noted when the book was built."""
    return {
        path.name.removesuffix(".glue.json"): {
            name: str(ast.literal_eval(output["data"]["text/plain"]))
            for name, output in json.loads(path.read_text("utf-8")).items()
        }
        for path in sorted(folder.glob("*.glue.json"))
    }


def written_numbers(docs: Path, target: Path = EXAMPLES) -> Numbers:
    """Read the numbers that stand in the notebooks as they are."""
    found: Numbers = {}
    for path in chapters(docs):
        written = target / f"{file_name(path.stem)}.ipynb"
        if written.exists():
            metadata = json.loads(written.read_text("utf-8"))["metadata"]
            found[path.stem] = metadata.get(NUMBERS, {})
    return found


def settled(built: Numbers, written: Numbers) -> Numbers:
    """Take the built numbers, but keep what is written where it is no other number.

    Times are other from run to run; a written one stays.
    """

    def choose(page: str, name: str, text: str) -> str:
        old = written.get(page, {}).get(name)
        is_kept = old is not None and (name.startswith("time_") or same(old, text))
        return old if old is not None and is_kept else text

    return {
        page: {name: choose(page, name, text) for name, text in numbers.items()}
        for page, numbers in built.items()
    }


def write(
    docs: Path = ROOT / "docs", target: Path = EXAMPLES, built: Path = BUILT
) -> list[Path]:
    """Bring a folder up to date; give the files that changed."""
    here = {MADE_ON: torch.backends.cpu.get_cpu_capability()}
    new_numbers = {page: here | noted for page, noted in built_numbers(built).items()}
    numbers = settled(new_numbers, written_numbers(docs, target))
    new = forms(docs, numbers)
    target.mkdir(exist_ok=True)
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
    if not error and app.builder.format == "html":
        carry(Path(app.confdir, "examples"), Path(app.outdir))


def carry(examples: Path, book: Path) -> None:
    """Copy the scripts and notebooks below a built book."""
    target = book / "examples"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for path in sorted(examples.glob("[0-9][0-9]*")):
        shutil.copy(path, target)
