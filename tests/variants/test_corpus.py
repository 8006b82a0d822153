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


@pytest.mark.parametrize(
    ("tokens", "context", "size", "match"),
    [
        (torch.arange(4), 4, 2, "longer than the context of 4"),
        (torch.zeros(3, 9), 4, 2, "expected one row"),
        (torch.arange(9), 0, 2, "context=0"),
        (torch.arange(9), 4, 0, "size=0"),
    ],
)
def test_windows_refuse(tokens, context, size, match):
    with pytest.raises(ValueError, match=match):
        windows(tokens, context, size)


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
