"""A text that every reader has: the source of Python's own library.

Nothing is downloaded. What stands in it depends, a little, on the version of Python;
which split a file belongs to depends on its path alone.
"""

import ast
import sysconfig
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from transformer_path.workshop._inputs import whole
from transformer_path.workshop.datasets import part_of


class Texts(NamedTuple):
    """Three parts of one body of text: to fit, to choose and to report."""

    train: list[str]
    validation: list[str]
    test: list[str]


def files(folder: Path | str | None = None) -> Texts:
    """Read the files of Python's library, split by file.

    Left out are tests, tables that a program wrote, installed packages, and an editor
    and a translator that stand in some versions only. Of ten files about eight go to
    the training set, one to each other split.

    Parameters
    ----------
    folder : path, optional
        Another folder of Python files to read in place of the library.

    Returns
    -------
    Texts
        The files' contents, in the order of their paths.

    Raises
    ------
    ValueError
        If there are too few files for three splits.

    Examples
    --------
    >>> train, validation, test = files()
    >>> len(train) > 3 * len(test) > 0
    True
    """
    root = Path(folder or sysconfig.get_paths()["stdlib"])
    texts = Texts([], [], [])
    for path in sorted(root.rglob("*.py")):
        place = path.relative_to(root)
        if LEFT_OUT & set(place.parts[:-1]) or path.name.startswith("_sysconfigdata"):
            continue
        with tokenize.open(path) as file:
            text = file.read()
        getattr(texts, part_of(place.as_posix())).append(text)
    if not all(texts):
        counts = ", ".join(str(len(part)) for part in texts)
        raise ValueError(
            f"{root} holds {counts} Python files to train, validate and test; expected "
            "some of each. Pass a folder with more of them."
        )
    return texts


def short_functions(folder: Path | str | None = None, *, longest: int = 80) -> Texts:
    """Collect the functions that fit on one line, split by file.

    A function without loops and branches may be written on one line. It is written
    without comments, docstring and decorators, and in ASCII only. A function that
    several files have is kept once, in the first split that has it.

    Parameters
    ----------
    folder : path, optional
        As for :func:`files`.
    longest : int
        Characters of the longest line that is kept.

    Returns
    -------
    Texts
        Lines of Python, each at most ``longest`` characters long.

    Examples
    --------
    >>> lines = short_functions(Path(ast.__file__).parent / "asyncio")
    >>> set(lines.train) & set(lines.test)
    set()
    >>> compile(lines.test[0], "a line", "exec") is not None
    True
    """
    longest = whole("longest", longest, at_least=1)
    texts, known = Texts([], [], []), set[str]()
    for part, lines in zip(files(folder), texts, strict=True):
        for text in part:
            for line in one_liners(ast.parse(text)):
                if len(line) <= longest and line not in known:
                    known.add(line)
                    lines.append(line)
    return texts


def one_liners(tree: ast.AST) -> Iterator[str]:
    """Write the functions of a syntax tree on one line each, where that is possible.

    Examples
    --------
    >>> text = '''
    ... def size(name):
    ...     "Ask for the size of a file."
    ...     found = os.stat(name)
    ...     return found.st_size
    ... '''
    >>> list(one_liners(ast.parse(text)))
    ['def size(name): found = os.stat(name); return found.st_size']
    """
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef):
            continue
        body = node.body[ast.get_docstring(node) is not None :]
        if any(hasattr(part, "body") or hasattr(part, "cases") for part in body):
            continue  # a loop, a branch, a block: more than one line
        inside = "; ".join(ast.unparse(statement) for statement in body)
        line = f"def {node.name}({ast.unparse(node.args)}): {inside}"
        alone = not any(isinstance(statement, ast.Nonlocal) for statement in body)
        if body and alone and line.isascii() and line.isprintable():  # no line break
            yield line


LEFT_OUT = {
    "dist-packages",
    "encodings",
    "idlelib",
    "lib2to3",
    "pydoc_data",
    "site-packages",
    "test",
    "tests",
    "turtledemo",
}
