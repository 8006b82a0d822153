"""How does a reader find out what is still wrong with their answer?

Every chapter ends in three exercises. ``check`` compares an answer with the expected
one and says what differs: its type, its shape, its values, its gradient.
"""

import pkgutil
from collections.abc import Callable
from difflib import get_close_matches
from importlib import import_module

from transformer_path.workshop.terminal import say

from ._words import Different, kind

__all__ = ["Different", "check", "names"]


def check(name: str | float, answer: object) -> None:
    """Print whether the answer to an exercise is right, or else what differs.

    Parameters
    ----------
    name : str
        The exercise, as it stands in the chapter: ``"1.1"``; the number 1.1 will do.
    answer : object
        What the exercise asks for: a number, a tensor, a function.

    Raises
    ------
    ValueError
        If there is no such exercise.

    Examples
    --------
    A wrong answer is told apart by what differs, not merely by being wrong:

    >>> check("1.2", lambda logits, labels: logits.sigmoid())
    1.2: not yet. answer(logits, labels) has the shape (5,); () was expected. ...
    """
    known, checker = _checker(name)
    try:
        say(f"{known}: right. {checker(answer)}")
    except Different as difference:
        say(f"{known}: not yet. {difference}")
    except Exception as error:  # no answer may break a check
        _, task = (checker.__doc__ or "").split(": ", 1)
        say(
            f"{known}: not yet. answer is {kind(answer)} with which the check cannot "
            f"work ({type(error).__name__}: {error}). Wanted: {task}"
        )


def names() -> list[str]:
    """Every exercise there is, in the order of the book."""
    every = [name for stop in _stops() for name in _checkers(stop)]
    return sorted(every, key=lambda name: [int(part) for part in name.split(".")])


Checker = Callable[[object], str]


def _checker(given: object) -> tuple[str, Checker]:
    name = str(given).strip()
    chapter = name.partition(".")[0]
    stop = f"stop_{chapter:0>2}"
    here = _checkers(stop) if stop in _stops() else {}
    if name not in here:
        close = list(here) or get_close_matches(name, names(), cutoff=0.5)
        close = close or names()[:3]
        listed = ", ".join(f'"{other}"' for other in sorted(close))
        raise ValueError(f'There is no exercise "{name}"; the closest are {listed}.')
    return name, here[name]


def _stops() -> list[str]:
    modules = pkgutil.iter_modules(__path__)
    return [module.name for module in modules if module.name.startswith("stop_")]


def _checkers(stop: str) -> dict[str, Checker]:
    checkers: dict[str, Checker] = import_module(f"{__name__}.{stop}").CHECKS
    return checkers
