"""Whatever the package prints reaches every terminal, and ends no script."""

import os
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest

from transformer_path.workshop import terminal

SOURCE = Path(terminal.__file__).parents[2]
SAYS = {
    "note": 'note(slope="−0.52 ± 0.03")',
    "check": "check('4.4', '−9 ± 1 日本')",
    "right": "check('4.4', 900)",
    "stepper": "s = Stepper('−1 ± 1'); s.frames.append(('', 'x → y')); print(s)",
    "script": "print_anywhere(); print('p − one-hot', '日本')",
}
IMPORTS = """
from transformer_path.workshop.exercises import check
from transformer_path.workshop.notes import note
from transformer_path.workshop.plots import Stepper
from transformer_path.workshop.terminal import print_anywhere
"""


def run(code: str, encoding: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", f"{IMPORTS}\n{code}\nprint('the end')"],
        env=os.environ | {"PYTHONIOENCODING": encoding, "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        encoding=encoding,
        check=False,
    )


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_all_that_the_package_prints_passes(encoding):
    done = run("\n".join(SAYS.values()), encoding)
    assert done.returncode == 0, done.stderr
    slope, wrong, right, stepper, script, end = done.stdout.splitlines()
    assert (
        slope
        == {
            "ascii": "slope = -0.52 +- 0.03",
            "cp1252": "slope = -0.52 ± 0.03",
            "utf-8": "slope = −0.52 ± 0.03",
        }[encoding]
    )
    assert wrong.startswith("4.4: not yet. answer is a str")
    assert right == "4.4: right. Three times quieter, nine times the work."
    assert (
        stepper
        == {
            "ascii": "-1 +- 1: x -> y",
            "cp1252": "-1 ± 1: x -> y",
            "utf-8": "−1 ± 1: x → y",
        }[encoding]
    )
    assert script == ("p − one-hot 日本" if encoding == "utf-8" else "p - one-hot ??")
    assert end == "the end"


def test_plain_print_would_have_ended_the_script():
    assert "UnicodeEncodeError" in run("print('−')", "ascii").stderr


def test_every_replacement_can_be_shown_anywhere():
    for character, replacement in terminal._REPLACEMENTS.items():
        assert replacement.isascii(), character


def test_every_character_has_some_replacement():
    for code in range(sys.maxunicode + 1):
        if unicodedata.category(chr(code)) not in {"Cs", "Mn", "Me"}:
            assert terminal._closest(chr(code))


@pytest.mark.parametrize(
    ("text", "shown"),
    [("naïve", b"naive"), ("x₁² ½", b"x12 1/2"), ("ﬁt", b"fit"), ("日", b"?")],
)
def test_the_closest_text_stands_in(text, shown):
    assert text.encode("ascii", "readable") == shown
