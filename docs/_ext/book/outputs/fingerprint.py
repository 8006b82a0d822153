"""What can the outputs of a page depend on?

A page's fingerprint is the hash of everything that may change its outputs:

- its code cells, and the tags and settings under which they run;
- the project's modules they import, directly or through others, in functions too,
  and the data files that lie beside those modules;
- the files that the page declares in its front matter, relative to itself::

      reads: [../data/prices.csv]

- the versions of the other packages they import, and of those packages' own;
- Python, the machine's kind, the kernel's settings and environment.

A file of the project that is in none of these cannot be opened by a cell
(``ipython_kernel_config``), nor a module that is imported by a computed name.
"""

import ast
import hashlib
import json
import os
import platform
import re
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import metadata
from modulefinder import ModuleFinder
from pathlib import Path

from myst_nb.core.read import create_nb_reader
from nbformat import NotebookNode
from packaging.requirements import Requirement
from sphinx.environment import BuildEnvironment
from sphinx.errors import SphinxError

from book.outputs.kernel import CONFIGURATION, hashed, myst

RUNNERS = ("ipykernel", "nbclient")  # they make outputs of what a cell does
SETTINGS = ("kernelspec", "execution", "mystnb")  # of a page's front matter
TAGS = {"raises-exception", "skip-execution"}  # of a cell; the others are for show


def read_page(env: BuildEnvironment, docname: str, text: str) -> NotebookNode | None:
    """Read a page as MyST-NB will; None if nothing in it is to be executed."""
    path = str(env.doc2path(docname))
    reader = create_nb_reader(
        path, myst(env).myst_config, myst(env).mystnb_config, text
    )
    try:
        notebook = reader.read(text) if reader else None
    except Exception as error:
        raise SphinxError(f"{path} cannot be read as a notebook: {error}") from error
    return notebook if notebook and _code(notebook) else None


def fingerprint(
    env: BuildEnvironment, docname: str, notebook: NotebookNode
) -> tuple[str, list[Path]]:
    """Hash everything that the outputs of a page can depend on; give the files too."""
    src = Path(env.config.fresh_source_root)
    root = src.parent
    cells = _code(notebook)
    sources = [cell.source for cell in cells]
    imported, packages = imports(sources, src)
    page = Path(env.doc2path(docname))
    reads = {page.parent / name for name in notebook.metadata.get("reads", ())}
    files = sorted(path.resolve() for path in imported | reads)
    variables = hashed(env)
    parts = {
        "page": docname,
        "python": [sys.version, platform.system(), platform.machine()],
        "settings": [notebook.metadata.get(key) for key in SETTINGS],
        "cells": sources,
        "tags": [sorted(TAGS & set(c.metadata.get("tags", []))) for c in cells],
        "environment": {k: v.replace(str(root), "") for k, v in variables.items()},
        "packages": sorted(versions((*RUNNERS, *packages))),
        "files": [
            [os.path.relpath(path, root.resolve()), _hash(path)]
            for path in (*files, CONFIGURATION)
        ],
    }
    text = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest(), files


def _hash(path: Path) -> str:
    if not path.is_file():
        return "is missing"  # the cell that opens it says so
    content = path.read_bytes()
    if path.name == "__init__.py" and _only_says(content):
        content = b""
    return hashlib.sha256(content).hexdigest()


def _only_says(module: bytes) -> bool:
    """Whether a package's own module is a docstring alone: no output depends on it."""
    try:
        body = ast.parse(module).body
    except SyntaxError:
        return False
    return ast.get_docstring(ast.Module(body, [])) is not None and len(body) == 1


def _code(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def imports(cells: Iterable[str], src: Path) -> tuple[set[Path], set[str]]:
    """Find what cells import.

    Returns
    -------
    files : set of Path
        The project's modules, and the data beside them.
    packages : set of str
        The top-level names of all other modules.

    All files and all packages, if a cell or a module cannot be read as Python or lies
    in a folder without ``__init__.py``: then nothing is known, and any may matter.
    """
    return _imports("\n".join(cells), src, _tree(src))


def _tree(src: Path) -> tuple[tuple[Path, int, int], ...]:
    """Give something that is the same as long as no file is changed."""
    states = [(path, path.stat()) for path in sorted(_files(src))]
    return tuple((path, state.st_mtime_ns, state.st_size) for path, state in states)


@cache  # three looks at each page, and one search through the modules
def _imports(cells: str, src: Path, _: object) -> tuple[set[Path], set[str]]:
    finder = ModuleFinder(path=[str(src)])
    try:
        code = compile(cells, "<cells>", "exec")
        finder.scan_code(code, finder.add_module("__main__"))
    except (SyntaxError, AttributeError):  # the second, for folders without a module
        return set(_files(src)), set(_distributions())
    found = [getattr(module, "__file__", None) for module in finder.modules.values()]
    modules = {Path(name) for name in found if name}
    folders = {module.parent for module in modules} - {src}
    data = {p for folder in folders for p in _data_files(folder)}
    packages = {name.partition(".")[0] for name in finder.badmodules}
    return modules | data, packages - sys.stdlib_module_names - finder.modules.keys()


def _data_files(folder: Path) -> Iterator[Path]:
    """Walk through the files of a package that are not modules."""
    for path in folder.iterdir():
        if path.is_file() and path.suffix not in {".py", ".pyc"}:
            yield path
        elif path.is_dir() and not (path / "__init__.py").exists():
            yield from _data_files(path)


def _files(folder: Path) -> Iterator[Path]:
    return (p for p in folder.rglob("*") if p.is_file() and p.suffix != ".pyc")


def versions(names: Iterable[str]) -> set[str]:
    """Give the version of each package, and of all that these packages need."""
    waiting = [d for name in names for d in _distributions().get(name, [name])]
    found: dict[str, str] = {}
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name not in found:
            found[name], needs = _distribution(name)
            waiting += needs
    return {f"{name} {version}" for name, version in found.items()}


@cache
def _distributions() -> dict[str, list[str]]:
    return dict(metadata.packages_distributions())


@cache
def _distribution(name: str) -> tuple[str, tuple[str, ...]]:
    """Give the version of one package and the names of those it needs."""
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return "is not installed", ()
    needs = [Requirement(line) for line in found.requires or ()]
    return found.version, tuple(
        need.name
        for need in needs
        if not need.marker or need.marker.evaluate({"extra": ""})
    )
