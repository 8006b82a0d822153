import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.serialization import config

from transformer_path.networks.feedforward import MLP, relu, tanh
from transformer_path.workshop import checkpoints, runs
from transformer_path.workshop.batches import minibatches, stacked
from transformer_path.workshop.datasets import Examples
from transformer_path.workshop.ensembles import Several, each
from transformer_path.workshop.scores import classification_loss, validation
from transformer_path.workshop.training import fit, seeded

GENERATOR = torch.Generator().manual_seed(0)
X = torch.randn(23, 5, generator=GENERATOR)
Y = torch.randint(3, (23,), generator=GENERATOR)
TRAIN, VALIDATION = Examples(X[:17], Y[:17]), Examples(X[17:], Y[17:])
STEPS = 11


def build(dropout=0.3, seed=0):
    with seeded(seed):
        return nn.Sequential(
            nn.Linear(5, 7),
            nn.BatchNorm1d(7),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(7, 3),
        )


def sgd(model, lr=0.1, **options):
    return torch.optim.SGD(model.parameters(), lr, **options)


def two(model):
    momentum = torch.optim.SGD(model[0].parameters(), 0.1, momentum=0.9)
    rest = [{"params": model[1].parameters(), "lr": 0.05}, {"params": model[4].weight}]
    rest += [{"params": model[4].bias, "weight_decay": np.float64(0.1)}]
    return [momentum, torch.optim.AdamW(rest, lr=np.float64(0.01), amsgrad=True)]


def run(
    model, path=None, interrupt_at=None, optimizer=sgd, loss=classification_loss,
    batch=None, progress=False, **options,
):  # fmt: skip
    """Fit; with ``interrupt_at`` the run is stopped in the middle of that step."""
    calls, accumulate = 0, options.get("accumulate", 1)

    def counting(model, batch):
        nonlocal calls
        calls += 1
        if interrupt_at is not None and calls - 1 == interrupt_at * accumulate:
            raise KeyboardInterrupt
        return loss(model, batch)

    return fit(
        model,
        batch or minibatches(TRAIN, 4),
        optimizer=optimizer(model),
        loss=counting,
        checkpoint=path,
        progress=progress,
        **({"steps": STEPS, "every": 3, "evaluate": validation(VALIDATION)} | options),
    )


def random_evaluation(model):
    return {"drawn": torch.rand(3).sum()}


KINDS = {
    "plain": {},
    "momentum": {"optimizer": lambda model: sgd(model, momentum=0.9)},
    "adam": {"optimizer": lambda model: torch.optim.Adam(model.parameters())},
    "two optimizers": {"optimizer": two, "schedule": lambda done: 1 - done},
    "numpy": {
        "optimizer": lambda model: sgd(model, np.float64(0.1)),
        "schedule": lambda done: np.cos(done),
        "steps": np.int64(STEPS),
        "every": np.int64(3),
        "seed": np.int64(5),
        "clip": np.float64(0.5),
    },
    "rate in a tensor": {
        "optimizer": lambda model: sgd(model, torch.tensor(0.1)),
        "schedule": lambda done: 1 - done,
    },
    "accumulate": {"accumulate": 2, "clip": 0.1},
    "patience": {"patience": 6, "every": 1, "optimizer": lambda m: sgd(m, 2.0)},
    "random evaluation": {"evaluate": random_evaluation},
}


def assert_same(one, other):
    other = other.state_dict()
    for name, weights in one.state_dict().items():
        assert torch.equal(weights, other[name]), name


def rows(history):
    return [
        {name: number for name, number in row.items() if name != "seconds"}
        for row in history.rows
    ]


def raises(kind, message):
    return pytest.raises(kind, match=f"^{re.escape(message)}$")


@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("moments", [[1], [4], [7, 4]], ids=str)
def test_an_interrupted_run_ends_as_if_it_had_not_been(tmp_path, options, moments):
    whole, path = build(), tmp_path / "run.pt"
    expected = run(whole, **options)
    for moment in moments:
        with pytest.raises(KeyboardInterrupt):
            run(build(), path, interrupt_at=moment, **options)
    model = build()
    history = run(model, path, **options)
    assert_same(model, whole)
    assert rows(history) == rows(expected)
    assert os.listdir(tmp_path) == ["run.pt"]


def test_a_budget_in_seconds_is_resumed(tmp_path, monkeypatch):
    now = 0.0

    def slow(model, batch):
        nonlocal now
        now += 1.0
        return classification_loss(model, batch)

    monkeypatch.setattr(runs, "perf_counter", lambda: now)
    options = {"steps": None, "seconds": 11.0, "schedule": lambda done: 1 - done}
    whole, model, path = build(), build(), tmp_path / "run.pt"
    expected = run(whole, loss=slow, **options)
    with pytest.raises(KeyboardInterrupt):
        run(build(), path, interrupt_at=8, loss=slow, **options)
    history = run(model, path, loss=slow, **options)
    assert history.rows == expected.rows
    assert history["seconds"][-1] == 11
    assert_same(model, whole)


def test_any_step_may_be_the_last(tmp_path):
    options = KINDS["two optimizers"]
    whole, path, expected = build(), tmp_path / "run.pt", None
    expected = run(whole, **options)
    done = 0
    for more in (2, 3, 1, 4, 2, 2):
        with pytest.raises(KeyboardInterrupt):
            run(build(), path, interrupt_at=more, **options)
        done = done + more - 1
        done -= done % 3
        saved = torch.load(path)["step"] if path.exists() else 0
        assert saved == done
    model = build()
    assert rows(run(model, path, **options)) == rows(expected)
    assert_same(model, whole)


def test_windows_of_a_stream_are_resumed(tmp_path):
    tokens = torch.randint(7, (1000,), generator=GENERATOR)

    def batch(step):
        start = torch.randint(990, ())  # drawn from the seed and the step
        return tokens[start : start + 8], tokens[start + 1 : start + 9]

    def embedding():
        with seeded(0):
            return nn.Embedding(7, 7)

    whole, model, path = embedding(), embedding(), tmp_path / "run.pt"
    run(whole, batch=batch, evaluate=lambda _: {})
    for interrupt in (8, None):
        model = embedding()
        try:
            run(model, path, interrupt, batch=batch, evaluate=lambda _: {})
        except KeyboardInterrupt:
            continue
    assert_same(model, whole)


def test_several_models_are_resumed(tmp_path):
    def five():
        return Several([MLP([5, 3], generator=torch.Generator()) for _ in range(5)])

    options = {
        "loss": each(classification_loss),
        "batch": stacked([minibatches(TRAIN, 4, seed=seed) for seed in range(5)]),
    }
    whole, model, path = five(), five(), tmp_path / "run.pt"
    expected = run(whole, **options)
    with pytest.raises(KeyboardInterrupt):
        run(five(), path, interrupt_at=8, **options)
    assert rows(run(model, path, **options)) == rows(expected)
    assert_same(model, whole)


@pytest.mark.parametrize("options", [{}, {"patience": 2, "every": 1}], ids=str)
def test_a_finished_run_is_not_run_again(tmp_path, options):
    first, second, path = build(), build(), tmp_path / "run.pt"
    expected = run(first, path, **options)
    history = run(second, path, interrupt_at=1, **options)
    assert_same(first, second)
    assert rows(history) == rows(expected)
    assert not second.training


def test_a_checkpoint_changes_nothing(tmp_path):
    with_one, without = build(), build()
    run(with_one, tmp_path / "run.pt")
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

    def tied():
        with seeded(0):
            return Tied()

    whole, model, path = tied(), tied(), tmp_path / "run.pt"
    run(whole)
    with pytest.raises(KeyboardInterrupt):
        run(tied(), path, interrupt_at=8)
    run(model, path)
    assert_same(model, whole)
    assert model.down.weight is model.up.weight


def squared(model, batch):
    return classification_loss(model, batch).square()


def groups(lr, *names):
    def optimizer(model):
        parts = [{"params": model[0].parameters()}, {"params": model[1].parameters()}]
        parts += [{"params": model[4].parameters(), "lr": lr}]
        return torch.optim.SGD(parts, lr=0.1)

    return optimizer


def zeroed(model):
    """The last layer gives zeros: then only the gradient tells models apart."""
    nn.init.zeros_(model[-1].weight)
    nn.init.zeros_(model[-1].bias)
    return model


def mlp(activation, seed=0):
    return MLP(
        [5, 8, 3],
        activation=activation,
        generator=torch.Generator().manual_seed(seed),
    )


def zeroed_mlp(activation):
    model = mlp(activation)
    nn.init.zeros_(model.layers[-1].weight)
    nn.init.zeros_(model.layers[-1].bias)
    return model


FIRST, GRADIENT = "loss on the first batch is ", "gradient on the first batch is "
OTHERS = {
    "activation": ({"model": mlp(relu)}, {"model": mlp(tanh)}, FIRST),
    "weights": ({"model": mlp(relu)}, {"model": mlp(relu, 1)}, FIRST),
    "dropout": ({"model": build(0.1)}, {"model": build(0.7)}, FIRST),
    "loss": ({}, {"loss": squared}, FIRST),
    "inputs": ({}, {"batch": minibatches(Examples(X + 1, Y), 4)}, FIRST),
    "labels": ({}, {"batch": minibatches(Examples(X, (Y + 1) % 3), 4)}, FIRST),
    "activation below zeros": (
        {"model": zeroed_mlp(relu)}, {"model": zeroed_mlp(tanh)}, GRADIENT,
    ),
    "dropout below zeros": (
        {"model": zeroed(build(0.1))}, {"model": zeroed(build(0.7))}, GRADIENT,
    ),
    "inputs below zeros": (
        {"model": zeroed(build())},
        {"model": zeroed(build()), "batch": minibatches(Examples(2 * X**3, Y), 4)},
        GRADIENT,
    ),
    "steps": ({}, {"steps": 12}, "steps is 11 there and 12 here"),
    "every": ({}, {"every": 4}, "every is 3 there and 4 here"),
    "seed": ({}, {"seed": 1}, "seed is 0 there and 1 here"),
    "clip": ({}, {"clip": 1.0}, "clip is inf there and 1.0 here"),
    "accumulate": ({}, {"accumulate": 2}, "accumulate is 1 there and 2 here"),
    "patience": ({}, {"patience": 2}, "patience is None there and 2 here"),
    "seconds": ({}, {"steps": None, "seconds": 9.0}, "seconds is None there and 9.0"),
    "schedule": (
        {"schedule": lambda done: float(done < 0.1)},
        {"schedule": lambda done: float(done < 0.5)},
        "schedule is [1.0, ",
    ),
    "rate": (
        {"optimizer": groups(0.1)},
        {"optimizer": groups(0.2)},
        "rates is [0.1, 0.1, 0.1] there and [0.1, 0.1, 0.2] here",
    ),
    "momentum": ({}, {"optimizer": lambda m: sgd(m, momentum=0.9)}, "optimizer is "),
    "optimizer": (
        {},
        {"optimizer": lambda m: torch.optim.Adam(m.parameters(), 0.1)},
        "optimizer is ",
    ),
    "evaluate": ({}, {"evaluate": lambda _: {"other": 1.0}}, "history is ["),
}  # fmt: skip


@pytest.mark.parametrize(("one", "other", "difference"), OTHERS.values(), ids=OTHERS)
def test_another_run_is_refused_before_a_step(
    tmp_path, monkeypatch, one, other, difference
):
    path = tmp_path / "run.pt"
    run(path=path, interrupt_at=None, **({"model": build()} | one))
    before = path.read_bytes()
    for optimizer in (torch.optim.SGD, torch.optim.Adam):
        monkeypatch.setattr(optimizer, "step", None)
    with pytest.raises(ValueError, match=re.escape(difference)) as error:
        run(path=path, **({"model": build()} | other))
    assert str(error.value).startswith(f"{path} belongs to another run: ")
    assert str(error.value).endswith(
        ". Delete it, name another file, or go back to the settings, data and initial "
        "weights it was made with."
    )
    assert path.read_bytes() == before


def test_noise_of_another_machine_is_the_same_run():
    ours = {"loss": 1.234567, "schedule": [0.1, 1e-20], "clip": float("inf"), "n": None}
    other = {"loss": 1.2345675, "schedule": [0.1, 0.0], "clip": float("inf"), "n": None}
    assert all(checkpoints._same(ours[name], other[name]) for name in ours)
    assert checkpoints._same(float("nan"), float("nan"))
    assert not checkpoints._same(1.2345, 1.2346)
    assert not checkpoints._same([1.0], [1.0, 2.0])
    assert not checkpoints._same(None, 0.0)


def torch_file(thing):
    def write(path):
        torch.save(thing, path)

    return write


class Trap:
    def __reduce__(self):
        return os.mkdir, ("trapped",)


FOREIGN = {
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("step,loss\n1,2.5\n"),
    "zip": lambda path: path.write_bytes(b"PK\x05\x06" + bytes(18)),
    "zeros": lambda path: path.write_bytes(bytes(1000)),
    "weights": torch_file({"weight": torch.zeros(2)}),
    "tensor": torch_file(torch.zeros(2)),
    "number": torch_file(3),
    "identity": torch_file({"identity": 5}),
    "code": torch_file({"identity": {}, "step": Trap()}),
}


@pytest.mark.parametrize("write", FOREIGN.values(), ids=FOREIGN)
def test_what_is_no_checkpoint_is_named_and_left(tmp_path, monkeypatch, write):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "run.pt"
    write(path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="delete it to start the run afresh") as error:
        run(build(), path)
    start, end = str(error.value).split(" (", 1)
    assert start == f"{path} is not a checkpoint of fit, or is damaged"
    assert end.endswith("); delete it to start the run afresh.")
    assert "\n" not in str(error.value)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["run.pt"]


def test_half_a_checkpoint_is_named_and_left(tmp_path):
    path = tmp_path / "run.pt"
    run(build(), path)
    whole = path.read_bytes()
    for share in range(20):
        path.write_bytes(whole[: len(whole) * share // 20])
        with pytest.raises(ValueError, match="is not a checkpoint of fit, or is dam"):
            checkpoints.load(path, {})
        assert path.exists()


def test_a_missing_folder_is_refused_before_a_step(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.optim.SGD, "step", None)
    path = tmp_path / "runs" / "run.pt"
    with raises(
        ValueError,
        f"the folder of the checkpoint {path} does not exist; create it first.",
    ):
        run(build(), path)


def test_what_a_killed_process_left_goes_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        run(build(), "run[1]", interrupt_at=8)
    assert os.listdir(tmp_path) == ["run[1]"]
    for left in ("run[1].tmp7", "run[1].pt.tmp7", "run1.tmp7"):
        Path(left).touch()
    run(build(), "run[1]")
    assert sorted(os.listdir()) == ["run1.tmp7", "run[1]", "run[1].pt.tmp7"]


def test_a_memory_that_cannot_be_kept_is_named(tmp_path):
    class Hoarder(torch.optim.SGD):
        def step(self):
            super().step()
            self.param_groups[0]["all"] = [1, {2}]

    with raises(
        ValueError,
        "{2} cannot be kept: a checkpoint holds tensors, numbers and text. Run without "
        "one, or leave it out of the optimizer.",
    ):
        run(build(), tmp_path / "run.pt", optimizer=lambda m: Hoarder(m.parameters()))
    assert os.listdir(tmp_path) == []


def test_a_failed_write_leaves_the_checkpoint_before(tmp_path, monkeypatch):
    path = tmp_path / "run.pt"
    with pytest.raises(KeyboardInterrupt):
        run(build(), path, interrupt_at=5)
    before = path.read_bytes()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            run(build(), path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["run.pt"]

    whole, model = build(), build()
    run(whole)
    run(model, path)
    assert_same(model, whole)


def test_nothing_is_written_before_it_takes_its_place(tmp_path, monkeypatch):
    """A reader finds a whole checkpoint at every moment."""
    path, seen = tmp_path / "run.pt", []

    def watching(source, target):
        seen.append(torch.load(path)["step"] if path.exists() else None)
        assert torch.load(source)["step"] == 3 * len(seen) or len(seen) == 4
        replace(source, target)

    replace = os.replace
    monkeypatch.setattr(os, "replace", watching)
    run(build(), path)
    assert seen == [None, 3, 6, 9]


@pytest.mark.parametrize("mapped", [False, True])
def test_what_was_loaded_does_not_hang_on_the_file(tmp_path, mapped):
    path = tmp_path / "run.pt"
    checkpoints.save({"identity": {}, "w": torch.arange(50_000)}, path)
    with config.patch("load.mmap", mapped):
        parts = checkpoints.load(path, {})
    os.truncate(path, 0)  # a process that maps it would die here
    assert parts["w"].sum() == 50_000 * 49_999 // 2


def fresh(script, *arguments, **environment):
    """Start a Python that finds this tree and this file."""
    paths = [str(Path(__file__).parent), *sys.path]
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)} | environment,
        stderr=subprocess.PIPE,
        text=True,
    )


KILLED = """
import os, signal, sys
import torch
from test_checkpoints import KINDS, build, run
torch.set_num_threads(1)
replace, count = os.replace, 0
def dying(*paths):
    global count
    count += 1
    if count == 3:  # the third checkpoint is written, but not in place
        os.kill(os.getpid(), signal.SIGKILL)
    replace(*paths)
os.replace = dying
run(build(), sys.argv[1], progress=True, **KINDS["two optimizers"])
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs POSIX signals")
def test_a_killed_process_can_be_continued(tmp_path):
    path, options = tmp_path / "run.pt", KINDS["two optimizers"]
    killed = fresh(KILLED, path, TQDM_DISABLE="1")
    _, said = killed.communicate()
    assert (killed.returncode, said) == (-signal.SIGKILL, "")  # nor any progress bar
    assert len(os.listdir(tmp_path)) == 2  # what was half done lies there
    assert torch.load(path)["step"] == 6
    whole, model = build(), build()
    run(whole, **options)
    run(model, path, **options)
    assert_same(model, whole)
    assert os.listdir(tmp_path) == ["run.pt"]


PROCESS = """
import json, sys
import torch
from torch import distributed
from test_checkpoints import parallel
folder, rank = sys.argv[1], int(sys.argv[2])
torch.set_num_threads(1)
distributed.init_process_group(
    "gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2
)
found = parallel(folder)
json.dump(found, open(f"{folder}/{rank}.json", "w"))
distributed.barrier()
distributed.destroy_process_group()
"""


def normless():
    with seeded(0):
        return nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 3))


def parallel(folder):
    """What one of two processes does and finds."""
    from torch.nn.parallel import DistributedDataParallel

    batch, drawn, rows = minibatches(TRAIN, 4), [], []

    def loss(model, batch):
        rows.append(batch.y.tolist())
        drawn.append(torch.rand(2).tolist())
        return classification_loss(model, batch)

    model = DistributedDataParallel(normless())
    history = run(model, batch=batch, loss=loss, every=1, accumulate=2)
    found = {"rows": rows, "drawn": drawn, "loss": history["train_loss"].tolist()}
    found["weights"] = [p.tolist() for p in model.parameters()]
    found["seen"] = [batch(step).x.tolist() for step in range(5)]

    path = f"{folder}/runs/run.pt"
    try:
        run(DistributedDataParallel(normless()), path, interrupt_at=8)
    except KeyboardInterrupt:
        found["step"] = torch.load(path)["step"]
    replace, written = os.replace, []
    os.replace = lambda *paths: (written.append(paths[1]), replace(*paths))
    model = DistributedDataParallel(normless())
    run(model, path)
    found["written"] = len(written)
    whole = DistributedDataParallel(normless())
    run(whole)
    found["resumed"] = all(map(torch.equal, model.parameters(), whole.parameters()))
    try:
        run(whole, steps=None, seconds=1.0)
    except ValueError as error:
        found["seconds"] = str(error)
    return found


@pytest.fixture(scope="module")
def processes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("processes")
    (folder / "runs").mkdir()
    both = [fresh(PROCESS, folder, rank) for rank in range(2)]
    for process in both:
        _, said = process.communicate(timeout=240)
        assert process.returncode == 0, said
    found = [json.loads((folder / f"{rank}.json").read_text()) for rank in range(2)]
    return [*found, os.listdir(folder / "runs")]


def test_two_processes_share_every_minibatch(processes):
    one, other, _ = processes
    batch = minibatches(TRAIN, 4)
    for step, (a, b) in enumerate(zip(one["seen"], other["seen"], strict=True)):
        assert len(a) == len(b) == 2
        assert sorted(a + b) == sorted(batch(step).x.tolist())


def test_two_processes_draw_differently(processes):
    one, other, _ = processes
    drawn = [tuple(pair) for found in (one, other) for pair in found["drawn"][1:]]
    assert len(set(drawn)) == 2 * 2 * STEPS


def test_two_processes_learn_what_one_does(processes):
    one, other, _ = processes
    model = normless()
    history = run(model, every=1, accumulate=2)
    for index, weights in enumerate(model.parameters()):
        assert one["weights"][index] == other["weights"][index]
        assert torch.allclose(torch.tensor(one["weights"][index]), weights, atol=1e-6)
    assert one["loss"] == other["loss"]
    assert one["loss"] == pytest.approx(history["train_loss"].tolist(), abs=1e-6)


def test_two_processes_continue_from_one_checkpoint(processes):
    one, other, left = processes
    assert one["step"] == other["step"] == 6
    assert one["resumed"]
    assert other["resumed"]
    assert (one["written"], other["written"]) == (2, 0)
    assert left == ["run.pt"]


def test_two_processes_need_steps(processes):
    message = "several processes must stop together; give steps."
    assert [found["seconds"] for found in processes[:2]] == [message] * 2
