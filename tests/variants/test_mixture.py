"""A mixture against a loop over tokens and experts; what its balance says."""

from copy import deepcopy

import pytest
import torch
from broken import broken_copy
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from transformer_path.variants import mixture
from transformer_path.variants.gpt import Sizes
from transformer_path.variants.llama import Llama, SwiGLU
from transformer_path.variants.mixture import Mixture, imbalance
from transformer_path.workshop.training import seeded

EXACT = {"rtol": 1e-10, "atol": 1e-10}


def numbers(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def built(module, width, experts, top_k, seed=0):
    with seeded(seed):
        layer = module.Mixture(width, experts, top_k).double()
        for weight in layer.parameters():
            nn.init.normal_(weight, std=0.7)
    return layer


def by_loops(layer, x, top_k):
    """Token by token: the outcome, and the balance."""
    rows, asked, given_ = [], [], []
    for token in x.flatten(0, -2):
        scores = layer.router.weight @ token
        shares = scores.exp() / scores.exp().sum()
        best = sorted(range(len(scores)), key=lambda n: -scores[n].item())[:top_k]
        total = shares[best].sum() if top_k > 1 else 1
        rows.append(sum(shares[n] / total * layer.experts[n](token) for n in best))
        asked += best
        given_.append(shares)
    mean = sum(given_) / len(given_)
    n = len(layer.experts)
    balance = n * sum(asked.count(i) / len(asked) * mean[i] for i in range(n))
    return torch.stack(rows).view_as(x), balance


def check(module, case=(2, 3, 5, 4, 2, 0)):
    batch, length, width, experts, top_k, seed = case
    top_k = min(top_k, experts)
    layer = built(module, width, experts, top_k, seed)
    x = numbers(batch, length, width, seed=seed).requires_grad_()
    ours = layer(x)
    theirs, balance = by_loops(layer, x, top_k)
    torch.testing.assert_close(ours, theirs, **EXACT)
    torch.testing.assert_close(layer.imbalance, balance, **EXACT)
    upstream = numbers(*ours.shape, seed=7)
    parameters = [x, *layer.parameters()]
    first, second = (
        torch.autograd.grad(
            (result * upstream).sum() + 3 * worth, parameters, allow_unused=True
        )
        for result, worth in ((ours, layer.imbalance), (theirs, balance))
    )
    for one, other in zip(first, second, strict=True):
        zero = torch.zeros(())
        one, other = (zero if g is None or not g.any() else g for g in (one, other))
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)
    if top_k > 1 or experts > 1:
        assert first[1].abs().max() > 1e-6  # the router learns


CASES = st.tuples(*(st.integers(1, n) for n in (3, 5, 7, 5, 3)), st.integers(0, 99))


@given(CASES.filter(lambda case: case[3] > 1))
def test_it_equals_a_loop_over_tokens_and_experts(case):
    check(mixture, case)


def check_one(module):
    layer = built(module, 5, 1, 1)
    x = numbers(2, 3, 5)
    torch.testing.assert_close(layer(x), layer.experts[0](x), **EXACT)
    assert layer.imbalance.item() == pytest.approx(1)


def check_all(module):
    check(module)
    check(module, (2, 3, 5, 4, 1, 0))
    check(module, (2, 5, 5, 4, 3, 1))
    check_one(module)


def test_an_unbroken_copy_passes():
    check_all(mixture)


def test_alike_experts_are_as_one():
    layer, x = built(mixture, 5, 4, 2), numbers(2, 3, 5)
    for expert in layer.experts:
        expert.load_state_dict(layer.experts[0].state_dict())
    torch.testing.assert_close(layer(x), layer.experts[0](x), **EXACT)


@given(st.integers(2, 9), st.integers(0, 999))
def test_where_choices_and_shares_agree_even_is_best(n, seed):
    """Σ fᵢ² is 1/n or more, as the squares' mean is at least the mean's square."""
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.randint(n, (50, 1), generator=generator)
    shares = F.one_hot(chosen[:, 0], n).double()
    assert imbalance(shares, chosen) >= 1 - 1e-12
    even = torch.arange(n)[:, None]
    worth = imbalance(F.one_hot(even[:, 0], n).double(), even)
    assert worth.item() == pytest.approx(1)
    uniform = torch.full((50, n), 1 / n, dtype=torch.float64)
    assert imbalance(uniform, chosen).item() == pytest.approx(1)  # whoever is chosen


@given(st.integers(2, 9), st.integers(1, 9), st.integers(0, 999))
def test_at_most_all_ask_the_same_and_the_router_gives_nothing_to_others(n, k, seed):
    k = min(k, n)
    shares = (5 * numbers(20, n, seed=seed)).softmax(-1)
    limit = n / k
    assert imbalance(shares, shares.topk(k).indices) <= limit + 1e-12
    same = torch.zeros(20, n, dtype=torch.float64)
    same[:, :k] = 1 / k
    assert imbalance(same, same.topk(k).indices).item() == pytest.approx(limit)


def test_an_undecided_router_hides_that_all_ask_the_same():
    shares = torch.tensor([[0.28, 0.24, 0.24, 0.24]] * 5)
    assert (shares.argmax(-1) == 0).all()
    assert imbalance(shares, shares.topk(1).indices).item() == pytest.approx(1.12)


def test_where_they_do_not_agree_it_may_fall_below_1():
    undecided, sure = [0.51, 0.49], [0.0, 1.0]
    shares = torch.tensor([undecided] * 3 + [sure] * 2, dtype=torch.float64)
    assert imbalance(shares, shares.topk(1).indices) < 0.95


def test_its_gradient_takes_from_those_who_are_asked_most():
    scores = torch.tensor([[2.0, 1, 0], [2, 0, 1], [0, 2, 1]]).requires_grad_()
    shares = scores.softmax(-1)
    imbalance(shares, shares.topk(1).indices).backward()
    assert (scores.grad[:, 0] > 0).all()
    assert (scores.grad[:, 2] < 0).all()


def test_llama_takes_it():
    sizes = Sizes(vocabulary=7, context=9, d_model=8, n_heads=2, n_layers=2)
    model = Llama(sizes, feedforward=lambda width: Mixture(width, 4))
    logits = model(torch.tensor([[1, 2, 3]]))
    assert logits.shape == (1, 3, 7)
    worth = sum(m.imbalance for m in model.modules() if isinstance(m, Mixture))
    (logits.square().mean() + 0.01 * worth).backward()
    assert all(m.router.weight.grad.any() for m in model.modules()
               if isinstance(m, Mixture))  # fmt: skip


def test_it_computes_in_half_precision_where_llama_does():
    layer = built(mixture, 6, 4, 4).float()  # asks all: rounding changes no choice
    x = numbers(2, 5, 6).float()
    with torch.autocast("cpu", torch.bfloat16):
        found = layer(x)
    torch.testing.assert_close(found, layer(x), rtol=0.1, atol=0.3)


def test_it_can_be_copied_after_a_step():
    layer, x = built(mixture, 5, 4, 2), numbers(2, 3, 5)
    found = layer(x)
    (found.sum() + layer.imbalance).backward()
    other = deepcopy(layer)
    assert torch.equal(other(x), found)
    assert layer.imbalance.requires_grad


def test_another_expert_can_be_had():
    layer = Mixture(4, 3, expert=lambda width: SwiGLU(width, 2))
    assert layer.experts[2].up.weight.shape == (2, 4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Mixture(4, 2, 3), "top_k=3 experts .* top_k may be 1 to 2"),
        (lambda: Mixture(4, 0), "n_experts=0 must be a whole number"),
        (lambda: Mixture(4, 2, 0), "top_k=0 must be a whole number"),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("weights / weights.sum(-1, keepdim=True)", "weights"),
        ("if self.top_k > 1", "if self.top_k > 0"),
        ("shares.topk(self.top_k)", "shares.topk(self.top_k, largest=False)"),
        ("weights[rows, places, None]", "weights[rows, 0, None]"),
        ("expert(tokens[rows])", "self.experts[0](tokens[rows])"),
        ("result = result.index_add(", "result = torch.zeros_like(tokens).index_add("),
        ("return n_experts * (", "return ("),
        ("/ chosen.numel()", "/ len(chosen)"),
        ("shares.mean(0)", "shares.detach().mean(0)"),
    ],
)
def test_a_broken_copy_is_caught(right, wrong):
    with pytest.raises((AssertionError, RuntimeError)):
        check_all(broken_copy(mixture, right, wrong))
