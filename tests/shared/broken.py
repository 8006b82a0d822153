"""Copies of a module with one piece replaced: its tests must notice each of them."""

import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis.strategies import SearchStrategy


def broken_copy(module: ModuleType, right: str, wrong: str) -> ModuleType:
    """Execute the module's source with one piece replaced.

    A piece that is not there is no AssertionError: a test expects one of the copy.
    """
    source = inspect.getsource(module)
    if source.count(right) != 1:
        raise LookupError(f"{right!r} stands there {source.count(right)}×")
    copy = ModuleType(module.__name__)
    exec(source.replace(right, wrong), copy.__dict__)
    return copy


def try_all(
    compare: Callable[[Any], None], cases: SearchStrategy[Any], *, max_examples: int
) -> None:
    """Compare in drawn cases, the same in every run; a failure is not made smaller."""

    @settings(
        max_examples=max_examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
    )
    @given(cases)
    def drawn(case: Any) -> None:
        compare(case)

    drawn()
