"""Small books with a broken path, and what the build says about them."""

import json
import re
from dataclasses import replace
from io import StringIO

import pytest
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace, patch_docutils

from book.blocks.boxes import folded
from book.path.drawing import Drawing
from book.path.graph import Stop, before, in_order, sort_key
from book.path.layout import LARGE, SMALL, lay_out
from book.path.reading_time import read

CONFIGURATION = """
extensions = ["myst_nb", "book"]
myst_enable_extensions = ["attrs_inline", "colon_fence"]
exclude_patterns = ["_build"]
html_theme = "basic"
nb_execution_mode = "off"
repository_url = "https://github.com/someone/path"
"""
INDEX = """---
stop: "0"
short: Start
architecture: linear
teaches: [machine learning]
planned: {planned}
---
# The path

```{{path-map}}
```

```{{chapter-list}}
```

```{{toctree}}
:glob:
*
reference/*
```
"""
PAGE = """---
file_format: mystnb
kernelspec: {{name: python3}}
stop: "{stop}"
short: {short}
part: {part}
architecture: {architecture}
you_will_have: "{outcome}"
needs: {needs}
teaches: {teaches}
---
# {short} in full

## The question

{text}

```python
print("not prose")
```
"""


class TinyBook:
    """A book in a folder; each build returns its warnings."""

    def __init__(self, folder):
        self.folder, self.planned, self.terms = folder, [], {"machine learning"}
        (folder / "reference").mkdir()
        self.write("conf.py", CONFIGURATION)

    def write(self, name, text):
        (self.folder / name).write_text(text, encoding="utf-8")

    def page(self, name, *, stop, needs=(), teaches=(), text="Some words.", **given):
        front = {
            "short": stop,
            "part": "Networks",
            "architecture": "mlp",
            "outcome": "a `net`",
        } | given
        needs, teaches = json.dumps(list(needs)), json.dumps(list(teaches))
        page = PAGE.format(stop=stop, needs=needs, teaches=teaches, text=text, **front)
        self.write(f"{name}.md", page)

    def build(self, builder="html"):
        self.write("index.md", INDEX.format(planned=json.dumps(self.planned)))
        terms = "\n\n".join(f"{term}\n  Known." for term in sorted(self.terms))
        self.write(
            "reference/glossary.md", f"# Glossary\n\n:::{{glossary}}\n{terms}\n:::\n"
        )
        warnings, out = StringIO(), self.folder / "_build" / builder
        with patch_docutils(), docutils_namespace():
            app = Sphinx(
                self.folder,
                self.folder,
                out,
                self.folder / "_build" / "trees",
                builder,
                status=None,
                warning=warnings,
            )
            app.build()
        return re.sub(r"\x1b\[[\d;]*m", "", warnings.getvalue())

    def html(self, name):
        return (self.folder / "_build" / "html" / f"{name}.html").read_text("utf-8")


@pytest.fixture
def book(tmp_path):
    book = TinyBook(tmp_path)
    book.terms |= {"loss", "hidden layer"}
    book.page("01-loss", stop="1", needs=["machine learning"], teaches=["loss"])
    book.page("04a-mlp", stop="4a", needs=["loss"], teaches=["hidden layer"])
    return book


def test_a_book_in_order_builds_without_a_warning(book):
    assert book.build() == ""


BREAKS = {
    "used before it is taught": (
        {"name": "01-loss", "stop": "1", "needs": ["hidden layer"], "teaches": []},
        "Stop 1 (01-loss) needs 'hidden layer', which is taught only later, by Stop 4a "
        "(04a-mlp); teach it earlier, move this page behind it, or do without it here.",
        "order",
    ),
    "taught by no page": (
        {"name": "04a-mlp", "stop": "4a", "needs": ["los"], "teaches": []},
        "Stop 4a (04a-mlp) needs 'los', which no page teaches (did you mean 'loss'?); "
        "add it to the `teaches` of the page that explains it, or drop it from "
        "`needs`.",
        "order",
    ),
    "needed where it is taught": (
        {"name": "01-loss", "stop": "1", "needs": ["loss"], "teaches": ["loss"]},
        "Stop 1 (01-loss) needs 'loss' and teaches it itself; drop it from `needs`.",
        "order",
    ),
    "taught twice": (
        {"name": "04a-mlp", "stop": "4a", "teaches": ["Loss"]},
        "Stop 4a (04a-mlp) teaches 'Loss', which Stop 1 (01-loss) has taught already; "
        "keep it in the `teaches` of one of them.",
        "twice",
    ),
    "no term of the glossary": (
        {"name": "04a-mlp", "stop": "4a", "teaches": ["bias"]},
        "Stop 4a (04a-mlp) teaches 'bias', which is no term of the glossary; define it "
        "in reference/glossary.md.",
        "glossary",
    ),
    "misnamed": (
        {"name": "5-deep", "stop": "5"},
        "Stop 5 (5-deep) should have a file name that begins with 05-.",
        "place",
    ),
    "of no known architecture": (
        {"name": "05-deep", "stop": "5", "architecture": "tree"},
        "Stop 5 (05-deep) has architecture 'tree'; choose one of linear, mlp, cnn, "
        "rnn, attention.",
        "place",
    ),
}


@pytest.mark.parametrize(("page", "message", "kind"), BREAKS.values(), ids=BREAKS)
def test_a_break_is_reported_at_its_line(book, page, message, kind):
    book.page(**page)
    warnings = book.build()
    assert f"WARNING: {message} [concepts.{kind}]" in warnings
    assert re.search(rf"{page['name']}\.md:\d+: WARNING: ", warnings)


def test_a_break_is_reported_again_by_a_build_that_reads_nothing(book):
    book.page("04a-mlp", stop="4a", needs=["los"], teaches=["hidden layer"])
    assert book.build() == book.build() != ""


def test_pages_that_wait_for_each_other(book):
    book.page("01-loss", stop="1", needs=["hidden layer"], teaches=["loss"])
    warnings = book.build()
    assert "[concepts.cycle]" in warnings
    assert "01-loss needs 'hidden layer' from 04a-mlp" in warnings
    assert "04a-mlp needs 'loss' from 01-loss" in warnings


def test_a_planned_stop_that_is_written(book):
    book.planned = [{"stop": "4a", "short": "MLP", "architecture": "mlp"}]
    (line,) = book.build().splitlines()
    assert line.endswith(
        "04a-mlp.md:1: WARNING: Stop 4a (04a-mlp) is listed 2 times; 04a-mlp is "
        "written: drop it from `planned`. [concepts.place]"
    )


def test_a_stop_off_the_way():
    path = in_order(
        [
            Stop("1", "fork", "", "linear"),
            Stop("2", "left", "", "cnn"),
            Stop("3", "right", "", "rnn", follows=("1",)),
            Stop("4", "join", "", "mlp", follows=("2", "3")),
        ]
    )
    assert before(path[2], path) == {"1"}
    assert before(path[3], path) == {"1", "2", "3"}


def test_numbers_are_ordered_as_a_reader_does():
    assert sorted(["10", "4b", "3", "4a"], key=sort_key) == ["3", "4a", "4b", "10"]


# --- the map ---------------------------------------------------------------------


def whole_path():
    """The path as it is planned, branches and all."""
    parts = {"1": "Learning", "3": "Networks", "6": "Sequences", "9": "Transformer"}
    follows = {"7": ("5",), "8": ("6", "7"), "12": ("10",), "13": ("11", "12")}
    part, stops = "", []
    for number in [*"123", "4a", "4b", *"56789", *map(str, range(10, 18))]:
        part = parts.get(number, part)
        page = f"{number}-page" if number in "1 2 3 4a" else ""
        label = "Fourteen chars"
        assert len(label) == 14
        stops.append(
            Stop(number, label, part, "mlp", page, follows=follows.get(number, ()))
        )
    return in_order(stops)


@pytest.mark.parametrize("size", [LARGE, SMALL], ids=["large", "small"])
def test_no_two_stops_or_labels_touch(size):
    layout = lay_out(whole_path(), size)
    boxes = []
    for number, place in layout.places.items():
        half = max(size.radius + 2, 14 * 7.4 / 2 if size.label else 0)
        boxes.append(
            (
                number,
                place.x - half,
                place.x + half,
                place.y - size.radius - 2,
                place.y + size.radius + size.label,
            )
        )
    for i, (one, left, right, top, bottom) in enumerate(boxes):
        assert left >= 0, one
        assert right <= layout.width, one
        assert top >= 0, one
        assert bottom <= layout.height, one
        for other, left2, right2, top2, bottom2 in boxes[i + 1 :]:
            apart = right <= left2 or right2 <= left or bottom <= top2 or bottom2 <= top
            assert apart, f"{one} touches {other}"


def test_a_long_path_breaks_where_a_part_begins():
    layout = lay_out(whole_path(), LARGE)
    rows = {number: place.row for number, place in layout.places.items()}
    assert next(number for number, row in rows.items() if row) == "9"
    assert sorted(rows.values()) == list(rows.values())
    assert layout.places["6"].x == layout.places["7"].x
    assert layout.places["6"].y < layout.places["5"].y < layout.places["7"].y
    assert {place.row for place in lay_out(whole_path(), SMALL).places.values()} == {0}


def test_the_map_shows_the_readers_place():
    svg = Drawing(whole_path(), "3-page").svg(SMALL, "Here")
    assert re.findall(r'class="stop mlp (\w+)" data-page="(\S+)"', svg) == [
        ("written", "1-page"),
        ("written", "2-page"),
        ("here", "3-page"),
        ("written", "4a-page"),
    ]
    assert svg.count('aria-current="page"') == 1
    assert svg.count("<a ") == 4
    assert svg.count("(to come)</title>") == 14
    assert svg.count('"walked"') == 2
    assert svg.count("</g>") == 19


def test_nobody_has_walked_to_a_stop_that_is_not_written():
    path = whole_path()
    last = replace(path[-1], page="17-page")
    svg = Drawing([*path[:-1], last], "17-page").svg(SMALL, "Here")
    assert svg.count('"walked"') == 3  # between the four stops that are written
    assert '"open"' not in svg


def test_the_pages_carry_maps_whose_links_exist(book):
    book.planned = [
        {"stop": "5", "short": "Deep", "part": "Networks", "architecture": "mlp"}
    ]
    book.build()
    large, small = book.html("index"), book.html("04a-mlp")
    assert 'class="path-map path-large"' in large
    assert 'class="path-map path-small"' in small
    assert "path-map" not in book.html("reference/glossary")
    for page in (large, small):
        for uri in re.findall(r'class="stop [^>]*><a href="([^"#]+)', page):
            assert (book.folder / "_build" / "html" / uri).exists()
    assert "4a 4a: 4a in full, 1 min reading</title>" in large
    assert "5 Deep (to come)</title>" in small


def test_a_page_is_written_again_when_another_changes_the_path(book):
    book.build()
    book.page("04a-mlp", stop="4a", short="Renamed", teaches=["hidden layer"])
    book.build()
    assert "4a Renamed: Renamed in full</title>" in book.html("01-loss")


def test_the_landing_page_lists_what_is_written(book):
    book.planned = [{"stop": "5", "short": "Deep", "architecture": "mlp"}]
    book.page("04a-mlp", stop="4a", teaches=["hidden layer"], outcome="{class}`Net`")
    book.build()
    index = book.html("index")
    listed = index[index.index('class="chapter-list"') :].partition("</ol>")[0]
    assert listed.count("<li") == 2
    assert '<a href="04a-mlp.html">4a in full</a> <span><code>Net</code>' in listed
    assert "<small>1 min reading</small>" in listed


def test_the_glossary_says_where_a_term_is_taught(book):
    book.terms.add("bias")
    book.build()
    page = book.html("reference/glossary")
    assert '<a class="reference internal" href="../01-loss.html">Stop 1</a>' in page
    assert '<a class="reference internal" href="../index.html">Roadmap</a>' in page
    assert page.count('class="taught"') == 3
    book.page("04a-mlp", stop="4a", teaches=["hidden layer", "bias"])
    book.build()
    assert book.html("reference/glossary").count('class="taught"') == 4


# --- the header and the end ------------------------------------------------------


def test_the_header_gives_the_four_facts(book):
    code = "```{code-cell}\n1 + 1\n```"
    text = "word " * 300
    book.page(
        "05-deep", stop="5", needs=["Loss", "hidden layer"], text=text + "\n\n" + code
    )
    assert "concepts" not in book.build()
    page = book.html("05-deep")
    eyebrow = page.index('<p class="eyebrow mlp">Stop 5 · Networks</p>')
    facts = page.index("<dl")
    assert eyebrow < page.index("<h1") < facts < page.index('class="path-map')
    facts = re.sub(r"\s+", " ", page[facts : page.index("</dl>")])
    assert '<a class="reference internal" href="01-loss.html">Loss</a>' in facts
    assert '<a class="reference internal" href="04a-mlp.html">hidden layer</a>' in facts
    assert '<code class="docutils literal notranslate"><span class="pre">net' in facts
    assert "2 min reading" in facts
    assert 'href="examples/05_deep.py">script' in facts
    assert 'href="examples/05_deep.ipynb">notebook' in facts
    assert (
        "https://colab.research.google.com/github/someone/path/blob/main/examples/"
        "05_deep.ipynb"
    ) in facts
    assert "Take it along" not in book.html("01-loss")
    assert "<dl" not in book.html("index")


def test_running_time_comes_from_the_run(book):
    book.write("conf.py", CONFIGURATION.replace('"off"', '"force"'))
    code = "```{code-cell}\nimport time; time.sleep(1.2)\n```"
    book.page("05-deep", stop="5", text=code)
    assert book.build() == ""
    assert re.search(r"1 min reading · [1-9]\d* s running", book.html("05-deep"))


def test_code_that_is_folded_away_is_not_read(book):
    book.write("conf.py", CONFIGURATION.replace('"off"', '"force"'))
    lines = "x = 1\n" * 40  # four minutes, if they are shown
    folded_away = f"```{{code-cell}}\n:tags: [hide-input]\n{lines}x\n```"
    shown = f"```{{code-cell}}\n{lines}x\n```"
    book.page("05-deep", stop="5", text=folded_away)
    book.page("06-deeper", stop="6", text=shown)
    assert book.build() == ""
    assert ">1 min reading" in book.html("05-deep")
    assert ">4 min reading" in book.html("06-deeper")


def test_words_code_and_formulas_are_read_each_at_its_pace():
    prose = nodes.paragraph(
        "", "", nodes.Text("three little words"), nodes.math("", "x")
    )
    code = nodes.literal_block("", "a = 1\n\nb = a")
    output = nodes.container("", nodes.paragraph("", "not these"))
    output["classes"] = ["cell_output"]
    solution = folded("", nodes.literal_block("", "nor = this"))
    formula = nodes.math_block("", "a b")
    page = nodes.section("", prose, code, output, solution, formula)
    counted = [("word", 3), ("symbol", 1), ("line of code", 3), ("formula", 1)]
    assert list(read(page)) == counted


def test_a_chapter_ends_in_a_hidden_button(book):
    book.build()
    page = book.html("01-loss")
    button = page[page.index("<button") : page.index("</button>")]
    assert button == (
        '<button type="button" hidden aria-pressed="false" data-finishes="01-loss">\n'
        "I have finished this chapter"
    )
    assert "<button" not in book.html("index")
    assert 'defer="defer" src="_static/path.js' in page


@pytest.mark.parametrize("builder", ["pseudoxml", "text", "latex", "man", "epub"])
def test_other_builders_get_neither_map_nor_header(book, builder):
    blocks = ":::{sidenote}\nAside.\n:::\n\n:::{failure} Too small\nIt is.\n:::\n"
    blocks += "::::{exercise} 1.1 Try\nIt.\n\n:::{hint}\nLook.\n:::\n::::\n"
    blocks += ":::{beside}\n- $x$\n\n```python\nx\n```\n:::\n"
    book.page("01-loss", stop="1", teaches=["loss"], text=blocks)
    book.write(
        "conf.py",
        CONFIGURATION + "latex_documents = [('index', 'b.tex', 'B', 'A', 'manual')]\n"
        "man_pages = [('index', 'b', 'B', 'A', 1)]\nepub_show_urls = 'no'\n"
        "version = '1'\ncopyright = author = 'A'\n",
    )
    assert book.build(builder) == ""
    if builder != "epub":
        written = (book.folder / "_build" / builder).rglob("*")
        texts = [p.read_text("utf-8", "replace") for p in written if p.is_file()]
        (text,) = [text for text in texts if "Some words" in text]
        assert "Stop 4a" not in text
        assert "outcome" not in text
