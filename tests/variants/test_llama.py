"""Each part against torch's or one written anew; a cache, and padding, against none."""

from functools import partial

import pytest
import torch
from broken import broken_copy
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from transformer_path.variants import gpt, llama
from transformer_path.variants.generation import Taste, generate
from transformer_path.variants.gpt import Cache, Sizes
from transformer_path.variants.llama import (
    Attention,
    Llama,
    Plain,
    RMSNorm,
    SwiGLU,
    rotate,
    stay,
)
from transformer_path.workshop.training import seeded

EXACT = {"rtol": 1e-10, "atol": 1e-10}


def numbers(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def drawn(model, seed=0, std=0.5):
    """In double precision, with weights that are all drawn and not small."""
    with seeded(seed):
        for weight in model.double().parameters():
            nn.init.normal_(weight, std=std)
    return model.eval()


def text(batch, length, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 7, (batch, length), generator=generator)


def same(ours, theirs, inputs, parameters=((), ())):
    """Values, and gradients of the inputs and of the parameters, pair by pair."""
    torch.testing.assert_close(ours, theirs, **EXACT)
    upstream = numbers(*ours.shape, seed=7)
    first, second = (
        torch.autograd.grad((result * upstream).sum(), [*inputs, *weights])
        for result, weights in zip((ours, theirs), parameters, strict=True)
    )
    for one, other in zip(first, second, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-10)


def check_norm(module, case=(5, 7, 0)):
    batch, n, seed = case
    ours, theirs = drawn(module.RMSNorm(n), seed), nn.RMSNorm(n, eps=1e-5).double()
    theirs.load_state_dict(ours.state_dict())
    x = (3 * numbers(batch, 3, n, seed=seed) + 1).requires_grad_()
    weights = [*ours.parameters()], [*theirs.parameters()]
    same(ours(x), theirs(x), [x], weights)
    small = 1e-3 * x.detach()  # where eps counts
    torch.testing.assert_close(ours(small), theirs(small), **EXACT)


@given(st.tuples(st.integers(1, 5), st.integers(1, 11), st.integers(0, 99)))
def test_rmsnorm_equals_torchs(case):
    check_norm(llama, case)


def by_complex(x, positions, base):
    """Pairs as complex numbers, multiplied by e to the power of i times the angle."""
    half = x.shape[-1] // 2
    turns = torch.stack([positions.double() * base ** (-i / half) for i in range(half)])
    pairs = torch.view_as_complex(x.unflatten(-1, (half, 2)))
    turned = pairs * torch.polar(torch.ones_like(turns), turns).T
    return torch.view_as_real(turned).flatten(-2)


def check_rotation(module, case=(2, 3, 5, 3, 11, 0)):
    batch, heads, length, half, start, seed = case
    x = numbers(batch, heads, length, 2 * half, seed=seed).requires_grad_()
    positions = torch.arange(start, start + length)
    for base in (10_000.0, 50.0):
        same(module.rotate(x, positions, base), by_complex(x, positions, base), [x])
    query, key = numbers(2, 2 * half, seed=seed)
    shifted = [
        module.rotate(query[None], torch.tensor([start + place]))
        @ module.rotate(key[None], torch.tensor([start])).mT
        for start in (0, 3, 1000)
        for place in (length,)
    ]
    for one in shifted[1:]:
        torch.testing.assert_close(one, shifted[0], rtol=1e-9, atol=1e-9)
    norms = module.rotate(x, positions).norm(dim=-1)
    torch.testing.assert_close(norms, x.norm(dim=-1), **EXACT)


ROTATIONS = st.tuples(
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 7),
    st.integers(1, 5),
    st.integers(0, 99),
    st.integers(0, 99),
)


@given(ROTATIONS)
def test_rotation_is_a_product_of_complex_numbers_and_sees_distances_only(case):
    check_rotation(llama, case)


def check_feedforward(module, case=(3, 4, 5, 7, 0)):
    batch, length, width, inside, seed = case
    ours = drawn(module.SwiGLU(width, inside), seed)
    x = numbers(batch, length, width, seed=seed).requires_grad_()
    gate, up, down = (p for p in (ours.gate.weight, ours.up.weight, ours.down.weight))
    passed = x @ gate.T
    theirs = (passed / (1 + torch.exp(-passed)) * (x @ up.T)) @ down.T
    weights = [gate, up, down]
    same(ours(x), theirs, [x], (weights, weights))


SIZES = [st.integers(1, n) for n in (3, 5, 7, 9, 99)]


@given(st.tuples(*SIZES))
def test_swiglu_is_its_formula(case):
    check_feedforward(llama, case)


def check_heads(module, case=(2, 3, 2, 3, 5, 0)):
    """Nothing turned: torch's module where each head is a group, its function else."""
    groups, shared, half, batch, length, seed = case
    heads, each = groups * shared, 2 * half
    width = heads * each
    x = numbers(batch, length, width, seed=seed).requires_grad_()
    layer = drawn(module.Attention(width, heads, groups, turn=module.stay), seed)
    mine = [p.weight for p in (layer.query, layer.key, layer.value, layer.out)]

    def split(weight, n):
        return (x @ weight.T).unflatten(-1, (n, each)).movedim(-2, 1)

    q, k, v = (split(w, n) for w, n in zip(mine, (heads, groups, groups), strict=False))
    by_function = F.scaled_dot_product_attention(
        q, k, v, is_causal=True, enable_gqa=True
    )
    theirs = by_function.movedim(1, -2).flatten(-2) @ mine[3].T
    same(layer(x), theirs, [x], (mine, mine))

    layer = drawn(module.Attention(width, heads, turn=module.stay), seed)
    by_torch = nn.MultiheadAttention(width, heads, bias=False, batch_first=True)
    by_torch = by_torch.double()
    mine = [p.weight for p in (layer.query, layer.key, layer.value, layer.out)]
    with torch.no_grad():
        by_torch.in_proj_weight.copy_(torch.cat(mine[:3]))
        by_torch.out_proj.weight.copy_(mine[3])
    mask = nn.Transformer.generate_square_subsequent_mask(length, dtype=x.dtype)
    theirs, _ = by_torch(x, x, x, attn_mask=mask, is_causal=True)
    torch.testing.assert_close(layer(x), theirs, **EXACT)
    upstream = numbers(*theirs.shape, seed=7)
    first = torch.autograd.grad((layer(x) * upstream).sum(), [x, *mine])
    second = torch.autograd.grad(
        (theirs * upstream).sum(),
        [x, by_torch.in_proj_weight, by_torch.out_proj.weight],
    )
    joined = first[0], torch.cat(first[1:4]), first[4]
    torch.testing.assert_close(joined, second, rtol=1e-9, atol=1e-10)


HEADS = st.tuples(
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 7),
    st.integers(0, 99),
)


@given(HEADS)
def test_heads_equal_torchs(case):
    check_heads(llama, case)


def check_turned(module, case=(2, 3, 2, 3, 5, 0), window=3):
    """All at once, position by position and head by head, in plain loops."""
    groups, shared, half, batch, length, seed = case
    heads, each = groups * shared, 2 * half
    width = heads * each
    x = numbers(batch, length, width, seed=seed).requires_grad_()
    layer = module.Attention(width, heads, groups, window=window, norm=nn.RMSNorm)
    layer = drawn(layer, seed, std=1.0)
    parameters = [*layer.parameters()]
    positions = torch.arange(length)
    rows = []
    for head in range(heads):
        group = head // shared
        q, k, v = (
            x @ part.weight[n * each : (n + 1) * each].T  # (B, T, D)
            for part, n in (
                (layer.query, head),
                (layer.key, group),
                (layer.value, group),
            )
        )
        q, k = (
            by_complex(F.rms_norm(z, (each,), norm.weight).contiguous(), positions, 1e4)
            for z, norm in ((q, layer.norm_q), (k, layer.norm_k))
        )
        answers = []
        for t in range(length):
            first = max(0, t - window + 1)
            seen = slice(first, t + 1)
            scores = (k[:, seen] @ q[:, t, :, None])[..., 0] / each**0.5
            answers.append((scores.softmax(-1)[..., None] * v[:, seen]).sum(1))
        rows.append(torch.stack(answers, 1))
    theirs = torch.cat(rows, -1) @ layer.out.weight.T
    same(layer(x), theirs, [x], (parameters, parameters))


@given(HEADS, st.integers(1, 8))
def test_windows_and_norms_and_turns_equal_loops(case, window):
    check_turned(llama, case, window)


def check_reach(module):
    """Over three layers, two positions further each: exactly six before it."""
    sizes = Sizes(vocabulary=7, context=12, d_model=8, n_heads=2, n_layers=3)
    attention = partial(module.Attention, window=3)
    model = drawn(module.Llama(sizes, attention=attention))
    x = numbers(1, 12, 8).requires_grad_()
    hidden = x
    for layer in model.layers:
        hidden = layer(hidden)
    (gradient,) = torch.autograd.grad(hidden[0, 10].sum(), x)
    reached = gradient[0].abs().sum(-1) > 0
    assert reached.tolist() == [4 <= place <= 10 for place in range(12)]


OLD = {"norm": nn.LayerNorm, "feedforward": Plain, "places": nn.Embedding}


def check_old(module):
    """With the old parts it is GPT without biases in its attention."""
    sizes = gpt.Sizes(vocabulary=7, context=9, d_model=6, n_heads=2, n_layers=3)
    theirs = drawn(gpt.GPT(sizes))
    old = OLD | {"feedforward": module.Plain}
    attention = partial(module.Attention, turn=module.stay)
    ours = module.Llama(sizes, attention=attention, **old).double()
    state = {}
    for name, value in theirs.state_dict().items():
        name = name.replace("linear1", "feedforward.up")
        name = name.replace("linear2", "feedforward.down").replace(
            "positions", "places"
        )
        if name.endswith("in_proj_weight"):
            name = name.replace("self_attn.in_proj_weight", "attention.{}.weight")
            for part, share in zip(
                ("query", "key", "value"), value.chunk(3), strict=True
            ):
                state[name.format(part)] = share
        elif name.endswith(("in_proj_bias", "out_proj.bias")):
            value.zero_()
        else:
            state[name.replace("self_attn.out_proj", "attention.out")] = value
    ours.load_state_dict(state)
    tokens = text(3, 9)
    torch.testing.assert_close(ours(tokens), theirs(tokens), **EXACT)
    alive = torch.arange(9) >= 9 - torch.tensor([[9], [5], [2]])
    padded = ours.eval()(tokens, alive=alive), theirs(tokens, alive=alive)
    torch.testing.assert_close(*(each[alive] for each in padded), **EXACT)


def kinds(module):
    grouped = partial(module.Attention, n_groups=2)
    return {
        "Llama": {},
        "grouped": {"attention": grouped},
        "all": {"attention": partial(grouped, window=3, norm=module.RMSNorm)},
        "learned": {
            "places": nn.Embedding,
            "attention": partial(grouped, turn=module.stay),
        },
    }


def built(module, kind="all", seed=0, **size):
    size = {
        "vocabulary": 7,
        "context": 9,
        "d_model": 24,
        "n_heads": 6,
        "n_layers": 2,
    } | size
    return drawn(module.Llama(Sizes(**size), **kinds(module)[kind]), seed, std=0.3)


def check_cache(module, cuts, kind="all", seed=0):
    """Read in pieces, some texts shorter than others: the same as each alone."""
    model, tokens = built(module, kind, seed), text(3, 9, seed)
    whole = model(tokens)
    cache, found = Cache(), []
    for a, b in zip([0, *cuts], [*cuts, 9], strict=True):
        found.append(model(tokens[:, a:b], cache=cache))
        assert cache.length == b
    torch.testing.assert_close(torch.cat(found, 1), whole, **EXACT)

    lengths = torch.tensor([9, 5, 2])
    alive = torch.arange(9) >= 9 - lengths[:, None]
    cache, found = Cache(), []
    for a, b in zip([0, *cuts], [*cuts, 9], strict=True):
        found.append(model(tokens[:, a:b], cache=cache, alive=alive[:, :b]))
    together = torch.cat(found, 1)
    assert together.isfinite().all()
    for row, n in enumerate(lengths):
        alone = model(tokens[row : row + 1, -n:])[0]
        torch.testing.assert_close(together[row, -n:], alone, **EXACT)


@given(
    st.sets(st.integers(1, 8)).map(sorted),
    st.sampled_from(sorted(kinds(llama))),
    st.integers(0, 99),
)
def test_a_cache_changes_nothing_nor_does_padding(cuts, kind, seed):
    check_cache(llama, cuts, kind, seed)


def check_all(module):
    check_norm(module)
    check_rotation(module)
    check_feedforward(module)
    check_heads(module)
    check_turned(module)
    check_reach(module)
    check_old(module)
    for kind in kinds(module):
        check_cache(module, [4, 5], kind)
        check_cache(module, [1], kind)


def test_an_unbroken_copy_passes():
    check_all(llama)


def test_keys_and_values_are_kept_once_for_a_group():
    sizes = {}
    for kind in ("Llama", "grouped"):
        cache = Cache()
        built(llama, kind)(text(2, 9), cache=cache)
        sizes[kind] = sum(part.numel() for pair in cache._kept for part in pair)
    assert sizes["Llama"] == 3 * sizes["grouped"]


@pytest.mark.parametrize("kind", sorted(kinds(llama)))
def test_it_writes_the_same_with_a_cache_and_without(kind):
    model, prompts = built(llama, kind), [[1, 2, 3], [4], [5, 6, 0, 1, 2]]
    texts = [
        generate(model, prompts, 8, Taste(temperature=0), cached=cached)
        for cached in (True, False)
    ]
    assert texts[0] == texts[1]
    alone = [generate(model, [p], 8, Taste(temperature=0))[0] for p in prompts]
    assert texts[0] == alone


def test_each_part_changes_the_outcome():
    tokens = text(2, 9)
    found = [built(llama, kind)(tokens) for kind in kinds(llama)]
    grouped = partial(Attention, n_groups=2)
    for parts in (
        {"attention": partial(grouped, window=3)},
        {"attention": partial(grouped, turn=stay)},
        {"attention": partial(grouped, norm=nn.LayerNorm)},
        {"norm": nn.LayerNorm},
        {"feedforward": Plain},
    ):
        sizes = Sizes(vocabulary=7, context=9, d_model=24, n_heads=6, n_layers=2)
        found.append(drawn(Llama(sizes, **parts))(tokens))
    for n, one in enumerate(found):
        for other in found[:n]:
            assert (one - other).abs().max() > 1e-2


def test_dropout_acts_in_training_only():
    model = built(llama, dropout=0.5)
    tokens = text(2, 9)
    assert torch.equal(model(tokens), model(tokens))
    model.train()
    assert not torch.equal(model(tokens), model(tokens))


def test_without_places_a_longer_text_is_read_and_its_window_sees_it_anywhere():
    model = built(llama, "all")
    tokens = text(1, 30)
    long, late = model(tokens), model(tokens[:, 20:])
    seen = 2 * (3 - 1)  # two layers, two before each
    torch.testing.assert_close(long[:, 20 + seen :], late[:, seen:], **EXACT)
    assert (long[:, 20] - late[:, 0]).abs().max() > 1e-3


def test_the_first_weights_are_gpt_2s():
    with seeded(0):
        model = Llama(Sizes(vocabulary=50, context=40, d_model=128, n_layers=8), **OLD)
    for name, weight in model.named_parameters():
        if weight.dim() == 2:
            adds = name.endswith(("out.weight", "down.weight"))
            wanted = 0.02 / 4 if adds else 0.02
            assert weight.std().item() == pytest.approx(wanted, rel=0.05), name
        else:
            ones = "norm" in name and name.endswith("weight")
            assert torch.equal(weight, torch.full_like(weight, ones)), name


@pytest.mark.parametrize("width", [32, 96, 128, 256])
def test_the_two_feedforward_networks_are_about_equally_large(width):
    plain, gated = (
        sum(p.numel() for p in kind(width).parameters()) for kind in (Plain, SwiGLU)
    )
    assert gated == pytest.approx(plain, rel=0.05)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: RMSNorm(0), "n=0 must be a whole number"),
        (lambda: rotate(numbers(4, 3), torch.arange(4)), r"\(4, 3\) has 3 features"),
        (
            lambda: Attention(10, 4),
            "d_model=10 does not .*; n_heads may be 1, 2, 5, 10",
        ),
        (lambda: Attention(12, 6, 4), "n_groups=4 .*; n_groups may be 1, 2, 3, 6"),
        (lambda: Attention(12, 6, window=0), "window=0 must be a whole number"),
        (lambda: SwiGLU(4, 0), "d_ff=0 must be a whole number"),
        (lambda: built(llama, n_layers=0), "n_layers=0 must be a whole number"),
        (lambda: built(llama)(torch.zeros(3, dtype=int)), r"expected \(B, T\)"),
        (lambda: built(llama)(torch.zeros(1, 0, dtype=int)), "at least one token"),
        (lambda: built(llama)(torch.tensor([[7]])), "whole numbers from 0 to 6"),
        (
            lambda: built(llama)(text(2, 3), alive=torch.ones(2, 2, dtype=torch.bool)),
            r"alive of shape \(2, 2\) .* expected \(2, 3\), bool",
        ),
        (
            lambda: built(llama)(text(2, 3), alive=torch.ones(2, 3)),
            r"expected \(2, 3\), bool",
        ),
        (
            lambda: built(llama, "learned")(text(1, 10)),
            "text of 10 tokens, 0 of them read before; there are places for 9",
        ),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("x.square().mean(-1", "x.var(-1, correction=0"),
        ("(size + self.eps).rsqrt()", "size.rsqrt()"),
        ("angle = positions[:, None]", "angle = -positions[:, None]"),
        ("first * cos - second * sin", "first * cos + second * sin"),
        ("x[..., 0::2], x[..., 1::2]", "x.chunk(2, -1)"),
        ("(-exponent / x", "(-exponent / 2 / x"),
        ("self.turn(query, now), self.turn(key, now)", "self.turn(query, now), key"),
        ("torch.arange(before, before + x.shape[1]", "torch.arange(0, x.shape[1]"),
        ("key.repeat_interleave(shared, 1)", "key.repeat(1, shared, 1, 1)"),
        ("value.repeat_interleave(shared, 1)", "value.repeat(1, shared, 1, 1)"),
        ("is_causal=mask is None", "is_causal=False"),
        ("mask = distance >= 0", "mask = distance > 0"),
        ("distance < self.window", "distance <= self.window"),
        ("mask & alive[:, None, None]", "mask"),
        ("and not before:", "or before:"),
        ("self.norm_k(split", "self.norm_q(split"),
        ("F.silu(self.gate(x)) * self.up(x)", "self.gate(x) * F.silu(self.up(x))"),
        ("F.silu(", "F.gelu("),
        ("F.gelu(", "F.relu("),
        ("self.attention(self.norm1(x)", "self.attention(x"),
        ("self.feedforward(self.norm2(x))", "self.feedforward(self.norm1(x))"),
        ("F.linear(self.norm(x)", "F.linear(x"),
        ("partial(cache.extend, n)", "partial(cache.extend, 0)"),
        ("positions[..., before:]", "positions[..., : length - before]"),
        ("positions = among_alive(", "positions = 0 * among_alive("),
    ],
)
def test_a_broken_copy_is_caught(right, wrong):
    with pytest.raises((AssertionError, RuntimeError)):
        check_all(broken_copy(llama, right, wrong))
