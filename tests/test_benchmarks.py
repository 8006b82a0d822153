"""The benchmark's baseline is what it says, and its command prints its tables."""

import re
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "benchmarks" / "three_minutes.py"


@pytest.fixture(scope="module")
def benchmark():
    spec = spec_from_file_location("three_minutes_benchmark", SCRIPT)
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look for it there
    spec.loader.exec_module(module)
    return module


def test_the_baseline_has_as_many_weights_as_nanogpt(benchmark):
    """Its own count leaves the positions out: it prints 0.80M, 795,904 here."""
    model = benchmark.baseline(65)
    total = sum(p.numel() for p in model.parameters())
    assert total - model.positions.weight.numel() == 65 * 128 + 4 * 196_864 + 128
    assert total - model.positions.weight.numel() == 795_904
    assert model(torch.zeros(2, 64, dtype=torch.int64)).shape == (2, 64, 65)


def test_the_baselines_rate_is_nanogpts(benchmark):
    found = [
        1e-3 * benchmark.baseline_schedule(n / 2000) for n in (50, 100, 1050, 2000)
    ]
    assert found == pytest.approx([5e-4, 1e-3, 5.5e-4, 1e-4])


def test_nine_tenths_are_learned_from(benchmark, tmp_path):
    (tmp_path / "text").write_text("abcdefghijk" * 3, encoding="utf-8")
    text = benchmark.Text.read(tmp_path / "text")
    assert (len(text.train), len(text.validation), text.vocabulary) == (29, 4, 11)
    assert text.train[:12].tolist() == [*range(11), 0]


def test_the_loss_of_who_knows_nothing_is_the_logarithm_of_the_vocabulary(
    benchmark, tmp_path
):
    (tmp_path / "text").write_text("abcdefghijk" * 30, encoding="utf-8")
    text = benchmark.Text.read(tmp_path / "text")
    for slide in (1, 2):
        found = text.loss(lambda x: torch.zeros(*x.shape, 11), 8, False, slide)
        assert found == pytest.approx(torch.tensor(11.0).log().item())


@pytest.mark.slow
def test_the_command_prints_its_tables(tmp_path):
    path = tmp_path / "text"
    path.write_text("To be, or not to be: that is the question.\n" * 60)
    told = ["--text", path, "--steps", 3, "--baseline-steps", 2]
    told += ["--seeds", 1, "--rounds", 1]
    done = subprocess.run(
        [sys.executable, SCRIPT, *map(str, told)],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"},
        check=True,
        timeout=250,
    )
    for line in (
        r"\| nanoGPT's setting, 2 steps +\| \d\.\d{3} ",
        r"\| ours, 3 together +\| \d\.\d{3} ",
        r"2 steps: ours is lower by -?\d\.\d{3}, \d\.\d{3} of its loss",
        r"\| \.\.\. without Muon +\| \d\.\d{3} ",
        r"\| ours +\| [\d,]+ tokens/s +\| \d+\.\d\d times ",
    ):
        assert re.search(line, done.stdout), done.stdout


def test_a_text_that_is_not_there_is_named(benchmark):
    with pytest.raises(SystemExit, match="nowhere is no file; name a text with --text"):
        benchmark.main(["--text", "nowhere"])
