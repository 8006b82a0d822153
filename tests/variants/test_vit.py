"""The vision transformer against torch's convolution and encoder."""

import pytest
import torch
from broken import broken_copy
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from transformer_path.variants import vit
from transformer_path.variants.vit import ViT, patches
from transformer_path.workshop.training import seeded

EXACT = {"rtol": 1e-10, "atol": 1e-10}


def random(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def check_patches(module, case):
    """A patch embedding is a convolution that leaps by its own size."""
    batch, channels, rows, columns, size, width, seed = case
    images = random(batch, channels, rows * size, columns * size, seed=seed)
    conv = nn.Conv2d(channels, width, size, stride=size).double()
    theirs = conv(images).flatten(2).mT  # (B, N, F)
    ours = F.linear(module.patches(images, size), conv.weight.flatten(1), conv.bias)
    torch.testing.assert_close(ours, theirs, **EXACT)


@given(
    st.tuples(
        st.integers(1, 3),
        st.integers(1, 3),
        st.integers(1, 4),
        st.integers(1, 4),
        st.integers(1, 3),
        st.integers(1, 5),
        st.integers(0, 99),
    )
)
def test_patches_and_a_layer_are_a_convolution(case):
    check_patches(vit, case)


def built(module, case):
    """A model in double precision whose weights are all drawn, and not small."""
    heads, each, layers, patch, n, channels, class_token, seed = case
    with seeded(seed):
        model = module.ViT(
            patch * n,
            patch=patch,
            classes=5,
            channels=channels,
            d_model=heads * each,
            n_heads=heads,
            n_layers=layers,
            class_token=class_token,
        ).double()
        for weight in model.parameters():
            nn.init.normal_(weight, std=0.5)
    return model.eval()


def by_torch(model, case, images):
    """The same weights in torch's own layers, and what they say."""
    heads, each, layers, patch, _, channels, class_token, _ = case
    width = heads * each
    conv = nn.Conv2d(channels, width, patch, stride=patch).double()
    weight = model.embed.weight.detach().view_as(conv.weight)
    conv.load_state_dict({"weight": weight, "bias": model.embed.bias.detach()})
    layer = nn.TransformerEncoderLayer(
        width, heads, 4 * width, batch_first=True, norm_first=True, dropout=0
    )
    final = nn.LayerNorm(width)
    stack = nn.TransformerEncoder(layer, layers, final, False).double()
    state = {f"layers.{k}": v for k, v in model.layers.state_dict().items()}
    state |= {f"norm.{k}": v for k, v in model.norm.state_dict().items()}
    stack.load_state_dict(state)
    parameters = {f"embed.{name}": value for name, value in conv.named_parameters()}
    parameters |= dict(stack.named_parameters())
    for name in ("positions", "head.weight", "head.bias") + class_token * ("first",):
        value = model.get_parameter(name)
        parameters[name] = value.detach().clone().requires_grad_()
    x = conv(images).flatten(2).mT
    if class_token:
        x = torch.cat([parameters["first"].expand(len(x), 1, width), x], 1)
    x = stack(x + parameters["positions"])
    x = x[:, 0] if class_token else x.mean(1)
    return F.linear(x, parameters["head.weight"], parameters["head.bias"]), parameters


def check(module, case):
    model = built(module, case)
    patch, n, channels, seed = case[3], case[4], case[5], case[-1]
    images = random(2, channels, patch * n, patch * n, seed=seed)
    ours = model(images)
    theirs, parameters = by_torch(model, case, images)
    torch.testing.assert_close(ours, theirs, **EXACT)
    upstream = random(*ours.shape, seed=seed + 1)
    names = [name for name, _ in model.named_parameters()]
    assert {*names} == {*parameters}
    first = torch.autograd.grad((ours * upstream).sum(), [*model.parameters()])
    second = torch.autograd.grad(
        (theirs * upstream).sum(), [parameters[name] for name in names]
    )
    for a, b in zip(first, second, strict=True):
        torch.testing.assert_close(a, b.view_as(a), rtol=1e-9, atol=1e-10)


CASES = st.tuples(
    st.integers(1, 3),
    st.integers(1, 4),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 2),
    st.booleans(),
    st.integers(0, 99),
)


@given(CASES)
def test_scores_and_every_gradient_equal_torchs(case):
    check(vit, case)


def test_without_positions_the_order_of_the_patches_is_not_seen():
    case = (2, 3, 2, 2, 3, 1, True, 0)
    model, images = built(vit, case), random(2, 1, 6, 6)
    cut = images.unflatten(3, (3, 2)).unflatten(2, (3, 2))  # (B, C, h, P, w, P)
    order = torch.tensor([2, 0, 1])
    mixed = cut[:, :, order][..., order, :].flatten(4).flatten(2, 3)
    assert mixed.shape == images.shape
    assert not torch.equal(mixed, images)
    assert (model(images) - model(mixed)).abs().max() > 1e-3
    model.positions.data.zero_()
    torch.testing.assert_close(model(images), model(mixed), **EXACT)


def test_pixels_in_another_order_need_other_positions_only():
    """With patches of one pixel nothing knows which pixels are neighbours."""
    model, images = built(vit, (2, 3, 2, 1, 4, 1, True, 0)), random(3, 1, 4, 4)
    order = torch.randperm(16, generator=torch.Generator().manual_seed(0))
    before = model(images)
    mixed = images.flatten(2)[..., order].view_as(images)
    assert (model(mixed) - before).abs().max() > 1e-3
    model.positions.data[1:] = model.positions.data[1:][order]
    torch.testing.assert_close(model(mixed), before, **EXACT)


def test_it_begins_with_small_positions():
    with seeded(0):
        model = ViT(8, patch=1, d_model=64)
    assert model.positions.std().item() == pytest.approx(0.02, rel=0.1)
    assert not model.first.any()
    assert ViT(8, patch=4, class_token=False).positions.shape == (4, 32)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: patches(torch.zeros(2, 8, 8), 2), r"shape \(2, 8, 8\) do not split"),
        (lambda: patches(torch.zeros(2, 1, 8, 7), 2), "multiples of 2"),
        (lambda: patches(torch.zeros(2, 1, 8, 8), 0), "size=0 must be a whole number"),
        (lambda: ViT(8, patch=3), "patch=3 does not divide side=8"),
        (lambda: ViT(8, patch=0), "patch=0 must be a whole number"),
        (lambda: ViT(8, patch=2, n_heads=5), "d_model=32 is not divisible"),
        (lambda: ViT(8, patch=2, n_layers=0), "n_layers=0 must be a whole number"),
        (
            lambda: ViT(8, patch=2)(torch.zeros(5, 64)),
            r"shape \(5, 64\); expected \(B, 1, 8, 8\)",
        ),
        (
            lambda: ViT(8, patch=2, channels=3)(torch.zeros(5, 1, 8, 8)),
            r"expected \(B, 3, 8, 8\)",
        ),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def check_all(module):
    check_patches(module, (2, 3, 2, 4, 3, 5, 0))
    check(module, (2, 3, 2, 2, 3, 2, True, 0))
    check(module, (2, 3, 2, 2, 3, 2, False, 0))


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("permute(0, 2, 4, 1, 3, 5)", "permute(0, 4, 2, 1, 3, 5)"),
        ("permute(0, 2, 4, 1, 3, 5)", "permute(0, 2, 4, 1, 5, 3)"),
        ("permute(0, 2, 4, 1, 3, 5)", "permute(0, 2, 4, 3, 5, 1)"),
        ("x = x + self.positions", "x = x + self.positions[:1]"),
        ("x = self.norm(x)\n", "x = x * 1\n"),
        ("else x[:, 0]", "else x[:, 1]"),
        ("x.mean(1) if", "x[:, 0] if"),
        ("pre_norm=True", "pre_norm=False"),
        ("4 * d_model", "2 * d_model"),
        ("-1), x], 1)", "-1) * 0, x], 1)"),
    ],
)
def test_a_broken_copy_is_caught(right, wrong):
    with pytest.raises((AssertionError, RuntimeError)):
        check_all(broken_copy(vit, right, wrong))


def test_an_unbroken_copy_passes():
    check_all(vit)
