"""The tasks that test a memory ask what they say."""

import pytest
import torch

from transformer_path.workshop.memory import Reader, adding, recall


def test_the_first_letter_is_the_answer_and_occurs_nowhere_else():
    x, y = recall(500, lag=7, seed=3, kinds=5)
    assert x.shape == (500, 8, 10)
    assert torch.equal(x.sum(-1), torch.ones(500, 8))
    assert torch.equal(x[:, 0, :5].argmax(-1), y)
    assert not x[:, 1:, :5].any()
    assert not x[:, 0, 5:].any()


def test_letters_are_equally_frequent_and_independent_of_the_answer():
    x, y = recall(20_000, lag=3, seed=0)
    shares = torch.bincount(y) / len(y)
    torch.testing.assert_close(shares, torch.full((4,), 0.25), rtol=0, atol=0.02)
    for letter in range(4):
        others = x[y == letter, 1:, 4:].mean((0, 1))
        torch.testing.assert_close(others, torch.full((4,), 0.25), rtol=0, atol=0.02)


def test_nothing_stands_between_at_lag_zero():
    x, y = recall(10, lag=0, seed=0)
    assert x.shape == (10, 1, 8)
    assert torch.equal(x[:, 0].argmax(-1), y)


def test_one_position_in_each_half_is_marked():
    for length in (2, 7, 20):
        x, y = adding(500, length, seed=1)
        marks = x[..., 1]
        assert x.shape == (500, length, 2)
        assert torch.equal(marks[:, : length // 2].sum(1), torch.ones(500))
        assert torch.equal(marks[:, length // 2 :].sum(1), torch.ones(500))
        assert marks.any(0).all()  # every position has its turn
        torch.testing.assert_close((x[..., 0] * marks).sum(1, keepdim=True), y)


def test_who_says_one_is_wrong_by_a_sixth():
    _, y = adding(100_000, 10, seed=0)
    assert abs((y - 1).square().mean() - 1 / 6) < 0.003
    assert abs(y.mean() - 1) < 0.005


@pytest.mark.parametrize(
    "make", [lambda s: recall(9, 3, seed=s), lambda s: adding(9, 4, seed=s)]
)
def test_the_seed_decides(make):
    assert torch.equal(make(0).x, make(0).x)
    assert not torch.equal(make(0).x, make(1).x)


def test_sizes_must_make_sense():
    with pytest.raises(
        ValueError, match=r"^lag=-1 must be a whole number, 0 or more\.$"
    ):
        recall(3, -1, seed=0)
    with pytest.raises(ValueError, match=r"^kinds=1 must be a whole number, 2 or more"):
        recall(3, 1, seed=0, kinds=1)
    with pytest.raises(
        ValueError, match=r"^length=1 must be a whole number, 2 or more"
    ):
        adding(3, 1, seed=0)


def test_a_reader_answers_from_the_last_output_alone():
    reader = Reader(torch.nn.RNN(3, 5, batch_first=True), 5, 2)
    x = torch.ones(4, 7, 3)
    outputs, last = reader.network(x)
    torch.testing.assert_close(reader(x), reader.readout(last[0]))
    torch.testing.assert_close(reader(x), reader.readout(outputs[:, -1]))
    assert reader(x).shape == (4, 2)
