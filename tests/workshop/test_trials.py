import pytest
import torch
from torch import nn

from transformer_path.workshop.batches import mixed
from transformer_path.workshop.datasets import Examples
from transformer_path.workshop.ensembles import Several
from transformer_path.workshop.scores import classification_loss
from transformer_path.workshop.training import fit, seeded
from transformer_path.workshop.trials import AdamEach, Trial, best, trials


def task(n: int, seed: int) -> Examples:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 3, generator=generator, dtype=torch.float64)
    return Examples(x, (x[:, 0] * x[:, 1] > 0).long())


def network(scale: float = 1.0) -> nn.Module:
    model = nn.Sequential(nn.Linear(3, 7), nn.Tanh(), nn.Linear(7, 2)).double()
    model[0].weight.data *= scale
    return model


STARTS = {"small": lambda: network(0.1), "large": lambda: network(3.0)}


def test_each_trial_is_a_run_of_its_own():
    options = {"steps": 37, "size": 11}
    tried = trials(STARTS, task, rates=[0.3, 0.01], seeds=[5, 2], **options)
    keys = [(start, rate) for start in STARTS for rate in (0.3, 0.01)]
    assert [(t.start, t.rate) for t in tried] == keys
    for trial in tried:
        for seed, ours in zip([5, 2], trial.models, strict=True):
            with seeded(seed):
                alone = STARTS[trial.start]()
            adam = torch.optim.Adam(alone.parameters(), trial.rate)
            fit(
                alone, lambda n, s=seed: task(11, mixed(s, n)), optimizer=adam, steps=37
            )
            torch.testing.assert_close(
                ours.state_dict(), alone.state_dict(), rtol=0, atol=1e-8
            )


def test_validation_is_of_other_examples_than_training():
    few = []

    def watched(n, seed):
        few.append(seed)
        return task(n, seed)

    (trial,) = trials({0: network}, watched, rates=[0.1], steps=5)
    *training, last = few
    assert last not in training
    losses = [classification_loss(m, task(1000, last)).item() for m in trial.models]
    assert trial.validation == pytest.approx(sum(losses) / 3)


def test_the_best_is_the_smallest_of_its_own_starts():
    tried = [
        Trial("a", 0.1, float("nan"), []),
        Trial("a", 0.2, 0.5, []),
        Trial("b", 0.3, 0.4, []),
        Trial("c", 0.4, 0.1, []),
    ]
    assert best(tried, "a") == tried[1]
    assert best(tried, "a", "b") == tried[2]
    with pytest.raises(ValueError, match=r"no trial from \('d',\) came to a finite"):
        best(tried, "d")


def test_a_frozen_parameter_stays():
    models = []
    for value in (0.0, 1.0):
        model = nn.Linear(3, 2)
        model.sees = nn.Parameter(torch.tensor(value), requires_grad=False)
        models.append(model)
    several = Several(models)
    adam = AdamEach(several, [0.1, 0.1])
    several(torch.randn(5, 3)).sum().backward()
    adam.step()
    assert [m.sees.item() for m in several.members()] == [0.0, 1.0]
