import math
import re
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from transformer_path.workshop.datasets import Examples
from transformer_path.workshop.training import accuracy, fit, seeded

GENERATOR = torch.Generator().manual_seed(0)
X = torch.randn(23, 5, generator=GENERATOR)
Y = (X @ torch.randn(5, 3, generator=GENERATOR)).argmax(1)
TRAIN, VALIDATION = Examples(X[:17], Y[:17]), Examples(X[17:], Y[17:])

fit = partial(fit, progress=False)


def build(seed=0, dropout=0.0):
    with seeded(seed):
        return nn.Sequential(
            nn.Linear(5, 7), nn.ReLU(), nn.Dropout(dropout), nn.Linear(7, 3)
        )


def equal(one, other):
    other = other.state_dict()
    return all(torch.equal(w, other[name]) for name, w in one.state_dict().items())


def raises(kind, message):
    return pytest.raises(kind, match=f"^{re.escape(message)}$")


def test_a_learnable_problem_is_learnt():
    model = build()
    history = fit(model, TRAIN, steps=300)
    assert accuracy(model, TRAIN) == 1.0
    assert history.train_loss[-1] < 0.1 * history.train_loss[0]
    assert not model.training
    assert history.seconds > 0


def test_fit_equals_a_loop_written_by_hand():
    model, by_hand = build(), build()
    history = fit(model, TRAIN, VALIDATION, steps=7, batch_size=4, evaluate_every=3)

    optimizer = torch.optim.AdamW(by_hand.parameters(), lr=1e-2, weight_decay=0.0)
    generator = torch.Generator().manual_seed(0)
    losses = []
    for step in range(7):
        if step % 4 == 0:  # 17 examples fill 4 minibatches of 4
            order = torch.randperm(17, generator=generator)
        rows = order[step % 4 * 4 : step % 4 * 4 + 4]
        loss = F.cross_entropy(by_hand(TRAIN.x[rows]), TRAIN.y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())

    for one, other in zip(model.parameters(), by_hand.parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-6)
    means = [sum(losses[:3]) / 3, sum(losses[3:6]) / 3, losses[6]]
    assert history.steps == [3, 6, 7]
    assert history.train_loss == pytest.approx(means, abs=1e-5)
    scores = by_hand(VALIDATION.x)
    last = F.cross_entropy(scores, VALIDATION.y).item()
    assert history.validation_loss[-1] == pytest.approx(last, abs=1e-5)
    right = (scores.argmax(1) == VALIDATION.y).float().mean().item()
    assert history.validation_accuracy[-1] == pytest.approx(right)


@settings(max_examples=25)
@given(n=st.integers(1, 12), size=st.integers(1, 15))
def test_an_epoch_shows_every_example_at_most_once(n, size):
    seen = []

    def loss(outputs, y):
        if outputs.requires_grad:
            seen.append(y.tolist())
        return F.mse_loss(outputs[:, 0], y)

    numbers = torch.arange(float(n))
    per_epoch = n // min(n, size)
    fit(
        nn.Linear(1, 1),
        Examples(numbers[:, None] / n, numbers),
        steps=2 * per_epoch,
        batch_size=size,
        loss=loss,
    )
    for epoch in (seen[:per_epoch], seen[per_epoch:]):
        shown = [label for labels in epoch for label in labels]
        assert len(shown) == per_epoch * min(n, size)
        assert len(set(shown)) == len(shown)


def test_a_seed_decides_everything():
    torch.manual_seed(1)
    one, other, third = build(dropout=0.5), build(dropout=0.5), build(dropout=0.5)
    fit(one, TRAIN, steps=9, batch_size=4, seed=3)
    torch.manual_seed(2)
    fit(other, TRAIN, steps=9, batch_size=4, seed=3)
    assert equal(one, other)
    fit(third, TRAIN, steps=9, batch_size=4, seed=4)
    assert not equal(one, third)


def test_a_model_in_evaluation_mode_is_trained_all_the_same():
    one, other = build(dropout=0.5), build(dropout=0.5).eval()
    fit(one, TRAIN, steps=3)
    fit(other, TRAIN, steps=3)
    assert equal(one, other)


def test_the_shared_generator_is_left_alone():
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    fit(build(dropout=0.5), TRAIN, steps=3)
    assert torch.equal(torch.rand(1), expected)


def test_validation_changes_nothing():
    looked, alone = build(dropout=0.5), build(dropout=0.5)
    fit(looked, TRAIN, VALIDATION, steps=9, batch_size=4, evaluate_every=2)
    fit(alone, TRAIN, steps=9, batch_size=4)
    assert equal(looked, alone)


OPTIONS = {
    "steps": {"steps": 8},
    "batch_size": {"batch_size": 5},
    "lr": {"lr": 0.02},
    "weight_decay": {"weight_decay": 0.5},
    "optimizer": {"optimizer": partial(torch.optim.SGD, lr=0.1)},
    "schedule": {
        "schedule": partial(torch.optim.lr_scheduler.StepLR, step_size=2, gamma=0.5)
    },
    "loss": {"loss": partial(F.cross_entropy, label_smoothing=0.2)},
    "seed": {"seed": 1},
}


@pytest.mark.parametrize("option", OPTIONS.values(), ids=OPTIONS)
def test_every_option_changes_the_weights(option):
    model, other = build(), build()
    given = {"steps": 9, "batch_size": 4}
    fit(model, TRAIN, **given)
    fit(other, TRAIN, **(given | option))
    assert not equal(model, other)


def test_the_schedule_advances_after_every_step():
    halving = partial(torch.optim.lr_scheduler.StepLR, step_size=2, gamma=0.5)
    history = fit(build(), TRAIN, steps=5, evaluate_every=1, lr=0.4, schedule=halving)
    assert history.lr == [0.4, 0.4, 0.2, 0.2, 0.1]


def test_patience_stops_and_keeps_the_best_weights():
    hard = Examples(VALIDATION.x, (VALIDATION.y + 1) % 3)  # the more learnt, the worse
    model, best = build(), build()
    history = fit(model, TRAIN, hard, steps=500, lr=0.05, evaluate_every=5, patience=3)
    assert history.steps[-1] < 500
    assert len(history.steps) == history.best + 1 + 3
    assert history.evaluations_since_best == 3
    fit(best, TRAIN, steps=history.steps[history.best], lr=0.05)
    assert equal(model, best)


def test_numbers_can_be_predicted_too():
    line = Examples(X, X[:, :1] - 2)
    model = nn.Linear(5, 1)
    history = fit(model, line, line, steps=400, lr=0.1, loss=F.mse_loss)
    assert history.validation_loss[-1] < 1e-3
    assert history.validation_accuracy == []


def test_accuracy_of_many_and_the_mode_of_the_model():
    model = build(dropout=0.5).train()
    x = torch.randn(2500, 5)
    y = model.eval()(x).argmax(1)
    y[:500] = (y[:500] + 1) % 3
    assert accuracy(model.train(), Examples(x, y)) == 0.8
    assert model.training


def test_accuracy_needs_labels():
    with raises(
        ValueError,
        "accuracy needs outputs of shape (N, K), one score for each of K classes, and "
        "integer labels y of shape (N,); y is (17, 5) float32.",
    ):
        accuracy(build(), Examples(TRAIN.x, TRAIN.x))


def test_a_progress_bar_is_shown(capsys, monkeypatch):
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    fit(build(), TRAIN, steps=3, progress=True)
    assert "3/3" in capsys.readouterr().err
    fit(build(), TRAIN, steps=3)
    assert capsys.readouterr().err == ""


class Frozen(nn.Linear):
    def __init__(self):
        super().__init__(5, 3)
        self.requires_grad_(False)


def with_nan():
    x = TRAIN.x.clone()
    x[4, 1] = x[9, 0] = math.nan
    return x


ERRORS = {
    "steps": (
        {"steps": 0},
        "steps=0 must be a whole number, 1 or more.",
    ),
    "batch_size": (
        {"batch_size": -1},
        "batch_size=-1 must be a whole number, 1 or more.",
    ),
    "fraction": (
        {"evaluate_every": 0.5},
        "evaluate_every=0.5 must be a whole number, 1 or more.",
    ),
    "lr": ({"lr": -0.1}, "lr=-0.1 must be a finite number, 0 or more."),
    "lr nan": ({"lr": math.nan}, "lr=nan must be a finite number, 0 or more."),
    "lr twice": (
        {"lr": 0.1, "optimizer": torch.optim.SGD},
        "lr=0.1 belongs to the default optimizer; with another one say it there: "
        "optimizer=lambda parameters: torch.optim.SGD(parameters, lr=0.1).",
    ),
    "patience": (
        {"patience": 2},
        "patience=2 watches the validation loss, and there is no validation split; "
        "pass one, or leave patience out.",
    ),
    "frozen": (
        {"model": Frozen()},
        "Frozen has no parameter that learns; its weights must be layers or "
        "nn.Parameter, with requires_grad=True.",
    ),
    "lengths": (
        {"train": Examples(TRAIN.x, TRAIN.y[1:])},
        "train has 17 rows of x and 16 of y; each example needs one of both.",
    ),
    "empty": (
        {"train": Examples(TRAIN.x[:0], TRAIN.y[:0])},
        "train is empty; it needs at least one example.",
    ),
    "empty validation": (
        {"validation": Examples(TRAIN.x[:0], TRAIN.y[:0])},
        "validation is empty; it needs at least one example.",
    ),
    "not finite": (
        {"train": Examples(with_nan(), TRAIN.y)},
        "train.x is not finite in 2 of 17 rows, the first of them row 4; repair them "
        "or leave them out.",
    ),
    "shape of x": (
        {"train": Examples(TRAIN.x[:, :4], TRAIN.y)},
        "Sequential does not take train.x[:2], which is (2, 4) float32: mat1 and mat2 "
        "shapes cannot be multiplied (2x4 and 5x7)",
    ),
    "float labels": (
        {"train": Examples(TRAIN.x, TRAIN.y.float())},
        "train.y is (17,) float32; cross_entropy needs labels in int64: pass y.long(), "
        "or to predict numbers loss=F.mse_loss.",
    ),
    "labels from 1": (
        {"train": Examples(TRAIN.x, TRAIN.y + 1)},
        "train.y holds labels from 1 to 3, but the model gives 3 scores, for labels "
        "from 0 to 2; count from 0.",
    ),
    "more labels than scores": (
        {"train": Examples(TRAIN.x, 2 * TRAIN.y)},
        "train.y holds labels from 0 to 4, but the model gives 3 scores, for labels "
        "from 0 to 2; give the last layer 5 outputs.",
    ),
    "negative labels": (
        {"validation": Examples(TRAIN.x, TRAIN.y - 1)},
        "validation.y holds labels from -1 to 1, but the model gives 3 scores, for "
        "labels from 0 to 2; count from 0.",
    ),
    "outputs": (
        {"model": nn.Sequential(nn.Linear(5, 1), nn.Flatten(0))},
        "the model's outputs for 2 examples are (2,) float32; cross_entropy needs "
        "(2, K), one score for each of K classes.",
    ),
    "loss": (
        {"loss": partial(F.cross_entropy, reduction="none")},
        "the loss has shape (2,) and must be one number; take its mean.",
    ),
}


@pytest.mark.parametrize(("given", "message"), ERRORS.values(), ids=ERRORS)
def test_what_cannot_work_is_explained(given, message):
    arguments = {"model": build(), "train": TRAIN, "steps": 3} | given
    with raises(ValueError, message):
        fit(**arguments)


def test_nothing_has_happened_when_a_run_is_refused():
    model, before = build(dropout=0.5), build(dropout=0.5)
    with pytest.raises(ValueError, match="labels from 1 to 3"):
        fit(model, TRAIN, Examples(TRAIN.x, TRAIN.y + 1), steps=3)
    assert equal(model, before)
    assert model.training


def test_a_loss_that_explodes_stops_the_run():
    calls = iter([1.0, math.inf, 1.0])

    def loss(outputs, y):
        return F.cross_entropy(outputs, y) * (
            next(calls) if outputs.requires_grad else 1
        )

    with raises(
        FloatingPointError,
        "the loss is inf at step 2 with lr=0.5; try a smaller one, such as lr=0.05.",
    ):
        fit(build(), TRAIN, steps=3, lr=0.5, loss=loss)
