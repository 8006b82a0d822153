"""GPT against torch's layers; with a cache, and with padding, against itself."""

import pytest
import torch
from broken import broken_copy
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from transformer_path.variants import gpt
from transformer_path.variants.gpt import GPT, Cache, Sizes
from transformer_path.workshop.training import seeded

EXACT = {"rtol": 1e-10, "atol": 1e-10}


def sizes(heads=2, each=3, layers=2, context=9):
    return Sizes(
        vocabulary=7,
        context=context,
        d_model=heads * each,
        n_heads=heads,
        n_layers=layers,
    )


def built(module=gpt, seed=0, **how):
    """A model in double precision whose weights are all drawn, and not small."""
    with seeded(seed):
        model = module.GPT(module.Sizes(**vars(sizes(**how)))).double()
        for weight in model.parameters():
            nn.init.normal_(weight, std=0.5)
    return model.eval()


def text(batch, length, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 7, (batch, length), generator=generator)


def by_torch(model, tokens):
    """The same weights in torch's own layers, and what they say."""
    size = model.sizes
    layer = nn.TransformerEncoderLayer(
        size.d_model,
        size.n_heads,
        4 * size.d_model,
        activation="gelu",
        norm_first=True,
        batch_first=True,
        dropout=0,
    )
    final = nn.LayerNorm(size.d_model)
    stack = nn.TransformerEncoder(layer, size.n_layers, final, False).double()
    state = {f"layers.{k}": v for k, v in model.layers.state_dict().items()}
    state |= {f"norm.{k}": v for k, v in model.norm.state_dict().items()}
    stack.load_state_dict(state)
    parameters = dict(stack.named_parameters())
    table = model.tokens.weight.detach().clone().requires_grad_()
    places = model.positions.weight.detach().clone().requires_grad_()
    x = F.embedding(tokens, table) + places[: tokens.shape[1]]
    mask = nn.Transformer.generate_square_subsequent_mask(
        tokens.shape[1], dtype=torch.float64
    )
    logits = stack(x, mask=mask, is_causal=True) @ table.T
    parameters |= {"tokens.weight": table, "positions.weight": places}
    return logits, parameters


def check(module, case):
    heads, each, layers, batch, length, seed = case
    model = built(module, seed, heads=heads, each=each, layers=layers)
    tokens = text(batch, length, seed)
    ours = model(tokens)
    theirs, parameters = by_torch(model, tokens)
    torch.testing.assert_close(ours, theirs, **EXACT)
    upstream = torch.randn(ours.shape, dtype=ours.dtype)
    names = [name for name, _ in model.named_parameters()]
    assert {*names} == {*parameters}
    first = torch.autograd.grad((ours * upstream).sum(), [*model.parameters()])
    their_own = [parameters[name] for name in names]
    second = torch.autograd.grad((theirs * upstream).sum(), their_own)
    torch.testing.assert_close(first, second, rtol=1e-9, atol=1e-10)


CASES = st.tuples(
    st.integers(1, 3),
    st.integers(1, 4),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 9),
    st.integers(0, 99),
)


@given(CASES)
def test_logits_and_every_gradient_equal_torchs(case):
    check(gpt, case)


def check_cache(module, cuts, seed=0):
    """Read in pieces, some texts shorter than others: the same as each alone."""
    model, tokens = built(module, seed), text(3, 9, seed)
    whole = model(tokens)
    cache, found = module.Cache(), []
    for a, b in zip([0, *cuts], [*cuts, 9], strict=True):
        found.append(model(tokens[:, a:b], cache=cache))
        assert cache.length == b
    torch.testing.assert_close(torch.cat(found, 1), whole, **EXACT)

    lengths = torch.tensor([9, 5, 2])
    alive = torch.arange(9) >= 9 - lengths[:, None]
    cache, found = module.Cache(), []
    for a, b in zip([0, *cuts], [*cuts, 9], strict=True):
        found.append(model(tokens[:, a:b], cache=cache, alive=alive[:, :b]))
    together = torch.cat(found, 1)
    assert together.isfinite().all()
    for row, n in enumerate(lengths):
        alone = model(tokens[row : row + 1, -n:])[0]
        torch.testing.assert_close(together[row, -n:], alone, **EXACT)


@given(st.sets(st.integers(1, 8)).map(sorted), st.integers(0, 99))
def test_a_cache_changes_nothing_nor_does_padding(cuts, seed):
    check_cache(gpt, cuts, seed)


def check_all(module):
    check(module, (2, 3, 2, 2, 6, 0))
    check_cache(module, [4, 5])
    check_cache(module, [1])


def test_no_position_sees_what_comes():
    model, tokens = built(), text(2, 9)
    other = tokens.clone()
    other[:, 5] = (other[:, 5] + 1) % 7
    torch.testing.assert_close(model(other)[:, :5], model(tokens)[:, :5], **EXACT)
    assert (model(other)[:, 5:] - model(tokens)[:, 5:]).abs().amax(-1).min() > 1e-3


def test_the_first_weights_are_gpt_2s():
    with seeded(0):
        model = GPT(Sizes(vocabulary=50, context=40, d_model=128, n_layers=8))
    for name, weight in model.named_parameters():
        if weight.dim() == 2:
            adds = name.endswith(("out_proj.weight", "linear2.weight"))
            wanted = 0.02 / 4 if adds else 0.02
            assert weight.std().item() == pytest.approx(wanted, rel=0.05), name
        else:
            assert torch.equal(weight, torch.full_like(weight, "norm" in name and
                               name.endswith("weight"))), name  # fmt: skip
    x = torch.arange(40)[None]
    loss = F.cross_entropy(model(x)[0], x[0] + 1)
    assert loss.item() == pytest.approx(torch.tensor(50.0).log().item(), abs=0.1)


def test_the_smallest_gpt_2_has_its_parameters():
    with torch.device("meta"), torch.no_grad():
        shape = Sizes.gpt2()
        layer = gpt.Block(shape, 0)
    each = sum(p.numel() for p in layer.parameters())
    tables = (shape.vocabulary + shape.context) * shape.d_model
    assert shape.n_layers * each + tables + 2 * shape.d_model == 124_439_808


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m(torch.zeros(1, 10, dtype=int)), "text of 10 tokens, 0 of them"),
        (lambda m: m(torch.zeros(1, 0, dtype=int)), r"shape \(1, 0\); expected \(B, T"),
        (lambda m: m(torch.zeros(3, dtype=int)), r"shape \(3,\); expected \(B, T\)"),
        (lambda m: m(torch.tensor([[7]])), "expected whole numbers from 0 to 6"),
        (
            lambda m: m(text(2, 3), alive=torch.ones(2, 2, dtype=torch.bool)),
            r"alive of shape \(2, 2\) .* expected \(2, 3\), bool",
        ),
        (lambda m: m(text(2, 3), alive=torch.ones(2, 3)), r"expected \(2, 3\), bool"),
    ],
)
def test_what_cannot_be_read_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(built())


def test_a_full_cache_is_refused_and_kept():
    model, cache = built(), Cache()
    model(text(1, 8), cache=cache)
    with pytest.raises(ValueError, match="10 tokens, 8 of them read before"):
        model(text(1, 2), cache=cache)
    assert cache.length == 8


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n_heads": 5}, "d_model=128 is not divisible by n_heads=5"),
        ({"context": 0}, "context=0 must be a whole number"),
        ({"vocabulary": 2.5}, "vocabulary=2.5 must be a whole number"),
    ],
)
def test_sizes_fit(wrong, message):
    with pytest.raises(ValueError, match=message):
        GPT(Sizes(**{"vocabulary": 7, "context": 9} | wrong))


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("F.gelu(", "F.relu("),
        ("is_causal=mask is None", "is_causal=False"),
        ("self._attend(self.norm1(x)", "self._attend(x"),
        ("self.norm(x), self.tokens", "x, self.tokens"),
        ("key, value = cache.extend(self.place, key, value)", "cache"),
        ("cat([old_key, key], 2)", "cat([key, old_key], 2)"),
        (
            "places <= places[before:, None]",
            "places <= places[: length - before, None]",
        ),
        ("earlier & alive[:, None, None]", "earlier"),
        ("[:, before:]  # (B, T)", "[:, : length - before]"),
        ("(alive.cumsum(1) - 1)", "(alive.cumsum(1) * 0 + torch.arange(shape[1]))"),
    ],
)
def test_a_broken_copy_is_caught(right, wrong):
    with pytest.raises((AssertionError, RuntimeError)):
        check_all(broken_copy(gpt, right, wrong))


def test_an_unbroken_copy_passes():
    check_all(gpt)
