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
import torch
from bs4 import BeautifulSoup

from book.forms import style, three
from book.forms.notebook import NUMBERS as NAME_OF_NUMBERS
from book.forms.page import MADE_ON, PageError, project
from book.forms.tex import plain
from book.outputs import numbers

ROOT = Path(__file__).parents[2]
BOOK = Path(os.environ.get("BOOK_HTML", ROOT / "_build" / "html")).resolve()
EXAMPLES = sorted((ROOT / "examples").glob("[0-9][0-9]*.py"))
# A script takes as long as its page. All of them are run by: make scripts
QUICK = ("00a", "01a", "03a", "10a")
TO_RUN = [
    path
    for path in EXAMPLES
    if "EVERY_SCRIPT" in os.environ or path.stem.startswith(QUICK)
]
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
print(total)
```

:::{sidenote}
Nothing **bold**.
:::

$$ s = \sum_{n=1}^{N} x_n $$ (sum)

```{code-cell}
---
tags: [hide-input]
---
note(double=f"{2 * total}")
```

```{code-cell}
fig, ax = plots.figure()
ax.plot([1, 2]);
```

```{code-cell}
stepper = plots.Stepper("a line")
stepper.add(plots.figure()[0], "once")
stepper
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


NUMBERS = {"01-adding-up": {"total": "3", "double": "6", "time_sum": "0.1 s"}}


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


@pytest.fixture
def built(tmp_path):
    """The numbers as a build leaves them."""
    folder = tmp_path / "built"
    folder.mkdir()
    for page, texts in NUMBERS.items():
        noted = {n: {"data": {"text/plain": repr(t)}} for n, t in texts.items()}
        (folder / f"{page}.glue.json").write_text(json.dumps(noted))
    return folder


def test_a_script_reads_as_if_written_by_hand(docs):
    text = three.forms(docs, NUMBERS)["01_adding_up.py"]
    ast.parse(text)
    assert text.startswith('"""Adding up.\n')
    assert "    python examples/01_adding_up.py\n" in text
    assert f'    pip install "transformer-path @ git+{project().repository}"\n' in text
    assert "script import" not in text.partition("script.start()")[0].split('"""')[1]
    comment = " ".join(re.findall(r"^# (.*)", text, re.MULTILINE))
    assert (
        "What is more than one? Knuth (1968) says 1/2 μ_k², and the rest "
        "(https://example.org) is 3, see (sum)." in comment
    )
    assert "#     s = Σ_(n=1)^N x_n    (sum)\n" in text
    assert "#     x       `(N,)`\n" in text
    assert "# - one item, continued\n# - another\n" in text.replace("\n\n", "\n")
    assert "# Too small:\n" in text
    assert "transformer_path.workshop.notes.note" in text
    assert "\nax.plot([1, 2])\n" in text
    assert "\nscript.keep(stepper)\n" in text
    for leftover in ("{", "Change a number", "A book", "target", "Because"):
        assert leftover not in comment
    assert max(map(len, text.splitlines()[10:])) <= 88


def test_a_script_runs_alone_and_prints_its_numbers(docs, built, tmp_path):
    three.write(docs, tmp_path / "examples", built)
    path = tmp_path / "examples" / "01_adding_up.py"
    (tmp_path / "here").mkdir()
    assert run(path, tmp_path / "here").splitlines() == ["total = 3", "3", "double = 6"]
    assert list((tmp_path / "here").iterdir()) == []


def test_a_script_saves_its_figures_on_demand(docs, built, tmp_path):
    three.write(docs, tmp_path / "examples", built)
    run(tmp_path / "examples" / "01_adding_up.py", tmp_path, "--figures", "new/figures")
    saved = sorted((tmp_path / "new" / "figures").iterdir())
    assert [path.name for path in saved] == ["figure-01.svg", "stepper-01.html"]
    assert all("<svg" in path.read_text("utf-8") for path in saved)


def test_a_notebook_is_plain_and_asks_for_answers(docs):
    text = three.forms(docs, NUMBERS)["01_adding_up.ipynb"]
    book = nbformat.reads(text, as_version=4)
    nbformat.validate(book)
    prose = "\n".join(c.source for c in book.cells if c.cell_type == "markdown")
    cells = [c.source for c in book.cells if c.cell_type == "code"]
    assert not re.search(r"^(:::|```\{)|\{\w[\w:]*\}`", prose, re.MULTILINE)
    assert r"x_n \tag{1}" in prose
    assert "[the rest](https://example.org) is 3, see (1)" in prose
    assert "> Nothing **bold**." in prose
    assert "def note(**numbers)" in prose
    assert "<details><summary>Solution</summary>" in prose
    assert re.search(r"\]\(https://\S*/02-next\.html\)", prose)
    assert "%pip install" in cells[0]
    assert project().repository in cells[0]
    assert "note(total=" in cells[1]
    assert 'check("1.1", answer)' in cells[-1]
    assert not any(c.get("outputs") for c in book.cells)
    assert book.metadata[NAME_OF_NUMBERS] == {"total": "3"}
    assert text == three.forms(docs, NUMBERS)["01_adding_up.ipynb"]  # the same ids


def test_writing_is_up_to_date_and_clears_away(docs, built, tmp_path):
    target = tmp_path / "examples"
    assert len(three.write(docs, target, built)) == 2
    assert three.write(docs, target, built) == []
    (target / "README.md").write_text("kept")
    (docs / "01-adding-up.md").rename(docs / "02-adding-up.md")
    (built / "01-adding-up.glue.json").rename(built / "02-adding-up.glue.json")
    names = {path.name for path in three.write(docs, target, built)}
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


def test_a_notebook_keeps_where_its_numbers_are_from(docs, built, tmp_path):
    three.write(docs, tmp_path, built)
    here = torch.backends.cpu.get_cpu_capability()
    assert three.written_numbers(docs, tmp_path)["01-adding-up"][MADE_ON] == here
    again = three.forms(docs, three.written_numbers(docs, tmp_path))
    name = "01_adding_up.ipynb"
    assert again[name] == (tmp_path / name).read_text("utf-8")


def test_a_written_number_stays_unless_it_is_another():
    written = {"p": {"a": "37.6%", "b": "37.6%", "time_c": "1 s"}}
    built = {"p": {"a": "37.7%", "b": "39.0%", "time_c": "9 s", "d": "4"}, "q": {}}
    assert three.settled(built, written) == {
        "p": {"a": "37.6%", "b": "39.0%", "time_c": "1 s", "d": "4"},
        "q": {},
    }


def test_a_page_may_paste_a_number_of_another(docs):
    text = PAGE.replace("{glue:text}`total`", "{glue:text}`01-adding-up.md::double:s`")
    (docs / "02-next.md").write_text(text)
    written = three.forms(docs, NUMBERS | {"02-next": NUMBERS["01-adding-up"]})
    assert "is 6, see" in written["02_next.py"]
    notebook = json.loads(written["02_next.ipynb"])
    assert notebook["metadata"][NAME_OF_NUMBERS] == {}


def test_the_book_carries_the_forms(tmp_path):
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples" / "01_a.py").write_text("")
    builder = SimpleNamespace(format="html")
    app = SimpleNamespace(builder=builder, outdir=tmp_path / "out", confdir=tmp_path)
    three.copy(app, None)
    assert [p.name for p in (tmp_path / "out" / "examples").iterdir()] == ["01_a.py"]


MISTAKES = [  # before, after, how the line that is named begins, what is said
    ("Nothing", "\n{cite:p}`who`", "{cite", "'who' is cited, and docs/references.bib"),
    ("  continued", "  {cite:t}`who`", "- one item", "'who' is cited"),
    (
        "It is {glue:text}`total`",
        "It is {glue:text}`half`",
        "It is",
        "the number 'half'",
    ),
    ("`total`, see", "`half`, see", "What is", "the number 'half' is pasted"),
    ("print(total)", "total", "```{code", "this cell ends in the value total"),
    ("- another", "- {cite:t}`who`", "- {cite", "'who' is cited"),
]


@pytest.mark.parametrize(("before", "after", "at", "message"), MISTAKES)
def test_what_a_form_cannot_show_is_an_error_with_its_line(
    docs, before, after, at, message
):
    path = docs / "01-adding-up.md"
    text = PAGE.replace(before, after)
    assert text != PAGE
    path.write_text(text)
    line = [line.startswith(at) for line in text.splitlines()].index(True) + 1
    said = re.escape(f"docs/01-adding-up.md:{line}: {message}")
    with pytest.raises(PageError, match=said):
        three.forms(docs, NUMBERS)


def test_tex_that_no_comment_can_show_is_an_error_with_its_line(docs, monkeypatch):
    def refuse(tex):
        if "sum" in tex:
            raise ValueError("no comment can show this")
        return tex

    monkeypatch.setattr("book.forms.script.plain", refuse)
    line = PAGE.splitlines().index(r"$$ s = \sum_{n=1}^{N} x_n $$ (sum)") + 1
    with pytest.raises(PageError, match=rf"^docs/01-adding-up.md:{line}: no comment"):
        three.forms(docs, NUMBERS)


def test_the_committed_forms_are_those_of_the_pages():
    committed = {
        path.name: path.read_text("utf-8")
        for path in (ROOT / "examples").glob("[0-9][0-9]*")
        if path.suffix in {".py", ".ipynb"}
    }
    fresh = three.forms(ROOT / "docs", three.written_numbers(ROOT / "docs"))
    stale = sorted(
        name for name in {*fresh, *committed} if fresh.get(name) != committed.get(name)
    )
    assert not stale, f"{', '.join(stale)} differ from the pages; run: make examples"


def test_the_landing_page_installs_what_the_forms_install():
    page = BeautifulSoup((BOOK / "index.html").read_text("utf-8"), "html.parser")
    commands = [block.get_text().strip() for block in page.find_all("pre")]
    assert f'pip install "{project().install}"' in commands


def test_every_cell_of_the_pages_is_in_style():
    assert style.go_through(ROOT / "docs", mend=False) == []


STYLES = {
    "```{code-cell}\n:tags: [given]\n\nx = [1,\n2]\n```\n": (
        "```{code-cell}\n---\ntags: [given]\n---\nx = [1, 2]\n```\n"
    ),
    "```{code-cell} python\n\na = 'b'\nplot(a) ;\n```\n": (
        '```{code-cell} python\na = "b"\nplot(a);\n```\n'
    ),
}


def test_a_cell_is_brought_into_style_and_its_line_is_named(tmp_path):
    page = tmp_path / "01-page.md"
    page.write_text("# Page\n\n" + "\nWords.\n\n".join(STYLES))
    said = ["01-page.md:3: this cell is not in style"]
    said += ["01-page.md:12: this cell is not in style"]
    assert style.go_through(tmp_path, mend=False) == said
    assert len(style.go_through(tmp_path, mend=True)) == 2
    assert page.read_text() == "# Page\n\n" + "\nWords.\n\n".join(STYLES.values())
    assert style.go_through(tmp_path, mend=False) == []


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("---\ntags: [remove-cell]\n---\n1", "01-page.md:3: remove-cell means nothing"),
        ("---\ntags: [given]\n---\nx = 1\nx = (", r"01-page.md:8: '\(' was never"),
    ],
)
def test_a_cell_that_cannot_be_is_an_error_with_its_line(tmp_path, cell, message):
    (tmp_path / "01-page.md").write_text(f"# Page\n\n```{{code-cell}}\n{cell}\n```\n")
    with pytest.raises(PageError, match=f"^{message}"):
        style.go_through(tmp_path, mend=False)


@pytest.mark.book
def test_the_committed_numbers_are_those_of_the_built_book():
    built = three.built_numbers(BOOK.parent / "jupyter_execute")
    if not built:
        pytest.skip("the book is not built: make html")
    here = torch.backends.cpu.get_cpu_capability()
    for page, written in three.written_numbers(ROOT / "docs").items():
        assert written, f"{page} has no numbers; run: make examples"
        made_on = written.pop(MADE_ON)
        now = {name: built[page].get(name, "is missing") for name in written}
        assert "is missing" not in now.values(), f"{page}: run: make examples"
        if made_on == here:  # on another kind a trained network may be another
            assert moved(without_times(written), without_times(now)) == []


@pytest.mark.book
@pytest.mark.slow
@pytest.mark.parametrize("path", TO_RUN, ids=lambda path: path.stem)
def test_a_script_gives_the_numbers_of_its_page(path, tmp_path):
    page = path.stem.replace("_", "-")
    if not (BOOK / f"{page}.html").exists():
        pytest.skip("the book is not built: make html")
    glued = three.built_numbers(BOOK.parent / "jupyter_execute")[page]
    assert glued, "the page's numbers are lost: make html"
    # As many threads as no machine's default would have.
    said = run(path, tmp_path, OMP_NUM_THREADS="3")
    printed = dict(re.findall(r"^([\w ,]+) = (.*)$", said, re.MULTILINE))
    assert list(tmp_path.iterdir()) == [], "the script left files behind"
    assert sorted(glued.keys() - printed.keys()) == []
    shown = {name: printed[name] for name in glued}
    assert moved(without_times(glued), without_times(shown)) == []


def without_times(numbers: dict[str, str]) -> dict[str, str]:
    return {n: text for n, text in numbers.items() if not n.startswith("time_")}


def moved(before: dict[str, str], after: dict[str, str]) -> list[tuple[str, ...]]:
    return list(numbers.moved(before, after))


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


def run(path: Path, folder: Path, *arguments: str, **environment: str) -> str:
    """Run a script in a clean process and a folder of its own, as a reader may."""
    keep = {k: v for k, v in os.environ.items() if k in {"PATH", "HOME"}}
    keep |= {"PYTHONPATH": str(ROOT / "src"), "TQDM_DISABLE": "1"}
    done = subprocess.run(
        [sys.executable, str(path), *arguments],
        cwd=folder,
        env=keep | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr, done.stderr
    return done.stdout


def test_the_formulas_of_comments_are_typed_by_hand():
    cases = {
        r"\frac{1}{N} \sum_{n=1}^{N} \lVert x_n - \mu \rVert^2": (
            "1/N Σ_(n=1)^N ‖x_n - μ‖²"
        ),
        r"\text{softmax}\left(\frac{\textcolor{#8d31ee}{Q}K^\top}{\sqrt{d_k}}\right)": (
            "softmax(QKᵀ/√d_k)"
        ),
    }
    assert {tex: plain(tex) for tex in cases} == cases
