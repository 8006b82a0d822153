import math
import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from transformer_path.workshop import batches
from transformer_path.workshop.batches import minibatches, mixed, stacked
from transformer_path.workshop.datasets import Examples


def numbered(n):
    return Examples(torch.arange(float(n))[:, None], torch.arange(n))


def labels(batch, *steps):
    return [label for step in steps for label in batch(step).y.tolist()]


def raises(message):
    return pytest.raises(ValueError, match=f"^{re.escape(message)}$")


@settings(max_examples=25)
@given(n=st.integers(1, 12), size=st.integers(1, 15), epoch=st.integers(0, 3))
def test_an_epoch_shows_every_example_at_most_once(n, size, epoch):
    batch, per_epoch = minibatches(numbered(n), size), n // min(n, size)
    steps = range(epoch * per_epoch, (epoch + 1) * per_epoch)
    seen = labels(batch, *steps)
    assert len(set(seen)) == len(seen) == per_epoch * min(n, size)
    for step in steps:
        assert torch.equal(batch(step).x[:, 0].long(), batch(step).y)


def test_a_step_gives_the_same_whenever_it_is_asked():
    forward, other = minibatches(numbered(7), 2), minibatches(numbered(7), 2)
    expected = [labels(forward, step) for step in range(9)]
    for step in [8, 0, 5, 5, 3, 8, 1]:
        assert labels(other, step) == expected[step]


def test_epochs_and_seeds_have_orders_of_their_own():
    orders = {
        tuple(labels(minibatches(numbered(30), 30, seed=seed), epoch))
        for seed in range(-2, 4)
        for epoch in range(5)
    }
    assert len(orders) == 6 * 5  # so seed 0, epoch 1 is not seed 1, epoch 0


def test_any_seed_will_do():
    given = [mixed(seed, 1) for seed in (-1, 0, 2**63, 10**30)]
    assert all(0 <= seed < 2**63 for seed in given)
    assert mixed(np.int64(2**40), 1) == mixed(2**40, 1)
    with pytest.raises(TypeError):
        mixed(0.5, 1)


def test_what_does_not_fill_a_minibatch_is_left_out():
    batch = minibatches(numbered(7), 3)
    assert [len(batch(step).y) for step in range(4)] == [3, 3, 3, 3]
    assert sorted(labels(minibatches(numbered(7), 100), 4)) == list(range(7))


@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.bool])
def test_whole_numbers_are_examples_too(dtype):
    x = torch.tensor([[0, 1], [1, 1], [0, 0]]).to(dtype)
    assert minibatches(Examples(x, torch.arange(3)), 3)(0).x.dtype == dtype


def test_numpys_integers_are_sizes_and_seeds():
    plain = minibatches(numbered(9), 3, seed=5)
    other = minibatches(numbered(9), np.int64(3), seed=np.int64(5))
    assert labels(plain, 0, 4) == labels(other, 0, np.int64(4))


def test_several_functions_give_one_batch():
    functions = [minibatches(numbered(6), 3, seed=seed) for seed in range(4)]
    together = stacked(functions)(5)
    assert together.x.shape == (4, 3, 1)
    for index, function in enumerate(functions):
        assert torch.equal(together.y[index], function(5).y)


def test_batches_of_any_build_are_stacked():
    both = stacked(
        [lambda step, k=k: {"a": (torch.tensor([step, k]),)} for k in (1, 2)]
    )
    assert both(7)["a"][0].tolist() == [[7, 1], [7, 2]]


@pytest.mark.parametrize("world", [2, 3])
def test_processes_share_a_minibatch(monkeypatch, world):
    whole = minibatches(numbered(14), 6)
    expected, parts = labels(whole, 3), []
    for rank in range(world):
        place = (rank, world)
        monkeypatch.setattr(batches, "place_among_processes", lambda p=place: p)
        parts.append(labels(minibatches(numbered(14), 6), 3))
    assert {len(part) for part in parts} == {6 // world}
    assert sorted(label for part in parts for label in part) == sorted(expected)


def test_a_minibatch_that_cannot_be_shared_evenly_is_refused(monkeypatch):
    monkeypatch.setattr(batches, "place_among_processes", lambda: (0, 4))
    with raises(
        "a minibatch of 6 does not split into 4 equal parts, one for each process; "
        "size may be 4."
    ):
        minibatches(numbered(14), 6)(0)


def broken(value, rows):
    x = torch.zeros(5, 2, 3)
    x[rows, 1, 2] = value
    return x


ERRORS = {
    "empty": (
        numbered(0),
        3,
        "0 rows of x and 0 of y; each example needs one of both, and at least one "
        "example is needed.",
    ),
    "lengths": (
        Examples(torch.zeros(5, 2), torch.arange(4)),
        3,
        "5 rows of x and 4 of y; each example needs one of both, and at least one "
        "example is needed.",
    ),
    "nan": (
        Examples(broken(math.nan, [3, 1]), torch.arange(5)),
        3,
        "x is not finite in 2 of 5 rows, the first of them row 1; repair them or "
        "leave them out.",
    ),
    "target": (
        Examples(torch.zeros(5, 2), broken(-math.inf, [4])[:, 1, 2]),
        3,
        "y is not finite in 1 of 5 rows, the first of them row 4; repair them or "
        "leave them out.",
    ),
    "none": (numbered(5), 0, "size=0 must be a whole number, 1 or more."),
    "part": (numbered(5), 2.5, "size=2.5 must be a whole number, 1 or more."),
    "no number": (
        numbered(5),
        math.nan,
        "size=nan must be a whole number, 1 or more.",
    ),
}


@pytest.mark.parametrize(("examples", "size", "message"), ERRORS.values(), ids=ERRORS)
def test_what_makes_no_batches_is_explained(examples, size, message):
    with raises(message):
        minibatches(examples, size)
