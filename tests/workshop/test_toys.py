"""Spirals, moons and events are what the pages say of them."""

import re

import numpy as np
import pytest
import torch

from transformer_path.workshop.toys import moons, spirals, two_events


@pytest.mark.parametrize("make", [spirals, moons])
def test_shapes_types_and_seeds(make):
    x, y = make(7, seed=3)
    assert (x.shape, x.dtype) == ((7, 2), torch.float32)
    assert (y.tolist(), y.dtype) == ([0, 1, 0, 1, 0, 1, 0], torch.int64)
    assert torch.equal(x, make(7, seed=3).x)
    assert not torch.equal(x, make(7, seed=4).x)


def test_spirals_wind_one_and_a_half_times():
    x, y = spirals(3000, seed=0, noise=0.0)
    length = x.norm(dim=1)
    turn = 1.5 * np.pi * length + np.pi * y  # what the distance says of the angle
    places = length[:, None] * torch.stack([turn.cos(), turn.sin()], 1)
    torch.testing.assert_close(x, places, atol=1e-4, rtol=0)
    assert length.max() == pytest.approx(2, abs=0.01)


def test_moons_are_half_circles():
    x, y = moons(2000, seed=0, noise=0.0)
    side = 1 - 2 * y[:, None]
    from_centre = x * side + torch.tensor([0.5, 0.25])
    torch.testing.assert_close(from_centre.norm(dim=1), torch.ones(2000))
    assert (from_centre[:, 1] >= -1e-6).all()


@pytest.mark.parametrize("make", [spirals, moons])
def test_noise_is_the_standard_deviation(make):
    apart = make(20_000, seed=0, noise=0.2).x - make(20_000, seed=0, noise=0.0).x
    assert apart.std(0).tolist() == pytest.approx([0.2, 0.2], rel=0.03)


@pytest.mark.parametrize("make", [spirals, moons])
@pytest.mark.parametrize(("name", "number"), [("n", 0), ("n", 2.5), ("seed", -1)])
def test_a_number_that_makes_no_sense_is_named(make, name, number):
    with pytest.raises(ValueError, match=f"{name}={number} must be a whole number"):
        make(**({"n": 4, "seed": 0} | {name: number}))


def test_two_events_are_where_they_should_be():
    x, y = two_events(500, seed=0, distance=(2, 9), length=50, margin=20, noise=0.0)
    assert (x.shape, x.dtype, y.dtype) == ((500, 50), torch.float32, torch.int64)
    assert (x.sort(1).values[:, [0, 1, -2, -1]] == torch.tensor([-3, 0, 0, 3])).all()
    up, down = x.argmax(1), x.argmin(1)
    assert torch.equal((up > down).long(), y)
    assert set((up - down).abs().tolist()) == set(range(2, 10))
    assert min(up.min(), down.min()) == 20
    assert max(up.max(), down.max()) == 29
    assert y.sum() == 250


def test_two_events_lie_in_noise_and_depend_on_the_seed():
    x, y = two_events(5000, seed=1, distance=3, noise=0.5)
    assert x[:, :26].std() == pytest.approx(0.5, rel=0.03)
    assert torch.equal(x, two_events(5000, seed=1, distance=3, noise=0.5).x)
    assert not torch.equal(y, two_events(5000, seed=2, distance=3).y)
    assert not torch.equal(y, torch.arange(5000) % 2)


@pytest.mark.parametrize("distance", [0, 28, (0, 5), (3, 28), (5, 3)])
def test_two_events_need_room(distance):
    told = (
        f"distance={distance} does not fit between margins of 26 in a series of length "
        "80; it may go from 1 to 27."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(told)}$"):
        two_events(5, seed=0, distance=distance)
