"""Does every exercise of the book have a checker that its solution passes?

The pages are read as text: no built book is needed. A solution runs after the page's
first cell, its imports, and after the cells tagged ``given``.
"""

import re
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
import pytest

from transformer_path.workshop.exercises import Different, check, names

DOCS = Path(__file__).parents[2] / "docs"
CELL = re.compile(r"^(`{3,})\{code-cell\}[^\n]*\n(.*?)^\1$", re.DOTALL | re.MULTILINE)
EXERCISE = re.compile(
    r"^(:{4,})\{exercise\} (\d+\.\d+) ([^\n]+)\n(.*?)^\1$", re.DOTALL | re.MULTILINE
)
PART = r"^:::\{%s\}\n(.*?)^:::$"


class Exercise(NamedTuple):
    page: str
    name: str
    text: str

    def part(self, kind: str) -> list[str]:
        return re.findall(PART % kind, self.text, re.DOTALL | re.MULTILINE)

    @property
    def solution(self) -> str:
        (text,) = self.part("solution")
        code = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
        return code.search(text)[1]


@cache
def pages() -> dict[str, str]:
    return {page.name: page.read_text() for page in sorted(DOCS.glob("[0-9]*.md"))}


@cache
def exercises() -> list[Exercise]:
    return [
        Exercise(page, name, text)
        for page, source in pages().items()
        for _, name, _, text in EXERCISE.findall(source)
    ]


def cells(page: str) -> list[tuple[str, str]]:
    """Options and code of every cell."""
    found = []
    for _, cell in CELL.findall(pages()[page]):
        block = re.match(r"---\n.*?\n---\n", cell, re.DOTALL)
        options = block or re.match(r"(?::[^\n]*\n)*", cell)
        found.append((options[0], cell[options.end() :]))
    return found


@cache
def given(page: str) -> dict[str, object]:
    """What a reader has who ran the page's imports and the cells tagged given."""
    space: dict[str, object] = {"__name__": "solution"}
    for index, (options, code) in enumerate(cells(page)):
        if index == 0 or re.search(r"tags: \[[^\]]*\bgiven\b", options):
            exec(compile(code, page, "exec"), space)
    return space


def wrong(name: str) -> list[object]:
    stop = f"stop_{name.partition('.')[0]:0>2}"
    module = import_module(f"transformer_path.workshop.exercises.{stop}")
    assert set(module.WRONG) == set(module.CHECKS), stop
    return module.WRONG[name]


def by_name(exercise: object) -> str:
    return exercise.name if isinstance(exercise, Exercise) else str(exercise)


@pytest.fixture(autouse=True)
def no_window():
    with mpl.rc_context({"backend": "agg"}):
        yield


def test_every_exercise_has_a_checker_and_every_checker_an_exercise():
    on_pages = [exercise.name for exercise in exercises()]
    assert sorted(on_pages) == sorted(names())


@pytest.mark.parametrize(
    "page", [page for page, text in pages().items() if "## Exercises" in text]
)
def test_a_page_has_exercises_under_its_heading(page):
    assert page in {exercise.page for exercise in exercises()}


@pytest.mark.parametrize("stop", sorted({e.name.split(".")[0] for e in exercises()}))
def test_a_stop_numbers_its_exercises_by_threes(stop):
    mine = [e.name for e in exercises() if e.name.split(".")[0] == stop]
    assert mine == [f"{stop}.{number}" for number in range(1, len(mine) + 1)]
    assert len(mine) % 3 == 0


@pytest.mark.parametrize("exercise", exercises(), ids=by_name)
def test_an_exercise_names_its_check_and_has_a_hint_and_a_solution(exercise):
    assert len(exercise.part("hint")) == 1
    assert len(exercise.part("solution")) == 1
    before = exercise.text.partition(":::{hint}")[0]
    assert f'check("{exercise.name}"' in before


@pytest.mark.parametrize("exercise", exercises(), ids=by_name)
def test_the_solution_passes(exercise, capsys):
    space = dict(given(exercise.page))
    exec(compile(exercise.solution, f"solution {exercise.name}", "exec"), space)
    assert "answer" in space, "the solution must define answer"
    capsys.readouterr()
    check(exercise.name, space["answer"])
    assert capsys.readouterr().out.startswith(f"{exercise.name}: right. ")


@pytest.mark.parametrize("name", names())
def test_wrong_answers_are_told_apart(name, capsys):
    answers = wrong(name)
    assert len(answers) >= 2
    for answer in answers:
        check(name, answer)
        printed = capsys.readouterr().out
        assert printed.startswith(f"{name}: not yet. "), (answer, printed)


@pytest.mark.parametrize("answer", [None, "no idea", object(), [], print])
@pytest.mark.parametrize("name", names())
def test_nonsense_is_never_right_and_never_breaks_a_checker(name, answer, capsys):
    check(name, answer)
    assert f"{name}: not yet. " in capsys.readouterr().out


def test_checkers_raise_nothing_but_different():
    stop = import_module("transformer_path.workshop.exercises.stop_01")
    with pytest.raises(Different):
        stop.CHECKS["1.2"](None)
