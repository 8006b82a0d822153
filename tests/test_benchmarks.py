"""The benchmark's baseline is what it says, and its command prints its tables."""

import json
import re
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from statistics import mean, stdev

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


SETTINGS = {"text": "a", "threads": 2}


def results(benchmark, path, left=9):
    return benchmark.Results(path / "results.json", left)


def test_a_run_is_made_once_and_kept(benchmark, tmp_path):
    calls = []

    def measure():
        calls.append(1)
        return {"loss": float(len(calls)), "alone": [1.0, 2.0]}

    for _ in range(2):
        for seed in (10, 9):
            results(benchmark, tmp_path).run("t", SETTINGS, "ours", seed, measure)
    assert len(calls) == 2
    kept = results(benchmark, tmp_path)
    assert kept.column("t", "ours", "loss") == [2.0, 1.0]  # in the order of the seeds
    assert kept.column("t", "ours", "alone") == [1.0, 2.0] * 2
    assert kept.column("t", "others", "loss") == kept.column("u", "a", "b") == []
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d", kept.read()["t"]["runs"]["ours"]["9"]["date"]
    )


def test_a_run_that_fails_takes_nothing_with_it(benchmark, tmp_path):
    kept = results(benchmark, tmp_path)
    kept.run("t", SETTINGS, "ours", 0, lambda: {"loss": 1.0})
    before = kept.path.read_bytes()
    with pytest.raises(ZeroDivisionError):
        kept.run("t", SETTINGS, "ours", 1, lambda: {"loss": 1 / 0})
    with pytest.raises(TypeError, match="serializable"):
        kept.run("t", SETTINGS, "ours", 1, lambda: {"loss": object()})
    assert kept.path.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]


def test_what_another_process_wrote_meanwhile_stays(benchmark, tmp_path):
    def measure():
        other = results(benchmark, tmp_path)
        other.run("t", SETTINGS, "theirs", 0, lambda: {"loss": 2.0})
        return {"loss": 1.0}

    kept = results(benchmark, tmp_path)
    kept.run("t", SETTINGS, "ours", 0, measure)
    assert {*kept.read()["t"]["runs"]} == {"ours", "theirs"}


def test_no_more_runs_than_were_asked_for(benchmark, tmp_path):
    kept = results(benchmark, tmp_path, left=2)
    for seed in range(3):
        kept.run("t", SETTINGS, "ours", seed, lambda: {"loss": 1.0})
    assert {*kept.read()["t"]["runs"]["ours"]} == {"0", "1"}


def test_other_settings_are_refused(benchmark, tmp_path):
    kept = results(benchmark, tmp_path)
    kept.run("t", SETTINGS, "ours", 0, lambda: {"loss": 1.0})
    with pytest.raises(
        SystemExit, match=r"'threads': 2}, not .*another file with --res"
    ):
        kept.run("t", {**SETTINGS, "threads": 1}, "ours", 1, lambda: {"loss": 1.0})
    kept.run("u", {**SETTINGS, "threads": 1}, "ours", 1, lambda: {"loss": 1.0})


def test_a_damaged_file_is_not_written_over(benchmark, tmp_path):
    kept = results(benchmark, tmp_path)
    kept.path.write_text('{"t": ')
    with pytest.raises(SystemExit, match=r"is damaged .*; delete it or name another"):
        kept.run("t", SETTINGS, "ours", 0, lambda: {"loss": 1.0})
    assert kept.path.read_text() == '{"t": '


def test_at_the_pace_of_the_fastest_round(benchmark, tmp_path):
    kept = results(benchmark, tmp_path)
    with pytest.raises(SystemExit, match="holds no pace; measure it first"):
        kept.paced("ours", 180.0)
    rates = {"nanoGPT's setting": [2.0, 7.0], "ours": [3.0, 1.0]}
    kept.run("pace", SETTINGS, "all", 0, lambda: rates)
    steps = {
        name: kept.paced(name, 10.0).steps
        for name in (benchmark.LONG, benchmark.OURS, benchmark.ONE)
    }
    assert [*steps.values()] == [70, 30, 30]


def test_each_switch_changes_the_recipe_and_the_model(benchmark):
    ours = benchmark.Ours(half=True)
    _, *switches = benchmark.SWITCHES.values()
    changed = [change(ours) for change in switches]
    assert ours not in changed
    assert len({*changed}) == len(changed)
    tokens = torch.arange(12)[None]

    def logits(recipe):
        model = recipe.model(13, seed=0)
        for number, p in enumerate(model.parameters()):
            generator = torch.Generator().manual_seed(number)
            p.data = 0.1 * torch.randn(p.shape, generator=generator)
        return model(tokens)

    whole = logits(ours)
    others = [o for o in changed if not (o.qk_norm and o.rotary and o.squared)]
    assert len(others) == 3
    for other in others:
        assert (logits(other) - whole).abs().max() > 1e-3
    assert benchmark.Ours(from_zero=False).model(13, 0).readout.std() > 0.01


@pytest.mark.parametrize(
    ("file", "section", "models"),
    [
        ("three_minutes.json", "Measured so far", "two"),
        ("three_minutes_avx2.json", "On a processor without bfloat16", "three"),
    ],
)
def test_the_readme_says_what_a_file_holds(benchmark, file, section, models):
    """A row of its table: the mean of all seeds, and their standard deviation."""
    runs = json.loads((SCRIPT.parent / file).read_text("utf-8"))["loss"]["runs"]
    whole = (SCRIPT.parent / "README.md").read_text("utf-8")
    told = whole.partition(f"\n### {section}\n")[2].partition("\n### ")[0]
    rows = dict(re.findall(r"^\| ([^|]+) \| (\d\.\d{3}[^|]*?) \|", told, re.MULTILINE))

    def of(name, what="loss"):
        numbers = [run[what] for run in runs[name].values()]
        spread = f" ± {stdev(numbers):.3f}" if len(numbers) > 1 else ""
        return f"{mean(numbers):.3f}{spread}"

    assert rows["nanoGPT's setting, 2,000 steps"] == of(benchmark.PUBLISHED)
    assert rows["nanoGPT's setting, as long as ours"] == of(benchmark.LONG)
    for name, row in (
        (benchmark.OURS, f"ours, {models} together"),
        (benchmark.ONE, "ours, one model for all three minutes"),
    ):
        assert rows[row] == of(name)
        assert rows[f"{row}, sliding"] == of(name, "sliding")
    means = {
        name: mean(r["loss"] for r in found.values()) for name, found in runs.items()
    }
    by = [
        means[name] - means[benchmark.OURS]
        for name in (benchmark.PUBLISHED, benchmark.LONG)
    ]
    claim = f"published setting by {by[0]:.2f}, and by {by[1]:.2f} where both"
    assert claim in " ".join(told.split())
    assert by[0] > 0.35


@pytest.mark.slow
def test_the_command_prints_its_tables(tmp_path):
    path = tmp_path / "text"
    path.write_text("To be, or not to be: that is the question.\n" * 60)
    told = ["--text", path, "--seconds", 0.1, "--paced", "--baseline-steps", 2]
    told += ["--seeds", 1, "--rounds", 1, "--results", tmp_path / "results.json"]
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
        r"\| ours, 2 together +\| \d\.\d{3} ",
        r"its own steps: ours is lower by -?\d\.\d{3}, \d\.\d{3} of its loss",
        r"\| \.\.\. without Muon +\| \d\.\d{3} ",
        r"\| ours +\| [\d,]+ tokens/s +\| \d+\.\d\d times ",
    ):
        assert re.search(line, done.stdout), done.stdout


def test_a_text_that_is_not_there_is_named(benchmark):
    with pytest.raises(SystemExit, match="nowhere is no file; name a text with --text"):
        benchmark.main(["--text", "nowhere"])
