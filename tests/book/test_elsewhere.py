"""A build on another machine runs there, and is compared with the one here."""

import subprocess
import sys
from os import environ
from pathlib import Path

import pytest
from tiny_book import TinyBook

PAGE = """
import os
from myst_nb import glue
print(os.environ["ATEN_CPU_CAPABILITY"], os.environ["OMP_NUM_THREADS"])
there = os.environ["OPENBLAS_CORETYPE"] == "Prescott"
glue("five", f"{5.1 if there else 5.0}")
glue("time_five", f"{9.0 if there else 1.0} s")
"""
CONF = """
kernel_environment |= {"OMP_NUM_THREADS": "1", "OPENBLAS_CORETYPE": ""}
kernel_environment["ATEN_CPU_CAPABILITY"] = "avx2"
"""


def elsewhere(book: TinyBook) -> subprocess.CompletedProcess:
    path = f"{book.root / 'site-packages'}:{book.root / '_ext'}"
    return subprocess.run(
        [sys.executable, "-m", "book.outputs.elsewhere"],
        cwd=book.root,
        env=environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
    )


@pytest.mark.slow
def test_a_number_that_moves_is_listed(tmp_path: Path):
    book = TinyBook(tmp_path)
    book.change("docs/other.md", "glue('five', number)", PAGE)
    book.write("conf.py", book.root.joinpath("conf.py").read_text() + CONF)
    nothing = elsewhere(book)
    assert (nothing.returncode, "run make html" in nothing.stdout) == (1, True)

    assert book.build().code == 0
    assert "avx2 1" in book.html("other.html")
    allowed = elsewhere(book)
    assert allowed.returncode == 0, allowed.stderr
    assert "0 of 1 numbers moved" in allowed.stdout
    assert "default 2" in book.html("other.html", "_build/elsewhere/html")
    assert book.build().ran == set()  # what was computed elsewhere stays there

    book.change("docs/other.md", "5.1 if there", "5.2 if there")
    assert book.build().code == 0
    refused = elsewhere(book)
    assert refused.returncode == 1
    assert "other five\n    here      5.0\n    elsewhere 5.2\n" in refused.stdout
