"""BERT against torch's encoder and against GPT; what is hidden, by its shares."""

import pytest
import torch
from broken import broken_copy
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from transformer_path.transformer.attention import causal_mask, padding_mask
from transformer_path.variants import bert
from transformer_path.variants.bert import BERT, masked
from transformer_path.variants.gpt import GPT, Sizes
from transformer_path.workshop.scores import IGNORED
from transformer_path.workshop.training import seeded

EXACT = {"rtol": 1e-10, "atol": 1e-10}


def built(kind=BERT, seed=0, heads=2, each=3, layers=2):
    """A model in double precision whose weights are all drawn, and not small."""
    sizes = Sizes(
        vocabulary=7,
        context=9,
        d_model=heads * each,
        n_heads=heads,
        n_layers=layers,
    )
    with seeded(seed):
        model = kind(sizes).double()
        for weight in model.parameters():
            nn.init.normal_(weight, std=0.5)
    return model.eval()


def by_seed(seed=0):
    return torch.Generator().manual_seed(seed)


def text(batch, length, seed=0):
    return torch.randint(0, 7, (batch, length), generator=by_seed(seed))


def by_torch(model, tokens, mask):
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
    logits = stack(x, mask=None if mask is None else ~mask) @ table.T
    parameters |= {"tokens.weight": table, "positions.weight": places}
    return logits, parameters


def seeing(kind, n, seed):
    """All, those before, those after, or some: each at least itself."""
    if kind == "all":
        return None
    if kind == "some":
        drawn = torch.rand(n, n, generator=by_seed(seed)) < 0.5
        return drawn | torch.eye(n, dtype=torch.bool)
    return causal_mask(n) if kind == "before" else causal_mask(n).T


def check(module, case):
    heads, each, layers, batch, length, kind, seed = case
    model = built(module.BERT, seed, heads, each, layers)
    tokens, mask = text(batch, length, seed), seeing(kind, length, seed)
    ours = model(tokens, mask=mask)
    theirs, parameters = by_torch(model, tokens, mask)
    torch.testing.assert_close(ours, theirs, **EXACT)
    upstream = torch.randn(ours.shape, dtype=ours.dtype, generator=by_seed(seed))
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
    st.sampled_from(["all", "before", "after", "some"]),
    st.integers(0, 99),
)


@given(CASES)
def test_logits_and_every_gradient_equal_torchs(case):
    check(bert, case)


@given(st.integers(1, 9), st.integers(0, 99))
def test_with_a_causal_mask_it_is_gpt(length, seed):
    gpt, ours, tokens = built(GPT, seed), built(seed=seed + 1), text(2, length, seed)
    ours.load_state_dict(gpt.state_dict())
    found = ours(tokens, mask=causal_mask(length))
    torch.testing.assert_close(found, gpt(tokens), **EXACT)


def test_every_position_sees_every_other():
    model, tokens = built(), text(2, 9)
    before = model(tokens)
    for place in (0, 4, 8):
        other = tokens.clone()
        other[:, place] = (other[:, place] + 1) % 7
        assert (model(other) - before).abs().amax(-1).min() > 1e-4


def test_padding_on_the_right_changes_nothing():
    model, tokens = built(), text(3, 9)
    lengths = torch.tensor([9, 5, 2])
    alive = torch.arange(9) < lengths[:, None]
    together = model(tokens, mask=padding_mask(alive))
    for row, n in enumerate(lengths):
        alone = model(tokens[row : row + 1, :n])[0]
        torch.testing.assert_close(together[row, :n], alone, **EXACT)


def test_what_is_read_is_what_the_readout_reads():
    model, tokens = built(), text(2, 5)
    read = model.read(tokens)
    assert read.shape == (2, 5, 6)
    torch.testing.assert_close(read @ model.tokens.weight.T, model(tokens), **EXACT)


def test_dropout_acts_while_training_only():
    with seeded(0):
        model = BERT(Sizes(vocabulary=7, context=9, d_model=8, n_heads=2, dropout=0.5))
    tokens = text(2, 5)
    assert not torch.equal(model(tokens), model(tokens))
    model.eval()
    assert torch.equal(model(tokens), model(tokens))


# --- what is hidden ---------------------------------------------------------------


def check_masked(module):
    """The shares over many tokens, each to five standard deviations."""
    n, length, mask = 4000, 20, 1000
    tokens = torch.randint(0, mask, (n, length), generator=by_seed(1))
    kept = tokens.clone()
    hidden, targets = module.masked(tokens, mask, generator=by_seed())
    assert torch.equal(tokens, kept)
    chosen = targets != IGNORED
    assert torch.equal(chosen.sum(1), torch.full((n,), 3))  # 15% of 20
    assert torch.equal(targets[chosen], tokens[chosen])
    assert torch.equal(hidden[~chosen], tokens[~chosen])
    assert chosen.float().mean(0) == pytest.approx([0.15] * length, abs=0.03)
    total = int(chosen.sum())
    gone = (hidden == mask)[chosen].float().mean().item()
    same = (hidden == tokens)[chosen].float().mean().item()
    strange = hidden[chosen & (hidden != mask) & (hidden != tokens)]
    assert gone == pytest.approx(0.8, abs=5 * (0.16 / total) ** 0.5)
    assert same == pytest.approx(0.1, abs=5 * (0.09 / total) ** 0.5)
    assert len(strange) / total == pytest.approx(0.1, abs=5 * (0.09 / total) ** 0.5)
    assert strange.float().mean() == pytest.approx(mask / 2, abs=50)
    assert strange.min() >= 0
    assert strange.max() < mask
    two = module.masked(tokens % 2, 2, generator=by_seed())  # few: a third shows
    gone = (two.tokens == 2)[two.targets != IGNORED].float().mean().item()
    assert gone == pytest.approx(0.8, abs=5 * (0.16 / total) ** 0.5)


def test_the_shares_of_what_is_hidden():
    check_masked(bert)


def test_the_generator_decides():
    tokens = text(5, 9)
    one, again = (masked(tokens, 7, generator=by_seed(3)) for _ in range(2))
    other = masked(tokens, 7, generator=by_seed(4))
    assert torch.equal(one.tokens, again.tokens)
    assert not torch.equal(one.targets, other.targets)


@pytest.mark.parametrize(
    ("length", "share", "n"), [(1, 0.15, 1), (9, 1, 9), (8, 0.5, 4), (9, 0.01, 1)]
)
def test_how_many_are_chosen(length, share, n):
    found = masked(text(5, length), 7, generator=by_seed(), share=share)
    assert (found.targets != IGNORED).sum(1).tolist() == [n] * 5


# --- what is refused --------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m(text(1, 10)), r"shape \(1, 10\); .* T from 1 to the context of 9"),
        (lambda m: m(text(1, 0)), r"shape \(1, 0\); expected \(B, T\)"),
        (lambda m: m(text(1, 3)[0]), r"shape \(3,\); expected \(B, T\)"),
        (lambda m: m(torch.tensor([[7]])), "expected whole numbers from 0 to 6"),
        (lambda m: m(text(2, 3), mask=torch.ones(3, 3)), "float32; expected bool"),
        (lambda _: masked(text(1, 3)[0], 7, generator=by_seed()), r"shape \(3,\)"),
        (lambda _: masked(text(0, 3), 7, generator=by_seed()), r"shape \(0, 3\)"),
        (
            lambda _: masked(torch.tensor([[0, 7]]), 7, generator=by_seed()),
            "run from 0 to 7, but mask=7 must be a larger number",
        ),
        (
            lambda _: masked(torch.tensor([[-1, 2]]), 7, generator=by_seed()),
            "run from -1 to 2",
        ),
        (
            lambda _: masked(text(2, 3), 7, generator=by_seed(), share=0),
            "share=0 must be above 0 and at most 1",
        ),
        (
            lambda _: masked(text(2, 3), 7.5, generator=by_seed()),
            "mask=7.5 must be a whole number",
        ),
    ],
)
def test_what_cannot_be_read_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(built())


# --- broken copies ----------------------------------------------------------------


def check_all(module):
    for kind in ("all", "before", "after", "some"):
        check(module, (2, 3, 2, 2, 6, kind, 0))
    check_masked(module)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (
            "if mask is None:\n            mask = torch",
            "if False:\n            mask = t",
        ),
        ("x = layer(x, mask)", "x = layer(x)"),
        ("x = layer(x, mask)", "x = layer(x, mask.T)"),
        ("self.norm(x)", "x"),
        ("self.positions.weight[:n]", "self.positions.weight[0]"),
        ("chosen & (fate < 0.8), mask", "chosen & (fate < 0.7), mask"),
        ("| (fate >= 0.9), strange", ", strange"),
        ("torch.randint(mask,", "torch.randint(mask + 1,"),
        ("max(1, round(share * tokens.shape[1]))", "max(1, int(0.1 * len(tokens[0])))"),
        (
            "tokens.masked_fill(~chosen, IGNORED)",
            "hidden.masked_fill(~chosen, IGNORED)",
        ),
        ("order[:, :n]", "torch.arange(n).expand(len(order), n)"),
        ("where(~chosen | ", "where("),
    ],
)
def test_a_broken_copy_is_caught(right, wrong):
    with pytest.raises((AssertionError, RuntimeError, AttributeError)):
        check_all(broken_copy(bert, right, wrong))


def test_an_unbroken_copy_passes():
    check_all(bert)
