"""A page runs again exactly when its outputs may have changed."""

import os
import shutil
from copy import copy
from pathlib import Path
from time import monotonic, sleep

import pytest
from tiny_book import FRONT, TinyBook

from book.outputs.cache import prune
from book.outputs.fingerprint import imports, versions

pytestmark = pytest.mark.slow


@pytest.fixture
def book(tmp_path):
    return TinyBook(tmp_path)


@pytest.fixture(scope="session")
def first(tmp_path_factory):
    """Build a book once a worker: the book, a copy of it, and how long it took."""
    book, since = TinyBook(tmp_path_factory.mktemp("first") / "book"), monotonic()
    assert book.build().code == 0
    seconds = monotonic() - since
    return book, shutil.copytree(book.root, book.root.with_name("copy")), seconds


@pytest.fixture
def built(first):
    """Give the book as it was after its first build, at its place."""
    book, kept, _ = first
    shutil.rmtree(book.root)
    shutil.copytree(kept, book.root)  # with the files' times
    return copy(book)


def test_only_the_pages_that_import_a_changed_module_run(book):
    first = book.build()
    assert (first.code, first.ran) == (0, {"middle", "other"})
    assert "The book is at _build/html/index.html" in first.text
    assert "ten is 10" in book.html("middle.html")

    unchanged = book.build()
    assert (unchanged.code, unchanged.ran) == (0, set())
    assert "0 added, 0 changed, 0 removed" in unchanged.text

    book.change("src/tiny/unrelated.py", "7", "8")
    assert "0 added, 0 changed, 0 removed" in book.build().text

    # middle.py, which the page imports, imports base.py inside a function.
    book.change("src/tiny/base.py", "1", "2")
    assert book.build().ran == {"middle"}
    assert "ten is 20" in book.html("middle.html")

    book.change("src/tiny/base.py", "2", "1")
    assert book.build().ran == set()
    assert "ten is 10" in book.html("middle.html")


def test_what_a_package_says_of_itself_runs_no_page(built):
    built.write("src/tiny/__init__.py", '"""Numbers."""')
    assert built.build().ran == set()
    built.change("src/tiny/__init__.py", "Numbers", "A few numbers")
    assert built.build().ran == set()
    built.write("src/tiny/__init__.py", '"""Numbers."""\nimport math')
    assert built.build().ran == {"middle", "other"}


def test_a_page_that_pastes_is_written_again(built):
    assert "Pasted 5." in built.html("index.html")
    built.change("src/tiny/other.py", "5", "6")
    again = built.build()
    assert (again.code, again.ran) == (0, {"other"})
    assert "Pasted 6." in built.html("index.html")
    assert "all numbers: 6" in built.html("index.html")

    # A number that is no longer computed is missed by the page that pastes it.
    built.change("docs/other.md", "glue('five', number)", "")
    gone = built.build()
    assert gone.code == 1
    assert "Glue reference 'five' not found in doc 'other'" in gone.text


def test_a_page_runs_again_with_another_version_of_a_package(built):
    metadata = "site-packages/deeper-1.0.dist-info/METADATA"
    built.change(metadata, "Version: 1.0", "Version: 1.1")
    assert built.build().ran == {"middle"}


def test_a_failing_page_fails_until_it_is_mended(book):
    book.change("src/tiny/base.py", "1", "1 / 0")
    for _ in range(2):
        failed = book.build()
        assert failed.code == 1
        assert "ZeroDivisionError" in failed.text
        assert "middle" in failed.ran
    assert (book.root / "_build/html/reports/middle.err.log").exists()
    book.change("src/tiny/base.py", "1 / 0", "1")
    mended = book.build()
    assert (mended.code, mended.ran) == (0, {"middle"})
    assert not (book.root / "_build/html/reports").exists()


def test_a_warning_is_given_until_it_is_mended(book):
    book.write("docs/plain.md", "# Plain\n\n{py:class}`Missing`\n")
    book.change("docs/index.md", "middle\n", "middle\nplain\n")
    for _ in range(2):
        warned = book.build()
        assert warned.code == 1
        (warning,) = warned.warnings
        assert warning.startswith("plain.md:3: WARNING: py:class reference target")
    assert warned.ran == set()
    book.write("docs/plain.md", "# Plain\n")
    assert book.build().code == 0
    assert "0 added, 0 changed, 0 removed" in book.build().text


def damage_by_cutting(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("damage", [damage_by_cutting, Path.unlink])
def test_a_damaged_cache_is_made_again(built, damage):
    kept = built.root / "_build" / ".jupyter_cache"
    (notebook,) = kept.glob("middle.*/executed/*/base.ipynb")
    (database,) = kept.glob("other.*/global.db")
    damage(notebook)
    damage(database)
    again = built.build("_build/html", "-E")
    assert (again.code, again.ran) == (0, {"middle", "other"})
    assert built.build("_build/html", "-E").ran == set()
    assert "ten is 10" in built.html("middle.html")


def test_a_module_that_changes_while_a_page_runs_does_not_leave_it_stale(book):
    book.change("docs/middle.md", "print(", "import time; time.sleep(2)\nprint(")
    process = book.start()
    while "running middle" not in process.stdout.readline():
        pass
    sleep(2)
    book.change("src/tiny/base.py", "1", "3")
    process.communicate()
    assert book.build().ran == {"middle"}
    assert "ten is 30" in book.html("middle.html")


@pytest.mark.parametrize("moment", [0.4, 0.6, 0.85])
def test_a_build_killed_at_any_time_is_made_good(first, built, moment):
    *_, seconds = first
    built.change("src/tiny/base.py", "1", "4")
    built.change("docs/other.md", "# Other", "# Another")
    process = built.start()
    sleep(moment * seconds)
    built.kill(process)
    # The change is taken back: the pages of the killed build must not survive.
    built.change("src/tiny/base.py", "4", "1")
    assert built.build().code == 0
    assert built.build("_clean/html").code == 0
    assert built.published("_build/html") == built.published("_clean/html")


def test_two_builds_at_the_same_time_run_each_page_once(book):
    both = [book.start("_build/html"), book.start("_build/live")]
    texts = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], texts
    assert "".join(texts).count("Executed notebook") == 2


def test_lost_numbers_are_written_again(built):
    (built.root / "_build/jupyter_execute/other.glue.json").unlink()
    again = built.build()
    assert (again.code, again.ran) == (0, set())
    assert "Pasted 5." in built.html("index.html")


def test_a_book_that_has_moved_runs_nothing(built, tmp_path_factory):
    there = tmp_path_factory.mktemp("moved")
    shutil.copytree(built.root, there, dirs_exist_ok=True)
    built.root = there
    moved = built.build("_build/html", "-E")
    assert (moved.code, moved.ran) == (0, set())


def test_the_caches_last_used_of_each_page_are_kept(tmp_path):
    for number in range(8):
        for page in ("middle", "reference--api"):
            (tmp_path / f"{page}.{number}").mkdir()
            os.utime(tmp_path / f"{page}.{number}", (number, number))
    prune(tmp_path)
    kept = {path.name for path in tmp_path.glob("middle.*")}
    assert kept == {f"middle.{number}" for number in range(3, 8)}
    assert len(list(tmp_path.glob("reference--api.*"))) == 5


def test_a_new_title_reaches_every_page(built):
    built.change("docs/other.md", "# Other", "# Another")
    again = built.build()
    assert (again.code, again.ran) == (0, set())
    assert "Another" in built.html("middle.html")


def test_imports_finds_modules_data_and_packages(tmp_path):
    book = TinyBook(tmp_path)
    src = tmp_path / "src"
    book.write("src/tiny/deep/__init__.py", "")
    book.write(
        "src/tiny/deep/inner.py", "from ..base import number\nimport numpy.linalg"
    )
    book.write("src/tiny/deep/words.txt", "a")
    files, packages = imports(["import os, torch", "import tiny.deep.inner"], src)
    names = {str(path.relative_to(src / "tiny")) for path in files}
    inner = {"deep/__init__.py", "deep/inner.py", "deep/words.txt"}
    assert names == {"__init__.py", "base.py"} | inner
    assert packages == {"torch", "numpy"}


@pytest.mark.parametrize("cell", ["%matplotlib inline", "x = (", "await f()"])
def test_a_cell_that_is_not_plain_python_depends_on_every_module(tmp_path, cell):
    book = TinyBook(tmp_path)
    files, _ = imports([cell], book.root / "src")
    assert files == set((book.root / "src").rglob("*.py"))


def test_versions_follow_what_a_package_needs():
    names = {line.split()[0] for line in versions(["sklearn"])}
    assert {"scikit-learn", "scipy", "numpy"} <= names
    assert "ruff" not in names


def test_a_page_without_cells_starts_no_kernel(book):
    book.write("docs/middle.md", FRONT + "# Middle\n\nNothing to run.\n")
    assert book.build().ran == {"other"}
    assert len(list((book.root / "_build/.jupyter_cache").glob("*.*"))) == 1
