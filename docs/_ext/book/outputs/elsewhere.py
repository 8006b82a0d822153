"""Do the book's numbers hold on another machine? ``python -m book.outputs.elsewhere``.

Builds the book once more, into ``_build/elsewhere``, with the instructions of an old
processor and two threads, so that sums are taken in another order. Fails when an
assertion of a page does not hold there, or when a noted number moves by more than the
page says that it knows it (``numbers``); these are listed.
"""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

from book.outputs.numbers import moved, read

BUILD = Path("_build")
FOLDER = BUILD / "elsewhere"
KNOWN = import_module("numpy._core._multiarray_umath")  # names that numpy accepts
INSTRUCTIONS = [n for n in KNOWN.__cpu_dispatch__ if KNOWN.__cpu_features__.get(n)]
MACHINE = {
    "ATEN_CPU_CAPABILITY": "default",
    "OPENBLAS_CORETYPE": "Prescott",
    "NPY_DISABLE_CPU_FEATURES": " ".join(INSTRUCTIONS),
    "OMP_NUM_THREADS": "2",
    "OMP_WAIT_POLICY": "passive",  # two pages at a time: four threads that never spin
    "MKL_NUM_THREADS": "2",
    "OPENBLAS_NUM_THREADS": "2",
}


def build() -> int:
    """Build the book on the other machine."""
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-c", ".", "-j2"]
    for name, value in MACHINE.items():
        command += ["-D", f"kernel_environment.{name}={value}"]
    folders = ["-d", str(FOLDER / "doctrees"), "docs", str(FOLDER / "html")]
    return subprocess.run([*command, *folders], check=False).returncode


def report(here: dict[str, str], there: dict[str, str]) -> int:
    """List the numbers that moved, and say how many."""
    found = list(moved(here, there))
    for name, one, two in found:
        print(f"{name}\n    here      {one}\n    elsewhere {two}")
    print(f"{len(found)} of {len(here)} numbers moved by more than the pages allow")
    return len(found)


def main() -> int:
    """Build and compare."""
    here = read(BUILD / "jupyter_execute")
    if not here:
        print("There are no numbers to compare with yet; run make html first.")
        return 1
    failed = build()
    return int(bool(report(here, read(FOLDER / "jupyter_execute")) or failed))


if __name__ == "__main__":
    sys.exit(main())
