import json
import re

import pytest
import torch
from torch import nn

from transformer_path.workshop import leaderboard
from transformer_path.workshop.datasets import Examples, Splits
from transformer_path.workshop.leaderboard import (
    PUBLISHED,
    Row,
    choose,
    enter,
    measure,
    refit,
    spread,
)
from transformer_path.workshop.palette import MARKERS
from transformer_path.workshop.training import seeded

GENERATOR = torch.Generator().manual_seed(0)
Y = torch.randint(10, (90,), generator=GENERATOR)
X = torch.randn(90, 40, generator=GENERATOR) + 3 * torch.eye(40)[Y]
SPLITS = Splits(
    Examples(X[:50], Y[:50]), Examples(X[50:70], Y[50:70]), Examples(X[70:], Y[70:])
)
CHOICES = [{"lr": 0.0}, {"lr": 0.05}, {"lr": 1e-4}]


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


def short(**options):
    given = {"choices": CHOICES, "steps": 40, "seeds": range(3), "progress": False}
    return measure("linear", linear, **(given | options))


def raises(kind, message):
    return pytest.raises(kind, match=f"^{re.escape(message)}$")


def test_a_row_holds_what_was_measured():
    row = short()
    assert row.name == "linear"
    assert row.architecture == "linear"
    assert row.chosen == {"steps": 40, "lr": 0.05}
    assert row.parameters == 410
    assert len(row.accuracies) == len(row.shuffled) == 3
    assert row.seconds > 0
    both = Examples(X[:70], Y[:70])
    models = refit(linear, row.chosen, both, None, range(3))
    right = [
        (model(SPLITS.test.x).argmax(1) == SPLITS.test.y).float().mean().item()
        for model, _ in models
    ]
    assert row.accuracies == pytest.approx(right)


def test_it_is_the_same_every_time_and_differs_by_seed():
    torch.manual_seed(1)
    first = short()
    torch.manual_seed(2)
    second = short()
    assert first.accuracies == second.accuracies
    assert first.shuffled == second.shuffled
    [(one, _), (other, _)] = refit(linear, {"steps": 1}, SPLITS.train, None, [0, 1])
    assert not torch.equal(one.weight, other.weight)


def test_the_test_split_has_no_say(monkeypatch):
    """Test labels that praise the worst choice change the report, not the choice."""
    seen = []

    def watching(model, train, *rest, **settings):
        seen.append(train.x)
        return fit(model, train, *rest, **settings)

    fit = leaderboard.fit
    monkeypatch.setattr(leaderboard, "fit", watching)
    honest = short()
    test = SPLITS.test
    with seeded(0):
        untrained = linear(0)(test.x).argmax(1)
    put(monkeypatch, SPLITS._replace(test=Examples(test.x, untrained)))
    poisoned = short()
    assert poisoned.chosen == honest.chosen == {"steps": 40, "lr": 0.05}
    assert max(poisoned.accuracies) < min(honest.accuracies)
    rows = {tuple(row.tolist()) for x in seen for row in x}
    for x in (test.x, test.x.flip(1)):
        assert rows.isdisjoint(tuple(row.tolist()) for row in x)


def test_validation_decides(monkeypatch):
    """Poisoned validation labels turn the choice round."""
    train, validation, _ = SPLITS
    offers = [{"lr": 0.0, "steps": 1}, {"lr": 0.05, "steps": 99}]
    assert choose(linear, offers, train, validation, [0, 1])["lr"] == 0.05
    wrong = Examples(validation.x, (validation.y + 1) % 10)
    assert choose(linear, offers, train, wrong, [0, 1])["lr"] == 0.0


def test_of_equals_the_first_is_chosen():
    offers = [{"steps": 2, "batch_size": 50}, {"steps": 2, "batch_size": 60}]
    train, validation, _ = SPLITS
    assert choose(linear, offers, train, validation, [0]) is offers[0]


def test_a_single_offer_costs_nothing(monkeypatch):
    monkeypatch.setattr(leaderboard, "refit", None)
    train, validation, _ = SPLITS
    assert choose(linear, [{"lr": 0.1}], train, validation, [0]) == {"lr": 0.1}


def test_a_choice_may_override_what_is_shared():
    row = short(choices=[{"lr": 0.0}, {"lr": 0.05, "steps": 30}])
    assert row.chosen == {"steps": 30, "lr": 0.05}


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
        chosen={"lr": 0.1, "optimizer": torch.optim.SGD},
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
        "chosen": {"lr": 0.1, "optimizer": "SGD"},
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
        measure("mine", linear, steps=1)
    row = measure(
        "mine", linear, architecture="cnn", steps=1, seeds=[0], progress=False
    )
    assert row.architecture == "cnn"


def test_there_must_be_seeds_and_choices():
    with raises(ValueError, "seeds is empty; range(5) measures five models."):
        short(seeds=[])
    with raises(
        ValueError, "choices is empty; [{}] measures the settings as they are."
    ):
        short(choices=[])
