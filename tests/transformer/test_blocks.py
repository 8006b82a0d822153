"""The layers against torch's, value and gradient, before and after each norm."""

import re
from functools import partial

import pytest
import torch
from broken import broken_copy, try_all
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from transformer_path.transformer import blocks
from transformer_path.transformer.attention import causal_mask, padding_mask
from transformer_path.transformer.blocks import DecoderLayer, EncoderLayer
from transformer_path.workshop.training import seeded

EXACT = {"rtol": 1e-10, "atol": 1e-10}


def random(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


@st.composite
def layers(draw):
    n_heads = draw(st.integers(1, 3))
    return {
        "decoder": draw(st.booleans()),
        "sizes": (
            n_heads * draw(st.integers(1, 4)),
            n_heads,
            draw(st.integers(1, 9)),
        ),
        "n": draw(st.integers(1, 3)),
        "asking": draw(st.integers(1, 5)),
        "asked": draw(st.integers(1, 5)),
        "masked": draw(st.booleans()),
        "pre_norm": draw(st.booleans()),
        "seed": draw(st.integers(0, 99)),
    }


def both(engine, case):
    """Our layer and torch's, with the same weights, none of them 0 or 1."""
    d_model, n_heads, d_ff = case["sizes"]
    name = "DecoderLayer" if case["decoder"] else "EncoderLayer"
    with seeded(case["seed"]):
        ours = getattr(engine, name)(
            d_model, n_heads, d_ff, dropout=0.3, pre_norm=case["pre_norm"]
        ).double()
    theirs = getattr(nn, f"Transformer{name}")(
        d_model, n_heads, d_ff, 0.3, batch_first=True, norm_first=case["pre_norm"]
    ).double()
    with torch.no_grad():
        for i, parameter in enumerate(ours.parameters()):
            parameter += random(*parameter.shape, seed=case["seed"] + i) / 2
    theirs.load_state_dict(ours.state_dict())
    return ours.eval(), theirs.eval()


def agrees_with_torch(engine, case):
    ours, theirs = both(engine, case)
    d_model, n = case["sizes"][0], case["n"]
    lengths = 1 + torch.arange(n)[:, None] % case["asked"]
    alive = torch.arange(case["asked"]) < lengths
    causal = causal_mask(case["asking"])
    found = []
    for ask, network in ((by_hand, ours), (by_torch, theirs)):
        x = random(n, case["asking"], d_model).requires_grad_()
        source = random(n, case["asked"], d_model, seed=1).requires_grad_()
        result = ask(network, case, x, source, causal, alive)
        total = (result * random(*result.shape, seed=2)).sum()
        inputs = [x, source] if case["decoder"] else [x]
        gradients = torch.autograd.grad(total, inputs)
        found.append([result, *gradients])
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, **EXACT)


def by_hand(layer, case, x, source, causal, alive):
    mask = causal if case["masked"] else None
    if not case["decoder"]:
        return layer(x, mask=mask)
    real = padding_mask(alive) if case["masked"] else None
    return layer(x, source, mask=mask, source_mask=real)


def by_torch(layer, case, x, source, causal, alive):
    mask = ~causal if case["masked"] else None
    if not case["decoder"]:
        return layer(x, src_mask=mask)
    real = ~alive if case["masked"] else None
    return layer(x, source, tgt_mask=mask, memory_key_padding_mask=real)


@settings(deadline=None, max_examples=40)
@given(layers())
def test_layers_equal_torchs(case):
    agrees_with_torch(blocks, case)


@pytest.mark.parametrize("pre_norm", [False, True])
@pytest.mark.parametrize("decoder", [False, True])
def test_every_gradient_equals_torchs(decoder, pre_norm):
    case = {"decoder": decoder, "sizes": (6, 2, 7), "pre_norm": pre_norm, "seed": 0}
    ours, theirs = both(blocks, case)
    x, source = random(2, 4, 6), random(2, 5, 6, seed=1)
    given_ = (x, source) if decoder else (x,)
    for layer in (ours, theirs):
        (layer(*given_) * random(2, 4, 6, seed=2)).sum().backward()
    names = dict(theirs.named_parameters())
    assert {name for name, _ in ours.named_parameters()} == set(names)
    for name, parameter in ours.named_parameters():
        torch.testing.assert_close(parameter.grad, names[name].grad, **EXACT)


def test_dropout_acts_on_what_a_branch_adds_and_only_while_training():
    layer, x = EncoderLayer(8, 2, 16, dropout=0.99, pre_norm=True), random(2, 3, 8)
    layer.double()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        kept = (layer(x) == x).double().mean()  # nearly nothing is added
    assert kept > 0.9
    assert not torch.equal(layer.eval()(x), x)
    assert torch.equal(layer(x), layer(x))


# ---- broken copies -------------------------------------------------------------------


def check(engine):
    try_all(partial(agrees_with_torch, engine), layers(), max_examples=30)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("return x + added", "return added"),  # no residual connection
        ("branch(norm(x))", "branch(x)"),  # no norm
        ("norm(x + self.dropout(branch(x)))", "x + norm(self.dropout(branch(x)))"),
        ("return x + added", "return norm(x) + added"),  # the stream is normalised
        ("relu(self.linear1(x))", "self.linear1(x)"),
        ("x, source, mask=source_mask", "x, source, mask=mask"),
        ("x, source, mask=source_mask", "x, source"),  # padding is asked
        ("self.multihead_attn(x, source,", "self.multihead_attn(x, x,"),
        ("self.multihead_attn(x,", "self.self_attn(x,"),
        ("return self._add(x, self.norm3,", "return self._add(x, self.norm2,"),
    ],
)
def test_a_broken_copy_is_caught(right, wrong):
    with pytest.raises((AssertionError, RuntimeError, ValueError)):
        check(broken_copy(blocks, right, wrong))


def test_an_unbroken_copy_passes():
    check(broken_copy(blocks, "d_ff, 1)", "d_ff, 1)"))


# ---- errors that teach ---------------------------------------------------------------


def test_sizes_fit():
    message = "d_ff=0 must be a whole number, 1 or more."
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        EncoderLayer(6, 2, 0)
    with pytest.raises(ValueError, match=r"^d_model=6 is not divisible by n_heads=4"):
        DecoderLayer(6, 4, 5)
    with pytest.raises(ValueError, match=r"^p=1\.5"):
        EncoderLayer(6, 2, 5, dropout=1.5)
