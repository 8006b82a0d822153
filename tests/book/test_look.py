"""A tiny book with every directive of the look, and tiny books that misuse them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

ROOT = Path(__file__).parents[2]
EXTENSIONS = ROOT / "docs" / "_ext"
CONF = f"""
import sys
sys.path.append({str(EXTENSIONS)!r})
extensions = ["myst_nb", "sphinx.ext.autodoc", "book"]
myst_enable_extensions = ["colon_fence", "attrs_inline", "dollarmath"]
html_theme = "basic"
exclude_patterns = ["out"]
html_static_path = [{str(ROOT / "docs" / "_static")!r}]
nb_execution_mode = "force"
nb_merge_streams = True
nb_output_stderr = "warn"
nitpicky = True
fresh_source_root = {str(ROOT / "src")!r}
"""
FRONT = "---\nfile_format: mystnb\nkernelspec: {name: python3}\n---\n"
PAGE = """# Sampler

:::{sidenote}
In the *margin*.
:::

A paragraph.

::::{beside}
$$ y = x^2 $$

| symbol | shape |
|---|---|
| $x$ | `(N,)` |

```{source} tiny_module.Square
:part: def forward
```
::::

```{source} tiny_module.square
```

```{source} tiny_module.Square
```

```{source} tiny_module.root
```

```{code-cell}
from transformer_path.workshop import plots
```

```{code-cell}
---
mystnb:
  image: {alt: 'a "line"'}
  figure: {caption: "The caption.", name: fig-line}
---
fig, ax = plots.figure()
plots.curves(ax, [0, 1], [0, 1], "mlp", label="MLP")
```

```{code-cell}
---
tags: [hide-input]
---
def falling():
    return [1, 0]


assert falling()
```

```{code-cell}
import math

from transformer_path.workshop import plots

print("two is", math.sqrt(4))
assert True
```

```{code-cell}
---
mystnb:
  image: {alt: "another line"}
---
fig, ax = plots.figure()
plots.curves(ax, [0, 1], falling(), "cnn");
```

```{code-cell}
assert not print("an output")
```

```{code-cell}
---
tags: [show-all]
mystnb:
  image: {alt: "a third line"}
---
assert falling()
fig, ax = plots.figure()
ax.plot([1, 2]);
```

```{code-cell}
stepper = plots.Stepper("a point that <moves>")
for i in range(3):
    fig, ax = plots.figure(2, 1)
    ax.plot(i, 0, "o", color=plots.LIGHT["key"])
    stepper.add(fig, f"x = {i} & more")
stepper
```

```{code-cell}
---
tags: [hide-input]
---
late = 1
```

:::{failure} It is *blind*
See {numref}`fig-line`.
:::

::::{exercise} 4.1 Change `lr`
Do it.

:::{hint}
Small.
:::
:::{solution}
```python
answer = 1
```
:::
::::

:::{dropdown} Why $x$ *is* there
Because.
:::

## Objects

```{eval-rst}
.. autofunction:: tiny_module.square
```
"""
MODULE = '''"""A module."""

import torch


def square(x):
    """Square a number."""
    return x * x  # (N,)


def root(x):
    """Take the root."""
    if x < 0:
        raise ValueError(
            f"{x} is negative"
        )

    if x == 0:
        return 0
    return x**0.5


class Square:
    """Squares.

    In two paragraphs.
    """

    def __init__(self):
        """Nothing to do."""
        self.n = 2

    def forward(
        self,
        x,
    ):
        """Raise."""

        # A comment stays.
        return x**self.n  # (N,)

    def backward(self):
        return 2
'''


def build(
    folder: Path, text: str, builder: str = "html", numfig: bool = True
) -> subprocess.CompletedProcess:
    (folder / "conf.py").write_text(
        CONF + f"numfig = {numfig}\nsys.path.insert(0, {str(folder)!r})\n"
    )
    (folder / "index.md").write_text(FRONT + text)
    if not (folder / "tiny_module.py").exists():
        (folder / "tiny_module.py").write_text(MODULE.replace("import torch\n", ""))
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going"]
    command += ["-b", builder, str(folder), str(folder / "out" / builder)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sampler")
    done = build(folder, PAGE)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def html(book):
    return (book / "out" / "html" / "index.html").read_text()


@pytest.fixture(scope="module")
def page(html):
    return BeautifulSoup(html, "html.parser")


@pytest.fixture
def theme_svg(monkeypatch):
    from book.figures.svg import theme_svg

    return theme_svg


def test_a_side_note_keeps_its_markup(page):
    assert page.select_one(".tp-sidenote em").text == "margin"


def test_formula_and_code_stand_beside_each_other(page):
    left, right = page.select_one(".tp-beside").find_all("div", recursive=False)
    assert left.select_one(".math")
    assert left.select_one("table")
    assert not left.select_one("pre")
    assert right.select_one("pre")


def test_source_shows_the_lines_without_docstrings(page):
    part, whole, every, checked = (b.pre.text for b in page.select(".tp-source"))
    assert whole == "def square(x):\n    return x * x  # (N,)\n"
    assert part == (
        "def forward(self, x):\n    # A comment stays.\n    return x**self.n  # (N,)\n"
    )
    assert every.startswith("class Square:\n    def __init__(self):\n        self.n")
    assert checked == (
        "def root(x):\n    if x == 0:\n        return 0\n    return x**0.5\n"
    )


def test_source_links_to_the_reference_where_there_is_one(page):
    listed, unlisted = page.select(".tp-source-name")[1:3]
    assert listed.a["href"] == "#tiny_module.square"
    assert unlisted.a is None
    assert unlisted.text == "tiny_module.Square"


def code_of(cell):
    return [block.text for block in cell.select(".cell_input pre")]


def test_imports_lie_in_one_fold_where_the_first_stood(page):
    folds = [f for f in page.select("details.tp-code") if "Imports" in f.summary.text]
    assert [f.summary.text for f in folds] == ["Imports of this page"]
    shown = "from transformer_path.workshop import plots\nimport math\n"
    assert folds[0].pre.text == shown
    assert folds[0].find_parent(class_="cell") is page.select_one(".cell")


def test_the_code_of_a_drawing_lies_behind_it_with_what_it_needs(page):
    first, second = (s.find_parent(class_="cell") for s in page.select("svg")[:2])
    for cell in (first, second):
        output, fold = cell.find_all(recursive=False)
        assert "cell_output" in output["class"]
        assert fold.name == "details"
        assert fold.summary.text == "Show the code"
    assert code_of(first)[0].startswith("fig, ax = plots.figure()\nplots.curves(")
    assert code_of(second)[0].startswith("def falling():\n    return [1, 0]\n\nfig, ax")


def test_a_cell_shows_its_idea_and_never_loses_its_output(page):
    outputs = page.select(".cell_output pre")
    assert [pre.text for pre in outputs] == ["two is 2.0\n", "an output\n"]
    first, second = (pre.find_parent(class_="cell") for pre in outputs)
    assert code_of(first) == ['print("two is", math.sqrt(4))\n']
    assert code_of(second) == []


def test_what_is_to_be_shown_is_shown(page):
    whole = page.select_one('svg[aria-label="a third line"]').find_parent(class_="cell")
    assert code_of(whole) == [
        "assert falling()\nfig, ax = plots.figure()\nax.plot([1, 2]);\n"
    ]
    assert not whole.select("details")


def test_hidden_code_at_the_end_joins_the_last_fold(page):
    last = page.select("details.tp-code")[-1]
    assert last.find_parent(class_="cell").select_one(".tp-stepper")
    assert last.pre.text.startswith('stepper = plots.Stepper("a point')
    assert last.pre.text.endswith("stepper\n\nlate = 1\n")
    for cell in page.select(".cell"):
        assert cell.find_all(recursive=False), "an empty cell"


def test_there_is_one_way_to_fold(page, html):
    assert {tuple(f["class"][-1:]) for f in page.select("details")} == {("tp-fold",)}
    dropdown = page.select_one("details.tp-dropdown")
    assert dropdown.summary.select_one("math")
    assert dropdown.summary.em
    assert "tag_hide-input" not in str(page.select("details"))


def test_figures_follow_the_theme(page, html):
    first, second = page.select("svg.tp-svg")[:2]
    assert first["aria-label"] == 'a "line"'
    assert first["role"] == "img"
    assert "var(--tp-mlp, #b5501a)" in str(first)
    assert "max-width: 29.4rem" in first["style"]
    assert second["aria-label"] == "another line"
    for svg in (first, second):
        assert not svg.find(["metadata", "style"])
        assert not re.search(r"DejaVu|sans-serif|<!--|<\?xml", str(svg))
        assert not svg.has_attr("width")
        texts = [t for t in svg.find_all("text") if "font-size" in t["style"]]
        assert texts
    assert "MLP" in first.text
    figure = first.find_parent("figure")
    assert figure["id"] == "fig-line"
    assert "The caption." in figure.figcaption.text
    assert "<img" not in html


def test_the_paper_stays_behind_and_nothing_is_said_twice(page):
    svg = str(page.select_one("svg.tp-svg"))
    assert "color-background-primary" not in svg
    assert not re.search(r'["\s]-?\d+\.\d{3,}', svg)
    assert not re.search(r"[>\s]\s+[<\s]", svg)


def test_markers_of_one_kind_share_their_style(theme_svg):
    marks = [f'<use xlink:href="#m" x="{x}.12345" y="2" style="s"/>' for x in range(3)]
    odd = '<use xlink:href="#m" x="9" y="2" style="t"/>'
    svg = f'<svg viewBox="0 0 72 36"><path id="m"/>{"".join(marks)}{odd}</svg>'
    assert theme_svg(svg, "p-", "dots").partition(">")[2] == (
        '<path id="p-m"/><g style="s">'
        '<use href="#p-m" x="0.12" y="2"/><use href="#p-m" x="1.12" y="2"/>'
        '<use href="#p-m" x="2.12" y="2"/></g>'
        '<use href="#p-m" x="9" y="2" style="t"/></svg>'
    )


def test_numbers_that_are_text_stay(theme_svg):
    svg = '<svg viewBox="0 0 72 36"><text x="1.23456">0.12345 #b5501a</text></svg>'
    assert '<text x="1.23">0.12345 ' in theme_svg(svg, "p-", "a number")


def test_ids_of_all_drawings_differ_and_are_found(page):
    ids = [e["id"] for e in page.select("svg [id]")]
    assert len(ids) == len(set(ids))
    text = "".join(map(str, page.select("svg")))
    used = re.findall(r'url\(#([^)]*)\)|href="#([^"]*)"', text)
    assert used
    assert {a or b for a, b in used} <= set(ids)


def test_a_stepper_is_a_named_group_of_themed_frames(page, html):
    stepper = page.select_one(".tp-stepper")
    assert stepper["role"] == "group"
    assert stepper["aria-label"] == "a point that <moves>"
    assert "style" not in stepper.attrs
    captions = [c.text for c in stepper.select("figcaption")]
    assert captions == [f"x = {i} & more" for i in range(3)]
    label = stepper.select_one("svg")["aria-label"]
    assert label == "a point that <moves>: x = 0 & more"
    assert "var(--tp-key, #976204)" in str(stepper)
    assert page.select_one('script[src*="stepper.js"]')


def test_boxes_have_titles_and_exercises_targets(page):
    failure, exercise = page.select(".tp-box")
    title = failure.select_one(".tp-box-title")
    assert title.text == "It is blind"
    assert title.em
    assert exercise["id"] == "exercise-4-1"
    assert exercise.select_one(".tp-box-title").text == "Exercise 4.1 Change lr"
    folds = exercise.select("details")
    assert [f.summary.text for f in folds] == ["Hint", "Solution"]
    assert not any(f.has_attr("open") for f in folds)
    assert folds[1].pre.text == "answer = 1\n"


def test_other_builders_get_everything_unfolded(book):
    done = build(book, PAGE, builder="text", numfig=False)
    text = (book / "out" / "text" / "index.txt").read_text()
    assert "answer = 1" in text
    assert "Small." in text
    assert "Traceback" not in done.stderr


def test_a_page_is_read_again_when_its_source_changed(tmp_path):
    text = "# Page\n\n```{source} tiny_module.square\n```\n"
    assert build(tmp_path, text).returncode == 0
    module = tmp_path / "tiny_module.py"
    module.write_text(module.read_text().replace("x * x", "x ** 2"))
    assert build(tmp_path, text).returncode == 0
    shown = BeautifulSoup(
        (tmp_path / "out" / "html" / "index.html").read_text(), "html.parser"
    )
    assert "x ** 2" in shown.select_one(".tp-source pre").text


MISTAKES = {
    "cannot show tiny_module.cube": "```{source} tiny_module.cube\n```",
    "square: no line holds 'def cube'": (
        "```{source} tiny_module.square\n:part: def cube\n```"
    ),
    "Unknown option key: 'lines'": "```{source} tiny_module.square\n:lines: 7-9\n```",
    "'dropdown': 1 argument(s) required": ":::{dropdown}\nNo title\n:::",
    "No module named 'no_module'": "```{source} no_module.cube\n```",
    "then, as its last block, code": "````{beside}\n$$x$$\n\nwords\n````",
    "this code is 70 characters wide, and its column holds 66": (
        "````{beside}\nwords\n\n```python\n" + "x" * 70 + "\n```\n````"
    ),
    "needs text or a formula": "````{beside}\n```python\nx\n```\n````",
    "has no number and title": ":::{exercise} Change it\nDo.\n:::",
    "'failure': 1 argument(s) required": ":::{failure}\nNo title\n:::",
}


def test_mistakes_are_reported_where_they_are(tmp_path):
    for number, text in enumerate(MISTAKES.values()):
        page = f"---\norphan: true\n{FRONT[4:]}# Page\n\n{text}\n"
        (tmp_path / f"page{number}.md").write_text(page)
    done = build(tmp_path, "# Start\n")
    assert done.returncode == 1
    reports = done.stderr.splitlines()
    for number, (warning, text) in enumerate(MISTAKES.items()):
        # The directive begins at line 9; its content, which some report, a line later.
        place = rf"page{number}\.(md|ipynb):(9|10): (WARNING|ERROR)"
        found = [r for r in reports if re.search(place, r) and warning in r]
        assert found, (warning, text, done.stderr)
