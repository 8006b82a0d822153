"""A book's numbers are the same when it is built again from nothing.

Here a tiny one; for the book itself, the scripts compute every number a second time.
"""

import pytest
from tiny_book import TinyBook, page

from book.outputs.numbers import read

CODE = """
import numpy as np
import torch
from myst_nb import glue
glue("five", f"{hash('five') % 1000}")
generator = torch.Generator().manual_seed(0)
glue("torch", f"{torch.randn(99, 99, generator=generator).exp().sum():.9g}")
glue("numpy", f"{np.random.default_rng(0).normal(size=(99, 99)).sum():.12g}")
"""


@pytest.mark.slow
def test_two_cold_builds_give_the_same_numbers(tmp_path):
    book = TinyBook(tmp_path)
    book.change("conf.py", '"PYDEVD_', '"PYTHONHASHSEED": "0", "PYDEVD_')
    book.write("docs/other.md", page("Other", CODE))
    for folder in ("first", "second"):
        build = book.build(f"_build/{folder}/html")
        assert (build.code, build.ran) == (0, {"middle", "other"})
    first, second = (
        read(tmp_path / "_build" / folder / "jupyter_execute")
        for folder in ("first", "second")
    )
    assert first == second
    assert first.keys() == {"other five", "other torch", "other numpy"}
