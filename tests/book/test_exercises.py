"""Does every exercise of the book have a checker that its solution passes?

The pages are read as text: no built book is needed. A solution runs after the page's
first cell, its imports, and after the cells tagged ``given``.
"""

import re
from fractions import Fraction
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
import pytest
import torch
from torch.nn import functional as F

from transformer_path.networks.autograd import Variable
from transformer_path.workshop.exercises import check, names

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


@pytest.mark.parametrize("chapter", sorted({e.name.split(".")[0] for e in exercises()}))
def test_a_chapter_has_three_exercises_for_each_page_or_for_every_two(chapter):
    on_pages = [e for e in exercises() if e.name.split(".")[0] == chapter]
    numbers = sorted(int(e.name.split(".")[1]) for e in on_pages)
    assert numbers == [*range(1, len(numbers) + 1)]
    chapters = len({e.page for e in on_pages})
    assert 3 * -(-chapters // 2) <= len(numbers) <= 3 * chapters


def test_a_page_that_announces_exercises_has_some():
    announced = {page for page, text in pages().items() if "## Exercises" in text}
    assert announced == {exercise.page for exercise in exercises()}


@pytest.mark.parametrize("exercise", exercises(), ids=by_name)
def test_an_exercise_names_its_check_and_has_a_hint_and_a_solution(exercise):
    assert len(exercise.part("hint")) == 1
    assert len(exercise.part("solution")) == 1
    before = exercise.text.partition(":::{hint}")[0]
    assert f'check("{exercise.name}"' in before


@cache
def solved(exercise: Exercise) -> object:
    """Give the answer that the page's solution defines."""
    space = dict(given(exercise.page))
    exec(compile(exercise.solution, f"solution {exercise.name}", "exec"), space)
    assert "answer" in space, "the solution must define answer"
    return space["answer"]


@pytest.mark.parametrize("exercise", exercises(), ids=by_name)
def test_the_solution_passes(exercise, capsys):
    answer = solved(exercise)
    capsys.readouterr()
    check(exercise.name, answer)
    assert capsys.readouterr().out.startswith(f"{exercise.name}: right. ")


@pytest.mark.parametrize("name", names())
def test_wrong_answers_are_told_apart(name, capsys):
    answers = wrong(name)
    assert len(answers) >= 2
    for answer in answers:
        check(name, answer)
        printed = capsys.readouterr().out
        assert printed.startswith(f"{name}: not yet. "), (answer, printed)
        assert "cannot work" not in printed, (answer, printed)


# --- the solution in other dresses, and spoiled ----------------------------------


def double(value):
    """Hold the same numbers, in float64 if torch holds them."""
    return value.double() if isinstance(value, torch.Tensor) else value


def dresses(answer):
    """Give the same answer in other guises; each of them is right."""
    if callable(answer):

        def prints(*args):
            print("looking")
            return double(answer(*args))

        return [partial(prints)]
    if isinstance(answer, list) and all(isinstance(part, str) for part in answer):
        return [[*answer], tuple(answer)]
    if isinstance(answer, list):
        parts = [torch.as_tensor(part, dtype=torch.float64) for part in answer]
        return [
            tuple(parts),
            [part.numpy() for part in parts],
            [part.tolist() for part in parts],
            [part.clone().requires_grad_() for part in parts],
            [part.to_sparse() if part.dim() else part for part in parts],
            [np.flip(np.flip(part.numpy()).copy()) for part in parts],
        ]
    return [
        np.float64(answer),
        torch.tensor(answer),
        Fraction(answer),
        np.array([answer]),
    ]


def shift(result):
    """Add one to every number of a result, a letter to every text."""
    if isinstance(result, str):
        return result + "x"
    if isinstance(result, list | tuple):
        return [shift(part) for part in result]
    return result + 1


def harm(*arguments):
    """Change the first argument that can be changed."""
    for argument in arguments:
        if isinstance(argument, list):
            return argument.pop()
        if isinstance(argument, dict):
            return argument.popitem()
        if isinstance(argument, Variable):
            argument.data = argument.data + 1
            return None
        if isinstance(argument, torch.Tensor | np.ndarray):
            argument[0] += 1
            return None
    raise AssertionError("no argument can be changed")


def spoiled(answer):
    """Give what a slip makes of the solution; none of it is right."""
    if not callable(answer):
        return [shift(answer), [answer], str(answer), answer * 2, lambda: answer]

    def changes_its_argument(*args):
        kept = answer(*args)
        with torch.no_grad():
            harm(*args)
        return kept

    def forgets_return(*args):
        answer(*args)

    def yields(*args):
        yield answer(*args)

    def raises(*args):
        raise RuntimeError(answer(*args))

    return [
        changes_its_argument,
        forgets_return,
        yields,
        raises,
        lambda *args: shift(answer(*args)),
        lambda *args: [answer(*args)],
        lambda *args: str(answer(*args)),
        lambda *args: answer,
        lambda a, b, c, d: answer(a, b),
    ]


@pytest.mark.parametrize("exercise", exercises(), ids=by_name)
def test_the_solution_passes_in_every_dress(exercise, capsys):
    for number, answer in enumerate(dresses(solved(exercise))):
        check(exercise.name, answer)
        *_, verdict = capsys.readouterr().out.splitlines()
        assert verdict.startswith(f"{exercise.name}: right. "), (number, verdict)


@pytest.mark.parametrize("exercise", exercises(), ids=by_name)
def test_a_spoiled_solution_does_not_pass(exercise, capsys):
    for number, answer in enumerate(spoiled(solved(exercise))):
        if exercise.name == "1.3" and number == 4:
            continue  # features one higher are features too
        check(exercise.name, answer)
        verdict = capsys.readouterr().out
        assert verdict.startswith(f"{exercise.name}: not yet. "), (number, verdict)
        assert "cannot work" not in verdict, (number, verdict)
        if callable(answer) and answer.__name__ == "changes_its_argument":
            assert "changes its argument" in verdict


@pytest.mark.parametrize(
    "stable",
    [
        lambda z, y: (z.relu() + (-z.abs()).exp().log1p() - y * z).mean(),
        lambda z, y: (F.softplus(z) - y * z).mean(),
        lambda z, y: F.cross_entropy(torch.stack([0 * z, z], 1), y),
        lambda z, y: (z.clamp(min=0) - y * z + (1 + (-z.abs()).exp()).log()).mean(),
    ],
)
def test_every_stable_form_of_the_binary_cross_entropy_passes(stable, capsys):
    check("1.2", stable)
    assert capsys.readouterr().out.startswith("1.2: right. ")
