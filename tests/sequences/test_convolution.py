"""The hand-written convolution and pooling against torch's."""

import re

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.func import functional_call, stack_module_state, vmap

from transformer_path.sequences.convolution import (
    AveragePool,
    Conv1d,
    Conv2d,
    MaxPool,
    average_pool,
    convolve,
    max_pool,
    receptive_field,
    windows,
)

EXACT = {"rtol": 1e-10, "atol": 1e-10}
CONVOLUTIONS = {1: F.conv1d, 2: F.conv2d}
LAYERS = {1: (Conv1d, nn.Conv1d), 2: (Conv2d, nn.Conv2d)}
POOLS = {
    1: {max_pool: F.max_pool1d, average_pool: F.avg_pool1d},
    2: {max_pool: F.max_pool2d, average_pool: F.avg_pool2d},
}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def random(*shape, seed=0):
    return torch.randn(*shape, generator=seeded(seed), dtype=torch.float64)


@st.composite
def settings_of_a_convolution(draw, axes):
    """Shapes and numbers that fit together, each axis with its own."""

    def each(low, high):
        return tuple(draw(st.integers(low, high)) for _ in range(axes))

    options = {
        "stride": each(1, 4),
        "padding": each(0, 3),
        "dilation": each(1, 3),
        "groups": draw(st.integers(1, 3)),
    }
    size = each(1, 4)
    spans = [d * (k - 1) + 1 for d, k in zip(options["dilation"], size, strict=True)]
    lengths = tuple(
        max(1, span - 2 * p) + draw(st.integers(0, 7))
        for span, p in zip(spans, options["padding"], strict=True)
    )
    n_in, n_out = (options["groups"] * draw(st.integers(1, 3)) for _ in range(2))
    shape = (draw(st.integers(1, 3)), n_in, *lengths)
    return shape, n_out, size, options


def tensors(shape, n_out, size, groups):
    """An input, a weight and a bias, twice: for us and for torch."""
    values = [
        random(*shape),
        random(n_out, shape[1] // groups, *size, seed=1),
        random(n_out, seed=2),
    ]
    return [[v.clone().requires_grad_() for v in values] for _ in range(2)]


def compare(ours, theirs, compute, expected):
    """Value, and the gradient of every input, from a random gradient of the output."""
    out, wanted = compute(*ours), expected(*theirs)
    torch.testing.assert_close(out, wanted, **EXACT)
    seed = random(*wanted.shape, seed=3)
    out.backward(seed)
    wanted.backward(seed)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a.grad, b.grad, **EXACT)


# ---- value and gradient against torch ------------------------------------------------


@pytest.mark.parametrize("axes", [1, 2])
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_a_convolution_equals_torchs_in_value_and_every_gradient(axes, data):
    shape, n_out, size, options = data.draw(settings_of_a_convolution(axes))
    ours, theirs = tensors(shape, n_out, size, options["groups"])
    compare(
        ours,
        theirs,
        lambda *inputs: convolve(*inputs, **options),
        lambda *inputs: CONVOLUTIONS[axes](*inputs, **options),
    )


@pytest.mark.parametrize("axes", [1, 2])
@settings(deadline=None, max_examples=30)
@given(data=st.data(), bias=st.booleans())
def test_state_dicts_pass_to_torch_and_back(axes, data, bias):
    shape, n_out, size, options = data.draw(settings_of_a_convolution(axes))
    ours_class, theirs_class = LAYERS[axes]
    ours = ours_class(shape[1], n_out, size, bias=bias, **options).double()
    theirs = theirs_class(shape[1], n_out, size, bias=bias, **options).double()
    back = ours_class(shape[1], n_out, size, bias=bias, **options).double()
    theirs.load_state_dict(ours.state_dict())
    back.load_state_dict(theirs.state_dict())
    x = random(*shape)
    torch.testing.assert_close(ours(x), theirs(x), **EXACT)
    torch.testing.assert_close(back(x), theirs(x), **EXACT)


@pytest.mark.parametrize("pool", [max_pool, average_pool])
@pytest.mark.parametrize("axes", [1, 2])
@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_pooling_equals_torchs_in_value_and_gradient(pool, axes, data):
    size, more, steps = (
        tuple(data.draw(st.integers(low, high)) for _ in range(axes))
        for low, high in [(1, 4), (0, 7), (1, 5)]
    )
    stride = data.draw(st.sampled_from([None, steps]))
    shape = (2, 3, *(k + n for k, n in zip(size, more, strict=True)))
    x = random(*shape)
    if data.draw(st.booleans()):
        x = x.round()  # many are equal, and one of them must get the gradient
    expected = POOLS[axes][pool]
    compare(
        [x.clone().requires_grad_()],
        [x.clone().requires_grad_()],
        lambda x: pool(x, size, stride=stride),
        lambda x: expected(x, size, stride),
    )


@pytest.mark.parametrize(
    ("ours", "theirs", "shape"),
    [
        (MaxPool(3), nn.MaxPool1d(3), (2, 3, 11)),
        (MaxPool(3, stride=2), nn.MaxPool2d(3, 2), (2, 3, 7, 11)),
        (AveragePool(2, stride=3), nn.AvgPool1d(2, 3), (2, 3, 11)),
        (AveragePool((3, 2)), nn.AvgPool2d((3, 2)), (2, 3, 7, 11)),
    ],
)
def test_pools_are_layers(ours, theirs, shape):
    x = random(*shape)
    torch.testing.assert_close(ours(x), theirs(x), **EXACT)
    assert not list(ours.parameters())


@pytest.mark.parametrize("axes", [1, 2])
@pytest.mark.parametrize("bias", [True, False])
def test_initial_weights_are_those_of_torch(axes, bias):
    options = {"groups": 2, "bias": bias}
    ours_class, theirs_class = LAYERS[axes]
    ours = ours_class(6, 4, 3, generator=seeded(3), **options)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        theirs = theirs_class(6, 4, 3, **options)
    state = theirs.state_dict()
    assert list(ours.state_dict()) == list(state)
    for name, value in ours.state_dict().items():
        torch.testing.assert_close(value, state[name])


def test_an_empty_batch_gives_an_empty_batch():
    assert Conv1d(3, 7, 5)(torch.zeros(0, 3, 11)).shape == (0, 7, 7)


def test_many_networks_run_at_once():
    many = [
        nn.Sequential(Conv1d(1, 3, 5, padding=2), MaxPool(2), Conv1d(3, 2, 3)).double()
        for _ in range(4)
    ]
    parameters, _ = stack_module_state(many)
    x = random(5, 1, 11)
    together = vmap(lambda p: functional_call(many[0], p, x))(parameters)
    expected = torch.stack([each(x) for each in many])
    torch.testing.assert_close(together, expected, **EXACT)


# ---- properties ----------------------------------------------------------------------


def test_a_window_is_a_piece_of_the_input():
    x = random(2, 3, 5, 7)
    seen = windows(x, (2, 3), stride=2)
    assert seen.shape == (2, 3, 2, 3, 2, 3)
    assert torch.equal(seen[1, 2, 1, 2], x[1, 2, 2:4, 4:7])


def test_a_convolution_is_a_linear_layer_with_shared_weights():
    layer = Conv1d(2, 3, 4, stride=2, padding=1, generator=seeded()).double()
    x = random(5, 2, 9)
    matrix = torch.func.jacrev(layer)(torch.zeros(1, 2, 9).double())
    matrix = matrix.reshape(3 * 4, 2 * 9)  # (F T', C T)
    linear = x.flatten(1) @ matrix.T + layer.bias.repeat_interleave(4)
    torch.testing.assert_close(layer(x), linear.view(5, 3, 4), **EXACT)
    assert set(matrix.unique().tolist()) == {0, *layer.weight.flatten().tolist()}


@pytest.mark.parametrize("axis", [2, 3])
def test_what_moves_in_the_input_moves_in_the_output(axis):
    x = torch.zeros(1, 2, 17, 19, dtype=torch.float64)
    x[..., 6:9, 6:9] = random(2, 3, 3)
    layer = Conv2d(2, 3, (3, 5), padding=(1, 2), generator=seeded()).double()
    torch.testing.assert_close(layer(x.roll(4, axis)), layer(x).roll(4, axis), **EXACT)


def test_a_stride_keeps_only_moves_of_its_own_length():
    x = torch.zeros(1, 1, 30, dtype=torch.float64)
    x[..., 9:15] = random(6)
    layer = Conv1d(1, 3, 6, stride=3, bias=False, generator=seeded()).double()
    torch.testing.assert_close(layer(x.roll(6)), layer(x).roll(2), **EXACT)
    moved = layer(x.roll(1))
    assert min((moved - layer(x).roll(n)).abs().max() for n in range(3)) > 0.1


def test_groups_do_not_see_each_other():
    layer, x = Conv1d(6, 4, 3, groups=2, generator=seeded()).double(), random(2, 6, 11)
    other = x.clone()
    other[:, 3:] += 1
    changed = (layer(other) - layer(x)).abs().amax((0, 2))  # (4,)
    assert (changed[:2] == 0).all()
    assert (changed[2:] > 0.1).all()


NETWORKS = [
    [Conv1d(1, 2, 3)],
    [Conv1d(1, 2, 3), nn.ReLU(), Conv1d(2, 2, 5, stride=2)],
    [Conv1d(1, 2, 3, stride=2), Conv1d(2, 2, 3, dilation=3)],
    [AveragePool(2), Conv1d(1, 2, 3), AveragePool(3, stride=2)],
    [Conv1d(1, 2, 1, stride=3), AveragePool(4), Conv1d(2, 2, 2)],
]


@pytest.mark.parametrize("layers", NETWORKS)
def test_the_receptive_field_is_where_the_gradient_is(layers):
    x = torch.ones(1, 1, 60, requires_grad=True)
    for layer in layers:
        if isinstance(layer, Conv1d):
            nn.init.ones_(layer.weight)
    nn.Sequential(*layers)(x)[0, 0, 2].backward()
    reached = x.grad[0, 0].nonzero()
    assert receptive_field(layers) == int(reached.max() - reached.min()) + 1


def test_a_max_pool_widens_the_receptive_field_like_a_mean():
    assert receptive_field([MaxPool(2), MaxPool((5, 3))]) == 6
    assert receptive_field([]) == receptive_field([nn.ReLU()]) == 1


# ---- errors that teach ---------------------------------------------------------------


def message(text):
    return f"^{re.escape(text)}$"


@pytest.mark.parametrize("bad", [0, -1, 1.5])
@pytest.mark.parametrize("name", ["size", "stride", "dilation"])
def test_windows_have_whole_positive_numbers(name, bad):
    told = message(f"{name}={bad} must be a whole number, 1 or more.")
    options = {"size": 3, name: bad}
    with pytest.raises(ValueError, match=told):
        windows(random(2, 3, 11), **options)
    with pytest.raises(ValueError, match=told):
        Conv1d(3, 7, **options)
    if name != "size":
        with pytest.raises(ValueError, match=told):
            convolve(random(2, 3, 11), random(7, 3, 5), **{name: bad})
    if name != "dilation":
        with pytest.raises(ValueError, match=told):
            max_pool(random(2, 3, 11), **options)


def test_padding_is_not_negative():
    told = message("padding=-1 must be a whole number, 0 or more.")
    with pytest.raises(ValueError, match=told):
        convolve(random(2, 3, 11), random(7, 3, 5), padding=-1)
    with pytest.raises(ValueError, match=told):
        Conv2d(3, 7, 5, padding=-1)


def test_a_kernel_longer_than_the_padded_input_is_refused():
    layer = Conv1d(3, 7, 3, dilation=4, padding=2)
    with pytest.raises(
        ValueError,
        match=message(
            "a window over 9 positions (size 3, dilation 4) is longer than axis 2 of "
            "the input, 8 with its padding; pad more, or use a smaller window."
        ),
    ):
        layer(torch.zeros(2, 3, 4))
    assert layer(torch.zeros(2, 3, 5)).shape == (2, 7, 1)
    with pytest.raises(ValueError, match=r"^a window over 5 .* than axis 3 of"):
        max_pool(random(2, 3, 9, 4), 5)


def test_groups_divide_the_channels():
    told = message(
        "groups=3 does not divide n_in=8 and n_out=12; it may be one of [1, 2, 4]."
    )
    with pytest.raises(ValueError, match=told):
        Conv1d(8, 12, 5, groups=3)
    with pytest.raises(ValueError, match=told):
        convolve(random(2, 8, 11), random(12, 2, 5), groups=3)
    with pytest.raises(
        ValueError, match=message("groups=0 must be a whole number, 1 or more.")
    ):
        Conv1d(8, 12, 5, groups=0)
    with pytest.raises(ValueError, match=r"^n_out=0 must be a whole number"):
        Conv2d(8, 0, 5)


def test_shapes_that_do_not_fit_are_told():
    weight = random(7, 3, 5)
    with pytest.raises(
        ValueError,
        match=message(
            "x of shape (3, 11) is no batch of channels over positions; expected "
            "(B, C, T) or (B, C, H, W); x[:, None] adds a single channel."
        ),
    ):
        convolve(random(3, 11), weight)
    with pytest.raises(
        ValueError,
        match=message(
            "weight of shape (7, 3, 5) with groups=1 takes 3 channels, but x of shape "
            "(2, 4, 11) has 4 along axis 1."
        ),
    ):
        convolve(random(2, 4, 11), weight)
    with pytest.raises(
        ValueError,
        match=message(
            "weight of shape (7, 3, 5) does not fit x of shape (2, 3, 9, 11); expected "
            "(F, C, K, L), one kernel for each output."
        ),
    ):
        convolve(random(2, 3, 9, 11), weight)
    with pytest.raises(
        ValueError,
        match=message(
            "bias of shape (1,) does not fit weight of shape (7, 3, 5); expected (7,), "
            "one for each output channel."
        ),
    ):
        convolve(random(2, 3, 11), weight, random(1))
    with pytest.raises(
        ValueError,
        match=message(
            "stride=(1, 2) holds 2 numbers for 1 axes of positions; give one for all, "
            "or one for each."
        ),
    ):
        convolve(random(2, 3, 11), weight, stride=(1, 2))


# ---- the tests would notice the mistakes people make ---------------------------------


def flipped(x, weight, bias, **options):
    return convolve(x, weight.flip(-1), bias, **options)


def padded_on_one_side(x, weight, bias, *, padding, **options):
    return convolve(F.pad(x, (2 * padding, 0)), weight, bias, **options)


def padded_with_its_edge(x, weight, bias, *, padding, **options):
    return convolve(F.pad(x, (padding, padding), "replicate"), weight, bias, **options)


def stride_ignored(x, weight, bias, *, stride, **options):
    short = convolve(x, weight, bias, stride=stride, **options).shape[-1]
    return convolve(x, weight, bias, **options)[..., :short]


def dilation_ignored(x, weight, bias, *, dilation, **options):
    short = convolve(x, weight, bias, dilation=dilation, **options).shape[-1]
    return convolve(x, weight, bias, **options)[..., :short]


def groups_interleaved(x, weight, bias, *, groups, **options):
    mixed = x.unflatten(1, (-1, groups)).transpose(1, 2).flatten(1, 2)
    return convolve(mixed, weight, bias, groups=groups, **options)


def without_bias(x, weight, _, **options):
    return convolve(x, weight, **options)


@pytest.mark.parametrize(
    "broken",
    [
        flipped,
        padded_on_one_side,
        padded_with_its_edge,
        stride_ignored,
        dilation_ignored,
        groups_interleaved,
        without_bias,
    ],
)
def test_a_broken_convolution_is_noticed(broken):
    options = {"stride": 2, "padding": 3, "dilation": 2, "groups": 2}
    ours, theirs = tensors((2, 4, 13), 6, (5,), 2)
    with pytest.raises(AssertionError):
        compare(
            ours,
            theirs,
            lambda *inputs: broken(*inputs, **options),
            lambda *inputs: F.conv1d(*inputs, **options),
        )


def detached(x):
    return windows(x, 2, stride=2).max(-1).values.detach() + 0 * x.sum()


def shared_among_equals(x):
    return windows(x, 2, stride=2).amax(-1)


def last_of_equals(x):
    return windows(x, 2, stride=2).flip(-1).max(-1).values


def overlapping(x):
    return max_pool(x, 2, stride=1)[..., : x.shape[-1] // 2]


@pytest.mark.parametrize(
    "broken", [detached, shared_among_equals, last_of_equals, overlapping]
)
def test_a_broken_pool_is_noticed(broken):
    x = random(2, 3, 11).round()
    ours, theirs = ([x.clone().requires_grad_()] for _ in range(2))
    with pytest.raises(AssertionError):
        compare(ours, theirs, broken, lambda x: F.max_pool1d(x, 2))
