"""Windows of a text, and the bits it costs: against loops that count one by one."""

import math

import pytest
import torch
from broken import broken_copy
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from transformer_path.transformer.tokenizer import BytePairTokenizer
from transformer_path.variants import corpus
from transformer_path.variants.corpus import (
    joined,
    next_token_loss,
    shuffled,
    total_bits,
    windows,
)
from transformer_path.variants.gpt import GPT, Sizes
from transformer_path.workshop.training import seeded


def gpt():
    with seeded(0):
        model = GPT(Sizes(vocabulary=7, context=6, d_model=8, n_heads=2, n_layers=1))
    return model.double().eval()


def test_joined_separates_the_texts():
    tokenizer = BytePairTokenizer(special=["<|endoftext|>"])
    end = tokenizer.special["<|endoftext|>"]
    row = joined(["ab", "", "ü"], tokenizer, end)
    assert row.dtype == torch.int64
    assert [tokenizer.decode([n]) for n in row[[1, 2]].tolist()] == ["a", "b"]
    assert (row == end).nonzero().flatten().tolist() == [0, 3, 4, 7]
    for empty in ([], ["", ""]):
        with pytest.raises(ValueError, match="texts are empty"):
            joined(empty, tokenizer, end)


def test_windows_are_drawn_from_the_whole_row_and_the_same_again():
    batch = windows(torch.arange(20), context=4, size=8, seed=3)
    assert torch.equal(batch(5), windows(torch.arange(20), 4, 8, seed=3)(5))
    assert not torch.equal(batch(5), batch(6))
    assert not torch.equal(batch(5), windows(torch.arange(20), 4, 8, seed=4)(5))
    drawn = torch.cat([batch(n) for n in range(100)])
    assert torch.equal(drawn - drawn[:, :1], torch.arange(5).expand(800, 5))
    assert {*drawn[:, 0].tolist()} == {*range(16)}  # 16 places, none left out


@pytest.mark.parametrize("length", [40, 43])
def test_shuffled_asks_for_every_token_once_in_an_epoch(length):
    tokens, context, epochs = torch.arange(length), 4, 30
    batch = shuffled(tokens, context, size=3, seed=1)
    n = length // context - 1  # windows of an epoch
    drawn = torch.cat([batch(step) for step in range(epochs * n // 3)])
    assert torch.equal(drawn - drawn[:, :1], torch.arange(5).expand(len(drawn), 5))
    starts = drawn[:, 0].unflatten(0, (epochs, n))
    for epoch in starts:
        wanted = epoch[:, None] + torch.arange(1, 5)
        assert len(wanted.unique()) == n * context  # none twice
        assert wanted.max() - wanted.min() == n * context - 1  # and no gap
    assert {*starts.min(1).values.tolist()} == {*range(context)}  # all ways to cut
    assert (starts[0].sort().indices != starts[1].sort().indices).any()


def test_shuffled_gives_the_same_again_and_goes_on_into_the_next_epoch():
    tokens = torch.arange(30)
    batch, again = (shuffled(tokens, 4, 4, seed=3) for _ in range(2))  # 6 an epoch
    last = again(7)
    assert torch.equal(batch(7), last)
    assert not torch.equal(shuffled(tokens, 4, 4, seed=4)(7), last)
    whole = torch.cat([batch(step) for step in range(6)])
    in_one = torch.cat([shuffled(tokens, 4, 12, seed=3)(step) for step in range(2)])
    assert torch.equal(whole, in_one)


def test_shuffled_reads_a_row_that_holds_one_window_again_and_again():
    assert shuffled(torch.arange(5), 4, 3)(2).tolist() == [[*range(5)]] * 3
    starts = {shuffled(torch.arange(7), 4, 1)(n)[0, 0].item() for n in range(30)}
    assert starts == {0, 1, 2}


@pytest.mark.parametrize("cut", [windows, shuffled])
@pytest.mark.parametrize(
    ("tokens", "context", "size", "match"),
    [
        (torch.arange(4), 4, 2, "longer than the context of 4"),
        (torch.zeros(3, 9), 4, 2, "expected one row"),
        (torch.arange(9), 0, 2, "context=0"),
        (torch.arange(9), 4, 0, "size=0"),
    ],
)
def test_windows_refuse(cut, tokens, context, size, match):
    with pytest.raises(ValueError, match=match):
        cut(tokens, context, size)


def test_loss_is_the_mean_of_minus_the_logarithms():
    model, window = gpt(), torch.randint(7, (3, 6))
    share = model(window[:, :-1]).softmax(-1)
    each = [
        -math.log(share[row, place, window[row, place + 1]].item())
        for row in range(3)
        for place in range(5)
    ]
    found = next_token_loss(model, window)
    assert found.item() == pytest.approx(sum(each) / len(each), abs=1e-12)


def bits_one_by_one(model, tokens, context, stride):
    """Each token in the window that first holds it, counted alone."""
    bits, known, start, last = 0.0, 0, 0, len(tokens) - 1 - context
    while True:
        share = model(tokens[None, start : start + context]).softmax(-1)[0]
        for place in range(known + 1, start + context + 1):
            bits -= math.log2(share[place - start - 1, tokens[place]].item())
        known = start + context
        if start == last:
            return bits
        start = min(start + stride, last)


def check(module, length, context, stride, size):
    model = gpt()
    tokens = torch.randint(7, (length,), generator=torch.Generator().manual_seed(1))
    context = min(context, length - 1)
    stride = min(stride, context)
    found = module.total_bits(model, tokens, context, stride=stride, size=size)
    assert found == pytest.approx(
        bits_one_by_one(model, tokens, context, stride), abs=1e-10
    )


@given(st.integers(2, 30), st.integers(1, 6), st.integers(1, 6), st.integers(1, 5))
def test_bits_are_those_of_one_token_after_the_other(length, context, stride, size):
    check(corpus, length, context, stride, size)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [("at[:, 1:] > old", "at[:, 1:] >= old"), ("starts[:-1] + context", "starts[:-1]")],
)
def test_broken_counts_are_found(right, wrong):
    with pytest.raises(AssertionError):
        check(broken_copy(corpus, right, wrong), 20, 4, 2, 3)


def test_bits_leave_the_model_without_gradients():
    model = gpt()
    total_bits(model, torch.randint(7, (20,)), 6)
    assert all(p.grad is None for p in model.parameters())


@pytest.mark.parametrize(
    ("tokens", "stride", "match"),
    [
        (torch.zeros(1, dtype=torch.int64), 1, "two or more"),
        (torch.zeros(2, 3, dtype=torch.int64), 1, "one row"),
        (torch.zeros(9, dtype=torch.int64), 5, "leap over"),
        (torch.zeros(9, dtype=torch.int64), 0, "stride=0"),
    ],
)
def test_bits_refuse(tokens, stride, match):
    with pytest.raises(ValueError, match=match):
        total_bits(nn.Identity(), tokens, 4, stride=stride)
