"""Pieces and regions are counted exactly: held against dense sampling."""

import pytest
import torch

from transformer_path.networks.feedforward import MLP, linear, relu
from transformer_path.workshop.regions import breakpoints, regions


def network(widths, seed):
    return MLP(widths, generator=torch.Generator().manual_seed(seed)).double()


def patterns(x, parameters):
    """Say for every point which units are active, by running the network."""
    active = []
    for weight, bias in zip(parameters[:-2:2], parameters[1:-2:2], strict=True):
        x = relu(linear(x, weight, bias))
        active.append(x > 0)
    return torch.cat(active, -1)


@pytest.mark.parametrize("widths", [[1, 7, 1], [1, 5, 3, 2], [1, 4, 4, 4, 1]])
@pytest.mark.parametrize("seed", range(5))
def test_breakpoints_lie_where_the_active_units_change(widths, seed):
    parameters = list(network(widths, seed).parameters())
    kinks = breakpoints(parameters, -3, 3)
    x = torch.linspace(-3, 3, 200_003, dtype=torch.float64)
    active = patterns(x[:, None], parameters)
    changes = (active[1:] != active[:-1]).any(1).nonzero()[:, 0]
    sampled = (x[changes] + x[changes + 1]) / 2
    assert len(kinks) >= len(sampled) > 0
    nearest = (sampled[:, None] - kinks).abs().amin(1)
    assert nearest.max() < 6 / 200_000  # every change that sampling sees is a kink
    eps = 1e-9  # and at every kink a unit changes, however close the next one is
    before, after = (patterns(kinks[:, None] + e, parameters) for e in (-eps, eps))
    assert (before != after).any(1).all()


def test_a_narrow_piece_that_sampling_misses_is_counted():
    weight, bias = torch.ones(2, 1), torch.tensor([0.0, -1e-7], dtype=torch.float64)
    parameters = [weight, bias, torch.ones(1, 2), torch.zeros(1)]
    assert breakpoints(parameters, -1, 1).tolist() == pytest.approx([0, 1e-7])


def test_a_network_without_hidden_units_has_no_breakpoints():
    assert not len(breakpoints([torch.ones(1, 1), torch.zeros(1)], -1, 1))


@pytest.mark.parametrize(
    "parameters", [[], [torch.ones(2, 1)], [torch.ones(2, 2), torch.ones(2)]]
)
def test_what_is_no_network_of_one_input_is_refused(parameters):
    with pytest.raises(ValueError, match="no network of one input"):
        breakpoints(parameters, 0, 1)


@pytest.mark.parametrize("n_lines", [1, 2, 5, 6])
@pytest.mark.parametrize("seed", range(4))
def test_regions_are_the_sets_of_active_units(n_lines, seed):
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(n_lines, 2, generator=generator, dtype=torch.float64)
    bias = torch.randn(n_lines, generator=generator, dtype=torch.float64)
    side = torch.linspace(-2, 2, 2001, dtype=torch.float64)
    plane = torch.cartesian_prod(side, side)
    codes = (linear(plane, weight, bias) > 0).double() @ (
        2.0 ** torch.arange(n_lines)
    ).double()
    seen = len(codes.unique())
    assert seen <= regions(weight, bias, reach=2.0) <= seen + 1  # a sliver may hide
    everywhere = 1 + n_lines + n_lines * (n_lines - 1) // 2
    assert regions(weight, bias, reach=1e6) == everywhere


def test_parallel_lines_do_not_meet():
    weight = torch.tensor([[1.0, 0.0], [2.0, 0.0]])
    assert regions(weight, torch.tensor([0.0, 1.0]), reach=2.0) == 3


def test_what_are_no_lines_is_refused():
    with pytest.raises(ValueError, match="no lines in the plane"):
        regions(torch.ones(2, 3), torch.ones(2), reach=1.0)
