"""Formulas become MathML while the book is built: read, checked, numbered, located."""

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
def read():
    """Give the function from TeX to the ``<math>`` element."""
    from book.maths.tree import read

    return read


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


def written(math: ElementTree.Element) -> str:
    return ElementTree.tostring(math, encoding="unicode")


def test_letters_come_from_the_mathematical_alphabets(read):
    math = read(
        r"\mathbf{W_1 x} \mathbb{R} \mathfrak{g} \boldsymbol{\theta} \mathrm{d}"
    )
    assert text(math) == "𝐖𝟏𝐱ℝ𝔤𝜽d"
    left = [e for e in math.iter() if "mathvariant" in e.attrib]
    assert [(e.text, e.get("mathvariant")) for e in left] == [("d", "normal")]


def test_colours_of_the_palette_follow_the_theme(read):
    math = read(r"\textcolor{#8d31ee}{Q} \textcolor{#123456}{x}_2")
    styles = [e.get("style") for e in math.iter() if "style" in e.attrib]
    assert styles == ["color:var(--tp-query,#8d31ee)", "color:#123456;"]


@pytest.mark.parametrize(
    ("tex", "sides"),
    [
        (r"\begin{aligned} a &= b \\ c &= d \end{aligned}", ["right", "left"] * 2),
        (r"\begin{align} a &= b \\ c &= d \end{align}", ["right", "left"] * 2),
        (r"\begin{alignat}{2} a &= b \\ c &= d \end{alignat}", ["right", "left"] * 2),
        (r"\begin{equation}\begin{split} a &= b \end{split}\end{equation}",
         ["right", "left"]),
        (r"a &= b \\ c &= d", ["right", "left"] * 2),
        (r"\begin{cases} a & b \\ c & d \end{cases}", ["left"] * 4),
        (r"\begin{array}{lr} a & b \end{array}", ["left", "right"]),
        (r"\begin{pmatrix} a & b \\ c & d \end{pmatrix}", [None] * 4),
        (r"\begin{gather} a \\ b \end{gather}", [None] * 2),
        ("a\n\nb", [None] * 2),
    ],
)  # fmt: skip
def test_tables_are_aligned_by_css(read, tex, sides):
    math = read(tex, display=True)
    styles = [cell.get("style", "") for cell in math.iter("mtd")]
    found = [re.search("text-align: (.*?);", style) for style in styles]
    assert [match and match[1] for match in found] == sides


def test_cells_of_an_equation_touch_and_those_of_cases_do_not(read):
    left, right = read(r"\begin{aligned} a &= b \end{aligned}").iter("mtd")
    assert "padding-right: 0" in left.get("style")
    assert "padding-left: 0" in right.get("style")
    _, right = read(r"\begin{cases} a & b \end{cases}").iter("mtd")
    assert "padding-left:1em" in right.get("style")


@pytest.mark.parametrize(
    "tex", [r"\lVert x \rVert", r"\|x\|", r"|x|", r"\lvert x \rvert"]
)
def test_norms_are_tight(read, tex):
    left, right = read(tex).iter("mo")
    fences = left.get("form"), right.get("form")
    widths = {e.get(side) for e in (left, right) for side in ("lspace", "rspace")}
    assert fences == ("prefix", "postfix") or widths == {"0"}


@pytest.mark.parametrize(
    ("tex", "before", "after"),
    [
        (r"\log x", 0, 1),
        (r"\log(x)", 0, 0),
        (r"2\log x", 1, 1),
        (r"2\operatorname{relu}(x)", 1, 0),
        (r"\arg\max_k z_k", 0, 2),
    ],
)
def test_functions_have_the_spaces_of_tex(read, tex, before, after):
    math = read(tex)
    spaces = [e for e in math.iter("mspace") if e.get("width") == "0.1667em"]
    applied = [e for e in math.iter("mo") if e.text == "\u2061"]
    widths = [e.get("lspace") for e in applied]
    assert (len(spaces), widths.count("0.1667em")) == (before, after)


def test_a_sign_is_no_difference(read):
    spaces = [e.get("rspace") for e in read("a = -b - c").iter("mo")]
    assert spaces == [None, "0", None]


def test_the_label_of_a_brace_stands_under_it(read):
    tex = r"\underbrace{f \circ \dots \circ f}_{k \text{ times}}"
    outer, inner = read(tex).iter("munder")
    assert outer[0] is inner
    assert inner[1].text == "⏟"
    assert text(outer[1]) == "k\u00a0times"


def test_a_large_bracket_keeps_its_size_under_an_exponent(read):
    power = next(read(r"\bigl(x\bigr)^2").iter("msup"))
    assert power[0].tag == "mrow"  # Chromium sets a bare sign here at its least size
    assert power[0][0].attrib == {"minsize": "1.2em", "maxsize": "1.2em"}


def test_the_arrow_of_a_vector_stands_over_its_letter(read):
    over = next(read(r"\vec{x}").iter("mover"))
    assert [e.text for e in over] == ["x", "→"]


@pytest.mark.parametrize(
    ("tex", "part"),
    [
        (r"\cancel{x}", "<menclose>"),
        (r"\bcancel{x}", "<menclose>"),
        (r"\boxed{x}", "<menclose>"),
        (r"\text{\textsf{x}}", "<span>"),
        (r"\eqref{x}", "<a>"),
        (r"\begin{multline} a \\ b \end{multline}", "width: of <mtable>"),
    ],
)
def test_what_browsers_do_not_show_is_an_error(read, tex, part):
    message = f"browsers do not show {part}, which the formula {tex!r} needs; "
    with pytest.raises(ValueError, match=re.escape(message)):
        read(tex)


def test_every_part_is_held_against_the_list(monkeypatch, read):
    """An element, attribute or style that a new release writes is noticed."""
    from book.maths import tree

    for mathml, part in [
        ("<math><maction><mi>x</mi></maction></math>", "<maction>"),
        ('<math><mi href="#a">x</mi></math>', "href= of <mi>"),
        (
            '<math><mi style="color:#123456;opacity:0;">x</mi></math>',
            "opacity: of <mi>",
        ),
    ]:
        reader = type("", (), {"convert_with_local_state": lambda *a, m=mathml, **k: m})
        monkeypatch.setattr(tree, "READER", reader())
        with pytest.raises(ValueError, match=f"browsers do not show {part}, which"):
            read("x")


@pytest.mark.parametrize(
    ("tex", "reason"),
    [
        (r"\frac{1", 'Expected closing token "}", but reached end of input'),
        (r"\sout{x}", "Not valid in math mode"),
        (r"\nonsense", r'Unknown command "\nonsense"'),
        (
            r"a \tag{3}",
            r'Found "\tag[*]", which may only appear in a numbered equation',
        ),
    ],
)
def test_what_cannot_be_read_is_an_error(read, tex, reason):
    with pytest.raises(ValueError, match=re.escape(reason)) as caught:
        read(tex)
    assert str(caught.value).endswith(f"in the formula {tex!r}")


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


@pytest.mark.parametrize(
    ("formula", "line", "reason"),
    [
        ("Bad $\\frac{1$ here.", 5, "Expected closing token"),
        ("$$\n\\boxed{a}\n$$", 5, "browsers do not show <menclose>"),
        ("$$\n\\nonsense\n$$ (label)", 5, "Unknown command"),
        ("```{math}\n\\nonsense\n```", 5, "Unknown command"),
        ("$$\na \\\\[6pt] b\n$$", 5, "[6pt] behind a line break"),
        ("\\begin{align}\n\\sout{a}\n\\end{align}", 5, "Not valid in math mode"),
    ],
)
def test_a_wrong_formula_is_a_warning_where_it_stands(tmp_path, formula, line, reason):
    done = build(tmp_path, index=f"# Title\n\nGood $a$.\n\n{formula}\n")
    assert done.returncode == 1
    assert f"index.md:{line}: WARNING: {reason}" in done.stderr


def test_a_long_formula_can_be_scrolled_by_keyboard(tmp_path):
    long = " + ".join("abcdefghijklmnopqrst")
    done = build(tmp_path, index=f"# T\n\n$$ a $$\n\n$$ {long} $$\n")
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "out" / "index.html").read_text()
    assert page.count('class="formula"') == 2
    assert page.count('class="formula" tabindex="0"') == 1
