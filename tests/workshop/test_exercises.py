"""Does check tell what differs, and never praise a wrong answer?"""

import os
import re
import subprocess
import sys
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from transformer_path.workshop import exercises
from transformer_path.workshop.exercises import Different, check, names
from transformer_path.workshop.exercises._compare import same_number, same_tensor
from transformer_path.workshop.exercises._functions import same_function

WANTED = torch.tensor([[1.0, 2.0, 4.0], [0.5, -1.0, 3.0]])


def test_prints_praise_or_the_difference(capsys):
    check("1.1", 0.2253)
    check("1.1", 0.5)
    right, wrong = capsys.readouterr().out.splitlines()
    assert right.startswith("1.1: right. The edge lies at")
    assert wrong.startswith("1.1: not yet. answer is 0.5, which is too large.")


@pytest.mark.parametrize("name", ["1.9", "1", 1, "99.1", "", "one", None, ["1.1"]])
def test_an_unknown_exercise_names_the_closest(name):
    with pytest.raises(
        ValueError, match=rf'There is no exercise "{re.escape(str(name))}"; .* "\d\.1"'
    ):
        check(name, 0)


def test_names_are_in_the_order_of_the_book(monkeypatch):
    modules = {"stop_10": ["10.1"], "stop_02": ["2.10", "2.9"], "stop_01": ["1.1"]}
    monkeypatch.setattr(exercises, "_stops", lambda: list(modules))
    monkeypatch.setattr(
        exercises, "_checkers", lambda stop: dict.fromkeys(modules[stop])
    )
    assert names() == ["1.1", "2.9", "2.10", "10.1"]


def test_names_are_those_of_every_stop():
    folder = Path(exercises.__file__).parent
    defined = [
        name
        for file in folder.glob("*.py")
        for name in re.findall(r'^    """(\d+\.\d+): ', file.read_text("utf-8"), re.M)
    ]
    assert sorted(names()) == sorted(defined)
    assert len(defined) > 10


@pytest.mark.parametrize("name", ["4.4", 4.4, " 4.4 ", np.float64(4.4)])
def test_an_exercise_may_be_named_by_its_number(name, capsys):
    check(name, 900)
    assert capsys.readouterr().out.startswith("4.4: right. ")


def test_a_module_of_exercises_is_imported_only_when_asked_for():
    code = (
        "import sys; from transformer_path.workshop.exercises import check; "
        "print([m for m in sys.modules if 'exercises.stop' in m]); check('1.1', 1); "
        "print([m for m in sys.modules if 'exercises.stop' in m])"
    )
    path = {"PYTHONPATH": str(Path(exercises.__file__).parents[3])}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | path,
        capture_output=True,
        text=True,
        check=True,
    )
    first, _, last = done.stdout.splitlines()
    assert first == "[]"
    assert last == "['transformer_path.workshop.exercises.stop_01']"


@pytest.mark.parametrize(
    "answer",
    [
        3,
        3.0,
        np.float64(3),
        np.int8(3),
        Fraction(3),
        Decimal(3),
        np.array([[3]]),
        torch.tensor([3.0]),
        torch.tensor(3),
        torch.tensor(3.0, requires_grad=True),
        torch.tensor([3.0]).to_sparse(),
    ],
)
def test_one_number_may_come_in_any_dress(answer):
    same_number(answer, 3.0)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (None, "answer is None; a number was expected."),
        ("3", "answer is a str; a number was expected."),
        (True, "answer is a bool; a number was expected."),
        (torch.ones(2), "answer has the shape (2,); one number was expected."),
        (2.0, "answer is 2, which is too small."),
        (4, "answer is 4, which is too large."),
        (float("nan"), "answer is not a number (NaN)."),
        (3 + 1e-5, "answer is 3.00001, which is too large."),
        (10**400, "answer is inf, which is too large."),
        (-(10**400), "answer is -inf, which is too small."),
        (3 + 0j, "answer is a complex; a number was expected."),
        ([3.0], "answer is a list; a number was expected."),
    ],
)
def test_another_number_is_told_why(answer, message):
    with pytest.raises(Different, match=f"^{re.escape(message)}$"):
        same_number(answer, 3.0)


@pytest.mark.parametrize(
    "answer",
    [
        WANTED,
        WANTED.numpy(),
        WANTED.tolist(),
        WANTED.double(),
        WANTED.half(),
        WANTED.bfloat16(),
        WANTED.to_sparse(),
        WANTED.clone().requires_grad_(),
        list(WANTED.clone().requires_grad_()),
        [[w.clone().requires_grad_() for w in row] for row in WANTED],
        tuple(WANTED.numpy()),
        WANTED.numpy()[:, ::-1].copy()[:, ::-1],  # negative strides
        [[Fraction(w) for w in row] for row in WANTED.tolist()],
        torch.nn.Parameter(WANTED),
    ],
)
def test_the_same_values_pass(answer):
    same_tensor(answer, WANTED)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (None, "answer is None; does the function return its result?"),
        ("abc", "answer is a str; a tensor was expected."),
        (
            [[1.0], [2.0, 3.0]],
            "answer is a list that cannot be read as rows of numbers of one length; "
            "a tensor was expected.",
        ),
        (
            WANTED > 0,
            "answer is a Tensor of True and False; a tensor was expected, and real "
            "numbers in it.",
        ),
        (
            WANTED + torch.tensor([[0, 0, 1e-5], [0, 0, 0]]),
            "The values of answer differ at [0, 2]: 4.00001, not 4 (1 of 6 differ). "
            "That is close, but not exact.",
        ),
        (WANTED[0], "answer has the shape (3,); (2, 3) was expected."),
        (
            WANTED + torch.tensor([[0, 0, 1.0], [0, 0, 0]]),
            "The values of answer differ at [0, 2]: 5, not 4 (1 of 6 differ).",
        ),
        (
            -WANTED,
            "The values of answer differ at [0, 2]: -4, not 4 (6 of 6 differ). "
            "The sign is turned round.",
        ),
        (
            WANTED * 2,
            "The values of answer differ at [0, 2]: 8, not 4 (6 of 6 differ). "
            "All of them are 2 times as large as expected.",
        ),
        (
            WANTED - 1,
            "The values of answer differ at [0, 0]: 0, not 1 (6 of 6 differ). "
            "All of them lie -1 off.",
        ),
        (
            WANTED / 0,
            "The values of answer differ at [0, 0]: inf, not 1 (6 of 6 differ). "
            "Some of them are not finite: NaN or infinite.",
        ),
    ],
)
def test_another_tensor_is_told_why(answer, message):
    with pytest.raises(Different, match=f"^{re.escape(message)}$"):
        same_tensor(answer, WANTED)


def test_a_transpose_is_recognised():
    square = torch.tensor([[1.0, 2.0], [3.0, 5.0]])
    with pytest.raises(Different, match=r"It is the transpose\.$"):
        same_tensor(square.T, square)


def test_the_hint_ends_the_message():
    with pytest.raises(Different, match=r"expected\. Wanted: z squared\.$"):
        same_tensor(WANTED[0], WANTED, hint="Wanted: z squared.")


def square(x, scale=1.0):
    return scale * x * x


CASES = [(WANTED,), (WANTED, 3.0)]


def test_the_same_function_passes_with_its_gradient():
    same_function(lambda x, scale=1.0: scale * x**2, square, CASES, gradient=True)


def forgets_return(x, scale=1.0):
    x * x


def in_place(x, scale=1.0):
    return scale * x.square_()


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (5, r"answer is an int; the function answer\(x\) was expected."),
        (forgets_return, r"answer\(x\) is None; does the function return"),
        (lambda x, scale=1.0: x * x, r"values of answer\(x, scale\) differ at"),
        (
            lambda x: x * x,
            r"takes other arguments, <lambda>\(x\); it is called as answer\(x, scale\)",
        ),
        (
            lambda x, scale=1.0: x / {}["scale"],
            r"stopped with KeyError: 'scale'. \(Called with \(2, 3\).\)",
        ),
        (in_place, r"answer\(x\) changes its argument x in place; work on a copy."),
        (lambda x, scale=1.0: scale * x[0] ** 2, r"has the shape \(3,\)"),
    ],
)
def test_another_function_is_told_why(answer, message):
    with pytest.raises(Different, match=message):
        same_function(answer, square, CASES)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda x, scale=1.0: scale * (x * x).detach(), "has lost its gradient"),
        (
            lambda x, scale=1.0: scale * x * x.detach(),
            "gradient with respect to x differ .* 0.5 times as large",
        ),
    ],
)
def test_a_wrong_gradient_is_told_apart(answer, message):
    with pytest.raises(Different, match=message):
        same_function(answer, square, CASES, gradient=True)


@given(
    st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=5),
    st.integers(0, 4),
    st.floats(1e-2, 1e3),
)
def test_no_wrong_value_passes(values, at, gap):
    wanted = torch.tensor(values, dtype=torch.float64)
    given_ = wanted.clone()
    given_[at % len(values)] += gap
    with pytest.raises(Different):
        same_tensor(given_, wanted)


# --- whatever a reader passes ----------------------------------------------------


class Odd:
    """An answer of a kind of its own."""

    def __float__(self):
        raise OSError("no float")


def exits(*_):
    sys.exit("bye")


def fails(*_):
    raise KeyError("w")


def yields(*_):
    yield 1


def prints(*_):
    print("looking at", len(_))


LEAF = torch.ones(3, requires_grad=True)
TALKS = {"print": print, "prints": prints}
NONSENSE = TALKS | {
    "None": None,
    "text": "no idea",
    "bytes": b"1",
    "bool": True,
    "int": -1,
    "float": 0.123,
    "NaN": float("nan"),
    "infinity": float("inf"),
    "huge": 10**400,
    "complex": 1 + 2j,
    "object": object(),
    "odd": Odd(),
    "empty list": [],
    "ragged": [[1.0], [2.0, 3.0]],
    "huge in a list": [10**400, 1],
    "texts": ["1", "2", "3"],
    "nones": [None] * 4,
    "odd in a list": [Odd()] * 4,
    "four zeros": [0.0] * 4,
    "dict": {"w": 1},
    "set": {1},
    "range": range(3),
    "array": np.ones(3),
    "object array": np.array([Odd(), None]),
    "text array": np.array(["a", "b"]),
    "structured array": np.zeros(2, dtype=[("a", "f4")]),
    "date": np.datetime64("2020-01-01"),
    "numpy scalar": np.float32(0.5),
    "scalar": torch.tensor(0.5),
    "empty tensor": torch.ones(0),
    "rank 4": torch.ones(1, 2, 1, 3),
    "integers": torch.arange(3),
    "bools": torch.tensor([True, False]),
    "half": torch.ones(3).half(),
    "complex tensor": torch.ones(3, dtype=torch.complex64).conj(),
    "sparse": torch.eye(3).to_sparse(),
    "meta": torch.ones(3, device="meta"),
    "with gradient": LEAF,
    "list with gradients": [LEAF * 2] * 4,
    "class": Odd,
    "type": int,
    "module": torch.nn.Linear(3, 1),
    "package": torch,
    "builtin": len,
    "max": max,
    "ufunc": np.sqrt,
    "raises": fails,
    "exits": exits,
    "recurses": lambda *a: NONSENSE["recurses"](*a),
    "no arguments": lambda: 1,
    "nine arguments": lambda a, b, c, d, e, f, g, h, i: 1,
    "returns None": lambda *_: None,
    "returns text": lambda *_: "right",
    "returns a function": lambda *_: fails,
    "returns its argument": lambda x, *_: x,
    "returns nothing of it": lambda x, *_: x[:0],
    "returns rank 5": lambda *_: torch.ones(1, 1, 1, 1, 1),
    "returns NaN": lambda *_: torch.tensor(float("nan")),
    "returns integers": lambda *_: torch.arange(4),
    "returns complex": lambda *_: torch.ones(4, dtype=torch.complex64),
    "returns odd": lambda *_: Odd(),
    "transposes in place": lambda x, *_: x.t_(),
    "changes in place": lambda x, *_: x.mul_(2),
    "yields": yields,
    "generator": (i for i in range(3)),
}


@pytest.mark.parametrize("name", names())
def test_nonsense_is_told_so_in_words_of_our_own(name, capsys):
    for what, answer in NONSENSE.items():
        check(name, answer)
        printed = capsys.readouterr().out
        *before, verdict = printed.splitlines()
        assert verdict.startswith(f"{name}: not yet. "), (what, printed)
        assert not before or what in TALKS, (what, printed)
        assert "cannot work" not in verdict, (what, printed)


def test_a_check_that_breaks_still_answers(monkeypatch, capsys):
    def broken(answer):
        """4.4: how many examples it takes."""
        raise OSError("out of luck")

    monkeypatch.setattr(exercises, "_checkers", lambda _: {"4.4": broken})
    check("4.4", 900)
    assert capsys.readouterr().out == (
        "4.4: not yet. answer is an int with which the check cannot work (OSError: out "
        "of luck). Wanted: how many examples it takes.\n"
    )
