"""A run that is stopped at any moment ends as if it had not been."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from broken import broken_copy

from transformer_path.transformer.tokenizer import (
    BytePairTokenizer,
    CharacterTokenizer,
)
from transformer_path.variants import pretraining
from transformer_path.variants.pretraining import MODEL, RUN, Settings, train
from transformer_path.variants.writer import END, Writer
from transformer_path.workshop.training import seeded

TEXTS = ["the cat sat on the mat; " * 9, "and the dog sat on the log. " * 9]
HELD = ["the dog sat on the mat, and the cat on the log. "]
LETTERS = CharacterTokenizer("".join(TEXTS + HELD))
SMALL = Settings(
    steps=50, context=8, d_model=8, n_heads=2, n_layers=1, batch=4, every=6, rate=1e-2
)


def run(folder, settings=SMALL, module=pretraining, held=HELD, **options):
    return module.train(
        TEXTS, held, LETTERS, settings, folder, **({"progress": False} | options)
    )


def files(folder):
    return sorted(os.listdir(folder))


def weights(folder):
    """Those that go on, and the best ones."""
    running = torch.load(Path(folder, RUN))["model"]
    return [running, Writer.load(Path(folder, MODEL)).model.state_dict()]


def assert_same(one, other):
    assert files(one) == files(other) == [MODEL, RUN]
    for ours, theirs in zip(weights(one), weights(other), strict=True):
        assert {*ours} == {*theirs}
        for name in ours:
            assert torch.equal(ours[name], theirs[name]), name


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that nobody interrupts, and what it reported."""
    folder, looks = tmp_path_factory.mktemp("runs") / "whole", []
    run(folder, report=looks.append)
    return folder, looks


BACKWARDS = [HELD[0][::-1]]  # first its letters are learned, then what misleads
FAST = replace(SMALL, rate=5e-2)


def check_best(looks, found, held):
    best = min(looks, key=lambda look: look.bits_per_byte)
    assert found.about["step"] == best.step > 0
    assert found.about["bits_per_byte"] == best.bits_per_byte
    assert [look.best for look in looks] == [
        look.bits_per_byte < min([99.0, *(each.bits_per_byte for each in looks[:n])])
        for n, look in enumerate(looks)
    ]
    again = pretraining.joined(held, LETTERS, len(LETTERS))
    bits = pretraining.total_bits(found.model, again, SMALL.context)
    assert bits / len(held[0].encode()) == pytest.approx(best.bits_per_byte, rel=1e-5)


def test_it_learns_and_looks_as_often_as_it_is_told(whole):
    folder, looks = whole
    assert [look.step for look in looks] == [0, 6, 12, 18, 24, 30, 36, 42, 48, 50]
    assert looks[0].bits_per_byte > 4 > 3.5 > looks[-1].bits_per_byte
    assert files(folder) == [MODEL, RUN]
    check_best(looks, Writer.load(folder / MODEL), HELD)


def test_the_best_is_kept_not_the_last(tmp_path):
    looks = []
    found = run(tmp_path, FAST, held=BACKWARDS, report=looks.append)
    best = min(look.bits_per_byte for look in looks)
    assert looks[0].bits_per_byte > best + 0.2
    assert looks[-1].bits_per_byte > best + 0.2
    check_best(looks, found, BACKWARDS)


def test_it_looks_seldom_and_saves_often(tmp_path, monkeypatch):
    steps, looks = [], []
    save = pretraining.fit.__globals__["Run"]._save
    monkeypatch.setattr(
        pretraining.fit.__globals__["Run"],
        "_save",
        lambda self, path: steps.append(self.step) or save(self, path),
    )
    run(tmp_path, replace(SMALL, steps=110, every=50), report=looks.append)
    assert steps == [20, 40, 60, 80, 100, 110]
    assert [look.step for look in looks] == [0, 60, 100, 110]


def test_what_may_vary_does_not_vary_the_run(tmp_path, whole):
    def sample(look):
        torch.rand(3)
        list(look.writer.write("the", 5, generator=torch.Generator()))

    with seeded(99):
        run(tmp_path / "a", report=sample)
    assert_same(tmp_path / "a", whole[0])


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 1}, {"rate": 2e-2}, {"batch": 3}, {"dropout": 0.2}, {"context": 7},
        {"d_model": 10}, {"n_heads": 1}, {"n_layers": 2}, {"steps": 40}, {"every": 7},
    ],
    ids=str,
)  # fmt: skip
def test_every_setting_tells_and_another_run_is_refused(tmp_path, whole, changes):
    folder, _ = whole
    (name, value), before = next(iter(changes.items())), (folder / RUN).read_bytes()
    message = f"{folder} holds another run: {name} is {getattr(SMALL, name)} there and "
    with pytest.raises(ValueError, match=f"^{re.escape(message)}{value} here. Name an"):
        run(folder, replace(SMALL, **changes))
    assert (folder / RUN).read_bytes() == before
    if name != "every":
        run(tmp_path, replace(SMALL, **changes))
        shapes = [
            {k: w.shape for k, w in weights(f)[0].items()} for f in (folder, tmp_path)
        ]
        last = [weights(f)[0]["tokens.weight"] for f in (folder, tmp_path)]
        assert shapes[0] != shapes[1] or not torch.equal(*last)


def test_another_text_or_tokenizer_is_another_run(whole):
    folder, _ = whole
    other = BytePairTokenizer(special=[END])
    for texts, held, tokenizer in (
        (TEXTS[:1], HELD, LETTERS),
        (TEXTS, [HELD[0].replace("dog", "cat")], LETTERS),
        (TEXTS, HELD, other),
    ):
        with pytest.raises(ValueError, match="the text or its tokens are others"):
            train(texts, held, tokenizer, SMALL, folder)


@pytest.mark.parametrize("at", [1, 2, 4])
def test_it_stops_when_asked_and_goes_on(tmp_path, whole, at):
    asked, looks = 0, []

    def stop():
        nonlocal asked
        asked += 1
        return asked == at

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, stop=stop)
    if (tmp_path / RUN).exists():
        assert torch.load(tmp_path / RUN)["step"] == 6 * (at - 2)
    run(tmp_path, report=looks.append)
    assert_same(tmp_path, whole[0])
    expected = [look for look in whole[1] if look.step == 0 or look.step > 6 * (at - 2)]
    key = "step", "bits_per_byte"
    assert [[getattr(x, k) for k in key] for x in looks] == [
        [getattr(x, k) for k in key] for x in expected
    ]


def test_a_finished_run_is_not_run_again(tmp_path, whole, monkeypatch):
    before = (whole[0] / RUN).read_bytes()
    monkeypatch.setattr(torch.optim.AdamW, "step", None)
    found = run(whole[0])
    assert found.about["step"] == Writer.load(whole[0] / MODEL).about["step"]
    assert (whole[0] / RUN).read_bytes() == before


def test_a_budget_in_seconds(tmp_path):
    looks = []
    run(
        tmp_path,
        replace(SMALL, steps=None, seconds=0.3, every=500),
        report=looks.append,
    )
    saved = torch.load(tmp_path / RUN)
    assert saved["seconds"] >= 0.3
    assert looks[-1].step == saved["step"] > 0


KILLED = """
import json, os, signal, sys
import torch
torch.set_num_threads(1)
from test_pretraining import run
folder, moments = sys.argv[1], json.loads(sys.argv[2])
weight = torch.zeros(1, requires_grad=True)
weight.grad = torch.zeros(1)
torch.optim.AdamW([weight]).step()  # imports much, here once for all

def forked(work):
    if child := os.fork():
        return os.waitpid(child, 0)[1]
    work()
    os._exit(0)

def dying(owner, name, at):
    whole, count = getattr(owner, name), 0
    def call(*given, **named):
        nonlocal count
        count += 1
        if count == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return whole(*given, **named)
    setattr(owner, name, call)

owners = {"os": os, "AdamW": torch.optim.AdamW, "Tensor": torch.Tensor}
for number, (owner, name, at) in enumerate(moments):
    place = f"{folder}/{number}"
    def broken():
        dying(owners[owner], name, at)
        run(place)
    assert os.WIFSIGNALED(forked(broken)), (owner, name, at)
    left = os.listdir(place) if os.path.exists(place) else []
    print(owner, name, at, left)
    assert forked(lambda: run(place)) == 0
assert forked(lambda: run(f"{folder}/whole")) == 0
"""
# In a step; between gradient and step; while a file is written; before it is in place.
MOMENTS = [
    ("AdamW", "step", 1),
    ("AdamW", "step", 13),
    ("Tensor", "backward", 30),
    ("os", "fsync", 1),
    ("os", "fsync", 2),
    ("os", "fsync", 7),
    ("os", "replace", 1),
    ("os", "replace", 6),
    ("os", "replace", 9),
]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a process is killed in a fork")
def test_killed_at_any_moment_it_ends_the_same(tmp_path):
    paths = [str(Path(__file__).parent), *sys.path]
    environment = {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), json.dumps(MOMENTS)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert ".tmp" in done.stdout  # some died while they wrote
    for number in range(len(MOMENTS)):  # against a run on one thread, as theirs
        assert_same(tmp_path / str(number), tmp_path / "whole")


def test_a_lost_model_or_a_damaged_run_is_named_and_left(tmp_path, whole):
    run(tmp_path)
    kept = {name: (tmp_path / name).read_bytes() for name in (MODEL, RUN)}
    for name, message in {
        MODEL: "model.pt is no model of this package, or is damaged",
        RUN: "run.pt is not a checkpoint of fit, or is damaged",
    }.items():
        (tmp_path / name).write_bytes(kept[name][:500])
        with pytest.raises(ValueError, match=message):
            run(tmp_path)
        assert (tmp_path / name).read_bytes() == kept[name][:500]
        (tmp_path / name).write_bytes(kept[name])
    (tmp_path / MODEL).unlink()
    with pytest.raises(ValueError, match=r"holds run.pt but no model.pt"):
        run(tmp_path)
    assert (tmp_path / RUN).read_bytes() == kept[RUN]


def test_a_full_disk_loses_nothing(tmp_path, whole, monkeypatch):
    calls, fsync = 0, os.fsync

    def full(descriptor):
        nonlocal calls
        calls += 1
        if calls == 5:
            raise OSError(28, "No space left on device")
        fsync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            run(tmp_path)
    assert files(tmp_path) == [MODEL, RUN]
    run(tmp_path)
    assert_same(tmp_path, whole[0])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"context": 0}, "context=0 must be a whole number, 1 or more"),
        ({"n_heads": 3}, "d_model=8 is not divisible by n_heads=3"),
        ({"n_heads": 0}, "n_heads=0 must be"),
        ({"n_layers": 1.5}, "n_layers=1.5 must be"),
        ({"steps": 0}, "steps=0 must be"),
        ({"steps": None}, "steps=None and seconds=None; give one of the two"),
        ({"seconds": 1.0}, "steps=50 and seconds=1.0; give one of the two"),
        ({"steps": None, "seconds": 0}, "seconds=0 must be a number above 0"),
        ({"steps": None, "seconds": float("nan")}, "seconds=nan must be"),
        ({"dropout": 1.0}, "dropout=1.0 must be at least 0 and below 1"),
        ({"rate": -1e-3}, "rate=-0.001 must be a number above 0"),
        ({"rate": float("inf")}, "rate=inf must be"),
        ({"seed": -1}, "seed=-1 must be a whole number, 0 or more"),
        ({"seed": 2**63}, "must be below 2 to the power of 63"),
        ({"every": 0}, "every=0 must be"),
        ({"batch": 0}, "batch=0 must be"),
    ],
)
def test_settings_out_of_range_are_refused(wrong, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        replace(SMALL, **wrong)


def test_too_short_a_text_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ValueError, match="longer than the context of 1000"):
        run(tmp_path / "out", replace(SMALL, context=1000))
    assert files(tmp_path) == []


def test_a_loss_that_is_not_finite_leaves_the_best(tmp_path, monkeypatch):
    with pytest.raises(FloatingPointError, match="the loss is nan at step"):
        run(tmp_path, replace(SMALL, rate=1e30))
    assert Writer.load(tmp_path / MODEL).about["bits_per_byte"] < 99


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("if bits < best:", "if True:"),
        ("if bits < best:", "if not step:"),
        ("self.best = min(bits, self.best)", "pass"),
        ("/ size\n", "/ (size + 1)\n"),
        ('"step": step,', '"step": step + 1,'),
    ],
)
def test_a_broken_copy_is_caught(tmp_path, right, wrong):
    looks = []
    module = broken_copy(pretraining, right, wrong)
    settings = module.Settings(**vars(FAST))
    found = run(tmp_path, settings, module, BACKWARDS, report=looks.append)
    with pytest.raises(AssertionError):
        check_best(looks, found, BACKWARDS)
