"""What can the outputs of a page depend on?

A page's fingerprint is the hash of everything that may change its outputs:

- its code cells, and the tags and settings under which they run;
- the project's modules they import, directly or through others, in functions too,
  and the data files that lie beside those modules;
- the versions of the other packages they import, and of those packages' own;
- Python, the machine's kind, the kernel's settings and environment.

Not seen: a module imported by a computed name (``importlib.import_module``). The
checkers of the exercises are imported so, because no page runs them.
"""

import hashlib
import json
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

RUNNERS = ("ipykernel", "nbclient")  # they make outputs of what a cell does
SETTINGS = ("kernelspec", "execution", "mystnb")  # of a page's front matter
TAGS = {"raises-exception", "skip-execution"}  # of a cell; the others are for show


def read_page(env: BuildEnvironment, docname: str, text: str) -> NotebookNode | None:
    """Read a page as MyST-NB will; None if nothing in it is to be executed."""
    path = str(env.doc2path(docname))
    reader = create_nb_reader(path, env.myst_config, env.mystnb_config, text)
    try:
        notebook = reader.read(text) if reader else None
    except Exception as error:
        raise SphinxError(f"{path} cannot be read as a notebook: {error}") from error
    return notebook if notebook and _code(notebook) else None


def fingerprint(env: BuildEnvironment, docname: str, notebook: NotebookNode) -> str:
    """Hash everything that the outputs of a page can depend on."""
    root = Path(env.app.confdir)
    environment = env.config.kernel_environment
    cells = _code(notebook)
    sources = [cell.source for cell in cells]
    files, packages = imports(sources, root / env.config.fresh_source_root)
    parts = {
        "page": docname,
        "python": [sys.version, platform.system(), platform.machine()],
        "settings": [notebook.metadata.get(key) for key in SETTINGS],
        "cells": sources,
        "tags": [sorted(TAGS & set(c.metadata.get("tags", []))) for c in cells],
        "environment": {k: v.replace(str(root), "") for k, v in environment.items()},
        "packages": sorted(versions((*RUNNERS, *packages))),
        "files": [
            [str(path.relative_to(root)), hashlib.sha256(path.read_bytes()).hexdigest()]
            for path in sorted(files | _kernel_files(environment))
        ],
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _code(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _kernel_files(environment: dict[str, str]) -> set[Path]:
    """Find the files that the kernel's environment points to."""
    files = {Path(environment[k]) for k in ("MATPLOTLIBRC",) if k in environment}
    for folder in (environment[k] for k in ("IPYTHONDIR",) if k in environment):
        files |= {p for p in Path(folder).rglob("*_config.*") if p.suffix != ".pyc"}
    return files


def imports(cells: Iterable[str], src: Path) -> tuple[set[Path], set[str]]:
    """Find what cells import.

    Returns
    -------
    files : set of Path
        The project's modules, and the data beside them. All of them if a cell or a
        module cannot be read as Python: then nothing is known, and any may matter.
    packages : set of str
        The top-level names of all other modules.
    """
    finder = ModuleFinder(path=[str(src)])
    try:
        code = compile("\n".join(cells), "<cells>", "exec")
        finder.scan_code(code, finder.add_module("__main__"))
        modules = {Path(m.__file__) for m in finder.modules.values() if m.__file__}
    except SyntaxError:
        modules = set(src.rglob("*.py"))
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
