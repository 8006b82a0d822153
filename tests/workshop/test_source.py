"""The text that is Python's own source: what stands in it, and who gets which part."""

import ast
from pathlib import Path

import pytest

from transformer_path.workshop.source import files, one_liners, short_functions


def one(text):
    return list(one_liners(ast.parse(text)))


@pytest.fixture
def folder(tmp_path):
    """Twenty modules with a function of their own and one that all share."""
    for n in range(20):
        text = f"def own{n}(): return {n}\ndef shared(x): return x\n"
        (tmp_path / f"m{n}.py").write_text(text, "utf-8")
    return tmp_path


def test_lines_of_the_library():
    lines = short_functions()  # all of it is parsed, once for both halves of this test
    together = [line for part in lines for line in part]
    for line in together:
        compile(line, "a line", "exec")
        assert len(line) <= 80
        assert line.isascii()
        assert "\n" not in line
    assert len(together) == len(set(together)) > 1000  # none is in two splits
    assert len(lines.train) > 3 * len(lines.test) > 300 < 3 * len(lines.validation)


def test_a_shorter_limit_keeps_the_short_ones(folder):
    assert short_functions(folder, longest=23).train.count("def shared(x): return x")
    short = short_functions(folder, longest=22)
    assert not any("shared" in line for part in short for line in part)


def test_a_function_of_several_files_is_kept_in_the_first_split_only(folder):
    train, validation, test = short_functions(folder)
    assert train.count("def shared(x): return x") == 1
    assert len(train + validation + test) == 21


def test_a_file_stays_in_its_split_whatever_stands_beside_it(folder):
    before = files(folder)
    (folder / "a.py").write_text("x = 1", "utf-8")
    after = files(folder)
    for old, new in zip(before, after, strict=True):
        assert [text for text in new if text != "x = 1"] == old


@pytest.mark.parametrize("place", ["test", "sub/tests", "encodings", "site-packages"])
def test_what_is_no_librarys_own_text_is_left_out(folder, place):
    before = files(folder)
    (folder / place).mkdir(parents=True)
    (folder / place / "b.py").write_text("no = 1", "utf-8")
    (folder / "_sysconfigdata_x.py").write_text("no = 1", "utf-8")
    assert files(folder) == before


def test_a_file_is_read_in_the_encoding_it_names(folder):
    text = '# coding: latin-1\nname = "\u00e9"\n'
    (folder / "m0.py").write_bytes(text.encode("latin-1"))
    assert text in [file for part in files(folder) for file in part]


def test_comments_docstrings_and_decorators_are_gone():
    text = (
        '@cached\ndef f(x, *, y: int=1):\n  "Doc."\n  # why\n  z = x\n  return z + y\n'
    )
    assert one(text) == ["def f(x, *, y: int=1): z = x; return z + y"]


@pytest.mark.parametrize(
    "text",
    [
        "def f(x):\n  if x: return 1",
        "def f(x):\n  for y in x: pass",
        "def f():\n  'Only a docstring.'",
        "def f():\n  return '\u00e9'",
        "async def f(): return 1",
        "f = lambda: 1",
    ],
)
def test_what_does_not_fit_on_a_line_is_no_line(text):
    assert one(text) == []


def test_methods_and_inner_functions_count():
    text = (
        "class A:\n  def f(self): return 1\ndef g(x):\n  def h(): return 2\n  return h"
    )
    assert one(text) == ["def f(self): return 1", "def h(): return 2"]


def test_a_function_that_needs_the_one_around_it_is_left_out():
    text = "def f():\n  n = 0\n  def g():\n    nonlocal n\n    n = 1\n  return g"
    assert one(text) == []


def test_too_few_files_are_an_error(tmp_path):
    (tmp_path / "a.py").write_text("x = 1", "utf-8")
    with pytest.raises(ValueError, match=r"Python files to train, validate and test"):
        files(tmp_path)
    with pytest.raises(ValueError, match=r"^longest=0 must be a whole number, 1 or"):
        short_functions(longest=0)


def test_the_library_is_that_of_the_python_that_runs():
    text = Path(ast.__file__).read_text("utf-8")
    assert any(text in part for part in files())
