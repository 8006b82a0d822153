"""How does a reader's own text become a training and a validation part?

Files are read as UTF-8. Of ten files or more every tenth is kept for validation; of
fewer, the last tenth of each. Nothing is left out in silence: what cannot be read is an
error that names the file, and the byte.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

from transformer_path.workshop._inputs import whole


class Parts(NamedTuple):
    """Two parts of one body of text: to fit, and to choose."""

    train: list[str]
    validation: list[str]


def read(paths: Iterable[Path | str]) -> list[str]:
    """Read text files; of a folder, all that lie in it, hidden ones left out.

    Returns
    -------
    list of str
        The files' contents, in the order of their paths, each file once.

    Raises
    ------
    ValueError
        If a file is no UTF-8, or there is no text at all.
    OSError
        If a file cannot be read.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     _ = Path(folder, "b.txt").write_text("two")
    ...     _ = Path(folder, "a.txt").write_text("one")
    ...     read([folder])
    ['one', 'two']
    """
    files = {file.resolve(): file for path in paths for file in _files(Path(path))}
    texts = [_text(file) for _, file in sorted(files.items())]
    if not any(texts):
        found = "; ".join(str(file) for file in files.values()) or "no file"
        raise ValueError(f"there is no text to learn from: {_short(found)} is empty.")
    return texts


def split(texts: Sequence[str]) -> Parts:
    """Keep a tenth for validation: every tenth file, or the end of each if few.

    Raises
    ------
    ValueError
        If one of the two parts would be empty.

    Examples
    --------
    >>> split(["abcdefghij"])
    Parts(train=['abcdefghi'], validation=['j'])
    >>> split([*"abcdefghijk"]).validation
    ['j']
    """
    if len(texts) >= FILES:
        later = [text for n, text in enumerate(texts) if n % 10 == 9]
        parts = Parts([text for n, text in enumerate(texts) if n % 10 != 9], later)
    else:
        cuts = [len(text) - (len(text) + 5) // 10 for text in texts]
        both = [*zip(texts, cuts, strict=True)]
        parts = Parts([t[:cut] for t, cut in both], [t[cut:] for t, cut in both])
    if not any(parts.train) or not any(parts.validation):
        size = sum(map(len, texts))
        raise ValueError(
            f"a text of {size} characters cannot be split into a part to learn from "
            "and one to validate on; take a longer one."
        )
    return parts


def some(texts: Sequence[str], size: int) -> list[str]:
    """Take about ``size`` characters of texts, whole files of them where that goes.

    The files come in an order that is drawn once and for all; the last is cut.

    Examples
    --------
    >>> some(["aaa", "bb", "c"], 99)
    ['aaa', 'bb', 'c']
    >>> sum(map(len, some(["aaa", "bb", "c"], 4)))
    4
    """
    left, taken = whole("size", size, 1), dict[int, str]()
    for n in Random(0).sample(range(len(texts)), len(texts)):
        if texts[n][:left]:
            taken[n] = texts[n][:left]
            left -= len(taken[n])
    return [taken[n] for n in sorted(taken)]


FILES = 10  # so many are split by file


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    inside = (file for file in path.rglob("*") if file.is_file())
    names = ((file, file.relative_to(path).parts) for file in inside)
    return [file for file, parts in names if not any(n.startswith(".") for n in parts)]


def _text(file: Path) -> str:
    content = file.read_bytes()
    try:
        return content.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{file} is no text in UTF-8: byte {error.start}, 0x"
            f"{content[error.start]:02x}, fits in no character. Save it as UTF-8, or "
            "leave it out."
        ) from None


def _short(text: str, longest: int = 200) -> str:
    return text if len(text) <= longest else f"{text[: longest - 3]}..."
