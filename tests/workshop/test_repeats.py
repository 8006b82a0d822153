import pytest
import torch
from torch import nn

from transformer_path.networks.feedforward import MLP
from transformer_path.workshop.batches import minibatches
from transformer_path.workshop.datasets import Examples
from transformer_path.workshop.repeats import accuracies, each_rate, repeat
from transformer_path.workshop.scores import accuracy
from transformer_path.workshop.training import fit

generator = torch.Generator().manual_seed(0)
SOME = Examples(
    torch.randn(53, 7, generator=generator),
    torch.randint(3, (53,), generator=generator),
)


def build(seed: int) -> nn.Module:
    return MLP([7, 11, 3], generator=torch.Generator().manual_seed(seed)).double()


def doubles() -> Examples:
    return Examples(SOME.x.double(), SOME.y)


@pytest.mark.parametrize("seeds", [[0], [5, 2], range(3)])
def test_equals_one_run_after_the_other(seeds):
    options = {"steps": 37, "schedule": lambda done: 1 - done}
    models, history = repeat(
        build, doubles(), lr=0.3, size=10, weight_decay=0.01, seeds=seeds, **options
    )
    for column, (seed, ours) in enumerate(zip(seeds, models, strict=True)):
        alone = build(seed)
        sgd = torch.optim.SGD(alone.parameters(), 0.3, weight_decay=0.01)
        batch = minibatches(doubles(), 10, seed=seed)
        expected = fit(alone, batch, optimizer=sgd, **options)["train_loss"]
        for p, q in zip(ours.parameters(), alone.parameters(), strict=True):
            torch.testing.assert_close(p, q, rtol=0, atol=1e-10)
        torch.testing.assert_close(history["train_loss"][:, column], expected)


@pytest.mark.parametrize("rates", [[0.3], [0.1, 1.0, 0.03]])
def test_each_rate_is_a_run_of_its_own(rates):
    options = {"steps": 37, "size": 10, "schedule": lambda done: 1 - done}
    grid = each_rate(build, doubles(), rates=rates, seeds=[5, 2], **options)
    assert len(grid) == len(rates)
    for rate, row in zip(rates, grid, strict=True):
        alone, _ = repeat(build, doubles(), lr=rate, seeds=[5, 2], **options)
        for ours, theirs in zip(row, alone, strict=True):
            torch.testing.assert_close(
                ours.state_dict(), theirs.state_dict(), rtol=0, atol=1e-10
            )


def test_one_rate_that_diverges_leaves_the_others_alone():
    grid = each_rate(build, doubles(), rates=[1e9, 0.3], steps=30, seeds=[0])
    assert not all(p.isfinite().all() for p in grid[0][0].parameters())
    alone, _ = repeat(build, doubles(), lr=0.3, steps=30, seeds=[0])
    torch.testing.assert_close(grid[1][0].state_dict(), alone[0].state_dict())


@pytest.mark.parametrize(
    "changed",
    [
        {"lr": 0.31},
        {"size": 11},
        {"weight_decay": 0.1},
        {"seeds": [1]},
        {"steps": 21},
        {"schedule": lambda done: 1 - done},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_every_argument_counts(changed):
    plain = {"lr": 0.3, "size": 10, "seeds": [0], "steps": 20}
    (one,), _ = repeat(build, doubles(), **plain)
    (other,), _ = repeat(build, doubles(), **(plain | changed))
    assert not torch.allclose(one(doubles().x), other(doubles().x))


def test_accuracies_are_those_of_each_model():
    models = [build(seed) for seed in range(5)]
    found = accuracies(models, doubles())
    assert found.tolist() == pytest.approx([accuracy(m, doubles()) for m in models])
    assert found.unique().numel() > 1
