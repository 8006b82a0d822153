"""Formulas become MathML while the book is built: read, repaired, numbered, located."""

import io
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from fontTools.ttLib import TTFont

ROOT = Path(__file__).parents[2]
EXTENSIONS = ROOT / "docs" / "_ext"
CONF = f"""
import sys
sys.path.append({str(EXTENSIONS)!r})
extensions = ["myst_nb", "book"]
html_math_renderer = "mathml"
html_static_path = [{str(ROOT / "docs" / "_static")!r}]
myst_enable_extensions = ["dollarmath", "amsmath"]
"""


@pytest.fixture
def render(monkeypatch):
    """Give the function from TeX to the repaired ``<math>`` element."""
    from book.maths.mathml import to_katex
    from book.maths.repairs import repair

    return lambda tex, display=True: ElementTree.fromstring(
        repair(to_katex(tex, display))
    )


def build(folder: Path, jobs: int = 1, **pages: str) -> subprocess.CompletedProcess:
    """Build a tiny book in its own process, as a reader would."""
    (folder / "conf.py").write_text(CONF)
    for name, text in pages.items():
        (folder / f"{name}.md").write_text(text)
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going"]
    command += ["-j", str(jobs), str(folder), str(folder / "out")]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def text(math: ElementTree.Element) -> str:
    return "".join(math.itertext())


def test_letters_come_from_the_mathematical_alphabets(render):
    math = render(
        r"\mathbf{W_1 x} \mathbb{R} \mathcal{L} \boldsymbol{\theta} \mathrm{d}"
    )
    assert text(math) == "𝐖𝟏𝐱ℝℒ𝜽d"
    left = [e for e in math.iter() if "mathvariant" in e.attrib]
    assert [(e.text, e.get("mathvariant")) for e in left] == [("d", "normal")]


def test_colours_of_the_palette_follow_the_theme(render):
    math = render(r"\textcolor{#8d31ee}{Q} \textcolor{#123456}{x}")
    styles = [e.attrib for e in math.iter("mstyle")]
    assert styles == [
        {"style": "color:var(--tp-query,#8d31ee)"},
        {"mathcolor": "#123456"},
    ]


@pytest.mark.parametrize(
    ("tex", "side", "gap"),
    [
        (r"\begin{aligned} a &= b \\ c &= d \end{aligned}", "right", "0em"),
        (r"\begin{cases} a & b \\ c & d \end{cases}", "left", "0.5em"),
        (r"\begin{pmatrix} a & b \\ c & d \end{pmatrix}", "center", "0.5em"),
    ],
)
def test_tables_are_aligned_and_padded_by_css(render, tex, side, gap):
    table = next(render(tex).iter("mtable"))
    assert table.attrib == {}
    first = next(table.iter("mtd")).get("style")
    assert f"text-align:{side};" in first
    top, right, _, left = first.partition("padding:")[2].split()
    assert (top, right, left) == ("0em", gap, "0em")


def test_norms_are_tight(render):
    bars = list(render(r"\lVert x \rVert").iter("mo"))
    assert [(e.text, e.get("lspace"), e.get("rspace")) for e in bars] == [
        ("∥", "0", "0")
    ] * 2


@pytest.mark.parametrize(
    ("tex", "spaces"),
    [(r"\log x", 1), (r"\log(x)", 0), (r"2\log x", 2), (r"\arg\max_k z_k", 2)],
)
def test_functions_have_the_spaces_of_tex(render, tex, spaces):
    assert len(list(render(tex, display=False).iter("mspace"))) == spaces


def test_a_sign_is_no_difference(render):
    forms = [e.get("form") for e in render("a = -b - c").iter("mo")]
    assert forms == [None, "prefix", None]


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_book_without_script_numbers_and_refers(tmp_path, jobs):
    pages = {f"page{i}": f"# P{i}\n\n$x_{i}$\n" for i in range(6)}
    pages["index"] = (
        "# Title $\\mathbf{x}$\n\n$$ a = \\frac{1}{2} $$ (half)\n\nSee {eq}`half`.\n\n"
        "\\begin{align*} a &= b \\\\ c &= d \\end{align*}\n\n"
        "```{toctree}\n:glob:\n\npage*\n```\n"
    )
    done = build(tmp_path, jobs, **pages)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "out" / "index.html").read_text()
    assert page.count("<math") >= 3
    assert '<span class="eqno">(1)' in page
    assert re.search(r'href="#equation-half">\(1\)</a>', page)
    assert not re.search("<script[^>]*(mathjax|katex)", page, re.IGNORECASE)
    font = (tmp_path / "out" / "_static" / "fonts" / "stix-two-math.woff2").read_bytes()
    signs = TTFont(io.BytesIO(font)).getBestCmap()
    assert {ord("𝐱"), ord("𝑎"), ord("√")} <= signs.keys()
    assert len(font) < 40_000


def test_a_wrong_formula_is_a_warning_where_it_stands(tmp_path):
    done = build(tmp_path, index="# Title\n\nGood $a$.\n\nBad $\\frac{1$ here.\n")
    assert done.returncode == 1
    assert "index.md:5: WARNING: KaTeX parse error" in done.stderr


def test_a_long_formula_can_be_scrolled_by_keyboard(tmp_path):
    long = " + ".join("abcdefghijklmnopqrst")
    done = build(tmp_path, index=f"# T\n\n$$ a $$\n\n$$ {long} $$\n")
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "out" / "index.html").read_text()
    assert page.count('class="formula"') == 2
    assert page.count('class="formula" tabindex="0"') == 1
