"""A script sets itself up: one thread, no window, figures for whoever asks."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from transformer_path.workshop import script

SRC = Path(__file__).parents[2] / "src"
SCRIPT = """
from transformer_path.workshop import script

script.start()

import numpy
import sklearn.cluster  # brings libraries of its own
import torch
from threadpoolctl import threadpool_info

from transformer_path.workshop import plots

threads = {pool["filepath"]: pool["num_threads"] for pool in threadpool_info()}
print(len(threads) > 1, set(threads.values()), torch.get_num_threads())
print("\u2212 \u00d7")
fig, ax = plots.figure()
ax.plot([1, 2])
stepper = plots.Stepper("a line")
stepper.add(plots.figure()[0], "once \u2212")
script.keep(stepper)
line = plots.Explorable("line", "a line", x=[1.0, 2.0])
fig, ax = plots.figure()
ax.plot([1, 2], gid="moves")
line.add(fig, "slope 1")
script.keep(line)
"""


def run(folder, *arguments, **environment):
    (folder / "script.py").write_text(SCRIPT, encoding="utf-8")
    keep = {k: v for k, v in os.environ.items() if k in {"PATH", "HOME"}}
    done = subprocess.run(
        [sys.executable, "script.py", *arguments],
        cwd=folder,
        env=keep | {"PYTHONPATH": str(SRC)} | environment,
        capture_output=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr.decode()


@pytest.fixture(scope="module")
def with_figures(tmp_path_factory):
    """A run that saves its figures, on a terminal that lacks a sign."""
    folder = tmp_path_factory.mktemp("script")
    return folder, run(folder, "--figures", "a/b", PYTHONIOENCODING="cp1252")


def test_one_thread_whatever_the_environment_says(tmp_path):
    code, out, err = run(tmp_path, OMP_NUM_THREADS="3", PYTHONIOENCODING="utf-8")
    assert (code, err) == (0, "")
    assert out.decode("utf-8").splitlines() == ["True {1} 1", "− ×"]
    assert [path.name for path in tmp_path.iterdir()] == ["script.py"]


def test_a_terminal_that_lacks_a_sign_gets_its_name(with_figures):
    _, (code, out, err) = with_figures
    assert (code, err) == (0, "")
    assert out.decode("cp1252").splitlines()[1] == r"\N{MINUS SIGN} ×"


def test_figures_are_saved_in_a_folder_that_need_not_exist(with_figures):
    folder, (code, _, err) = with_figures
    assert (code, err) == (0, "")
    line, figure, stepper = sorted((folder / "a" / "b").iterdir())
    assert (figure.name, stepper.name) == ("figure-01.svg", "stepper-01.html")
    assert line.name == "explorable-02.html"
    assert "<svg" in figure.read_text("utf-8")
    assert "once −" in stepper.read_text("utf-8")
    assert "slope 1" in line.read_text("utf-8")


def test_an_unknown_option_is_refused_before_any_work(capsys, tmp_path):
    wanted = ["--figures", str(tmp_path / "a"), "--pictures"]
    with pytest.raises(SystemExit) as refused:
        script.start(wanted)
    assert refused.value.code == 2
    assert "--figures FOLDER" in capsys.readouterr().err
    assert not any(tmp_path.iterdir())
