"""LoRA: nothing at first, its formula later, and the same when it has been added."""

import pytest
import torch
from broken import broken_copy
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from transformer_path.variants import lora
from transformer_path.variants.gpt import Sizes
from transformer_path.variants.llama import Llama
from transformer_path.variants.lora import adapt
from transformer_path.workshop.training import seeded

EXACT = {"rtol": 1e-10, "atol": 1e-10}


def check(module, case=(3, 5, 7, 2, 0)):
    batch, n_in, n_out, rank, seed = case
    with seeded(seed):
        layer, x = nn.Linear(n_in, n_out).double(), torch.randn(batch, n_in).double()
        before = layer.weight.clone(), layer.bias.clone()
        adapted = module.LoRA(layer, rank, scale=1.5)
        torch.testing.assert_close(adapted(x), F.linear(x, *before), **EXACT)
        nn.init.normal_(adapted.up)
    x.requires_grad_()
    weight = before[0] + 1.5 * adapted.up @ adapted.down
    ours, theirs = adapted(x), F.linear(x, weight, before[1])
    torch.testing.assert_close(ours, theirs, **EXACT)
    learns = {name for name, p in adapted.named_parameters() if p.requires_grad}
    assert learns == {"up", "down"}
    inputs = [x, adapted.up, adapted.down]
    first, second = (
        torch.autograd.grad(y.square().sum(), inputs) for y in (ours, theirs)
    )
    torch.testing.assert_close(first, second, rtol=1e-9, atol=1e-9)
    whole = adapted.merged()
    assert type(whole) is nn.Linear
    assert whole.weight.requires_grad
    torch.testing.assert_close(whole(x), theirs, **EXACT)
    change = (whole.weight - before[0]).detach()
    assert torch.linalg.matrix_rank(change) == min(rank, n_in, n_out)


CASES = st.tuples(
    *(st.integers(1, n) for n in (3, 5, 7)), st.integers(0, 3), st.integers(0, 99)
)


@given(CASES)
def test_it_is_its_formula_and_can_be_added(case):
    check(lora, case)


def test_every_change_can_be_reached_with_the_full_rank_and_none_without():
    with seeded(0):
        layer, target = nn.Linear(7, 5).double(), nn.Linear(7, 5).double()
    change = target.weight - layer.weight
    u, s, vt = torch.linalg.svd(change.detach(), full_matrices=False)
    for rank in (5, 4, 0):
        adapted = lora.LoRA(layer, rank, scale=2.0)
        with torch.no_grad():
            adapted.up.copy_(u[:, :rank] * s[:rank] / 2)
            adapted.down.copy_(vt[:rank])
        error = change - 2 * adapted.up @ adapted.down
        left = s[rank:].square().sum().sqrt()  # nothing that is nearer has this rank
        torch.testing.assert_close(error.norm(), left, **EXACT)


def check_model(module):
    sizes = Sizes(vocabulary=7, context=9, d_model=8, n_heads=2, n_layers=2)
    tokens = torch.tensor([[1, 2, 3]])
    with seeded(0):
        model = Llama(sizes).double()
        before, names = model(tokens), dict(model.named_parameters()).keys()
        assert torch.equal(module.adapt(model, 0)(tokens), before)
        model = module.merge(model)
        model = module.adapt(model, 2, names=("query", "value"))
        torch.testing.assert_close(model(tokens), before, **EXACT)
        learning = [n for n, p in model.named_parameters() if p.requires_grad]
        wanted = [
            f"layers.{n}.attention.{part}.{side}"
            for n in range(2)
            for part in ("query", "value")
            for side in ("down", "up")
        ]
        assert learning == wanted
        for name, weight in model.named_parameters():
            if name in learning:
                nn.init.normal_(weight)
    changed = model(tokens)
    assert (changed - before).abs().max() > 1e-3
    merged = module.merge(model)
    assert dict(merged.named_parameters()).keys() == names
    assert all(p.requires_grad for p in merged.parameters())
    torch.testing.assert_close(merged(tokens), changed, **EXACT)


def check_all(module):
    check(module)
    check_model(module)


def test_an_unbroken_copy_passes():
    check_all(lora)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: adapt(nn.ReLU(), 1), "ReLU has no linear layer."),
        (
            lambda: adapt(nn.Sequential(nn.Linear(2, 2)), 1, names=("key", "query")),
            "no linear layer named key or query; see model.named_modules",
        ),
        (lambda: lora.LoRA(nn.Linear(2, 2), -1), "rank=-1 must be a whole number"),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("layer.requires_grad_(False), scale", "layer, scale"),
        ("+ self.scale * change", "+ change"),
        ("+= self.scale * self.up", "+= self.up"),
        ("+= self.scale", "-= self.scale"),
        ("new_zeros(n_out", "new_ones(n_out"),
        ("    model.requires_grad_(False)\n", ""),
        ("(name in names or not names)", "True"),
        ("setattr(parent, name, layer.merged())", "setattr(parent, name, layer.layer)"),
        ("return model.requires_grad_(True)", "return model"),
    ],
)
def test_a_broken_copy_is_caught(right, wrong):
    with pytest.raises((AssertionError, RuntimeError)):
        check_all(broken_copy(lora, right, wrong))
