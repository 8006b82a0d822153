"""Attention by hand against torch's, with every mask; and a museum of wrong copies."""

import math
import re
from functools import partial
from pathlib import Path

import pytest
import torch
from broken import broken_copy, try_all
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from transformer_path.transformer import attention as lesson
from transformer_path.transformer.attention import (
    MultiHeadAttention,
    attention,
    causal_mask,
    merge_heads,
    padding_mask,
    sinusoids,
    split_heads,
)

EXACT = {"rtol": 1e-10, "atol": 1e-10}
MASKS = ("none", "causal", "padding", "both", "any")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def random(*shape, seed=0):
    return torch.randn(*shape, generator=seeded(seed), dtype=torch.float64)


@st.composite
def questions(draw):
    heads, each = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    n, asking = draw(st.integers(1, 3)), draw(st.integers(1, 5))
    itself = draw(st.booleans())
    asked = asking if itself else draw(st.integers(1, 5))
    kinds = MASKS if itself else ("none", "padding", "any")
    return {
        "n_heads": heads,
        "d_model": heads * each,
        "sizes": (n, asking, asked),
        "itself": itself,
        "mask": draw(st.sampled_from(kinds)),
        "seed": draw(st.integers(0, 99)),
    }


def mask_of(engine, case):
    """The mask of a case, (B, 1, T, S); every position may look somewhere."""
    n, asking, asked = case["sizes"]
    lengths = torch.randint(1, asked + 1, (n, 1), generator=seeded(case["seed"]))
    padding = engine.padding_mask(torch.arange(asked) < lengths)
    if case["mask"] == "none":
        return None
    if case["mask"] == "causal":
        return engine.causal_mask(asking)
    if case["mask"] == "padding":
        return padding
    if case["mask"] == "both":
        return padding & engine.causal_mask(asking)
    mask = torch.rand(n, 1, asking, asked, generator=seeded(case["seed"])) < 0.5
    mask[..., 0] = True
    return mask


def true_mask(case):
    """The same, written out position by position, (B, T, S)."""
    n, asking, asked = case["sizes"]
    lengths = torch.randint(1, asked + 1, (n, 1), generator=seeded(case["seed"]))
    mask = torch.ones(n, asking, asked, dtype=torch.bool)
    for b in range(n):
        for t in range(asking):
            for s in range(asked):
                early = s <= t or case["mask"] not in ("causal", "both")
                real = s < lengths[b] or case["mask"] not in ("padding", "both")
                mask[b, t, s] = early and real
    return mask_of(lesson, case)[:, 0] if case["mask"] == "any" else mask


def agrees_with_torch(engine, case):
    """Compare results, weights and all gradients with nn.MultiheadAttention's."""
    n, asking, asked = case["sizes"]
    ours = engine.MultiHeadAttention(
        case["d_model"], case["n_heads"], generator=seeded(case["seed"])
    ).double()
    theirs = nn.MultiheadAttention(
        case["d_model"], case["n_heads"], batch_first=True
    ).double()
    theirs.load_state_dict(ours.state_dict())
    blocked = ~true_mask(case).repeat_interleave(case["n_heads"], 0)  # (B·H, T, S)

    def by_torch(x, source):
        return theirs(x, source, source, attn_mask=blocked, average_attn_weights=False)

    def by_hand(x, source):
        given = None if case["itself"] else source
        return ours(x, given, mask=mask_of(engine, case))

    found = []
    for answer, network in ((by_hand, ours), (by_torch, theirs)):
        x = random(n, asking, case["d_model"]).requires_grad_()
        source = random(n, asked, case["d_model"], seed=1).requires_grad_()
        asked_of = x if case["itself"] else source
        results = answer(x, asked_of)
        total = sum((r * random(*r.shape, seed=2)).sum() for r in results)
        inputs = [x] if case["itself"] else [x, source]
        gradients = torch.autograd.grad(total, [*inputs, *network.parameters()])
        found.append([*results, *gradients])
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, **EXACT)


# ---- value and gradient against torch ------------------------------------------------


@settings(deadline=None, max_examples=60)
@given(questions())
def test_the_layer_equals_torchs_in_results_weights_and_every_gradient(case):
    agrees_with_torch(lesson, case)


@settings(deadline=None, max_examples=40)
@given(
    front=st.lists(st.integers(1, 3), max_size=2),
    sizes=st.tuples(*[st.integers(1, 5)] * 4),
    masked=st.booleans(),
)
def test_attention_equals_torchs(front, sizes, masked):
    asking, asked, d_k, d_v = sizes
    query = random(*front, asking, d_k).requires_grad_()
    key = random(*front, asked, d_k, seed=1).requires_grad_()
    value = random(*front, asked, d_v, seed=2).requires_grad_()
    mask = torch.rand(asking, asked, generator=seeded()) < 0.6 if masked else None
    if masked:
        mask[:, 0] = True
    ours, weights = attention(query, key, value, mask)
    theirs = F.scaled_dot_product_attention(query, key, value, mask)
    torch.testing.assert_close(ours, theirs, **EXACT)
    torch.testing.assert_close(weights.sum(-1), torch.ones_like(weights[..., 0]))
    weight = random(*ours.shape, seed=3)
    found = [
        torch.autograd.grad((result * weight).sum(), (query, key, value))
        for result in (ours, theirs)
    ]
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, **EXACT)


def test_torch_takes_our_weights_and_we_take_torchs():
    ours, theirs = MultiHeadAttention(6, 2), nn.MultiheadAttention(6, 2)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())
    assert torch.equal(ours.in_proj_weight, theirs.in_proj_weight)


def test_first_weights_are_spread_as_torchs():
    ours = MultiHeadAttention(64, 4, generator=seeded())
    theirs = nn.MultiheadAttention(64, 4)
    for a, b in zip(
        ours.state_dict().values(), theirs.state_dict().values(), strict=True
    ):
        assert math.isclose(a.abs().max(), b.abs().max(), rel_tol=0.02, abs_tol=1e-9)
        assert math.isclose(a.std(), b.std(), rel_tol=0.05, abs_tol=1e-9)


# ---- properties ----------------------------------------------------------------------


def test_a_position_that_may_look_nowhere_gets_zero_and_a_finite_gradient():
    query, key, value = (random(3, 4, seed=s).requires_grad_() for s in range(3))
    mask = torch.tensor([[1, 1, 0], [0, 0, 0], [0, 1, 0]]).bool()
    result, weights = attention(query, key, value, mask)
    assert not weights[~mask].any()
    assert not result[1].any()
    torch.testing.assert_close(weights.sum(-1), torch.tensor([1.0, 0.0, 1.0]).double())
    result.sum().backward()
    assert all(each.grad.isfinite().all() for each in (query, key, value))
    assert not query.grad[1].any()


def test_without_positions_there_is_no_order():
    layer, x = MultiHeadAttention(6, 3, generator=seeded()), random(2, 7, 6).float()
    order = torch.randperm(7, generator=seeded())
    torch.testing.assert_close(layer(x[:, order])[0], layer(x)[0][:, order])
    placed = x + sinusoids(7, 6)
    moved = layer(x[:, order] + sinusoids(7, 6))[0]
    assert not torch.allclose(moved, layer(placed)[0][:, order], atol=1e-3)


def test_under_a_causal_mask_what_comes_later_changes_nothing_before():
    layer, x = MultiHeadAttention(6, 3, generator=seeded()).double(), random(2, 7, 6)
    later = x.clone()
    later[:, 4:] += 1
    before, after = (layer(each, mask=causal_mask(7))[0] for each in (x, later))
    assert torch.equal(before[:, :4], after[:, :4])
    assert not torch.allclose(before[:, 4], after[:, 4])


def test_padding_changes_nothing():
    layer, x = MultiHeadAttention(6, 3, generator=seeded()).double(), random(2, 7, 6)
    alive = torch.arange(7) < torch.tensor([[4], [7]])
    padded = x.masked_fill(~alive[..., None], 1e6)
    result, weights = layer(padded, mask=padding_mask(alive))
    torch.testing.assert_close(result[0, :4], layer(x[:1, :4])[0][0], **EXACT)
    assert not weights[0, ..., 4:].any()


def test_heads_are_split_and_merged_without_mixing_positions():
    x = random(2, 5, 6)
    heads = split_heads(x, 3)
    assert heads.shape == (2, 3, 5, 2)
    assert torch.equal(heads[:, 1], x[..., 2:4])
    assert torch.equal(merge_heads(heads), x)


def test_large_scores_do_not_overflow():
    query = torch.full((1, 4), 1e4)
    result, weights = attention(query, torch.eye(4) * 1e4, torch.eye(4))
    assert result.isfinite().all()
    torch.testing.assert_close(weights, torch.full((1, 4), 0.25))


def test_sinusoids_are_those_of_the_paper():
    table = sinusoids(50, 16)
    for position, i in ((0, 0), (3, 0), (49, 5), (17, 7)):
        angle = position / 10_000 ** (2 * i / 16)
        assert table[position, 2 * i].item() == pytest.approx(math.sin(angle), abs=1e-6)
        assert table[position, 2 * i + 1].item() == pytest.approx(
            math.cos(angle), abs=1e-6
        )


# ---- the museum: classic wrong versions, each caught ---------------------------------


def looks_nowhere(engine):
    """A row without True gives finite numbers, which torch's layer does not."""
    mask = torch.ones(4, 4).bool()
    mask[2] = False
    assert (
        engine.attention(*(random(4, 3, seed=s) for s in range(3)), mask)[0]
        .isfinite()
        .all()
    )


def check(engine):
    try_all(partial(agrees_with_torch, engine), questions(), max_examples=60)
    looks_nowhere(engine)


MUSEUM = {  # the first eleven under the names that they have in the bug museum, 9d
    "missing transpose before merging heads": (
        "return x.transpose(1, 2).flatten(2)",
        "return x.reshape(x.shape[0], x.shape[2], -1)",
    ),
    "softmax over the wrong axis": ("= scores.softmax(-1)", "= scores.softmax(-2)"),
    "queries and keys exchanged": ("query @ key.mT", "key @ query.mT"),
    "scale left out": (" / query.shape[-1] ** 0.5", ""),
    "weights without a gradient": ("return weights @", "return weights.detach() @"),
    "causal mask that sees the next": (".tril()", ".tril(1)"),
    "causal mask that hides itself": (".tril()", ".tril(-1)"),
    "mask of the opposite polarity": (
        ".masked_fill(~mask, lowest).softmax(-1) * mask",
        ".masked_fill(mask, lowest).softmax(-1) * ~mask",
    ),
    "mask after the softmax": (".masked_fill(~mask, lowest)", ""),
    "padding masks those who ask": ("alive[:, None, None]", "alive[:, None, :, None]"),
    "minus infinity in an empty row": (
        "lowest = torch.finfo(scores.dtype).min",
        "lowest = -torch.inf",
    ),
    "missing transpose after splitting them": (
        "n_heads, -1).transpose(1, 2)",
        "n_heads, -1).reshape(x.shape[0], n_heads, x.shape[1], -1)",
    ),
    "scale of the whole width": ("/ query.shape[-1] ** 0.5", "/ query.shape[-1]"),
    "padding attended to": ("return alive[:,", "return (alive | True)[:,"),
    "softmax over the wrong axis, masked": (").softmax(-1) *", ").softmax(-2) *"),
    "queries and keys exchanged, keys reversed": (
        "query @ key.mT",
        "(key @ query.mT).mT.flip(-1)",
    ),
    "keys of those who ask": ("(x, source, source),", "(x, x, source),"),
    "values of those who ask": ("(x, source, source),", "(x, source, x),"),
    "no output layer": ("self.out_proj(merge_heads(answers))", "merge_heads(answers)"),
}


def test_the_pieces_of_the_page_stand_here_by_name():
    page = (Path(__file__).parents[2] / "docs" / "09d-bug-museum.md").read_text("utf-8")
    named = re.findall(r'^    "(.+)": \($', page, re.MULTILINE)
    assert named == list(MUSEUM)[: len(named)]
    assert len(named) == 11


@pytest.mark.parametrize("piece", MUSEUM)
def test_a_piece_of_the_museum_is_caught(piece):
    with pytest.raises((AssertionError, RuntimeError, ValueError)):
        check(broken_copy(lesson, *MUSEUM[piece]))


def test_an_unbroken_copy_passes():
    check(broken_copy(lesson, "expected bool, True", "expected bool, True"))


# ---- errors that teach ---------------------------------------------------------------


def message(text):
    return f"^{re.escape(text)}$"


def test_heads_divide_the_model():
    with pytest.raises(
        ValueError,
        match=message(
            "d_model=6 is not divisible by n_heads=4; each head takes an equal share, "
            "so n_heads may be 1, 2, 3, 6."
        ),
    ):
        MultiHeadAttention(6, 4)


@pytest.mark.parametrize("sizes", [(0, 1), (6, 0), (6, -2), (1.5, 1)])
def test_sizes_are_whole_numbers_from_one_on(sizes):
    with pytest.raises(ValueError, match=r"must be a whole number, 1 or more"):
        MultiHeadAttention(*sizes)


@pytest.mark.parametrize("shape", [(4, 6), (2, 0, 6), (2, 4, 5)])
def test_what_is_no_batch_of_sequences_is_refused(shape):
    layer = MultiHeadAttention(6, 2)
    said = f"of shape {re.escape(str(shape))}; expected .* d_model = 6"
    with pytest.raises(ValueError, match=f"^x {said}"):
        layer(torch.ones(shape))
    with pytest.raises(ValueError, match=f"^source {said}"):
        layer(torch.ones(2, 4, 6), torch.ones(shape))


def test_a_mask_is_bool_and_fits():
    layer, x = MultiHeadAttention(6, 2), torch.ones(2, 4, 6)
    with pytest.raises(ValueError, match=r"^mask of type torch.float32; expected bool"):
        layer(x, mask=torch.zeros(4, 4))
    with pytest.raises(ValueError, match=r"^mask of shape \(4, 5\) does not fit the"):
        layer(x, mask=torch.ones(4, 5).bool())
    with pytest.raises(ValueError, match=r"^mask of shape \(1, 1, 1, 4, 4\) does not"):
        layer(x, mask=torch.ones(1, 1, 1, 4, 4).bool())
    with pytest.raises(ValueError, match=r"^alive of shape \(4,\) and type torch.bool"):
        padding_mask(torch.ones(4).bool())
    with pytest.raises(ValueError, match=r"type torch.int64; expected \(B, S\), bool"):
        padding_mask(torch.ones(2, 4).long())


def test_queries_fit_keys_and_keys_fit_values():
    with pytest.raises(ValueError, match=r"^query of shape \(4, 3\), key \(5, 2\), "):
        attention(torch.ones(4, 3), torch.ones(5, 2), torch.ones(5, 2))
    with pytest.raises(ValueError, match=r"expected \(..., T, d_k\), "):
        attention(torch.ones(4, 3), torch.ones(5, 3), torch.ones(6, 2))


def test_sinusoids_come_in_pairs():
    with pytest.raises(ValueError, match=message(
        "d_model=7 must be even: sines and cosines are pairs."
    )):  # fmt: skip
        sinusoids(5, 7)
    with pytest.raises(ValueError, match=r"^n=0 must be a whole number, 1 or more"):
        causal_mask(0)
