import pytest
import torch

from transformer_path.workshop.graphs import critical_path


@pytest.mark.parametrize("length", [1, 2, 50, 3000])
def test_a_chain_is_as_long_as_its_operations(length):
    x = torch.ones(2, requires_grad=True)
    for _ in range(length):
        x = x.sin()
    assert critical_path(x) == length


def test_the_longest_of_several_ways_counts_once():
    x = torch.ones(2, requires_grad=True)
    shared = x.exp()
    short, long = shared.sin(), shared.sin().cos().tanh()
    assert critical_path(short * long) == 5
    assert critical_path(long * short) == 5


def test_what_has_no_graph_is_refused():
    with pytest.raises(ValueError, match=r"^the output has no computation graph"):
        critical_path(torch.ones(2))
