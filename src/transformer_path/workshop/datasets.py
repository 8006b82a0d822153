"""Which data does the whole path learn from?

Nothing is downloaded: MNIST-1D is generated as the ``mnist1d`` package does, the digits
come with scikit-learn, and a table of your own is read from a file.
"""

import csv
import re
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

import numpy as np
import torch
from torch import Tensor

from transformer_path.workshop._inputs import whole

if TYPE_CHECKING:  # it imports what most readers of this file do not need
    from transformer_path.workshop.generator import Made


class Examples(NamedTuple):
    """Inputs and their labels, row by row.

    ``x`` has shape (N, ...) in float32, ``y`` shape (N,) in int64.
    """

    x: Tensor
    y: Tensor


class Splits(NamedTuple):
    """Three parts of one data set: to fit, to choose and to report."""

    train: Examples
    validation: Examples
    test: Examples


def mnist1d(*, shuffle_positions: bool = False, n_train: int = 3500) -> Splits:
    """MNIST-1D: ten shapes, each moved, stretched and buried in noise.

    Parameters
    ----------
    shuffle_positions : bool
        Put the 40 positions of every series in one other, fixed order. No number is
        lost, but neighbours are neighbours no more.
    n_train : int
        How many series to train on: the first of the published ones and, beyond 3,500,
        more of the same generator. The other two splits stay as they are.

    Returns
    -------
    Splits
        3,500 series of length 40 to train, 500 to validate and 1,000 to test, of ten
        classes.

    References
    ----------
    :cite:t:`greydanus2024mnist1d`, Section 3.

    Examples
    --------
    >>> [tuple(part.x.shape) for part in mnist1d()]
    [(3500, 40), (500, 40), (1000, 40)]
    """
    splits = _mnist1d()
    if n_train != len(splits.train.y):
        splits = splits._replace(train=_first(n_train, splits.train))
    if not shuffle_positions:
        return splits
    order = torch.from_numpy(np.random.default_rng(0).permutation(40))
    train, validation, test = (Examples(x[:, order], y) for x, y in splits)
    return Splits(train, validation, test)


def _mnist1d() -> Splits:
    x, y = _series(42)
    parts = [Examples(x[a:b], y[a:b]) for a, b in pairwise((0, 3500, 4000, 5000))]
    return Splits(*parts)


@cache
def _series(seed: int) -> Examples:
    """Make 5,000 series, centred and scaled by what the published ones, 42, need."""
    published, made = _made(42).x, _made(seed)
    x = (made.x - published.mean()) / published.std()
    return Examples(*_tensors(x, made.y))


@cache
def _made(seed: int) -> "Made":
    from transformer_path.workshop.generator import make

    return make(5000, seed=seed)


def part_of(name: str) -> str:
    """Say to which split a thing belongs, by its name alone.

    Of ten about eight go to the training set, one to each other split.

    Examples
    --------
    >>> [part_of(name) for name in ("ast.py", "ssl.py")]
    ['train', 'test']
    """
    return {0: "test", 1: "validation"}.get(crc32(name.encode()) % 10, "train")


def _first(n: int, published: Examples) -> Examples:
    if n < 1:
        raise ValueError(f"n_train={n}; at least one series is needed to train on.")
    blocks = -(-max(0, n - len(published.y)) // 5000)
    # In blocks, so that fewer series are the first of more.
    parts = [published, *(_series(seed) for seed in range(43, 43 + blocks))]
    return Examples(*(torch.cat(part)[:n] for part in zip(*parts, strict=True)))


def digits() -> Splits:
    """Handwritten digits, 8 by 8 pixels with values from 0 to 1.

    Returns
    -------
    Splits
        1,097 images of shape (64,) to train, 300 to validate and 400 to test, of ten
        classes, in a fixed shuffled order.

    References
    ----------
    :func:`sklearn.datasets.load_digits`, a copy of the test set of the UCI digits.

    Examples
    --------
    >>> [tuple(part.x.shape) for part in digits()]
    [(1097, 64), (300, 64), (400, 64)]
    """
    from sklearn.datasets import load_digits

    raw = load_digits()
    order = np.random.default_rng(0).permutation(len(raw.target))
    x, y = _tensors(raw.data[order] / 16, raw.target[order])
    train, validation, test = (
        Examples(x[a:b], y[a:b]) for a, b in [(0, 1097), (1097, 1397), (1397, 1797)]
    )
    return Splits(train, validation, test)


def table(path: Path | str, *, header: bool | None = None) -> Examples:
    r"""Read your own examples from a CSV file: one a line, the label last.

    Parameters
    ----------
    path : path
        Values separated by commas, in UTF-8.
    header : bool, optional
        Whether the first line holds the names of the columns. If not given, it does
        where it holds no number.

    Returns
    -------
    examples : Examples
        ``x`` of shape (N, C) from all columns but the last, ``y`` from the last.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not text in UTF-8, a line has too few or too many values, or one
        that is no number that float32 can hold, or a label that is not a whole number
        from 0 on; the message says where.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "iris.csv")
    ...     _ = path.write_text("length,width,class\n5.1,3.5,0\n6.2,2.9,1\n")
    ...     table(path).y
    tensor([0, 1])
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no file {path} (looked for in {path.absolute().parent}); check "
            "the name, or give the whole path."
        )
    rows = list(_rows(path))
    if rows and _are_names(*rows[0], header):
        del rows[0]
    if not rows:
        raise ValueError(f"{path} holds no examples; it needs one line for each.")
    columns = len(rows[0][1])
    x, y = zip(*(_example(where, cells, columns) for where, cells in rows), strict=True)
    return Examples(torch.tensor(x, dtype=torch.float32), torch.tensor(y))


def split(
    examples: Examples, *, validation: float = 0.2, test: float = 0.2, seed: int = 0
) -> Splits:
    """Shuffle examples and deal them into three splits.

    Parameters
    ----------
    examples : Examples
    validation, test : float
        Which share of the examples goes there; the rest is to train.
    seed : int
        Decides the shuffle: the same seed, the same splits.

    Raises
    ------
    ValueError
        If a split would be empty, or the examples do not have one label each.

    Examples
    --------
    >>> parts = split(Examples(torch.zeros(10, 3), torch.zeros(10)))
    >>> [len(part.y) for part in parts]
    [6, 2, 2]
    """
    n, sizes = len(examples.y), _sizes(examples, validation, test)
    generator = torch.Generator().manual_seed(whole("seed", seed, at_least=0))
    parts = torch.randperm(n, generator=generator).split_with_sizes(sizes)
    return Splits(*(Examples(examples.x[rows], examples.y[rows]) for rows in parts))


def _sizes(examples: Examples, validation: float, test: float) -> list[int]:
    """Say how many examples go to each split."""
    n = len(examples.y)
    if len(examples.x) != n:
        raise ValueError(
            f"x has {len(examples.x)} rows and y has {n}; each example needs one of "
            "both."
        )
    if not (0 < validation < 1 and 0 < test < 1):
        raise ValueError(
            f"validation={validation} and test={test} must be shares of the examples, "
            "each between 0 and 1, such as 0.2."
        )
    sizes = [round(validation * n), round(test * n)]
    sizes.insert(0, n - sum(sizes))
    if min(sizes) < 1:
        raise ValueError(
            f"{n} examples with validation={validation} and test={test} give splits of "
            f"{sizes[0]}, {sizes[1]} and {sizes[2]}; each needs at least one."
        )
    return sizes


def _rows(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Give each line that is not empty: where it stands, and its cells."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"{path}, line {line}: the byte {error.object[error.start]:#04x} is not "
            "text in UTF-8; save the table as CSV in UTF-8."
        ) from error
    reader, line = csv.reader(StringIO(text, newline=""), strict=True), 1
    try:
        for cells in reader:
            if cells:
                yield f"{path}, line {line}", [cell.strip() for cell in cells]
            line = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(
            f"{path}, line {line} is not CSV: {error}; look for a quotation mark "
            "without its partner."
        ) from error


def _are_names(where: str, cells: list[str], header: bool | None) -> bool:
    """Whether the first line names the columns; what may be both is refused."""
    if header is not None:
        return header
    numbers = [Decimal(cell) for cell in cells if _NUMBER.fullmatch(cell)]
    if len(numbers) == len(cells) and {b - a for a, b in pairwise(numbers)} == {1}:
        raise ValueError(
            f"{where} counts {cells[0]}, {cells[1]}, ...; if these are the names of "
            "the columns, pass header=True, if they are an example, header=False."
        )
    return not numbers


def _example(where: str, cells: list[str], columns: int) -> tuple[list[float], int]:
    if len(cells) != columns or columns < 2:
        raise ValueError(
            f"{where} has {len(cells)} values; expected "
            f"{'2 or more' if columns < 2 else f'{columns} as in the first example'}."
        )
    numbers = [_number(f"{where}, column {i}", c) for i, c in enumerate(cells, start=1)]
    label = numbers.pop()
    if not 0 <= label < 2**63 or label != int(label):
        raise ValueError(
            f"{where}: the label {cells[-1]!r} is not one of 0, 1, 2, ...; the last "
            "column must number the classes."
        )
    return [float(number) for number in numbers], int(label)


def _number(where: str, cell: str) -> Decimal:
    """Read a number exactly, if float32 has one that is near it."""
    if not _NUMBER.fullmatch(cell):
        raise ValueError(
            f"{where}: {cell!r} is not a finite number; fill it in, or leave the line "
            "out."
        )
    number = Decimal(cell)
    if number and not _SMALLEST <= abs(number) <= _LARGEST:
        raise ValueError(
            f"{where}: {cell!r} does not fit into float32; change the unit of that "
            "column."
        )
    return number


# Plain decimal numbers; Python also takes 1_000, inf and the digits of other scripts.
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)
_SMALLEST = float(np.finfo(np.float32).smallest_subnormal)
_LARGEST = float(np.finfo(np.float32).max)


def _tensors(x: np.ndarray, y: np.ndarray) -> tuple[Tensor, Tensor]:
    return torch.tensor(x, dtype=torch.float32), torch.tensor(y, dtype=torch.int64)
