"""The hand-written MLP against torch's, and our engine against torch's engine."""

import re
from itertools import pairwise

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from transformer_path.learning.supervised import cross_entropy
from transformer_path.networks.autograd import Variable
from transformer_path.networks.feedforward import (
    MLP,
    Linear,
    descend,
    feedforward,
    linear,
    neuron,
    relu,
    sigmoid,
    tanh,
)

EXACT = {"rtol": 1e-10, "atol": 1e-10}
TORCH_BENDS = {relu: nn.ReLU, tanh: nn.Tanh, sigmoid: nn.Sigmoid}
shapes = st.lists(st.integers(1, 13), min_size=2, max_size=5)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def random(*shape, seed=0):
    return torch.randn(*shape, generator=seeded(seed), dtype=torch.float64)


def torch_mlp(mlp, bend=nn.ReLU):
    """Build torch's own modules with the weights of ours."""
    widths = [mlp.layers[0].weight.shape[1], *(len(each.bias) for each in mlp.layers)]
    modules = []
    for n_in, n_out in pairwise(widths):
        modules += [nn.Linear(n_in, n_out), bend()]
    theirs = nn.Sequential(*modules[:-1]).double()
    renamed = {
        f"{2 * int(key.split('.')[1])}.{key.split('.')[2]}": value
        for key, value in mlp.state_dict().items()
    }
    theirs.load_state_dict(renamed)
    return theirs


def as_variables(parameters):
    return [Variable(p.detach().numpy()) for p in parameters]


def numbers(values):
    """Take the plain numbers of tensors and variables alike."""
    return [np.asarray(v.detach() if hasattr(v, "detach") else v.data) for v in values]


# ---- value and gradient against torch's modules --------------------------------------


@settings(deadline=None, max_examples=40)
@given(n=st.integers(1, 7), widths=shapes, bend=st.sampled_from(list(TORCH_BENDS)))
def test_the_mlp_equals_torch_modules_in_value_and_every_gradient(n, widths, bend):
    ours = MLP(widths, activation=bend, generator=seeded()).double()
    theirs = torch_mlp(ours, TORCH_BENDS[bend])
    x = random(n, widths[0]).requires_grad_()
    x_theirs = x.detach().clone().requires_grad_()
    seed = random(n, widths[-1], seed=1)
    out, expected = ours(x), theirs(x_theirs)
    out.backward(seed)
    expected.backward(seed)
    torch.testing.assert_close(out, expected, **EXACT)
    torch.testing.assert_close(x.grad, x_theirs.grad, **EXACT)
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, **EXACT)


@settings(deadline=None, max_examples=40)
@given(n=st.integers(1, 7), widths=shapes, bend=st.sampled_from(list(TORCH_BENDS)))
def test_both_engines_compute_the_same_values_and_gradients(n, widths, bend):
    parameters = list(MLP(widths, generator=seeded()).double().parameters())
    x, seed = random(n, widths[0]), random(n, widths[-1], seed=1)
    out = feedforward(x, parameters, bend)
    out.backward(seed)
    variables = as_variables(parameters)
    x_variable = Variable(x.numpy())
    ours = feedforward(x_variable, variables, bend)
    ours.backward(seed.numpy())
    np.testing.assert_allclose(ours.data, out.detach(), **EXACT)
    for a, b in zip(variables, parameters, strict=True):
        np.testing.assert_allclose(a.grad, b.grad, **EXACT)


@pytest.mark.parametrize("leading", [(), (5,), (2, 5)])
def test_linear_equals_torch_for_any_leading_shape(leading):
    ours, theirs = Linear(3, 7).double(), nn.Linear(3, 7).double()
    theirs.load_state_dict(ours.state_dict())
    x = random(*leading, 3)
    torch.testing.assert_close(ours(x), theirs(x), **EXACT)


@pytest.mark.parametrize(
    ("ours", "theirs"), [(relu, F.relu), (tanh, torch.tanh), (sigmoid, torch.sigmoid)]
)
def test_bends_equal_torch_also_far_out_and_at_zero(ours, theirs):
    x = torch.tensor([-1e4, -40.0, -1.0, 0.0, 0.3, 40.0, 1e4], dtype=torch.float64)
    a, b = x.clone().requires_grad_(), x.clone().requires_grad_()
    torch.testing.assert_close(ours(a), theirs(b), **EXACT)
    ours(a).sum().backward()
    theirs(b).sum().backward()
    torch.testing.assert_close(a.grad, b.grad, **EXACT)


@pytest.mark.parametrize("x", [-80.0, -38.0, -17.0, 0.0, 17.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_minus_the_log_of_a_sigmoid_is_exact_far_out(x, dtype):
    tensor = torch.tensor(x, dtype=dtype, requires_grad=True)
    loss = -sigmoid(tensor).log()
    loss.backward()
    exact = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    expected = F.softplus(-exact, threshold=800)
    expected.backward()
    close = {"rtol": 10 * torch.finfo(dtype).eps, "atol": torch.finfo(dtype).eps}
    torch.testing.assert_close(loss.double(), expected, **close)
    torch.testing.assert_close(tensor.grad.double(), exact.grad, **close)


def test_a_layer_is_its_neurons_side_by_side():
    x, weight, bias = random(5, 3), random(7, 3, seed=1), random(7, seed=2)
    layer = relu(linear(x, weight, bias))
    for j in range(7):
        torch.testing.assert_close(neuron(x, weight[j], bias[j]), layer[:, j], **EXACT)
    variables = neuron(Variable(x.numpy()), *as_variables([weight[4], bias[4]]))
    np.testing.assert_allclose(variables.data, layer[:, 4], **EXACT)


def test_initial_weights_are_those_of_torch():
    ours = Linear(11, 5, generator=seeded(3))
    with torch.random.fork_rng():
        torch.manual_seed(3)
        theirs = nn.Linear(11, 5)
    torch.testing.assert_close(ours.weight, theirs.weight)
    torch.testing.assert_close(ours.bias, theirs.bias)


# ---- training ------------------------------------------------------------------------


def test_descending_equals_torch_sgd_on_both_engines():
    x, labels = random(13, 3), torch.arange(13) % 5
    ours = MLP([3, 7, 11, 5], generator=seeded()).double()
    theirs = torch_mlp(ours)
    variables = as_variables(ours.parameters())
    sgd = torch.optim.SGD(theirs.parameters(), lr=0.3)
    for _ in range(50):
        sgd.zero_grad()
        F.cross_entropy(theirs(x), labels).backward()
        sgd.step()
        cross_entropy(ours(x), labels).backward()
        descend(ours.parameters(), lr=0.3)
        cross_entropy(feedforward(Variable(x.numpy()), variables), labels).backward()
        descend(variables, lr=0.3)
    expected = numbers(theirs.parameters())
    start = numbers(MLP([3, 7, 11, 5], generator=seeded()).parameters())
    assert all(abs(a - b).max() > 1e-3 for a, b in zip(start, expected, strict=True))
    for a, b, c in zip(
        numbers(ours.parameters()), numbers(variables), expected, strict=True
    ):
        np.testing.assert_allclose(a, c, **EXACT)
        np.testing.assert_allclose(b, c, **EXACT)


@settings(deadline=None, max_examples=40)
@given(
    n=st.integers(1, 17),
    k=st.integers(1, 7),
    seed=st.integers(0, 99),
    scale=st.sampled_from([0.1, 1.0, 300.0]),
)
def test_cross_entropy_is_torchs_on_both_engines(n, k, seed, scale):
    labels = torch.randint(k, (n,), generator=seeded(seed))
    theirs = (scale * random(n, k, seed=seed)).requires_grad_()
    ours, variable = theirs.detach().clone().requires_grad_(), as_variables([theirs])[0]
    expected = F.cross_entropy(theirs, labels)
    expected.backward()
    for logits in (ours, variable):
        loss = cross_entropy(logits, labels)
        loss.backward()
        np.testing.assert_allclose(numbers([loss])[0], expected.detach(), **EXACT)
        np.testing.assert_allclose(logits.grad, theirs.grad, **EXACT)


@pytest.mark.parametrize("engine", [torch.from_numpy, Variable])
def test_labels_are_checked_on_both_engines(engine):
    with pytest.raises(ValueError, match=r"^labels run from 1 to 3, but the 3 columns"):
        cross_entropy(engine(np.ones((2, 3))), torch.tensor([1, 3]))
    with pytest.raises(
        ValueError, match=r"^labels of type torch.float64 are not class"
    ):
        cross_entropy(engine(np.ones((2, 3))), np.ones(2))


def test_gradients_start_from_zero_after_a_step():
    w, v = torch.ones(3, requires_grad=True), Variable(np.ones(3))
    for parameter in (w, v):
        (parameter * parameter).sum().backward()
        descend([parameter], lr=0.25)
        assert not parameter.grad.any()
        np.testing.assert_array_equal(numbers([parameter])[0], [0.5] * 3)


# ---- properties ----------------------------------------------------------------------


def test_without_a_bend_all_layers_are_one():
    mlp = MLP([3, 7, 11, 2], activation=lambda x: x, generator=seeded()).double()
    slope = torch.func.jacrev(mlp)(random(3))
    offset = mlp(torch.zeros(3, dtype=torch.float64))
    x = random(13, 3, seed=1)
    torch.testing.assert_close(mlp(x), x @ slope.T + offset, **EXACT)


def test_order_of_the_inputs_is_only_a_matter_of_naming():
    mlp = MLP([7, 11, 3], generator=seeded()).double()
    x, order = random(5, 7), torch.randperm(7, generator=seeded())
    renamed = [p.detach() for p in mlp.parameters()]
    renamed[0] = renamed[0][:, order]
    torch.testing.assert_close(feedforward(x[:, order], renamed), mlp(x), **EXACT)


@pytest.mark.parametrize("bend", [tanh, sigmoid])
def test_the_bend_asked_for_is_used(bend):
    x = random(5, 3)
    ours = MLP([3, 7, 2], generator=seeded()).double()
    other = MLP([3, 7, 2], activation=bend, generator=seeded()).double()
    assert (ours(x) - other(x)).abs().max() > 1e-2


def test_the_same_generator_gives_the_same_network_another_seed_another():
    a, b, c = (MLP([3, 5], generator=seeded(s)).layers[0].weight for s in (0, 0, 1))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


def test_many_networks_run_at_once():
    many = [MLP([3, 7, 2], generator=seeded(s)).double() for s in range(5)]
    stacked = [
        torch.stack([p if p.dim() == 2 else p[None] for p in column])
        for column in zip(*(m.parameters() for m in many), strict=True)
    ]
    x = random(11, 3)
    expected = torch.stack([m(x) for m in many])
    torch.testing.assert_close(feedforward(x, stacked), expected, **EXACT)
    variables = feedforward(Variable(x.numpy()), as_variables(stacked))
    np.testing.assert_allclose(variables.data, expected.detach(), **EXACT)


# ---- layers are modules --------------------------------------------------------------


def test_a_layer_used_twice_computes_twice():
    mlp = MLP([3, 3, 3], generator=seeded()).double()
    mlp.layers[1] = mlp.layers[0]
    x = random(5, 3)
    layer = mlp.layers[0]
    torch.testing.assert_close(mlp(x), layer(relu(layer(x))), **EXACT)
    assert len(list(mlp.parameters())) == 2


def test_a_module_put_inside_acts():
    mlp = MLP([3, 7, 2], activation=tanh, generator=seeded()).double()
    x, (first, last) = random(5, 3), mlp.layers
    mlp.layers[1] = nn.Sequential(nn.Dropout(0.5), last)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        dropped = mlp(x)
        torch.manual_seed(0)
        expected = last(F.dropout(tanh(first(x)), 0.5))
    torch.testing.assert_close(dropped, expected, **EXACT)
    torch.testing.assert_close(mlp.eval()(x), last(tanh(first(x))), **EXACT)


def test_hooks_of_the_layers_fire_in_order():
    mlp, seen = MLP([3, 7, 5, 2]), []
    for name, layer in mlp.layers.named_children():
        layer.register_forward_hook(
            lambda _, given, out, name=name: seen.append((name, tuple(out.shape)))
        )
    mlp(torch.ones(4, 3))
    assert seen == [("0", (4, 7)), ("1", (4, 5)), ("2", (4, 2))]


class Scaled(MLP):
    """An MLP with one more parameter."""

    def __init__(self, widths):
        super().__init__(widths, generator=seeded())
        self.scale = nn.Parameter(torch.tensor(3.0))

    def forward(self, x):
        return self.scale * super().forward(x)


def test_a_subclass_may_have_more_parameters():
    x = torch.ones(4, 3)
    scaled = Scaled([3, 7, 2])
    torch.testing.assert_close(scaled(x), 3 * MLP([3, 7, 2], generator=seeded())(x))
    scaled(x).sum().backward()
    assert all(p.grad is not None for p in scaled.parameters())


# ---- errors that teach ---------------------------------------------------------------


def message(text):
    return f"^{re.escape(text)}$"


def test_errors_say_what_was_given_and_what_to_do():
    weight, bias = random(7, 3), random(7)
    with pytest.raises(
        ValueError,
        match=message(
            "x of shape (5, 4) does not fit weight of shape (7, 3): the layer expects "
            "3 numbers along the last axis of x."
        ),
    ):
        linear(random(5, 4), weight, bias)
    with pytest.raises(
        ValueError,
        match=message(
            "weight of shape (7, 3) and bias of shape (3,) make no layer; expected "
            "(F, C) and (F,), one row and one bias for each of the F neurons."
        ),
    ):
        linear(random(5, 3), weight, random(3))
    with pytest.raises(
        ValueError,
        match=message(
            "3 parameters do not pair up; a network is a list of weight, bias, weight, "
            "bias, and so on."
        ),
    ):
        feedforward(random(5, 3), [weight, bias, weight])
    with pytest.raises(ValueError, match=r"^0 parameters do not pair up"):
        feedforward(random(5, 3), [])


@pytest.mark.parametrize("engine", [torch.from_numpy, Variable])
def test_shape_errors_are_the_same_on_both_engines(engine):
    arrays = [np.ones(s) for s in [(5, 4), (7, 3), (7,)]]
    with pytest.raises(ValueError, match=r"^x of shape \(5, 4\) does not fit weight"):
        linear(*(engine(a) for a in arrays))


@pytest.mark.parametrize("widths", [[3, 0, 2], [0, 2], [3, -1]])
def test_a_layer_needs_at_least_one_neuron(widths):
    with pytest.raises(ValueError, match=r"^widths=.* make no network; give two or"):
        MLP(widths)
    with pytest.raises(ValueError, match=r"^widths=\[3, 0\] make no network"):
        Linear(3, 0)


@pytest.mark.parametrize("widths", [[], [3]])
def test_a_network_needs_an_input_and_an_output(widths):
    with pytest.raises(
        ValueError,
        match=message(
            f"widths={widths} make no network; give two or more, each at least 1: how "
            "many numbers enter, and how many neurons each layer has."
        ),
    ):
        MLP(widths)


@pytest.mark.parametrize("lr", [-0.1, 0.0, float("nan"), float("inf")])
def test_the_learning_rate_must_lead_downhill(lr):
    with pytest.raises(ValueError, match=f"^lr={lr} does not go downhill;"):
        descend([torch.ones(2, requires_grad=True)], lr=lr)


def test_a_step_needs_finite_gradients_and_else_changes_nothing():
    w = torch.ones(2, requires_grad=True)
    with pytest.raises(ValueError, match=r"^parameter 0 has no gradient;"):
        descend([w], lr=0.1)
    w.grad = torch.tensor([1.0, float("nan")])
    with pytest.raises(
        ValueError, match=r"^the gradient of parameter 0 is not finite;"
    ):
        descend([w], lr=0.1)
    assert torch.equal(w, torch.ones(2))


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), None])
@pytest.mark.parametrize("engine", [torch.from_numpy, Variable])
def test_if_one_parameter_cannot_take_its_step_none_does(engine, bad):
    first, second = engine(np.ones(2)), engine(np.ones(2))
    first.grad = first.data * 0 + 0.5
    second.grad = None if bad is None else second.data * bad
    with pytest.raises(ValueError, match="parameter 1 "):
        descend([first, second], lr=0.1)
    np.testing.assert_array_equal(first.data, np.ones(2))
    np.testing.assert_array_equal(first.grad, np.full(2, 0.5))


@pytest.mark.parametrize("engine", [torch.from_numpy, Variable])
def test_large_gradients_whose_sum_overflows_are_finite(engine):
    w = engine(np.ones(2))
    w.grad = w.data * 1e308
    descend([w], lr=1e-308)
    np.testing.assert_allclose(w.data, np.zeros(2), atol=1e-12)


def test_a_parameter_given_twice_takes_one_step():
    w = torch.ones(2, requires_grad=True)
    w.sum().backward()
    descend([w, w], lr=0.25)
    assert torch.equal(w, torch.full((2,), 0.75))


def test_parameters_may_come_from_a_generator():
    mlp = MLP([3, 2], generator=seeded())
    mlp(torch.ones(1, 3)).sum().backward()
    before = numbers(mlp.parameters())[0].copy()
    descend(mlp.parameters(), lr=0.1)
    np.testing.assert_allclose(numbers(mlp.parameters())[0], before - 0.1, rtol=1e-6)


# ---- the tests would notice the mistakes people make ---------------------------------


def bent_last(x, parameters):
    return relu(feedforward(x, parameters))


def never_bent(x, parameters):
    return feedforward(x, parameters, lambda x: x)


def without_biases(x, parameters):
    silent = [p if p.dim() == 2 else 0 * p for p in parameters]
    return feedforward(x, silent)


@pytest.mark.parametrize("broken", [bent_last, never_bent, without_biases])
def test_a_broken_network_is_noticed(broken):
    mlp = MLP([3, 7, 11, 5], generator=seeded()).double()
    x = random(13, 3)
    wrong = broken(x, list(mlp.parameters()))
    assert (wrong - torch_mlp(mlp)(x)).abs().max() > 1e-2
