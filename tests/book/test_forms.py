"""Page, script and notebook are one chapter: derived, in step, with one result."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from bs4 import BeautifulSoup

ROOT = Path(__file__).parents[2]
BOOK = Path(os.environ.get("BOOK_HTML", ROOT / "_build" / "html")).resolve()
EXAMPLES = sorted((ROOT / "examples").glob("[0-9][0-9]*.py"))
PAGE = r"""---
file_format: mystnb
kernelspec: {name: python3}
stop: "1"
you_will_have: a sum that equals `sum`
teaches: [loss]
---

# Adding up

## The question

What is *more* than {term}`one <number>`? {cite:t}`knuth` says $\frac{1}{2} \mu_k^2$,
and [the rest](https://example.org) is {glue:text}`total`, see {eq}`sum`.

(target)=
```{code-cell}
from transformer_path.workshop import plots
from transformer_path.workshop.notes import note

total = sum([1, 2])
note(total=f"{total}")
total
```

:::{sidenote}
Nothing **bold**.
:::

$$ s = \sum_{n=1}^{N} x_n $$ (sum)

```{code-cell}
:tags: [remove-cell]
secret = 1
```

```{code-cell}
:tags: [remove-cell]
note(double=f"{2 * total}")
```

```{code-cell}
fig, ax = plots.figure()
fig
```

:::{beside}
| symbol | shape |
|---|---|
| $x$ | `(N,)` |

```{source} transformer_path.workshop.notes.note
```
:::

:::{dropdown} Why
Because $a$.
:::

- one item,
  continued
- another

:::{failure} Too small
It is {glue:text}`total`. See the [next page](02-next.md).
:::

## Exercises

::::{exercise} 1.1 Change a number
Try $3$.

:::{hint}
Look.
:::

:::{solution}
```python
answer = 3
```
:::
::::

## Read on

A book.
"""


@pytest.fixture
def three():
    from book.forms import three

    return three


@pytest.fixture
def docs(tmp_path):
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "01-adding-up.md").write_text(PAGE)
    (folder / "18-plain.md").write_text("# No stop and no code\n")
    (folder / "references.bib").write_text(
        "@book{knuth, author={Knuth, Donald E.}, title={T}, year={1968}}\n"
    )
    return folder


def test_a_script_reads_as_if_written_by_hand(three, docs):
    text = three.forms(docs)["01_adding_up.py"]
    ast.parse(text)
    assert text.startswith('"""Adding up.\n')
    assert "    python examples/01_adding_up.py\n" in text
    assert "such as [total], stands" in text
    comment = " ".join(re.findall(r"^# (.*)", text, re.MULTILINE))
    assert (
        "What is more than one? Knuth (1968) says 1/2 μ_k², and the rest "
        "(https://example.org) is [total], see (sum)." in comment
    )
    assert "#     s = Σ_(n=1)^N x_n    (sum)\n" in text
    assert "#     x       `(N,)`\n" in text
    assert "# - one item, continued\n# - another\n" in text.replace("\n\n", "\n")
    assert "# Too small:\n" in text
    assert "transformer_path.workshop.notes.note" in text
    assert "print(total)" in text
    assert "\nfig\n" not in text
    for leftover in ("secret", "{", "Change a number", "A book", "target", "Because"):
        assert leftover not in comment
    assert max(map(len, text.splitlines())) <= 88


def test_a_script_runs_alone_and_prints_its_numbers(three, docs, tmp_path):
    three.write(docs, tmp_path / "examples")
    path = tmp_path / "examples" / "01_adding_up.py"
    assert run(path, tmp_path).splitlines() == ["total = 3", "3", "double = 6"]


def test_a_notebook_is_plain_and_asks_for_answers(three, docs):
    text = three.forms(docs)["01_adding_up.ipynb"]
    book = nbformat.reads(text, as_version=4)
    nbformat.validate(book)
    prose = "\n".join(c.source for c in book.cells if c.cell_type == "markdown")
    cells = [c.source for c in book.cells if c.cell_type == "code"]
    assert not re.search(r"^(:::|```\{)|\{\w[\w:]*\}`", prose, re.MULTILINE)
    assert r"x_n \tag{1}" in prose
    assert "see (1)" in prose
    assert "> Nothing **bold**." in prose
    assert "def note(" in prose
    assert "<details><summary>Solution</summary>" in prose
    assert re.search(r"\]\(https://\S*/02-next\.html\)", prose)
    assert "%pip install" in cells[0]
    assert 'check("1.1", answer)' in cells[-1]
    assert not any("secret" in cell for cell in cells)
    assert not any(c.get("outputs") for c in book.cells)
    assert text == three.forms(docs)["01_adding_up.ipynb"]  # the same ids again


def test_writing_is_up_to_date_and_clears_away(three, docs, tmp_path):
    target = tmp_path / "examples"
    assert len(three.write(docs, target)) == 2
    assert three.write(docs, target) == []
    (target / "README.md").write_text("kept")
    (docs / "01-adding-up.md").rename(docs / "02-adding-up.md")
    names = {path.name for path in three.write(docs, target)}
    assert names == {
        "01_adding_up.py",
        "01_adding_up.ipynb",
        "02_adding_up.py",
        "02_adding_up.ipynb",
    }
    assert sorted(p.name for p in target.iterdir()) == [
        "02_adding_up.ipynb",
        "02_adding_up.py",
        "README.md",
    ]


def test_the_book_carries_the_forms(three, tmp_path):
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples" / "01_a.py").write_text("")
    builder = SimpleNamespace(format="html")
    app = SimpleNamespace(
        builder=builder, outdir=tmp_path / "out", confdir=ROOT.parent / tmp_path
    )
    three.copy(app, None)
    assert [p.name for p in (tmp_path / "out" / "examples").iterdir()] == ["01_a.py"]


def test_the_committed_forms_are_those_of_the_pages(three):
    committed = {
        path.name: path.read_text("utf-8")
        for path in (ROOT / "examples").glob("[0-9][0-9]*")
        if path.suffix in {".py", ".ipynb"}
    }
    fresh = three.forms(ROOT / "docs")
    stale = sorted(
        name for name in {*fresh, *committed} if fresh.get(name) != committed.get(name)
    )
    assert not stale, f"{', '.join(stale)} differ from the pages; run: make examples"


@pytest.mark.book
@pytest.mark.slow
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_a_script_gives_the_numbers_of_its_page(path, tmp_path):
    if not (BOOK / f"{path.stem.replace('_', '-')}.html").exists():
        pytest.skip("the book is not built: make html")
    glued = numbers_of_the_page(path.stem.replace("_", "-"))
    assert glued, "the page's numbers are lost: make html"
    printed = dict(re.findall(r"^(\w+) = (.*)$", run(path, tmp_path), re.MULTILINE))
    assert list(tmp_path.iterdir()) == [], "the script left files behind"
    assert sorted(glued.keys() - printed.keys()) == []
    compared = [name for name in glued if not name.startswith("time_")]
    assert {n: printed[n] for n in compared} == {n: glued[n] for n in compared}


@pytest.mark.book
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_a_notebook_shows_the_same_lines_of_the_package_as_its_page(path):
    html = BOOK / f"{path.stem.replace('_', '-')}.html"
    if not html.exists():
        pytest.skip("the book is not built: make html")
    page = BeautifulSoup(html.read_text("utf-8"), "html.parser")
    on_page = [block.text.strip() for block in page.select(".tp-source pre")]
    book = nbformat.read(path.with_suffix(".ipynb"), as_version=4)
    prose = "\n".join(c.source for c in book.cells if c.cell_type == "markdown")
    shown = r"`transformer_path\.[\w.]+`:\n\n```python\n(.*?)\n```"
    in_notebook = [code.strip() for code in re.findall(shown, prose, re.DOTALL)]
    source = (ROOT / "docs" / f"{html.stem}.md").read_text("utf-8")
    assert len(on_page) == source.count("```{source}")
    assert in_notebook == on_page


def run(path: Path, folder: Path) -> str:
    """Run a script in a clean process and an empty folder, as a reader may."""
    quiet = {"OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"}
    keep = {k: v for k, v in os.environ.items() if k in {"PATH", "HOME"}}
    done = subprocess.run(
        [sys.executable, str(path)],
        cwd=folder,
        env=keep | quiet,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr, done.stderr
    return done.stdout


def numbers_of_the_page(docname: str) -> dict[str, str]:
    """Read the numbers that a page noted when the book was built."""
    file = BOOK.parent / "jupyter_execute" / f"{docname}.glue.json"
    if not file.exists():
        return {}
    noted = json.loads(file.read_text())
    texts = {name: output["data"]["text/plain"] for name, output in noted.items()}
    return {name: ast.literal_eval(text) for name, text in texts.items()}


def test_the_formulas_of_comments_are_typed_by_hand(three):
    from book.forms.tex import plain

    cases = {
        r"\frac{1}{N} \sum_{n=1}^{N} \lVert x_n - \mu \rVert^2": (
            "1/N Σ_(n=1)^N ‖x_n - μ‖²"
        ),
        r"\text{softmax}\left(\frac{\textcolor{#8d31ee}{Q}K^\top}{\sqrt{d_k}}\right)": (
            "softmax(QKᵀ/√d_k)"
        ),
    }
    assert {tex: plain(tex) for tex in cases} == cases
