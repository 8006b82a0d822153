import copy
import re

import pytest
import torch
from torch import nn

from transformer_path.networks.feedforward import MLP, relu, tanh
from transformer_path.workshop.batches import minibatches, stacked
from transformer_path.workshop.datasets import Examples
from transformer_path.workshop.ensembles import Several, each, padded
from transformer_path.workshop.scores import classification_loss
from transformer_path.workshop.training import fit

GENERATOR = torch.Generator().manual_seed(0)
X = torch.randn(23, 3, generator=GENERATOR)
TRAIN = Examples(X, (X @ torch.randn(3, 2, generator=GENERATOR)).argmax(1))


class Scaled(nn.Module):
    """A model with a buffer, a frozen weight and weights that are tied."""

    def __init__(self, scale=2.0):
        super().__init__()
        self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 3)
        self.second.weight = self.first.weight
        self.frozen = nn.Parameter(torch.randn(3), requires_grad=False)
        self.last = nn.Linear(3, 2)
        self.register_buffer("scale", torch.tensor(scale))

    def forward(self, x):
        x = self.second(self.first(x).relu()) + self.frozen
        return self.last(x * self.scale)


BUILD = {
    "mlp": lambda: MLP([3, 7, 2], activation=tanh),
    "norm": lambda: nn.Sequential(nn.Linear(3, 7), nn.LayerNorm(7), nn.Linear(7, 2)),
    "buffer, frozen, tied": Scaled,
    "running statistics": lambda: nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 2)),
}
OPTIMIZERS = {
    "sgd": lambda model: torch.optim.SGD(model.parameters(), 0.1, momentum=0.9),
    "adamw": lambda model: torch.optim.AdamW(model.parameters(), weight_decay=0.3),
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
@pytest.mark.parametrize("build", BUILD.values(), ids=BUILD)
def test_side_by_side_is_as_each_alone(build, optimizer):
    models = [build() for _ in range(3)]
    before = copy.deepcopy(models)
    functions = [minibatches(TRAIN, 5, seed=seed) for seed in range(3)]
    several = Several(models)
    together = fit(
        several,
        stacked(functions),
        optimizer=optimizer(several),
        loss=each(classification_loss),
        steps=12,
        every=4,
        accumulate=2,
        schedule=lambda done: 1 - done,
        progress=False,
    )
    assert together["train_loss"].shape == (4, 3)
    for index, (model, member) in enumerate(
        zip(models, several.members(), strict=True)
    ):
        for name, weights in model.state_dict().items():  # they were copied
            assert torch.equal(weights, before[index].state_dict()[name])
        alone = fit(
            model,
            functions[index],
            optimizer=optimizer(model),
            steps=12,
            every=4,
            accumulate=2,
            schedule=lambda done: 1 - done,
            progress=False,
        )
        assert type(member) is type(model)
        for name, weights in model.state_dict().items():
            assert torch.allclose(weights, member.state_dict()[name], atol=1e-6), name
        assert torch.allclose(
            together["train_loss"][:, index], alone["train_loss"], atol=1e-6
        )


def test_each_draws_a_dropout_of_its_own():
    model = nn.Sequential(nn.Dropout(0.5))
    model.append(nn.Linear(50, 50, bias=False))
    nn.init.eye_(model[1].weight)
    several = Several([model, model]).train()
    one, other = several(torch.ones(50))
    assert not torch.equal(one, other)
    assert set(one.tolist()) == set(other.tolist()) == {0.0, 2.0}
    assert torch.equal(*several.eval()(torch.ones(50)))
    assert not any(member.training for member in several.members())


def test_mode_type_and_members_follow():
    several = Several([Scaled(), Scaled()])
    x = X.double()
    outputs = several.to(torch.float64).eval()(x)
    assert outputs.shape == (2, 23, 2)
    assert outputs.dtype == torch.float64
    for output, member in zip(outputs, several.members(), strict=True):
        assert type(member) is Scaled
        assert member.scale.dtype == torch.float64
        assert member.second.weight is member.first.weight
        assert not member.frozen.requires_grad
        assert torch.allclose(output, member(x))
    with torch.no_grad():
        several.members()[0].last.weight.zero_()
    assert torch.equal(several(x), outputs)  # members are copies


def test_a_hook_sees_every_model():
    seen = []
    models = [nn.Sequential(nn.Linear(3, 2)) for _ in range(4)]
    models[0][0].register_forward_hook(lambda *_: seen.append(1))
    Several(models)(X)
    assert seen


def refused(message, *models):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Several(models)


def differ(what):
    return (
        f"models 0 and 1 differ in {what}; models side by side may differ in their "
        "weights only."
    )


def test_models_that_are_not_alike_are_refused():
    refused("0 models without parameters cannot be trained side by side.")
    refused("1 models without parameters cannot be trained side by side.", nn.ReLU())
    refused(differ("weight, in_features"), nn.Linear(3, 2), nn.Linear(2, 2))
    one, other = MLP([3, 2], activation=relu), MLP([3, 2], activation=tanh)
    refused(differ("activation"), one, other)
    one, other = (nn.Sequential(nn.Dropout(p), nn.Linear(3, 2)) for p in (0.1, 0.7))
    refused(differ("0.p"), one, other)
    refused(differ("scale"), Scaled(1.0), Scaled(2.0))
    refused(differ("training"), nn.Linear(3, 2), nn.Linear(3, 2).eval())


def test_functions_made_anew_for_each_model_are_alike():
    models = [MLP([3, 2], activation=lambda x: x * x) for _ in range(3)]
    assert Several(models)(X).shape == (3, 23, 2)


def test_running_statistics_are_those_of_each():
    models = [nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)) for _ in range(3)]
    several = Several(models)
    for model in models:
        model(X)
    several(X)
    for model, member in zip(models, several.members(), strict=True):
        torch.testing.assert_close(member.state_dict(), model.state_dict())
    fresh = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    torch.testing.assert_close(  # how far each of them has come may differ
        Several([*models, fresh]).eval()(X)[3], fresh.eval()(X)
    )


def test_a_padded_network_trains_as_the_narrow_one():
    narrow, small = MLP([3, 5, 4, 2]).double(), MLP([3, 5, 4, 2]).double()
    small.load_state_dict(narrow.state_dict())
    wide = padded(narrow, MLP([3, 11, 7, 2]).double())
    x = torch.randn(13, 3, dtype=torch.float64)
    for model in (small, wide):
        sgd = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(20):
            sgd.zero_grad()
            model(x).square().mean().backward()
            sgd.step()
    for p, q in zip(small.parameters(), wide.parameters(), strict=True):
        inside = tuple(slice(n) for n in p.shape)
        torch.testing.assert_close(q[inside], p, rtol=0, atol=1e-10)
        assert q.count_nonzero() == p.count_nonzero()
