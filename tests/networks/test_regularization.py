"""Dropout against torch's, and augmentation against the generator of the series."""

import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from transformer_path.networks.feedforward import MLP
from transformer_path.networks.regularization import (
    Augment,
    Dropout,
    augmented,
    dropout,
    shear,
    shift,
)
from transformer_path.workshop.batches import minibatches, stacked
from transformer_path.workshop.datasets import Examples
from transformer_path.workshop.ensembles import Several
from transformer_path.workshop.generator import make

EXACT = {"rtol": 1e-10, "atol": 1e-10}
SHAPES = st.lists(st.integers(1, 7), min_size=1, max_size=4).map(tuple)
SHARES = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9])


@pytest.fixture(autouse=True)
def _same_draws():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def random(*shape, seed=0):
    return torch.randn(*shape, generator=seeded(seed), dtype=torch.float64)


def message(text):
    return f"^{re.escape(text)}$"


# ---- dropout equals torch's ----------------------------------------------------------


def differs_from_torchs(layer, shape, p, seed):
    """Compare value and gradient in training, and both in evaluation."""
    theirs = nn.Dropout(p)
    for training in (True, False):
        results = []
        for module in (layer, theirs.train(training)):
            module.train(training)
            x = (1 + random(*shape, seed=seed).abs()).requires_grad_()  # no zeros
            torch.manual_seed(seed)
            out = module(x)
            (out * random(*shape, seed=seed + 1)).sum().backward()
            results.append((out.detach(), x.grad))
        for ours, expected in zip(*results, strict=True):
            if not torch.allclose(ours, expected, **EXACT):
                return True
    return False


@settings(deadline=None, max_examples=40)
@given(shape=SHAPES, p=SHARES, seed=st.integers(0, 99))
def test_dropout_equals_torchs_from_the_same_seed(shape, p, seed):
    assert not differs_from_torchs(Dropout(p), shape, p, seed)


@settings(deadline=None, max_examples=40)
@given(shape=SHAPES, p=SHARES, seed=st.integers(0, 99))
def test_the_function_equals_torchs_given_its_mask(shape, p, seed):
    torch.manual_seed(seed)
    keep = F.dropout(torch.ones(shape, dtype=torch.float64), p) > 0
    ours, theirs = (random(*shape, seed=seed).requires_grad_() for _ in range(2))
    torch.manual_seed(seed)
    expected = F.dropout(theirs, p)
    given_bool = dropout(ours, keep, p)
    torch.testing.assert_close(given_bool, expected, **EXACT)
    torch.testing.assert_close(dropout(ours, keep.double(), p), expected, **EXACT)
    weights = random(*shape, seed=seed + 1)
    (given_bool * weights).sum().backward()
    (expected * weights).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad, **EXACT)


class NotScaled(Dropout):
    def forward(self, x):
        return super().forward(x) * (1 - self.p if self.training else 1)


class ScaledInEvaluation(Dropout):
    """The original form, mixed up with the inverted one."""

    def forward(self, x):
        return super().forward(x) * (1 if self.training else 1 - self.p)


class KeepsWithP(Dropout):
    def forward(self, x):
        keep = torch.empty_like(x).bernoulli_(self.p)
        return x * keep / self.p if self.training else x


class NeverOff(Dropout):
    def forward(self, x):
        return dropout(x, torch.empty_like(x).bernoulli_(1 - self.p), self.p)


class OneMaskForAllRows(Dropout):
    def forward(self, x):
        keep = torch.empty_like(x[0]).bernoulli_(1 - self.p)
        return x * keep / (1 - self.p) if self.training else x


class UnmaskedGradient(Dropout):
    def forward(self, x):
        return x + (super().forward(x) - x).detach()


class NegativeInsteadOfZero(Dropout):
    def forward(self, x):
        out = super().forward(x)
        return torch.where(out == 0, -x, out)


@pytest.mark.parametrize(
    "broken",
    [
        NotScaled,
        ScaledInEvaluation,
        KeepsWithP,
        NeverOff,
        OneMaskForAllRows,
        UnmaskedGradient,
        NegativeInsteadOfZero,
    ],
)
def test_a_broken_dropout_is_noticed(broken):
    assert differs_from_torchs(broken(0.25), (5, 7), 0.25, 3)


# ---- properties of dropout -----------------------------------------------------------


@settings(deadline=None, max_examples=20)
@given(p=st.sampled_from([0.1, 0.25, 0.5, 0.8]), seed=st.integers(0, 99))
def test_the_expectation_is_kept(p, seed):
    torch.manual_seed(seed)
    x = random(7, seed=seed).expand(20_000, 7)
    mean = Dropout(p)(x).mean(0)
    error = x[0].abs() * (p / (1 - p) / 20_000) ** 0.5  # of a mean of 20,000
    assert ((mean - x[0]).abs() < 5 * error).all()


def test_every_number_is_dropped_by_itself():
    dropped = (Dropout(0.3)(torch.ones(20_000, 5)) == 0).double()
    correlation = torch.corrcoef(dropped.T) - torch.eye(5)
    assert correlation.abs().max() < 0.04  # five times its standard error
    assert (dropped.mean(0) - 0.3).abs().max() < 0.017


def test_two_calls_draw_two_masks_and_a_seed_gives_them_again():
    layer, x = Dropout(0.5), torch.ones(100)
    torch.manual_seed(1)
    first, second = layer(x), layer(x)
    assert not torch.equal(first, second)
    torch.manual_seed(1)
    assert torch.equal(layer(x), first)


def test_evaluation_and_p_of_0_change_nothing():
    x = random(5, 7)
    assert torch.equal(Dropout(0.5).eval()(x), x)
    assert torch.equal(Dropout(0.0)(x), x)


def test_models_side_by_side_draw_masks_of_their_own():
    models = Several(
        [nn.Sequential(Dropout(0.5), nn.Identity(), scale) for scale in _scales()]
    )
    out = models(torch.ones(4, 50))
    assert out.shape == (3, 4, 50)
    assert not torch.equal(out[0] == 0, out[1] == 0)
    assert torch.equal(models.eval()(torch.ones(4, 50)), torch.ones(3, 4, 50))


class _Scale(nn.Module):
    def __init__(self):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(1.0))

    def forward(self, x):
        return self.factor * x


def _scales():
    return [_Scale() for _ in range(3)]


def test_inside_an_mlp_it_acts_in_training_only():
    mlp, x = MLP([3, 50, 2], generator=seeded()), torch.randn(5, 3)
    expected = mlp(x)
    mlp.layers[1] = nn.Sequential(Dropout(0.5), mlp.layers[1])
    assert (mlp(x) - expected).abs().max() > 1e-2
    assert torch.equal(mlp.eval()(x), expected)


def test_a_printed_model_shows_its_p():
    assert repr(Dropout(0.2)) == "Dropout(p=0.2)"


@pytest.mark.parametrize("p", [-0.1, 1.0, 1.5, float("nan")])
def test_p_is_a_probability_below_1(p):
    expected = message(
        f"p={p} is no probability of being dropped; give 0 or more and less than 1, "
        "for example 0.2."
    )
    with pytest.raises(ValueError, match=expected):
        Dropout(p)
    with pytest.raises(ValueError, match=expected):
        dropout(torch.ones(3), torch.ones(3), p)


def test_every_number_needs_a_yes_or_no():
    with pytest.raises(
        ValueError,
        match=message(
            "keep of shape (7,) does not fit x of shape (5, 7); every number of x has "
            "its own yes or no."
        ),
    ):
        dropout(torch.ones(5, 7), torch.ones(7), 0.5)


# ---- moving and tilting --------------------------------------------------------------


@settings(deadline=None, max_examples=40)
@given(
    leading=st.lists(st.integers(1, 5), max_size=2).map(tuple),
    length=st.integers(1, 13),
    seed=st.integers(0, 99),
)
def test_shift_is_torchs_roll_one_series_at_a_time(leading, length, seed):
    x = random(*leading, length, seed=seed).requires_grad_()
    by = torch.randint(-20, 21, leading, generator=seeded(seed))
    moved = shift(x, by)
    rows = zip(x.reshape(-1, length), by.reshape(-1).tolist(), strict=True)
    expected = torch.stack([row.roll(k) for row, k in rows]).reshape(x.shape)
    torch.testing.assert_close(moved, expected, **EXACT)
    weights = random(*leading, length, seed=seed + 1)
    (ours,) = torch.autograd.grad((moved * weights).sum(), x)
    (theirs,) = torch.autograd.grad((expected * weights).sum(), x)
    torch.testing.assert_close(ours, theirs, **EXACT)
    torch.testing.assert_close(shift(moved, -by), x, **EXACT)


def average_series(y, **fixed):
    """What a class looks like without its noise: the mean of many series."""
    made = make(20_000, 7, padding=48, **fixed)
    return torch.tensor(made.x[made.y == y].mean(0))


@pytest.mark.parametrize("y", [0, 4, 6])
def test_a_series_moved_is_a_series_that_the_generator_makes(y):
    # 20 of the generator's 71 steps are 10.99 of our 39; the shape is 15 of 72 long.
    here = average_series(y, height=1, slope=0, shift=10)
    there = average_series(y, height=1, slope=0, shift=30)
    moved = shift(here[None], torch.tensor([11]))[0]
    other_way = shift(here[None], torch.tensor([-11]))[0]
    assert (moved - there).abs().max() < 0.1 < (other_way - there).abs().max()


def test_a_series_sheared_is_a_series_that_the_generator_makes():
    level = torch.tensor(make(50, 7, slope=0).x)
    tilted = torch.tensor(make(50, 7, slope=0.3).x)
    slope = torch.full((50,), 0.3, dtype=torch.float64)
    torch.testing.assert_close(shear(level, slope), tilted, **EXACT)
    assert (shear(level, -slope) - tilted).abs().max() > 0.1


@pytest.mark.parametrize("y", [0, 4, 6])
def test_a_series_scaled_is_a_series_that_the_generator_makes(y):
    low = average_series(y, height=0.9, slope=0, shift=20)
    high = average_series(y, height=1.08, slope=0, shift=20)
    torch.testing.assert_close(low * 1.2, high, rtol=0, atol=0.02)


def test_a_shift_is_one_whole_number_for_each_series():
    with pytest.raises(
        ValueError,
        match=message(
            "by of shape (3,) and type torch.int64 does not move x of shape (5, 7); "
            "expected (5,), a whole number for each series."
        ),
    ):
        shift(torch.ones(5, 7), torch.ones(3, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"^by of shape \(5,\) and type torch.float32"):
        shift(torch.ones(5, 7), torch.ones(5))


def test_a_slope_is_one_number_for_each_series():
    with pytest.raises(
        ValueError,
        match=message(
            "slope of shape (3,) does not tilt x of shape (5, 7); expected (5,), one "
            "for each series."
        ),
    ):
        shear(torch.ones(5, 7), torch.ones(3))


# ---- augmentation --------------------------------------------------------------------

EACH = [{"shift": 2}, {"scale": 0.2}, {"shear": 0.3}, {"noise": 0.1}]


@pytest.mark.parametrize("setting", EACH, ids=lambda s: next(iter(s)))
def test_every_setting_changes_the_series_each_in_its_own_way(setting):
    x = random(7, 40).expand(7, 40)
    changed = Augment(**setting)(x, seeded())
    assert changed.dtype == x.dtype
    assert not torch.allclose(changed, x)
    alike = Augment(**setting)(x[:1].expand(7, 40), seeded())
    assert len({tuple(row.tolist()) for row in alike}) > 1


def test_without_settings_nothing_changes():
    x = random(7, 40)
    assert torch.equal(Augment()(x, seeded()), x)


def test_no_change_goes_further_than_asked_and_each_goes_as_far():
    generator, ramp = seeded(), torch.arange(41.0, dtype=torch.float64)
    x = ramp.expand(4000, 41)
    moved = Augment(shift=3)(x, generator)[:, 0]  # 0 moved right by k reads 41 - k
    by = (-moved + 20) % 41 - 20
    assert sorted(set(by.tolist())) == [-3, -2, -1, 0, 1, 2, 3]
    factor = Augment(scale=0.2)(x, generator)[:, 10] / 10
    slope = x[:, 0] - Augment(shear=0.4)(x, generator)[:, 0]  # half of it at the end
    for drawn, low, high in [(factor, 0.8, 1.2), (slope, -0.2, 0.2)]:
        assert low <= drawn.min() < low + 0.01 * (high - low)
        assert high >= drawn.max() > high - 0.01 * (high - low)
    noise = Augment(noise=0.5)(x, generator) - x
    assert abs(noise.std() - 0.5) < 0.01
    assert abs(np.corrcoef(noise[:, 3], noise[:, 4])[0, 1]) < 0.08


def test_batches_change_with_the_step_and_come_again():
    series = Examples(torch.randn(6, 40), torch.arange(6))
    plain = minibatches(series, 3)
    batch = augmented(plain, Augment(noise=0.1))
    again = augmented(plain, Augment(noise=0.1))
    other = augmented(plain, Augment(noise=0.1), seed=1)
    added = [batch(step).x - plain(step).x for step in range(4)]
    assert not any(torch.equal(added[0], each) for each in added[1:])
    for step in (3, 0, 2):  # in any order
        assert torch.equal(batch(step).x, again(step).x)
        assert torch.equal(batch(step).y, plain(step).y)
        assert not torch.equal(batch(step).x, other(step).x)
    assert torch.equal(plain(0).x, minibatches(series, 3)(0).x)  # not in place


def test_stacked_batches_change_each_by_itself():
    series = Examples(torch.randn(6, 40), torch.arange(6))
    plain = stacked([minibatches(series, 3)] * 2)
    changed = augmented(plain, Augment(shift=2, scale=0.1, shear=0.1, noise=0.1))(0)
    assert changed.x.shape == (2, 3, 40)
    assert not torch.equal(changed.x[0], changed.x[1])


@pytest.mark.parametrize("name", ["shift", "scale", "shear", "noise"])
@pytest.mark.parametrize("value", [-1, float("nan"), float("inf")])
def test_a_setting_is_the_end_of_a_range(name, value):
    with pytest.raises(
        ValueError,
        match=message(
            f"{name}={value} is no range; give 0 or more (0 leaves the series as it "
            "is)."
        ),
    ):
        Augment(**{name: value})


def test_what_would_not_keep_the_label_or_has_no_meaning_is_refused():
    with pytest.raises(
        ValueError, match=message("shift=1.5 must be a whole number of positions.")
    ):
        Augment(shift=1.5)
    with pytest.raises(
        ValueError,
        match=message(
            "scale=1.5 allows a factor of -0.5, which erases a series or turns it "
            "upside down; stay below 1."
        ),
    ):
        Augment(scale=1.5)


# ---- the tests would notice ----------------------------------------------------------


def test_a_shift_the_wrong_way_and_one_for_all_are_noticed():
    x, by = random(5, 7), torch.tensor([1, 2, 3, -1, 0])
    right = shift(x, by)
    assert not torch.allclose(shift(x, -by), right)
    assert not torch.allclose(x.roll(int(by[0]), -1), right)
    assert not torch.allclose(x.roll(1, 0), right)
