"""Rows of digits: the same from both ends, of every length, drawn by their seed."""

import pytest
import torch
from broken import broken_copy

from transformer_path.workshop import reversal
from transformer_path.workshop.reversal import backwards
from transformer_path.workshop.vocabulary import END, PADDING


def check(module):
    x, y = module.backwards(500, seed=3, shortest=2, longest=4)
    assert x.shape == y.shape == (500, 5)
    lengths = set()
    for row, turned in zip(x.tolist(), y.tolist(), strict=True):
        n = row.index(END)
        lengths.add(n)
        assert turned[:n] == row[:n][::-1]
        assert row[n:] == turned[n:] == [END] + [PADDING] * (4 - n)
        assert all(3 <= word < 13 for word in row[:n])
    assert lengths == {2, 3, 4}
    assert {*x.flatten().tolist()} == {PADDING, END, *range(3, 13)}


def test_a_row_and_its_answer_are_the_same_from_both_ends():
    check(reversal)


def test_a_seed_decides_the_rows():
    assert torch.equal(backwards(9, seed=1).x, backwards(9, seed=1).x)
    assert not torch.equal(backwards(9, seed=1).x, backwards(9, seed=2).x)


@pytest.mark.parametrize(
    "wrong", [{"n": 0}, {"shortest": 0}, {"shortest": 4, "longest": 3}, {"n": 1.5}]
)
def test_what_cannot_be_is_refused_by_name(wrong):
    name = [*wrong][-1]
    with pytest.raises(ValueError, match=f"{name}={wrong[name]} must be a whole"):
        backwards(**{"n": 3, "seed": 0, **wrong})


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("lengths - 1 - place", "0 * lengths + longest - 1 - place"),
        ("longest + 1, (n, 1)", "longest, (n, 1)"),
        ("3 + DIGITS", "2 + DIGITS"),
        ("for rows in (digits, turned)", "for rows in (digits, digits)"),
    ],
)
def test_a_wrong_copy_is_noticed(right, wrong):
    with pytest.raises(AssertionError):
        check(broken_copy(reversal, right, wrong))
