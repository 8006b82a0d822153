"""The sprinter's parts, against torch's and against loops; what it may see."""

from functools import partial
from math import log

import pytest
import torch
from broken import broken_copy
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from transformer_path.transformer.attention import merge_heads, split_heads
from transformer_path.variants import three_minutes
from transformer_path.variants.corpus import next_token_loss, windows
from transformer_path.variants.gpt import Sizes
from transformer_path.variants.llama import rotate
from transformer_path.variants.three_minutes import (
    Grams,
    Sprinter,
    Together,
    angles,
    fade,
    halves_are_fast,
    in_halves,
    optimizers,
    turned,
)
from transformer_path.workshop.training import fit, seeded

EXACT = {"rtol": 1e-10, "atol": 1e-10}
SIZES = Sizes(vocabulary=13, context=11, d_model=20, n_heads=2, n_layers=3)


def random(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def scattered(module=three_minutes, sizes=SIZES, **options):
    """Give a model none of whose weights is 0."""
    with seeded(0):
        model = module.Sprinter(sizes, **options).double().eval()
    for number, p in enumerate(model.parameters()):
        p.data = random(*p.shape, seed=number) * 0.3
    return model


def by_torch(layer, x, turns):
    """Compute what an attention layer does with torch's attention and plane numbers."""
    query, key, value = (
        split_heads(F.linear(x, w), layer.n_heads) for w in layer.three
    )
    length, half = x.shape[1], query.shape[-1] // 2
    plane = torch.complex(turns[0], turns[1])[:length]

    def turn(x):
        x = x / (x.square().mean(-1, keepdim=True) + torch.finfo(x.dtype).eps).sqrt()
        found = torch.complex(x[..., :half], x[..., half:]) * plane
        return torch.cat([found.real, found.imag], -1)

    answers = F.scaled_dot_product_attention(
        turn(query), turn(key), value, is_causal=True
    )
    return F.linear(merge_heads(answers), layer.out)


def with_gradients(layer, compute, length):
    """Give what a layer computes of (2, length, 12), and all gradients of it."""
    x = random(2, length, 12).requires_grad_()
    layer.zero_grad()
    out = compute(x)
    out.square().sum().backward()
    return [out.detach(), x.grad, *(p.grad.clone() for p in layer.parameters())]


def check_attention(module):
    for length, n_heads in ((7, 3), (1, 2), (5, 1)):
        layer = module.Attention(12, n_heads).double()
        layer.out.data = random(12, 12, seed=5)
        turns = angles(9, 12 // n_heads).double()[:, :length]
        hidden = torch.full((length, length), -1e9).double().triu(1)
        ours = partial(layer, turns=turns, hidden=hidden)
        theirs = partial(by_torch, layer, turns=turns)
        torch.testing.assert_close(
            with_gradients(layer, ours, length),
            with_gradients(layer, theirs, length),
            **EXACT,
        )


def test_attention_written_out_equals_torchs():
    check_attention(three_minutes)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("query.shape[-1] ** -0.5", "1.0"),
        ("turned(normed(x), turns)", "normed(x)"),
        ("turned(normed(x), turns)", "turned(x, turns)"),
        ("self.asked(key, turns)", "key"),
        ("first * sin + second * cos", "first * sin - second * cos"),
        ("scores.softmax(-1)", "scores.softmax(-2)"),
        ("query, key.mT", "key, query.mT"),
    ],
)
def test_a_broken_attention_is_noticed(right, wrong):
    with pytest.raises(AssertionError):
        check_attention(broken_copy(three_minutes, right, wrong))


def test_turned_is_rotation_with_the_pairs_in_another_place():
    x = random(2, 3, 7, 10)
    apart = torch.cat([x[..., 0::2], x[..., 1::2]], -1)
    found = turned(apart, angles(9, 10)[:, :7].double()).unflatten(-1, (2, 5))
    expected = rotate(x, torch.arange(7))
    torch.testing.assert_close(found.mT.flatten(-2), expected, rtol=1e-6, atol=1e-6)


def test_turned_products_depend_on_the_distance_alone():
    turns, q, k = angles(30, 8).double(), random(8), random(8, seed=1)

    def product(i, j):
        return turned(q, turns[:, i]) @ turned(k, turns[:, j])

    torch.testing.assert_close(product(3, 10), product(20, 27), rtol=1e-6, atol=1e-6)
    assert (product(3, 10) - product(3, 11)).abs() > 1e-3


@settings(deadline=None, max_examples=20, derandomize=True, database=None)
@given(longest=st.integers(2, 5), length=st.integers(1, 40), seed=st.integers(0, 99))
def test_grams_see_the_last_tokens_and_no_other(longest, length, seed):
    """Equal endings get equal sums; other ones, with a large table, almost never."""
    grams = Grams(longest, 999_983, 3)
    torch.nn.init.normal_(grams.table.weight)
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(3, (2, length), generator=generator)
    found = grams(tokens).detach()
    endings = {}
    for row, x in zip(tokens.tolist(), found, strict=True):
        for t in range(length):
            ending = tuple(([0] * longest + row[: t + 1])[-longest:])
            endings.setdefault(ending, []).append(x[t])
    for same in endings.values():
        torch.testing.assert_close(same, [same[0]] * len(same))
    sums = torch.stack([same[0] for same in endings.values()])
    apart = torch.cdist(sums, sums) + 9 * torch.eye(len(sums))
    assert apart.min() > 1e-4


def test_every_length_has_words_of_its_own():
    """The words "ab" and "aab" do not share a row because their numbers do."""
    grams = Grams(4, 999_983, 3)
    seen = []
    grams.table.register_forward_pre_hook(lambda _, rows: seen.append(rows[0]))
    grams(torch.zeros(1, 1, dtype=torch.int64))
    assert len(set(seen[0].flatten().tolist())) == 3


def check_causal(module):
    model = scattered(module)
    tokens = torch.randint(13, (2, 11), generator=torch.Generator().manual_seed(0))
    before = model(tokens)
    for t in range(1, 11):
        other = tokens.clone()
        other[:, t] = (other[:, t] + 1) % 13
        after = model(other)
        torch.testing.assert_close(after[:, :t], before[:, :t], **EXACT)
        assert (after[:, t:] - before[:, t:]).abs().amax(-1).min() > 1e-9
        torch.testing.assert_close(model(tokens[:, :t]), before[:, :t], **EXACT)


def test_no_position_sees_a_later_one_and_all_see_the_earlier():
    check_causal(three_minutes)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (".triu(1)", ".triu(2)"),
        (".triu(1)", ".triu(0)"),
        ("F.pad(tokens, (n, 0))[:, :-n]", "F.pad(tokens, (0, n))[:, n:]"),
    ],
)
def test_a_look_ahead_is_noticed(right, wrong):
    with pytest.raises(AssertionError):
        check_causal(broken_copy(three_minutes, right, wrong))


def test_at_first_all_tokens_are_as_likely():
    window = torch.arange(12)[None]
    loss = next_token_loss(Sprinter(SIZES), window)
    torch.testing.assert_close(loss.item(), log(13))


def test_every_option_changes_what_comes_out():
    tokens = torch.arange(11)[None]
    with_groups, without = scattered(), scattered(longest=1)
    assert without.grams is None
    assert len([*with_groups.parameters()]) == len([*without.parameters()]) + 1
    wet = scattered(sizes=Sizes(**{**vars(SIZES), "dropout": 0.5})).train()
    assert not torch.equal(wet(tokens), wet(tokens))


def test_together_probabilities_are_averaged():
    models = [scattered(longest=n) for n in (1, 2, 4)]
    tokens = torch.arange(11)[None]
    found = Together(models)(tokens).exp()
    expected = sum(model(tokens).softmax(-1) for model in models) / 3
    torch.testing.assert_close(found, expected.float())
    torch.testing.assert_close(found.sum(-1), torch.ones(1, 11))


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("longest", [1, 3])
def test_every_weight_has_an_optimiser_and_it_learns(half, longest):
    with seeded(0):
        model = Sprinter(SIZES, longest=longest, rows=101)
    before = [p.clone() for p in model.parameters()]
    row = torch.randint(13, (37,), generator=torch.Generator().manual_seed(0))
    history = fit(
        model,
        windows(row.repeat(9), 11, 8),
        optimizer=optimizers(model, half=half),
        loss=in_halves if half else next_token_loss,
        steps=60,
        schedule=fade,
        every=30,
    )
    assert history["train_loss"][-1] < 1.5 < 2.3 < history["train_loss"][0]
    for old, new in zip(before, model.parameters(), strict=True):
        assert new.dtype == torch.float32
        assert not torch.equal(old, new)


def test_each_kind_of_weight_has_its_own():
    model = Sprinter(SIZES)
    matrices, rest, tables = optimizers(model)
    held = [p for o in (matrices, rest, tables) for p in o.param_groups[0]["params"]]
    assert sorted(map(id, held)) == sorted(map(id, model.parameters()))
    assert len(matrices.param_groups[0]["params"]) == 4 * 3
    assert matrices.param_groups[0]["rule"].startswith("muon")
    assert isinstance(tables, torch.optim.SparseAdam)


def test_the_rate_stays_then_falls_to_nothing():
    found = [fade(done) for done in (0, 0.2, 0.4, 0.7, 1)]
    assert found == pytest.approx([1, 1, 1, 0.5, 0])


def test_whether_halves_are_fast_is_measured():
    assert halves_are_fast(size=32, tries=1) in (True, False)
