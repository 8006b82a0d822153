"""The book's numbers are the same when it is built again from nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def numbers(folder: Path) -> dict[str, str]:
    """Read every number that the pages noted, except wall-clock times."""
    return {
        f"{path.relative_to(folder)} {name}": noted["data"]["text/plain"]
        for path in folder.rglob("*.glue.json")
        for name, noted in json.loads(path.read_text()).items()
        if not name.startswith("time_")
    }


@pytest.mark.book
@pytest.mark.slow
def test_two_cold_builds_give_the_same_numbers(tmp_path):
    built = ROOT / "_build"
    if not (built / "html" / "index.html").exists() and not os.environ.get("CI"):
        pytest.skip("the book is not built; run make html")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-j", "2"]
    again = subprocess.run(
        [*command, "-q", "-c", ".", "docs", str(tmp_path / "html")],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert again.returncode == 0, again.stderr
    first = numbers(built / "jupyter_execute")
    assert first
    assert numbers(tmp_path / "jupyter_execute") == first
