import math
import re
from functools import partial
from typing import NamedTuple

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from transformer_path.workshop import runs
from transformer_path.workshop.batches import minibatches
from transformer_path.workshop.datasets import Examples
from transformer_path.workshop.ensembles import Several
from transformer_path.workshop.runs import History
from transformer_path.workshop.scores import (
    accuracy,
    classification_loss,
    regression_loss,
    validation,
)
from transformer_path.workshop.training import fit, seeded

GENERATOR = torch.Generator().manual_seed(0)
X = torch.randn(23, 5, generator=GENERATOR)
Y = (X @ torch.randn(5, 3, generator=GENERATOR)).argmax(1)
TRAIN, VALIDATION = Examples(X[:17], Y[:17]), Examples(X[17:], Y[17:])
BATCH = minibatches(TRAIN, 4)

fit = partial(fit, progress=False)


def build(seed=0, dropout=0.0):
    with seeded(seed):
        return nn.Sequential(
            nn.Linear(5, 7), nn.ReLU(), nn.Dropout(dropout), nn.Linear(7, 3)
        )


def sgd(model, lr=0.1, **options):
    return torch.optim.SGD(model.parameters(), lr, **options)


def adamw(model):
    return torch.optim.AdamW(model.parameters(), 0.01, weight_decay=0.1)


def two(model):
    return [sgd(model[0], momentum=0.9), adamw(model[3])]


def run(model, optimizer=sgd, batch=BATCH, **options):
    return fit(model, batch, optimizer=optimizer(model), **({"steps": 9} | options))


def equal(one, other):
    other = other.state_dict()
    return all(torch.equal(w, other[name]) for name, w in one.state_dict().items())


def raises(kind, message):
    return pytest.raises(kind, match=f"^{re.escape(message)}$")


def test_a_learnable_problem_is_learnt():
    model = build()
    history = run(model, adamw, steps=300)
    assert accuracy(model, TRAIN) == 1.0
    assert history["train_loss"][-1] < 0.1 * history["train_loss"][0]
    assert not model.training
    assert history["seconds"][-1] > 0


@pytest.mark.parametrize("optimizer", [sgd, adamw, two])
@pytest.mark.parametrize("clip", [math.inf, 0.05])
@pytest.mark.parametrize("accumulate", [1, 3])
def test_fit_equals_a_loop_written_by_hand(optimizer, clip, accumulate):
    model, by_hand = build(), build()
    history = run(
        model,
        optimizer,
        clip=clip,
        accumulate=accumulate,
        schedule=lambda done: 1 - done**2,
        evaluate=validation(VALIDATION),
        steps=7,
        every=3,
    )

    optimizers = optimizer(by_hand)
    optimizers = optimizers if isinstance(optimizers, list) else [optimizers]
    groups = [group for each in optimizers for group in each.param_groups]
    rates, losses, number = [group["lr"] for group in groups], [], 0
    for step in range(7):
        for group, rate in zip(groups, rates, strict=True):
            group["lr"] = rate * (1 - (step / 7) ** 2)
        by_hand.zero_grad()
        total = 0.0
        for _ in range(accumulate):
            x, y = BATCH(number)
            loss = F.cross_entropy(by_hand(x), y) / accumulate
            loss.backward()
            total, number = total + loss.item(), number + 1
        losses.append(total)
        nn.utils.clip_grad_norm_(by_hand.parameters(), clip)
        for each in optimizers:
            each.step()

    assert equal(model, by_hand)
    x, y = BATCH(0)
    means = [
        F.cross_entropy(build()(x), y).item(),
        *(sum(losses[:3]) / 3, sum(losses[3:6]) / 3, losses[6]),
    ]
    assert history["step"].tolist() == [0, 3, 6, 7]
    assert history["train_loss"].tolist() == pytest.approx(means, abs=1e-6)
    factors = [1, *(1 - (step / 7) ** 2 for step in (2, 5, 6))]
    assert history["lr"].tolist() == pytest.approx([rates[0] * f for f in factors])
    last = F.cross_entropy(by_hand(VALIDATION.x), VALIDATION.y).item()
    assert history["validation_loss"][-1].item() == pytest.approx(last)
    assert history["validation_accuracy"][-1] == pytest.approx(
        accuracy(by_hand, VALIDATION)
    )


def test_two_optimizers_may_share_the_parameters():
    def both(model):
        return [sgd(model), sgd(model, 0.2)]

    one, other = build(), build()
    run(one, both)
    run(other, lambda model: sgd(model, 0.1 + 0.2))
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-6)


def test_accumulated_batches_are_one_large_one():
    def parts(number):
        x, y = minibatches(TRAIN, 12)(number // 3)
        return Examples(x[number % 3 :: 3], y[number % 3 :: 3])

    one, other = build(), build()
    history = run(one, adamw, parts, accumulate=3, every=2)
    expected = run(other, adamw, minibatches(TRAIN, 12), every=2)
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-6)
    assert torch.allclose(history["train_loss"][1:], expected["train_loss"][1:])


def test_running_statistics_count_the_steps_alone():
    def normed():
        with seeded(0):
            return nn.Sequential(nn.Linear(5, 7), nn.BatchNorm1d(7), nn.Linear(7, 3))

    model, by_hand = normed(), normed()
    run(model, steps=3, evaluate=validation(VALIDATION), every=1)
    optimizer = sgd(by_hand)
    for step in range(3):
        optimizer.zero_grad()
        classification_loss(by_hand, BATCH(step)).backward()
        optimizer.step()
    assert equal(model, by_hand)


def test_a_seed_decides_everything():
    torch.manual_seed(1)
    one, other, third = build(dropout=0.5), build(dropout=0.5), build(dropout=0.5)
    run(one, seed=3)
    torch.manual_seed(2)
    run(other, seed=np.int64(3))
    assert equal(one, other)
    run(third, seed=4)
    assert not equal(one, third)


def test_every_step_draws_a_dropout_of_its_own():
    drawn = []

    def loss(model, batch):
        drawn.append(tuple(F.dropout(torch.ones(64)).tolist()))
        return classification_loss(model, batch)

    run(build(), loss=loss, accumulate=2)
    assert drawn[0] == drawn[1]  # a look at the first batch, then the first step
    assert len(set(drawn[1:])) == 18


def test_a_model_in_evaluation_mode_is_trained_all_the_same():
    one, other = build(dropout=0.5), build(dropout=0.5).eval()
    history, expected = run(one), run(other)
    assert equal(one, other)
    assert torch.equal(history["train_loss"], expected["train_loss"])


def test_the_shared_generator_is_left_alone():
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    run(build(dropout=0.5), evaluate=lambda _: {"drawn": torch.rand(1).item()})
    assert torch.equal(torch.rand(1), expected)
    torch.manual_seed(1)
    with pytest.raises(ZeroDivisionError), seeded(3):
        1 / torch.rand(2).count_nonzero().sub(2).item()
    assert torch.equal(torch.rand(1), expected)


def test_evaluation_changes_nothing():
    """Neither what it draws at random, nor that it is in another mode."""
    looked, alone = build(dropout=0.5), build(dropout=0.5)
    modes = []

    def evaluate(model):
        modes.append((model.training, torch.is_grad_enabled()))
        torch.rand(7)
        return validation(VALIDATION)(model)

    run(looked, evaluate=evaluate, every=2)
    run(alone)
    assert equal(looked, alone)
    assert modes == [(False, False)] * 6


def test_gradients_from_before_do_not_leak_in():
    clean, used = build(), build()
    (used(X).sum() * 1e3).backward()
    run(clean)
    run(used)
    assert equal(clean, used)


def test_a_gradient_of_a_frozen_weight_is_not_clipped_with():
    def frozen(trace):
        model = build()
        (model(X).sum() * trace).backward()
        model[0].requires_grad_(False)
        return model

    clean, used = frozen(0.0), frozen(1e3)
    run(clean, clip=0.1)
    run(used, clip=0.1)
    assert equal(clean, used)
    assert torch.equal(clean[0].weight, build()[0].weight)
    assert not torch.equal(clean[3].weight, build()[3].weight)


@pytest.mark.parametrize("rate", [0.1, np.float64(0.1), torch.tensor(0.1)])
def test_rates_come_back_as_they_were(rate):
    one, other = build(), build()
    optimizer = sgd(one, rate)
    for _ in range(2):
        fit(one, BATCH, optimizer=optimizer, steps=5, schedule=lambda done: 1 - done)
        run(other, steps=5, schedule=lambda done: 1 - done)
    assert optimizer.param_groups[0]["lr"] == rate
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-6)


OPTIONS = {
    "steps": {"steps": 8},
    "batch": {"batch": minibatches(TRAIN, 5)},
    "optimizer": {"optimizer": adamw},
    "schedule": {"schedule": lambda done: 1 - done},
    "clip": {"clip": 0.1},
    "accumulate": {"accumulate": 2},
    "loss": {"loss": lambda model, batch: classification_loss(model, batch) ** 2},
    "seed": {"seed": 1},
    "patience": {"patience": 1, "every": 1, "evaluate": lambda _: {"loss": 1.0}},
}


@pytest.mark.parametrize("option", OPTIONS.values(), ids=OPTIONS)
def test_every_option_changes_the_weights(option):
    model, other = build(dropout=0.1), build(dropout=0.1)
    run(model)
    run(other, **option)
    assert not equal(model, other)


def test_numpys_integers_are_counts():
    one, other = build(), build()
    options = {"steps": 4, "every": 2, "accumulate": 2, "patience": 1}
    counts = {name: np.int64(number) for name, number in options.items()}
    history = run(one, **counts, evaluate=validation(TRAIN))
    expected = run(other, **options, evaluate=validation(TRAIN))
    assert history["step"].tolist() == expected["step"].tolist()
    assert equal(one, other)


def test_patience_stops_and_keeps_the_best_weights():
    hard = Examples(VALIDATION.x, (VALIDATION.y + 1) % 3)  # the more learnt, the worse
    options = {"every": 5, "evaluate": validation(hard)}
    model, best = build(), build()
    history = run(model, steps=500, patience=3, **options)
    index = history.best_index("validation_loss")
    assert history["step"][-1] < 500
    assert len(history.rows) == index + 1 + 3
    assert index == history["validation_loss"].argmin()
    if index:
        run(best, steps=int(history["step"][index]))
    assert equal(model, best)


@pytest.mark.parametrize(
    "losses", [[math.nan, 1.0, 0.5, 2.0, 3.0], [4, 2, math.nan, math.nan]]
)
def test_nan_is_not_the_best(losses):
    def evaluate(model):
        seen.append(build_copy(model))
        return {"loss": losses[len(seen) - 1]}

    def build_copy(model):
        copy = build()
        copy.load_state_dict(model.state_dict())
        return copy

    seen, model = [], build()
    history = run(model, steps=99, every=1, patience=2, evaluate=evaluate)
    best = losses.index(min(loss for loss in losses if loss == loss))
    assert history.best_index("loss") == best
    assert len(seen) == len(losses)
    assert equal(model, seen[best])


def test_the_best_row():
    nan, inf = math.nan, math.inf
    for column, index in (
        ([nan, 1, 0.5], 2),
        ([inf, 1, 1], 1),
        ([nan, -inf], 1),
        ([nan, inf, nan], 0),
    ):
        history = History([{"loss": number} for number in column])
        assert history.best_index("loss") == index
    several = History([{"loss": [1.0, 2.0]}, {"loss": [0.0, 3.0]}])
    assert several["loss"].tolist() == [[1, 2], [0, 3]]
    with raises(
        ValueError,
        "loss has one number for each of 2 models; ask history['loss'].argmin(0) for "
        "each.",
    ):
        several.best_index("loss")


def test_numbers_of_any_kind_are_kept_plainly():
    def evaluate(model):
        return {
            "a": np.float32(0.5), "b": torch.tensor(2), "c": np.array([1, 2]), "d": True
        }  # fmt: skip

    row = run(build(), steps=1, evaluate=evaluate).rows[-1]
    assert [row[name] for name in "abcd"] == [0.5, 2.0, [1.0, 2.0], 1.0]
    assert {type(number) for number in (row["a"], row["b"], row["c"][0])} == {float}


class Clock:
    """Time that passes when it is told to."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        monkeypatch.setattr(runs, "perf_counter", lambda: self.now)

    def slow(self, function, seconds):
        def slowly(*given):
            self.now += seconds
            return function(*given)

        return slowly


def test_a_budget_in_seconds_counts_training_alone(monkeypatch):
    clock, shares, model = Clock(monkeypatch), [], build()
    by_step = build()

    def schedule(done):
        shares.append(done)
        return 1 - done

    history = run(
        model,
        steps=None,
        seconds=np.float64(10.0),
        every=3,
        schedule=clock.slow(schedule, 0),
        loss=clock.slow(classification_loss, 1.0),
        evaluate=clock.slow(lambda _: {}, 100.0),
    )
    assert shares[-10:] == [step / 10 for step in range(10)]
    assert history["step"].tolist() == [0, 3, 6, 9, 10]
    assert history["seconds"].tolist() == [0.0, 3.0, 6.0, 9.0, 10.0]
    run(by_step, steps=10, schedule=lambda done: 1 - done)
    assert equal(model, by_step)


def test_real_seconds_come_to_an_end():
    history = run(build(), steps=None, seconds=0.05)
    assert history["seconds"][-1] >= 0.05
    assert history["step"][-1] >= 1


@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("step", [1, 2, 5, 6, 9])
def test_the_first_broken_step_is_named(step, accumulate):
    calls = 0

    def loss(model, batch):
        nonlocal calls
        calls += 1
        broken = calls - 1 > (step - 1) * accumulate  # the first call is a look
        return classification_loss(model, batch) * (math.inf if broken else 1)

    with raises(
        FloatingPointError,
        f"the loss is inf at step {step} with lr=0.5; try a smaller one, such as "
        "lr=0.05.",
    ):
        run(build(), lambda m: sgd(m, 0.5), loss=loss, every=4, accumulate=accumulate)


def test_a_loss_that_is_broken_from_the_start_is_found_before_a_step():
    model = build()
    with pytest.raises(FloatingPointError, match="nan at step 1 with"):
        run(model, loss=lambda *given: classification_loss(*given) * math.nan)
    assert equal(model, build())


def test_an_explosion_can_be_watched():
    def loss(model, batch):
        return classification_loss(model, batch) * 1e30

    history = run(build(), loss=loss, finite=False, every=1)
    assert history["step"][-1] == 9
    assert history["train_loss"].isnan().tolist()[-3:] == [True] * 3
    assert history["train_loss"].isfinite()[0]


class Pair(NamedTuple):
    source: Tensor
    target: Tensor


def test_a_batch_may_be_built_in_any_way():
    seen = []

    def batch(step):
        pair = Pair(X[step], X[step])
        return {"pair": pair, "rest": ([Y, "a word"], 3, None)}

    def loss(model, batch):
        seen.append(batch)
        return model(batch["pair"].source).square().mean()

    run(build(), sgd, batch, loss=loss)
    assert type(seen[1]["pair"]) is Pair
    assert torch.equal(seen[2]["pair"].target, X[1])
    assert torch.equal(seen[1]["rest"][0][0], Y)
    assert [seen[1]["rest"][0][1], *seen[1]["rest"][1:]] == ["a word", 3, None]


def test_a_batch_goes_where_the_parameters_are():
    class ArrivedError(Exception):
        pass

    def loss(model, batch):
        assert batch["pair"][0].device == batch["pair"].target.device
        assert batch["pair"].source.device.type == "meta"
        raise ArrivedError

    model = build().to("meta")
    with pytest.raises(ArrivedError):
        run(model, sgd, lambda _: {"pair": Pair(X, X), "word": "w"}, loss=loss)


def test_windows_are_cut_out_of_one_long_row():
    tokens = torch.randint(7, (1000,), generator=GENERATOR)

    def batch(step):
        generator = torch.Generator().manual_seed(step)
        starts = torch.randint(len(tokens) - 9, (4,), generator=generator)
        windows = torch.stack([tokens[start : start + 9] for start in starts.tolist()])
        return windows[:, :-1], windows[:, 1:]

    def bigram():
        with seeded(0):
            return nn.Embedding(7, 7)

    model, by_hand = bigram(), bigram()
    run(model, sgd, batch)
    optimizer = sgd(by_hand)
    for step in range(9):
        optimizer.zero_grad()
        x, y = batch(step)
        F.cross_entropy(by_hand(x).transpose(1, 2), y).backward()
        optimizer.step()
    assert torch.allclose(model.weight, by_hand.weight, atol=1e-6)


def test_sparse_gradients_are_gradients():
    one, other = nn.Embedding(7, 3, sparse=True), nn.Embedding(7, 3)
    other.load_state_dict(one.state_dict())
    tokens = torch.arange(7)
    for model in (one, other):
        run(model, sgd, lambda _: (tokens, tokens % 3))
    assert torch.allclose(one.weight, other.weight, atol=1e-6)


@pytest.mark.parametrize(
    "options",
    [{}, {"clip": 0.1, "accumulate": 2, "patience": 3, "schedule": lambda d: 1 - d}],
    ids=["plain", "all"],
)
def test_no_step_waits_for_the_device(monkeypatch, options):
    """To ask a tensor for a number is to wait; more steps must not ask more often."""
    asked = 0

    def watched(method):
        def ask(*given):
            nonlocal asked
            asked += 1
            return method(*given)

        return ask

    def count(steps):
        nonlocal asked
        asked = 0
        run(build(), steps=steps, every=100, evaluate=lambda _: {"n": 1.0}, **options)
        return asked

    for name in ("item", "tolist", "cpu", "numpy", "__float__", "__int__", "__bool__"):
        method = getattr(Tensor, name)
        monkeypatch.setattr(Tensor, name, watched(method))
    count(1)
    assert 0 < count(2) == count(50)


def test_a_finished_model_is_ready_for_use_and_so_is_an_interrupted_one():
    calls, model, whole = 0, build(), build()

    def loss(*given):
        nonlocal calls
        calls += 1
        if calls == 6:
            raise KeyboardInterrupt
        return classification_loss(*given)

    with pytest.raises(KeyboardInterrupt):
        run(model, loss=loss)
    run(whole, steps=4)
    assert equal(model, whole)


def test_progress_can_be_silenced(capsys, monkeypatch):
    shown = []

    def bar(**options):
        shown.append(options)
        return real(mininterval=0, **({"disable": False} | options))

    real = runs.tqdm
    monkeypatch.setattr(runs, "tqdm", bar)
    run(build(), steps=3, progress=True)
    assert "3/3" in capsys.readouterr().err
    assert "disable" not in shown[0]  # so that TQDM_DISABLE decides
    run(build(), steps=3)
    assert capsys.readouterr().err == ""


class Frozen(nn.Linear):
    def __init__(self):
        super().__init__(5, 3)
        self.requires_grad_(False)


def several():
    return Several([nn.Linear(5, 3), nn.Linear(5, 3)])


def per_row(model, batch):
    return F.cross_entropy(model(batch.x), batch.y, reduction="none")


def whole(name, number):
    return {name: number}, f"{name}={number} must be a whole number, 1 or more."


def number(name, value):
    return {name: value}, f"{name}={value} must be a number above 0."


SHAPE = (
    "the loss has shape {}, expected {}: one number, as a mean is, or with each(loss) "
    "one for each of several models."
)
SCHEDULE = (
    "schedule gives factors from {} to {}; a schedule goes from the share of the run "
    "that is done, 0 to 1, to a factor for the rate, as lambda done: 1 - done."
)
HOLDS = (
    "the optimizer holds {} parameters that learn, the model ({}) has {}; make it of "
    "this model's: torch.optim.SGD(model.parameters(), lr=0.1)."
)
ERRORS = {
    "steps": whole("steps", 0),
    "infinite": whole("steps", math.inf),
    "fraction": whole("every", 0.5),
    "accumulate": whole("accumulate", -1),
    "patience": whole("patience", 0),
    "neither": (
        {"steps": None},
        "steps=None and seconds=None; give one of the two, how long the run is to be.",
    ),
    "both": (
        {"seconds": 1.0},
        "steps=9 and seconds=1.0; give one of the two, how long the run is to be.",
    ),
    "seconds": ({"steps": None, **number("seconds", 0)[0]}, number("seconds", 0)[1]),
    "clip": number("clip", math.nan),
    "schedule": (
        {"schedule": lambda done: done - 1},
        SCHEDULE.format(-1.0, 0.0),
    ),
    "schedule of steps": (
        {"schedule": lambda step: math.inf if step == 1 else 1.0},
        SCHEDULE.format(1.0, math.inf),
    ),
    "frozen": ({"model": Frozen()}, HOLDS.format(0, "Frozen", 0)),
    "another's optimizer": (
        {"optimizer": lambda _: sgd(build(1))},
        HOLDS.format(4, "Sequential", 4),
    ),
    "a part": (
        {"optimizer": lambda model: sgd(model[0])},
        HOLDS.format(2, "Sequential", 4),
    ),
    "clip of several": (
        {"model": several(), "clip": 1.0},
        "clip=1.0 would shorten the gradients of several models together; fit them one "
        "after the other.",
    ),
    "loss": ({"loss": per_row}, SHAPE.format((4,), ())),
    "one number for several": (
        {"model": several(), "loss": lambda model, batch: model(batch.x).mean()},
        SHAPE.format((), (2,)),
    ),
    "patience without a number": (
        {"patience": 2},
        re.compile("patience=2 watches the first number of evaluate, a loss of one "),
    ),
    "patience with several": (
        {"patience": 2, "evaluate": lambda _: {"loss": [1.0, 2.0]}},
        re.compile("patience=2 watches the first number of evaluate, a loss of one "),
    ),
    "taken": (
        {"evaluate": lambda _: {"loss": 1.0, "lr": 1.0}},
        "evaluate gives ['lr'], which each row of the history has already; call it "
        "something else.",
    ),
    "shapes": (
        {"loss": regression_loss},
        "outputs of shape (4, 3) and targets of shape (4,) differ; reshape one, so "
        "that each meets its own.",
    ),
}


@pytest.mark.parametrize(("given", "message"), ERRORS.values(), ids=ERRORS)
def test_what_cannot_work_is_explained_before_the_first_step(
    given, message, monkeypatch
):
    stepped = []
    monkeypatch.setattr(torch.optim.SGD, "step", lambda *_: stepped.append(1))
    arguments = {"model": build()} | given
    expected = message if isinstance(message, re.Pattern) else f"^{re.escape(message)}$"
    with pytest.raises(ValueError, match=expected):
        run(**arguments)
    assert not stepped


def test_nothing_has_happened_when_a_run_is_refused():
    model = build(dropout=0.5)
    with pytest.raises(ValueError, match="labels run from 1 to 3"):
        run(model, sgd, minibatches(Examples(TRAIN.x, TRAIN.y + 1), 17))
    assert equal(model, build())
    assert all(p.grad is None for p in model.parameters())
