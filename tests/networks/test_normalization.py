"""First weights, normalisation layers and residual connections against torch's."""

import re
from copy import deepcopy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from transformer_path.networks.autograd import Variable
from transformer_path.networks.feedforward import MLP, Linear
from transformer_path.networks.normalization import (
    BatchNorm,
    LayerNorm,
    Residual,
    he,
    initialize,
    normalize,
    xavier,
)
from transformer_path.workshop.ensembles import Several

EXACT = {"rtol": 1e-10, "atol": 1e-10}
TORCH_BATCH_NORMS = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def random(*shape, seed=0):
    return torch.randn(*shape, generator=seeded(seed), dtype=torch.float64)


def away_from_the_start(layer, seed=5):
    """Give every parameter and buffer a value that no first weight has."""
    generator = seeded(seed)
    for tensor in layer.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.5)
    return layer.double()


def same_output_and_gradients(ours, theirs, x):
    """Compare the output, the gradients of input and parameters, and the state."""
    a, b = x.clone().requires_grad_(), x.clone().requires_grad_()
    out, expected = ours(a), theirs(b)
    seed = random(*out.shape, seed=1)
    out.backward(seed)
    expected.backward(seed)
    torch.testing.assert_close(out, expected, **EXACT)
    torch.testing.assert_close(a.grad, b.grad, **EXACT)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad, **EXACT)
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    for name, value in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], value, **EXACT)


# ---- layer normalisation -------------------------------------------------------------

leading_shapes = st.lists(st.integers(1, 5), max_size=3)


@settings(deadline=None, max_examples=40)
@given(
    leading=leading_shapes,
    n=st.integers(1, 13),
    scale=st.sampled_from([1e-3, 1.0, 100.0]),
    eps=st.sampled_from([1e-5, 0.1]),
)
def test_layer_norm_equals_torchs(leading, n, scale, eps):
    theirs = away_from_the_start(nn.LayerNorm(n, eps))
    ours = LayerNorm(n, eps).double()
    ours.load_state_dict(theirs.state_dict())
    x = scale * random(*leading, n, seed=n) + 3
    same_output_and_gradients(ours, theirs, x)


@settings(deadline=None, max_examples=40)
@given(shape=st.lists(st.integers(1, 5), min_size=1, max_size=4), data=st.data())
def test_both_engines_normalise_alike(shape, data):
    axes = st.sets(st.integers(0, len(shape) - 1), min_size=1)
    axis = tuple(sorted(data.draw(axes)))
    x = random(*shape).requires_grad_()
    variable, seed = Variable(x.detach().numpy()), random(*shape, seed=1)
    out, ours = normalize(x, axis), normalize(variable, axis)
    out.backward(seed)
    ours.backward(seed.numpy())
    np.testing.assert_allclose(ours.data, out.detach(), **EXACT)
    np.testing.assert_allclose(variable.grad, x.grad, rtol=0, atol=1e-9)


# ---- batch normalisation -------------------------------------------------------------


@settings(deadline=None, max_examples=40)
@given(
    batch=st.integers(2, 7),
    n=st.integers(1, 11),
    places=st.lists(st.integers(1, 5), max_size=2),
    momentum=st.sampled_from([0.0, 0.1, 0.7, 1.0]),
    eps=st.sampled_from([1e-5, 0.1]),
)
def test_batch_norm_equals_torchs(batch, n, places, momentum, eps):
    torchs = TORCH_BATCH_NORMS[2 + len(places)]
    theirs = away_from_the_start(torchs(n, eps, momentum))
    ours = BatchNorm(n, eps, momentum).double()
    ours.load_state_dict(theirs.state_dict())
    for step in range(3):
        for layer in (ours, theirs):
            layer.train()
            layer.zero_grad()
        same_output_and_gradients(
            ours, theirs, 3 + random(batch, n, *places, seed=step)
        )
        for layer in (ours, theirs):
            layer.eval()
            layer.zero_grad()
        # One example will do in evaluation.
        same_output_and_gradients(ours, theirs, random(1, n, *places, seed=9 + step))


def test_one_example_with_several_places_is_enough_to_train():
    ours, theirs = BatchNorm(3).double(), nn.BatchNorm1d(3).double()
    same_output_and_gradients(ours, theirs, random(1, 3, 5))


def test_state_dicts_go_both_ways():
    for ours, theirs in [
        (LayerNorm(7), nn.LayerNorm(7)),
        (BatchNorm(7), nn.BatchNorm1d(7)),
    ]:
        away_from_the_start(ours)
        theirs.double().load_state_dict(ours.state_dict())
        same_output_and_gradients(ours, theirs, random(5, 7))


def test_with_momentum_one_only_the_last_batch_counts_with_zero_none():
    last, first = BatchNorm(3, momentum=1.0).double(), BatchNorm(3, momentum=0.0)
    for step in range(2):
        x = random(11, 3, seed=step)
        last(x), first.double()(x)
    torch.testing.assert_close(last.running_mean, x.mean(0), **EXACT)
    torch.testing.assert_close(last.running_var, x.var(0), **EXACT)
    torch.testing.assert_close(first.running_mean, torch.zeros(3).double(), **EXACT)


def test_evaluation_changes_no_buffer_and_sees_one_example_at_a_time():
    norm = away_from_the_start(BatchNorm(3)).eval()
    before, x = deepcopy(norm.state_dict()), random(5, 3)
    together = norm(x)
    torch.testing.assert_close(torch.cat([norm(row[None]) for row in x]), together)
    for name, value in norm.state_dict().items():
        assert torch.equal(value, before[name])


def test_the_running_averages_hold_no_graph():
    norm, x = BatchNorm(3).double(), random(5, 3).requires_grad_()
    norm(x)
    assert not norm.running_mean.requires_grad
    norm(x).sum().backward()  # a graph that went through the first call would be gone


def test_a_stack_of_batch_norms_is_each_of_them():
    models = [away_from_the_start(BatchNorm(3), seed) for seed in range(4)]
    several, x = Several(models), random(5, 3)
    for mode in (True, False):
        several.train(mode)
        expected = torch.stack([model.train(mode)(x) for model in models])
        torch.testing.assert_close(several(x), expected, **EXACT)
    for model, member in zip(models, several.members(), strict=True):
        for name, value in model.state_dict().items():
            torch.testing.assert_close(member.state_dict()[name], value, **EXACT)


def test_a_stack_of_layer_norms_is_each_of_them():
    models = [away_from_the_start(LayerNorm(3), seed) for seed in range(4)]
    x = random(5, 3)
    expected = torch.stack([model(x) for model in models])
    torch.testing.assert_close(Several(models)(x), expected, **EXACT)


# ---- first weights -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("deviation", "torchs"),
    [
        (xavier, nn.init.xavier_normal_),
        (
            he,
            lambda w, generator: nn.init.kaiming_normal_(
                w, nonlinearity="relu", generator=generator
            ),
        ),
    ],
)
def test_first_weights_are_those_of_torch(deviation, torchs):
    mlp = MLP([3, 11, 5], generator=seeded())
    initialize(mlp, deviation, generator=seeded(7))
    generator = seeded(7)
    for layer in mlp.layers:
        expected = torchs(torch.empty_like(layer.weight), generator=generator)
        assert torch.equal(layer.weight, expected)
        assert not layer.bias.any()


def test_all_linear_layers_are_drawn_wherever_they_are_and_nothing_else():
    model = nn.Sequential(
        nn.Linear(3, 7, bias=False), Residual(nn.Sequential(Linear(7, 7), LayerNorm(7)))
    )
    away_from_the_start(model)
    scale = model[1].branch[1].weight.clone()
    initialize(model, lambda n_in, n_out: 0)
    assert not model[0].weight.any()
    assert not model[1].branch[0].weight.any()
    assert torch.equal(model[1].branch[1].weight, scale)


def test_equal_first_weights_stay_equal():
    mlp = MLP([3, 5, 2]).double()
    initialize(mlp, lambda n_in, n_out: 0)
    for layer in mlp.layers:
        layer.weight.data += 0.5
    sgd = torch.optim.SGD(mlp.parameters(), lr=1.0)
    for step in range(5):
        sgd.zero_grad()
        F.cross_entropy(mlp(random(7, 3, seed=step)), torch.arange(7) % 2).backward()
        sgd.step()
    rows = mlp.layers[0].weight
    assert (rows - 0.5).abs().max() > 1e-3
    torch.testing.assert_close(rows, rows[:1].expand(5, 3), **EXACT)


# ---- residual connections ------------------------------------------------------------


def test_a_residual_connection_adds_its_input_and_its_gradient():
    branch = MLP([5, 7, 5], generator=seeded()).double()
    x = random(3, 5).requires_grad_()
    seed = random(3, 5, seed=1)
    out = Residual(branch)(x)
    torch.testing.assert_close(out, x + branch(x), **EXACT)
    (through,) = torch.autograd.grad(branch(x), x, seed)
    (whole,) = torch.autograd.grad(out, x, seed)
    torch.testing.assert_close(whole, seed + through, **EXACT)


# ---- errors that teach ---------------------------------------------------------------


def message(text):
    return f"^{re.escape(text)}$"


def test_a_batch_of_one_cannot_be_normalised_in_training():
    norm = BatchNorm(5)
    text = (
        "a batch with 1 value for each of 5 features has no spread to learn from; "
        "train on two examples or more, or call model.eval() if you only want "
        "predictions."
    )
    for x in (torch.ones(1, 5), torch.ones(1, 5, 1)):
        with pytest.raises(ValueError, match=message(text)):
            norm(x)
    with pytest.raises(ValueError, match=r"^a batch with 0 values for each of 5"):
        norm(torch.ones(0, 5))
    assert norm.num_batches_tracked == 0
    assert not norm.running_mean.any()
    assert norm.eval()(torch.ones(1, 5)).shape == (1, 5)


def test_errors_say_what_was_given_and_what_to_do():
    for norm, x, text in [
        (LayerNorm(3), (2, 4), "expected (..., 3)."),
        (LayerNorm(3), (), "expected (..., 3)."),
        (BatchNorm(3), (2, 4, 3), "expected (B, 3) or (B, 3, ...)."),
        (BatchNorm(3), (3,), "expected (B, 3) or (B, 3, ...)."),
    ]:
        with pytest.raises(
            ValueError,
            match=message(
                f"x of shape {x} does not fit a normalisation of 3 features; {text}"
            ),
        ):
            norm(torch.ones(x))
    with pytest.raises(
        ValueError,
        match=message(
            "the branch turns shape (2, 3) into (2, 1); a residual connection adds the "
            "two, so they must be alike: give the branch as many outputs as inputs."
        ),
    ):
        Residual(nn.Linear(3, 1))(torch.ones(2, 3))


@pytest.mark.parametrize("momentum", [-0.1, 1.1, float("nan")])
def test_momentum_is_a_share(momentum):
    with pytest.raises(
        ValueError, match=f"^momentum={momentum} is the share of the new"
    ):
        BatchNorm(3, momentum=momentum)


@pytest.mark.parametrize("layer", [BatchNorm, LayerNorm])
def test_settings_must_make_sense(layer):
    with pytest.raises(ValueError, match=r"^n=0 features; there must be at least 1\.$"):
        layer(0)
    with pytest.raises(ValueError, match=r"^eps=-1 is added to a variance; it must"):
        layer(3, eps=-1)


def test_initialising_needs_a_layer_and_a_deviation():
    with pytest.raises(
        ValueError,
        match=message("ReLU has no linear layer whose weights could be drawn."),
    ):
        initialize(nn.ReLU())
    with pytest.raises(
        ValueError,
        match=message(
            "deviation(3, 2) gives -1; the weights need a standard deviation, 0 or "
            "more."
        ),
    ):
        initialize(nn.Linear(3, 2), lambda n_in, n_out: -1)


# ---- the tests would notice the mistakes people make ---------------------------------


class BatchStatisticsInEvaluation(BatchNorm):
    def forward(self, x):
        was, self.training = self.training, True
        before = deepcopy(dict(self.named_buffers()))
        out = super().forward(x)
        self.training = was
        if not was:
            for name, buffer in self.named_buffers():
                buffer.copy_(before[name])
        return out


class RunningStatisticsInTraining(BatchNorm):
    def forward(self, x):
        if self.training:
            self._follow(x.detach(), [0])
        x = (x - self.running_mean) / (self.running_var + self.eps) ** 0.5
        return self.weight * x + self.bias


class MomentumOfTheOld(BatchNorm):
    def _follow(self, x, axes):
        self.running_mean.lerp_(x.mean(axes), 1 - self.momentum)
        self.running_var.lerp_(x.var(axes), 1 - self.momentum)
        self.num_batches_tracked += 1


class BiasedVarianceKept(BatchNorm):
    def _follow(self, x, axes):
        self.running_mean.lerp_(x.mean(axes), self.momentum)
        self.running_var.lerp_(x.var(axes, correction=0), self.momentum)
        self.num_batches_tracked += 1


class UnbiasedVarianceDividedBy(BatchNorm):
    def forward(self, x):
        if not self.training:
            return super().forward(x)
        self._follow(x.detach(), [0])
        x = (x - x.mean(0)) / (x.var(0, correction=1) + self.eps) ** 0.5
        return self.weight * x + self.bias


class EpsOutsideTheRoot(BatchNorm):
    def forward(self, x):
        if not self.training:
            return super().forward(x)
        self._follow(x.detach(), [0])
        x = (x - x.mean(0)) / (x.var(0, correction=0).sqrt() + self.eps)
        return self.weight * x + self.bias


class NoGradientThroughTheStatistics(BatchNorm):
    def forward(self, x):
        if not self.training:
            return super().forward(x)
        self._follow(x.detach(), [0])
        mean, variance = x.detach().mean(0), x.detach().var(0, correction=0)
        return self.weight * (x - mean) / (variance + self.eps) ** 0.5 + self.bias


class UncountedBatches(BatchNorm):
    def _follow(self, x, axes):
        super()._follow(x, axes)
        self.num_batches_tracked -= 1


@pytest.mark.parametrize(
    "broken",
    [
        BatchStatisticsInEvaluation,
        RunningStatisticsInTraining,
        MomentumOfTheOld,
        BiasedVarianceKept,
        UnbiasedVarianceDividedBy,
        EpsOutsideTheRoot,
        NoGradientThroughTheStatistics,
        UncountedBatches,
    ],
)
def test_a_broken_batch_norm_is_noticed(broken):
    def compare(layer):
        theirs = nn.BatchNorm1d(3).double()
        for mode in (True, False):
            layer.train(mode)
            theirs.train(mode)
            layer.zero_grad()
            theirs.zero_grad()
            same_output_and_gradients(layer, theirs, random(5, 3))

    compare(BatchNorm(3).double())
    with pytest.raises(AssertionError):
        compare(broken(3).double())


class OverTheBatch(LayerNorm):
    def forward(self, x):
        return self.weight * normalize(x, 0, self.eps) + self.bias


class Unbiased(LayerNorm):
    def forward(self, x):
        x = (x - x.mean(-1, True)) / (x.var(-1, keepdim=True) + self.eps) ** 0.5
        return self.weight * x + self.bias


class ScaledAfterTheBias(LayerNorm):
    def forward(self, x):
        return self.weight * (normalize(x, -1, self.eps) + self.bias)


class WithoutEps(LayerNorm):
    def forward(self, x):
        return self.weight * normalize(x, -1, 0.0) + self.bias


@pytest.mark.parametrize(
    "broken", [OverTheBatch, Unbiased, ScaledAfterTheBias, WithoutEps]
)
def test_a_broken_layer_norm_is_noticed(broken):
    def compare(layer):
        theirs = away_from_the_start(nn.LayerNorm(3))
        layer.load_state_dict(theirs.state_dict())
        same_output_and_gradients(layer, theirs, random(5, 3))

    compare(LayerNorm(3).double())
    with pytest.raises(AssertionError):
        compare(broken(3).double())
