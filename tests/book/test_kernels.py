"""What a kernel knows is listed, what a page reads is declared."""

import json
import os
import pwd
import re
import shutil
import stat
from pathlib import Path
from tempfile import gettempdir
from types import SimpleNamespace

import pytest
from tiny_book import TinyBook, page

from book.outputs import checks
from book.outputs.fingerprint import imports

MACHINE = page(
    "Machine",
    "import builtins",
    "formats = get_ipython().config.InlineBackend.figure_formats",
    "print('debug', __debug__, 'poisoned', hasattr(builtins, 'poisoned'), *formats)",
)
CONNECTION = page(
    "Connection",
    "from pathlib import Path",
    "from ipykernel.kernelapp import IPKernelApp",
    "kernel = IPKernelApp.instance()",
    "print('through', kernel.transport, Path(kernel.ip).parent.name)",
)
CLEAN = "debug True poisoned False svg"


@pytest.fixture
def book(tmp_path):
    return TinyBook(tmp_path / "book")


def hostile(folder):
    """Make an environment in which everything is set to change the outputs."""
    poison = "import builtins; builtins.poisoned = True\n"
    home = folder / "home"
    for path in (".ipython/profile_default/startup/poison.py", "startup.py"):
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).write_text(poison)
    broken = folder / "broken" / "tiny"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ImportError('the other checkout')")
    kernel = folder / "jupyter" / "kernels" / "python3"
    kernel.mkdir(parents=True)
    spec = {"argv": ["false"], "display_name": "Another", "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps(spec))
    return {
        "HOME": str(home),
        "IPYTHONDIR": str(home / ".ipython"),
        "JUPYTER_PATH": str(folder / "jupyter"),
        "PYTHONOPTIMIZE": "1",
        "PYTHONSTARTUP": str(home / "startup.py"),
        "PYTHONPATH": f"{broken.parent}:{folder / 'book' / 'site-packages'}",
    }


@pytest.mark.slow
def test_the_readers_environment_changes_no_output(book, tmp_path):
    book.write("docs/other.md", MACHINE + "\n```{code-cell}\nassert 1 == 2\n```\n")
    book.change("docs/index.md", "Pasted {glue:text}`other.md::five:`.", "")
    failed = book.build(**hostile(tmp_path))
    assert failed.code == 1
    assert "other.md:13: WARNING: this cell failed: AssertionError" in failed.text
    assert CLEAN in book.html("other.html")
    assert "ten is 10" in book.html("middle.html")
    # Nothing else is in the fingerprint, so a plain build would keep these outputs.
    book.change("docs/other.md", "assert 1 == 2", "assert 1 == 1")
    assert book.build().ran == {"other"}


@pytest.mark.slow
def test_a_kernel_is_reached_through_files_that_go_with_it(book):
    """No other program can take them, as it may take a port."""
    book.write("docs/other.md", CONNECTION)
    book.change("docs/index.md", "Pasted {glue:text}`other.md::five:`.", "")
    assert book.build().code == 0
    (folder,) = re.findall(r"through ipc (\S+)", book.html("other.html"))
    assert not (Path(gettempdir()) / folder).exists()


@pytest.mark.slow
def test_a_checkout_that_cannot_be_written_gives_the_same_outputs(book, tmp_path):
    book.write("docs/other.md", MACHINE)
    book.change("docs/index.md", "Pasted {glue:text}`other.md::five:`.", "")
    out = tmp_path / "out" / "html"
    folders = [path for path in (book.root, *book.root.rglob("*")) if path.is_dir()]
    for folder in folders:
        folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        assert book.build(str(out)).code == 0
        assert CLEAN in book.html("other.html", str(out))
        assert not (book.root / "_build").exists()
    finally:
        for folder in folders:
            folder.chmod(stat.S_IRWXU)


@pytest.mark.slow
def test_what_a_page_reads_is_declared_and_hashed(book):
    book.write("data.csv", "7")
    read = f"print('read', open({str(book.root / 'data.csv')!r}).read())"
    book.change("docs/middle.md", "print('ten", f"{read}\nprint('ten")
    for _ in range(2):  # and its outputs are not kept
        failed = book.build()
        assert failed.code == 1
        assert "middle.md:7: WARNING: this cell failed: PermissionError" in failed.text
        assert "data.csv is not declared" in failed.text
    book.change("docs/middle.md", "kernelspec", "reads: [../data.csv]\nkernelspec")
    assert (book.build().code, "read 7" in book.html("middle.html")) == (0, True)
    book.write("data.csv", "8")
    assert book.build().ran == {"middle"}
    assert "read 8" in book.html("middle.html")


@pytest.mark.slow
def test_a_page_opens_what_it_has_made_and_what_python_brings(book):
    code = (
        "import csv, json, pathlib, tempfile",
        "folder = pathlib.Path(tempfile.mkdtemp())",
        "(folder / 'a').write_text('one'); pathlib.Path('b').write_text('two')",
        "text = (folder / 'a').read_text() + pathlib.Path('b').read_text()",
        "print(text, len(pathlib.Path(csv.__file__).read_text()) > 9)",
    )
    book.write("docs/middle.md", page("Middle", *code))
    assert book.build().code == 0
    assert "onetwo True" in book.html("middle.html")


def test_a_machine_without_users_has_paths(monkeypatch):
    def unknown(uid):
        raise KeyError(uid)

    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    assert os.path.expanduser("~") == "~"
    config = SimpleNamespace(fresh_source_root="/books/mine/src")
    paths = checks._machine_paths(config)
    assert paths.search("in /books/mine/docs")[0] == "/books/mine/docs"
    assert not paths.search("about ~/notes and 1 / 2")


@pytest.mark.parametrize("cell", ["import tiny.deep.inner", "from lone import inner"])
def test_a_folder_without_a_module_may_hold_anything(book, cell):
    for folder in ("tiny/deep", "lone"):
        book.write(f"src/{folder}/inner.py", "number = 1\n")
    book.write("src/lone/words.txt", "a")
    files, packages = imports([cell], book.root / "src")
    assert files == {p for p in (book.root / "src").rglob("*") if p.is_file()}
    assert "numpy" in packages
    shutil.rmtree(book.root)
