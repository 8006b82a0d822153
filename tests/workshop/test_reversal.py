"""Rows of digits: the same from both ends, of every length, drawn by their seed."""

import pytest
import torch
from broken import broken_copy

from transformer_path.workshop import reversal
from transformer_path.workshop.reversal import backwards
from transformer_path.workshop.vocabulary import END, PADDING


def check(module):
    for held_out in (False, True):
        check_rows(module, held_out)


def check_rows(module, held_out):
    x, y = module.backwards(3000, seed=3, shortest=2, longest=4, held_out=held_out)
    assert x.shape == y.shape == (3000, 5)
    lengths = set()
    for row, turned in zip(x.tolist(), y.tolist(), strict=True):
        n = row.index(END)
        lengths.add(n)
        assert turned[:n] == row[:n][::-1]
        assert row[n:] == turned[n:] == [END] + [PADDING] * (4 - n)
        assert all(3 <= word < 13 for word in row[:n])
        assert (sum(word - 3 for word in row[:n]) % 5 == 0) == held_out
    assert lengths == {2, 3, 4}
    for place in range(2):  # each digit a tenth of them, the first place too
        found = x[:, place].bincount(minlength=13)
        assert found[:3].sum() == 0
        assert 240 < found[3:].min() <= found[3:].max() < 360
    pairs = {tuple(row[:2]) for row in x.tolist() if row[2] == END}
    assert len(pairs) == (20 if held_out else 80)  # all that belong to this side


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
        ("torch.randint(DIGITS,", "torch.randint(DIGITS - 1,"),
        ("for rows in (words, turned)", "for rows in (words, words)"),
        ("remainder if held_out else", "remainder if longest == 4 else"),
        ("randint(1, HELD_OUT", "randint(2, HELD_OUT"),
        ("first - first % HELD_OUT + ", ""),
    ],
)
def test_a_wrong_copy_is_noticed(right, wrong):
    with pytest.raises(AssertionError):
        check(broken_copy(reversal, right, wrong))
