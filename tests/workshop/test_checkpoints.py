import os
import re
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors import safe_open
from torch import nn

from transformer_path.workshop import checkpoints
from transformer_path.workshop.datasets import Examples
from transformer_path.workshop.training import fit, seeded

GENERATOR = torch.Generator().manual_seed(0)
X = torch.randn(23, 5, generator=GENERATOR)
Y = torch.randint(3, (23,), generator=GENERATOR)
TRAIN, VALIDATION = Examples(X[:17], Y[:17]), Examples(X[17:], Y[17:])

SGD = partial(torch.optim.SGD, lr=0.1, momentum=0.9)
KINDS = {
    "plain": {},
    "momentum": {"optimizer": SGD},
    "amsgrad": {"optimizer": partial(torch.optim.Adam, lr=0.01, amsgrad=True)},
    "rprop": {"optimizer": torch.optim.Rprop},
    "one cycle": {
        "schedule": lambda optimizer: torch.optim.lr_scheduler.OneCycleLR(
            optimizer, 0.05, total_steps=23
        )
    },
    "warm-up, then steps": {
        "schedule": lambda optimizer: torch.optim.lr_scheduler.SequentialLR(
            optimizer,
            [
                torch.optim.lr_scheduler.LinearLR(optimizer, 0.1, total_iters=4),
                torch.optim.lr_scheduler.MultiStepLR(optimizer, [5, 9]),
            ],
            milestones=[4],
        )
    },
    "patience": {"patience": 3, "lr": 0.1},
}


def build():
    with seeded(0):
        return nn.Sequential(
            nn.Linear(5, 7), nn.BatchNorm1d(7), nn.ReLU(), nn.Dropout(0.3),
            nn.Linear(7, 3),
        )  # fmt: skip


def run(model, path=None, interrupt_at=None, train=TRAIN, **options):
    """Fit; with ``interrupt_at`` the run is stopped in the middle of that step."""
    calls = 0

    def cross_entropy(outputs, y):
        nonlocal calls
        calls += outputs.requires_grad
        if calls == interrupt_at:
            raise KeyboardInterrupt
        return F.cross_entropy(outputs, y)

    given = {"steps": 23, "batch_size": 4, "evaluate_every": 5} | options
    return fit(
        model, train, VALIDATION, loss=cross_entropy, checkpoint=path, progress=False,
        **given,
    )  # fmt: skip


def assert_same(one, other):
    other = other.state_dict()
    for name, weights in one.state_dict().items():
        assert torch.equal(weights, other[name]), name


def lists(history):
    return {name: value for name, value in vars(history).items() if name != "seconds"}


def raises(kind, message):
    return pytest.raises(kind, match=f"^{re.escape(message)}$")


@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("moments", [[6], [13], [8, 9]], ids=str)
def test_an_interrupted_run_ends_as_if_it_had_not_been(tmp_path, options, moments):
    whole, path = build(), tmp_path / "run.safetensors"
    expected = run(whole, **options)
    for moment in moments:
        with pytest.raises(KeyboardInterrupt):
            run(build(), path, interrupt_at=moment, **options)
    model = build()
    nn.init.normal_(model[0].weight)  # whatever is there is replaced
    history = run(model, path, **options)
    assert_same(model, whole)
    assert lists(history) == lists(expected)


def test_a_run_interrupted_before_its_first_checkpoint_starts_afresh(tmp_path):
    whole, model, path = build(), build(), tmp_path / "run.safetensors"
    with pytest.raises(KeyboardInterrupt):
        run(build(), path, interrupt_at=3)
    assert not path.exists()
    run(whole)
    run(model, path)
    assert_same(model, whole)


@pytest.mark.parametrize("options", [{}, KINDS["patience"]], ids=["all", "stopped"])
def test_a_finished_run_is_not_run_again(tmp_path, options):
    first, second, path = build(), build(), tmp_path / "run.safetensors"
    expected = run(first, path, **options)
    history = run(second, path, interrupt_at=1, **options)
    assert_same(first, second)
    assert lists(history) == lists(expected)


def test_a_checkpoint_changes_nothing(tmp_path):
    with_one, without = build(), build()
    run(with_one, tmp_path / "run.safetensors")
    run(without)
    assert_same(with_one, without)


def test_tied_weights_are_kept(tmp_path):
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.up, self.down = nn.Linear(5, 5), nn.Linear(5, 5)
            self.down.weight = self.up.weight

        def forward(self, x):
            return self.down(self.up(x).relu())

    with seeded(0):
        whole = Tied()
    run(whole)
    for moment in (8, None):
        with seeded(0):
            model = Tied()
        try:
            run(model, tmp_path / "run.safetensors", interrupt_at=moment)
        except KeyboardInterrupt:
            continue
    assert_same(model, whole)


def test_the_file_can_be_read_by_others(tmp_path):
    model, path = build(), tmp_path / "run.safetensors"
    run(model, path)
    with safe_open(path, framework="pt") as file:
        assert torch.equal(file.get_tensor("model.0.weight"), model[0].weight)
        assert "memory.0.exp_avg" in file.keys()  # noqa: SIM118


OTHERS = {
    "steps": ({"steps": 24}, "steps is 23 there and 24 here"),
    "seed": ({"seed": 1}, "seed is 0 there and 1 here"),
    "patience": ({"patience": 2}, "patience is None there and 2 here"),
    "schedule": (KINDS["one cycle"], "schedule is None there and OneCycleLR here"),
}


@pytest.mark.parametrize(("options", "difference"), OTHERS.values(), ids=OTHERS)
def test_another_run_is_refused(tmp_path, options, difference):
    path = tmp_path / "run.safetensors"
    run(build(), path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=re.escape(difference)) as error:
        run(build(), path, **options)
    assert str(error.value).startswith(f"{path} belongs to another run: ")
    assert str(error.value).endswith(
        ". Delete it, name another file, or go back to the settings it was made with."
    )
    assert path.read_bytes() == before


def test_another_model_and_other_data_are_refused(tmp_path):
    path = tmp_path / "run.safetensors"
    run(build(), path)
    with raises(
        ValueError,
        f"{path} belongs to another run: shape of 0.bias is (7,) there and (3,) here; "
        "shape of 0.weight is (7, 5) there and (3, 5) here; shape of 1.bias is (7,) "
        "there and None here (and more). Delete it, name another file, or go back to "
        "the settings it was made with.",
    ):
        run(nn.Sequential(nn.Linear(5, 3)), path)
    with pytest.raises(ValueError, match=r"another run: train is \w+ there and \w+ "):
        run(build(), path, train=Examples(TRAIN.x + 1, TRAIN.y))


@pytest.mark.parametrize("size", [0, 5, 100, -1])
def test_a_damaged_file_is_named(tmp_path, size):
    path = tmp_path / "run.safetensors"
    run(build(), path)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(ValueError, match="or is damaged") as error:
        run(build(), path)
    start, end = str(error.value).split(" (", 1)
    assert start == f"{path} is not a checkpoint of fit, or is damaged"
    assert end.endswith("); delete it to start the run afresh.")


def test_other_safetensors_are_no_checkpoint(tmp_path):
    from safetensors.torch import save_file

    path = tmp_path / "weights.safetensors"
    save_file({"weight": torch.zeros(2)}, path)
    with pytest.raises(ValueError, match="is not a checkpoint of fit"):
        run(build(), path)


def test_a_missing_folder_is_named(tmp_path):
    path = tmp_path / "runs" / "run.safetensors"
    with raises(
        ValueError,
        f"the folder of the checkpoint {path} does not exist; create it first.",
    ):
        run(build(), path)


def test_a_memory_that_cannot_be_kept_is_named(tmp_path):
    class Hoarder(torch.optim.SGD):
        def step(self):
            super().step()
            for parameter in self.param_groups[0]["params"]:
                self.state[parameter]["all"] = [1, 2]

    with raises(
        ValueError,
        "the optimizer keeps 'all' as a list; a checkpoint holds tensors and numbers "
        "only. Run without one.",
    ):
        run(build(), tmp_path / "run.safetensors", optimizer=Hoarder)


def test_a_failed_write_leaves_the_checkpoint_before(tmp_path, monkeypatch):
    path = tmp_path / "run.safetensors"
    with pytest.raises(KeyboardInterrupt):
        run(build(), path, interrupt_at=7)
    before = path.read_bytes()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            run(build(), path)
    assert path.read_bytes() == before

    whole, model = build(), build()
    run(whole)
    run(model, path)
    assert_same(model, whole)


KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from test_checkpoints import build, run
replace, count = os.replace, 0
def dying(*paths):
    global count
    count += 1
    if count == 3:  # the third checkpoint is written, but not in place
        os.kill(os.getpid(), signal.SIGKILL)
    replace(*paths)
os.replace = dying
run(build(), sys.argv[2])
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs POSIX signals")
def test_a_killed_process_can_be_continued(tmp_path):
    path = tmp_path / "run.safetensors"
    here = str(Path(__file__).parent)
    done = subprocess.run([sys.executable, "-c", KILLED, here, str(path)])
    assert done.returncode == -signal.SIGKILL
    with safe_open(path, framework="pt") as file:
        assert '"step": 10' in file.metadata()["about"]
    whole, model = build(), build()
    run(whole)
    run(model, path)
    assert_same(model, whole)
    assert [each.name for each in tmp_path.iterdir()] == ["run.safetensors"]


def test_what_is_saved_is_loaded(tmp_path):
    saved = checkpoints.Checkpoint(
        settings={"steps": 3, "patience": None},
        step=2,
        model={"a.b": torch.randn(2, 3)},
        best={},
        memory={0: {"exp_avg": torch.ones(2, 3), "step": 4, "none": None}, 1: {}},
        groups=[{"lr": 0.1, "params": [0, 1]}],
        random={"order": torch.arange(3)},
        history={"steps": [2], "seconds": 1 / 3},
    )
    path = tmp_path / "run.safetensors"
    checkpoints.save(saved, path)
    loaded = checkpoints.load(path, saved.settings)
    assert torch.equal(loaded.model["a.b"], saved.model["a.b"])
    assert torch.equal(loaded.memory[0]["exp_avg"], torch.ones(2, 3))
    assert loaded.memory[0]["step"] == 4
    assert loaded.memory[0]["none"] is None
    assert loaded.memory[1] == {}
    assert torch.equal(loaded.random["order"], torch.arange(3))
    for name in ("settings", "step", "best", "groups", "history"):
        assert getattr(loaded, name) == getattr(saved, name)
