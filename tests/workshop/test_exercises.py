"""Does check tell what differs, and never praise a wrong answer?"""

import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from transformer_path.workshop.exercises import Different, check, names
from transformer_path.workshop.exercises._compare import (
    same_function,
    same_number,
    same_tensor,
)

WANTED = torch.tensor([[1.0, 2.0, 4.0], [0.5, -1.0, 3.0]])


def test_prints_praise_or_the_difference(capsys):
    check("1.1", 0.2253)
    check("1.1", 0.5)
    right, wrong = capsys.readouterr().out.splitlines()
    assert right.startswith("1.1: right. The edge lies at")
    assert wrong.startswith("1.1: not yet. answer is 0.5, which is too large.")


@pytest.mark.parametrize("name", ["1.9", "1", "99.1", "", "one"])
def test_an_unknown_exercise_names_the_closest(name):
    with pytest.raises(ValueError, match=rf'There is no exercise "{name}"; .* "\d\.1"'):
        check(name, 0)


def test_names_are_in_the_order_of_the_book():
    every = [tuple(int(part) for part in name.split(".")) for name in names()]
    assert every == sorted(every)
    assert every[:3] == [(1, 1), (1, 2), (1, 3)]


@pytest.mark.parametrize("answer", [3, 3.0, np.float64(3), torch.tensor([3.0])])
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
    ],
)
def test_another_number_is_told_why(answer, message):
    with pytest.raises(Different, match=f"^{re.escape(message)}$"):
        same_number(answer, 3.0)


@pytest.mark.parametrize(
    "answer", [WANTED, WANTED.numpy(), WANTED.tolist(), WANTED.double()]
)
def test_the_same_values_pass(answer):
    same_tensor(answer, WANTED)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (None, "answer is None; does the function return its result?"),
        ("abc", "answer is a str; a tensor was expected."),
        ([[1.0], [2.0, 3.0]], "answer is a list; a tensor was expected."),
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


def test_the_type_of_the_numbers_matters_only_when_asked():
    with pytest.raises(Different, match=r"holds torch\.float64; torch\.float32 was"):
        same_tensor(WANTED.double(), WANTED, dtype=True)


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
        (5, "answer is an int; a function was expected."),
        (forgets_return, r"answer\(x, scale\) is None; does the function return"),
        (lambda x, scale=1.0: x * x, r"values of answer\(x, scale\) differ at"),
        (lambda x: x * x, r"stopped with TypeError: .* \(called with \(2, 3\), 3.0\)"),
        (in_place, "changes its argument in place"),
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
