"""In which words does a check answer?"""

from collections.abc import Iterable

import numpy as np
from torch import Tensor


class Different(Exception):  # noqa: N818
    """An answer differs from the expected one; the message says in what."""


def different(message: str, hint: str = "") -> Different:
    """Say what differs, then what leads on."""
    return Different(f"{message} {hint}".rstrip())


def kind(answer: object) -> str:
    """Name the type of an answer: "a list", "None", "the class Tensor"."""
    if answer is None:
        return "None"
    if isinstance(answer, type):
        return f"the class {answer.__name__}"
    name = type(answer).__name__
    return f"{'an' if name[0].lower() in 'aeiou' or name[:2] == 'nd' else 'a'} {name}"


def shown(argument: object) -> str:
    """Show an argument of a call shortly: its shape, its name or itself."""
    if isinstance(argument, Tensor | np.ndarray):
        return f"{tuple(argument.shape)}"
    if isinstance(argument, list) and not all(isinstance(a, float) for a in argument):
        return f"[{', '.join(map(shown, argument))}]"
    if callable(argument):
        return "a function"
    return repr(argument)


def listed(arguments: Iterable[object]) -> str:
    """Show the arguments of a call."""
    return ", ".join(map(shown, arguments))


def apart(given: float, wanted: float) -> tuple[str, str]:
    """Write two numbers with as many digits as it takes to tell them apart."""
    for digits in range(6, 18):
        texts = f"{given:.{digits}g}", f"{wanted:.{digits}g}"
        if texts[0] != texts[1]:
            break
    return texts
