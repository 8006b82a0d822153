import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from transformer_path.workshop import leaderboard
from transformer_path.workshop.batches import minibatches, stacked
from transformer_path.workshop.datasets import Examples, Splits
from transformer_path.workshop.ensembles import Several, each
from transformer_path.workshop.leaderboard import (
    PUBLISHED,
    Row,
    choose,
    enter,
    joined,
    measure,
    refit,
    spread,
)
from transformer_path.workshop.palette import MARKERS
from transformer_path.workshop.scores import accuracy, classification_loss
from transformer_path.workshop.training import fit, seeded

GENERATOR = torch.Generator().manual_seed(0)
Y = torch.randint(10, (90,), generator=GENERATOR)
X = torch.randn(90, 40, generator=GENERATOR) + 3 * torch.eye(40)[Y]
SPLITS = Splits(
    Examples(X[:50], Y[:50]), Examples(X[50:70], Y[50:70]), Examples(X[70:], Y[70:])
)
CANDIDATES = [{"lr": 0.0}, {"lr": 0.5}, {"lr": 1e-4}]


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Put a small data set in the place of MNIST-1D."""
    put(monkeypatch, SPLITS)


def put(monkeypatch, splits):
    def mnist1d(*, shuffle_positions=False):
        if not shuffle_positions:
            return splits
        return Splits(*(Examples(x.flip(1), y) for x, y in splits))

    monkeypatch.setattr(leaderboard, "mnist1d", mnist1d)


def linear(seed):
    return nn.Linear(40, 10)


def train(model, examples, seed, lr=0.1, steps=30):
    optimizer = torch.optim.SGD(model.parameters(), lr)
    batch = minibatches(examples, 25, seed=seed)
    fit(model, batch, optimizer=optimizer, steps=steps, seed=seed, progress=False)


def train_together(models, examples, seeds, lr=0.1, steps=30):
    assert isinstance(models, Several)
    optimizer = torch.optim.SGD(models.parameters(), lr)
    batch = stacked([minibatches(examples, 25, seed=seed) for seed in seeds])
    loss = each(classification_loss)
    fit(models, batch, loss=loss, optimizer=optimizer, steps=steps, progress=False)


def short(train=train, candidates=CANDIDATES, **options):
    given = {"seeds": range(3), "progress": False} | options
    return measure("linear", linear, train, candidates, **given)


def raises(kind, message):
    return pytest.raises(kind, match=f"^{re.escape(message)}$")


def test_a_row_holds_what_was_measured():
    row = short()
    assert row.name == "linear"
    assert row.architecture == "linear"
    assert row.chosen == {"lr": 0.5}
    assert row.parameters == 410
    assert row.seconds > 0
    for accuracies, flip in ((row.accuracies, False), (row.shuffled, True)):
        x, x_test = (X.flip(1), SPLITS.test.x.flip(1)) if flip else (X, SPLITS.test.x)
        right = []
        for seed in range(3):
            with seeded(seed):
                model = linear(seed)
            train(model, Examples(x[:70], Y[:70]), seed, lr=0.5)
            right.append(accuracy(model, Examples(x_test, SPLITS.test.y)))
        assert accuracies == pytest.approx(right)


def test_it_is_the_same_every_time_and_differs_by_seed():
    torch.manual_seed(1)
    first = short()
    torch.manual_seed(2)
    second = short()
    assert first.accuracies == second.accuracies
    assert first.shuffled == second.shuffled
    fitted = refit(linear, train, {"steps": 1}, SPLITS.train, [0, 1])
    (one, seconds), (other, _) = fitted
    assert not torch.equal(one.weight, other.weight)
    assert seconds > 0


def test_the_test_split_has_no_say(monkeypatch):
    """Test labels that praise the worst candidate change the report, not the choice."""
    seen = []

    def watching(model, examples, seed, **candidate):
        seen.append(examples.x)
        train(model, examples, seed, **candidate)

    honest = short(watching)
    test = SPLITS.test
    with seeded(0):
        untrained = linear(0)(test.x).argmax(1)
    put(monkeypatch, SPLITS._replace(test=Examples(test.x, untrained)))
    poisoned = short(watching)
    assert poisoned.chosen == honest.chosen == {"lr": 0.5}
    assert max(poisoned.accuracies) < min(honest.accuracies)
    rows = {tuple(row.tolist()) for x in seen for row in x}
    for x in (test.x, test.x.flip(1)):
        assert rows.isdisjoint(tuple(row.tolist()) for row in x)


def test_the_choice_sees_no_validation_row_while_it_learns():
    seen = []

    def watching(model, examples, seed, **candidate):
        seen.append(len(examples.y))
        train(model, examples, seed, **candidate)

    short(watching)
    assert seen == [50] * 2 * 3 + [70] * 3 * 2


def test_validation_decides():
    """Poisoned validation labels turn the choice round."""
    examples, validation, _ = SPLITS
    offers = [{"lr": 0.0, "steps": 1}, {"lr": 0.5, "steps": 50}]
    assert choose(linear, train, offers, examples, validation, [0, 1])["lr"] == 0.5
    wrong = Examples(validation.x, (validation.y + 1) % 10)
    assert choose(linear, train, offers, examples, wrong, [0, 1])["lr"] == 0.0


def test_of_equals_the_first_is_chosen():
    offers = [{"steps": 2, "lr": 0.0}, {"steps": 1, "lr": 0.0}]
    examples, validation, _ = SPLITS
    assert choose(linear, train, offers, examples, validation, [0]) is offers[0]


def test_side_by_side_the_row_is_the_same_but_for_its_time():
    alone, beside = short(), short(train_together, together=True)
    assert beside == replace(alone, seconds=beside.seconds)


def test_side_by_side_a_model_costs_its_share(monkeypatch):
    """Three models in twelve seconds cost four each."""
    clock = iter([100.0, 112.0])
    monkeypatch.setattr(leaderboard, "perf_counter", lambda: next(clock))
    seeds = range(3)
    fitted = refit(linear, train_together, {}, SPLITS.train, seeds, together=True)
    assert [seconds for _, seconds in fitted] == [4.0] * 3


def test_a_single_candidate_costs_nothing():
    examples, validation, _ = SPLITS
    only = {"lr": 0.1}
    assert choose(linear, None, [only], examples, validation, [0]) == only


def test_candidates_may_come_one_by_one():
    assert short(candidates=iter(CANDIDATES), seeds=iter([0, 1])).chosen == {"lr": 0.5}


def test_train_and_validation_are_joined():
    x, y = joined(SPLITS)
    assert torch.equal(x, X[:70])
    assert torch.equal(y, Y[:70])


def test_a_row_in_words():
    row = Row(
        name="mlp",
        architecture="mlp",
        accuracies=(0.63, 0.65),
        shuffled=(0.62,),
        parameters=15210,
        seconds=1.234,
        chosen={},
    )
    assert str(row) == (
        "mlp: 64.0 ± 1.4%, with positions shuffled 62.0%; 15,210 parameters, 1.2 s"
    )


def test_spread_of_one_has_no_deviation():
    assert spread([0.5]) == "50.0"


def test_a_row_is_noted_with_its_time_apart(capsys):
    row = Row(
        name="gru",
        architecture="rnn",
        accuracies=(0.9, 0.91),
        shuffled=(0.5, 0.51),
        parameters=7,
        seconds=12.34,
        chosen={
            "lr": np.float64(0.1),
            "steps": np.int64(3),
            "widths": (40, np.int32(7)),
            "optimizer": torch.optim.SGD,
            "schedule": lambda done: 1 - done,
            "loss": object(),
        },
    )
    enter(row)
    first, second = capsys.readouterr().out.splitlines()
    name, text = first.split(" = ", 1)
    assert name == "leaderboard_gru"
    assert json.loads(text) == {
        "name": "gru",
        "architecture": "rnn",
        "accuracies": [0.9, 0.91],
        "shuffled": [0.5, 0.51],
        "parameters": 7,
        "chosen": {
            "lr": 0.1,
            "steps": 3,
            "widths": [40, 7],
            "optimizer": "SGD",
            "schedule": "<lambda>",
            "loss": "custom",
        },
    }
    assert second == "time_leaderboard_gru = 12.3 s"


def test_published_rows_wear_known_colours():
    assert {row.architecture for row in PUBLISHED.values()} <= {None, *MARKERS}
    assert PUBLISHED["cnn"].accuracy == 94


def test_an_unknown_row_needs_a_colour():
    with raises(
        ValueError,
        "architecture=None has no colour; say whose 'mine' wears: architecture= one of "
        "['linear', 'mlp', 'cnn', 'rnn', 'attention'].",
    ):
        measure("mine", linear, train)
    row = measure("mine", linear, train, architecture="cnn", seeds=[0], progress=False)
    assert row.architecture == "cnn"


def test_there_must_be_seeds_and_candidates():
    with raises(ValueError, "seeds is empty; range(5) measures five models."):
        short(seeds=[])
    with raises(ValueError, "candidates is empty; [{}] measures train as it is."):
        short(candidates=[])
