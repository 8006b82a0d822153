"""The formulas of the explorables, run as they are, against the package; the form."""

import html
import json
from pathlib import Path
from types import SimpleNamespace

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
import torch
from docutils import nodes
from hypothesis import given
from hypothesis import strategies as st
from py_mini_racer import MiniRacer

from book.figures import explorable
from book.figures.stepper import themed
from transformer_path.learning import supervised
from transformer_path.sequences.convolution import convolve
from transformer_path.transformer.attention import attention
from transformer_path.variants.generation import Taste, probabilities
from transformer_path.workshop import plots

STATIC = Path(__file__).parents[2] / "docs" / "_static"
FORMULAS = (STATIC / "explorable" / "mathematics.js").read_text("utf-8")
numbers = st.floats(-5, 5)
lists = st.lists(numbers, min_size=3, max_size=11)


def load(source: str) -> MiniRacer:
    engine = MiniRacer()
    engine.eval(source)
    return engine


ENGINE = load(FORMULAS)


def run(engine: MiniRacer, name: str, *arguments: object) -> torch.Tensor:
    given = ", ".join(map(json.dumps, arguments))
    result = engine.eval(f"JSON.stringify(mathematics.{name}({given}))")
    result = result.replace("null", "NaN")  # JSON has no other word for it
    return torch.tensor(json.loads(result), dtype=torch.float64)


def compare_line(engine, w, b, x):
    y = [3 - 0.7 * each**2 for each in x]
    line = supervised.Line(*torch.tensor([w, b], dtype=torch.float64))
    at, target = (torch.tensor(each, dtype=torch.float64) for each in (x, y))
    loss = supervised.mean_squared_error(line(at), target)
    gradient = torch.stack(supervised.line_gradient(line, at, target))
    close(run(engine, "meanSquaredError", w, b, x, y), loss)
    close(run(engine, "lineGradient", w, b, x, y), gradient)


def compare_softmax(engine, z, temperature, label):
    label %= len(z)
    scaled = torch.tensor(z, dtype=torch.float64) / temperature
    loss = supervised.cross_entropy(scaled[None], torch.tensor([label]))
    close(run(engine, "softmax", z, temperature), supervised.softmax(scaled))
    close(run(engine, "crossEntropy", z, label, temperature), loss)


def compare_convolution(engine, signal, kernel):
    rows = [torch.tensor([[each]], dtype=torch.float64) for each in (signal, kernel)]
    close(run(engine, "convolve", signal, kernel), convolve(*rows)[0, 0])


def compare_attention(engine, scores, seen, scale):
    values = [each**2 - 1 for each in scores]
    key, value = (
        torch.tensor(each, dtype=torch.float64)[:, None] for each in (scores, values)
    )
    query = torch.tensor([[1 / scale]], dtype=torch.float64)
    mask = torch.tensor([seen])
    result, shares = attention(query, key, value, mask)
    found = run(engine, "attend", scores, seen, scale)
    close(found, shares[0])
    close(run(engine, "average", found.tolist(), values), result[0, 0])
    close(run(engine, "entropy", found.tolist()), torch.special.entr(shares).sum())


def compare_sampler(engine, logits, temperature, k, p, m):
    logits = sorted(logits, reverse=True)
    taste = Taste(temperature=temperature, top_k=k, top_p=p, min_p=m)
    expected = probabilities(torch.tensor(logits, dtype=torch.float64), taste)
    close(run(engine, "sampled", logits, temperature, k, p, m), expected)


def close(found, expected):
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


@given(numbers, numbers, lists)
def test_a_line_has_the_loss_and_the_gradient_of_the_package(w, b, x):
    compare_line(ENGINE, w, b, x)


@given(lists, st.floats(0.001, 1000), st.integers(0, 10))
def test_a_softmax_and_its_loss_are_those_of_the_package(z, temperature, label):
    compare_softmax(ENGINE, z, temperature, label)


@given(lists, st.lists(numbers, min_size=1, max_size=3))
def test_a_kernel_answers_as_that_of_torch(signal, kernel):
    compare_convolution(ENGINE, signal, kernel)


@given(lists, st.floats(0.125, 32), st.integers(1, 2**11 - 1))
def test_scores_have_the_attention_of_the_package(scores, scale, pattern):
    seen = [bool(pattern >> n & 1) for n in range(len(scores))]
    compare_attention(ENGINE, scores, [True, *seen[1:]], scale)


@given(
    lists,
    st.floats(0.125, 4),
    st.integers(1, 12),
    st.sampled_from([0.07, 0.5, 0.93, 1.0]),
    st.sampled_from([0.0, 0.13, 0.71]),
)
def test_a_token_is_drawn_as_by_the_package(logits, temperature, k, p, m):
    compare_sampler(ENGINE, logits, temperature, k, p, m)


BROKEN = [  # the slip, and where it must show
    ("[2 * mean(error.map", "[mean(error.map", "line"),
    ("e * x[n])), 2 * mean(error)]", "e)), 2 * mean(error)]", "line"),
    ("(e) => e * e", "(e) => Math.abs(e)", "line"),
    ("w * value + b - y[n]", "w * value - b - y[n]", "line"),
    ("Math.exp((z - largest) / temperature)", "Math.exp(z - largest)", "softmax"),
    ("Math.exp((z - largest) / temperature)", "Math.exp(z / temperature)", "softmax"),
    ("(z - Math.max(...logits)) / temp", "(z - Math.max(...logits)) * temp", "softmax"),
    ("- shifted[label]", "- logits[label]", "softmax"),
    ("signal[place + k]", "signal[place + kernel.length - 1 - k]", "convolution"),
    ("signal.slice(kernel.length - 1)", "signal", "convolution"),
    ("score : -Infinity", "score : 0", "attention"),
    ("-Infinity)), scale)", "-Infinity)))", "attention"),
    ("share * values[n]", "share + values[n]", "attention"),
    ("share && share * Math.log(share)", "share * Math.log(share)", "attention"),
    ("-sum(shares", "sum(shares", "attention"),
    ("mathematics.softmax(logits, temperature)", "mathematics.softmax(logits)", "cold"),
    ("n < k &&", "n <= k &&", "top-k"),
    ("before < p", "before + share < p", "top-p"),
    ("share >= m * shares[0]", "share >= m", "min-p"),
    ("share / total", "share", "top-k"),
    ("(n < k && (p >= 1", "(n < k || (p >= 1", "top-k"),
]
FOUR = [2.0, 1.5, 0.3, -1.0]
CASES = {
    "line": lambda engine: compare_line(engine, 0.7, -1.3, [0.5, 1.5, 4.0]),
    "softmax": lambda engine: compare_softmax(engine, [1000.0, 999.0, 2.0], 0.5, 1),
    "convolution": lambda engine: compare_convolution(engine, [1.0, 5, 2, 7], [1.0, 3]),
    "attention": lambda engine: compare_attention(
        engine, [2.0, 3, -1], [True, True, False], 2.0
    ),
    "cold": lambda engine: compare_sampler(engine, FOUR, 0.5, 4, 1.0, 0.0),
    "top-k": lambda engine: compare_sampler(engine, FOUR, 1.0, 2, 1.0, 0.0),
    "top-p": lambda engine: compare_sampler(engine, FOUR, 1.0, 4, 0.6, 0.0),
    "min-p": lambda engine: compare_sampler(engine, FOUR, 1.0, 4, 1.0, 0.5),
}


@pytest.mark.parametrize("case", CASES)
def test_a_case_holds_for_the_formulas_as_they_are(case):
    CASES[case](ENGINE)


@pytest.mark.parametrize(("right", "wrong", "case"), BROKEN)
def test_a_slip_in_a_formula_is_seen(right, wrong, case):
    assert FORMULAS.count(right) == 1
    with pytest.raises(AssertionError):
        CASES[case](load(FORMULAS.replace(right, wrong)))


@pytest.fixture
def moving():
    """An explorable of two axes, with a mark to move in each and one that stays."""
    with mpl.rc_context({"backend": "agg"}):
        made = plots.Explorable(
            "line", 'a "line"', x=torch.tensor([0.5, 1]), name="a<b"
        )
        fig, (top, bottom) = plots.stacked(2, 1)
        top.plot([0, 4], [0, 3], gid="moves", color=plots.LIGHT["key"])
        bottom.plot([0, 4], [1, 1], gid="moves")
        bottom.plot([0, 4], [2, 2])
        top.set(xlim=(0, 4), ylim=(-1, 3))
        made.add(fig, "at -0.5, up-to-date")
        yield made
        plt.close("all")


def test_an_explorable_tells_its_script_the_data_and_where_the_axes_lie(moving):
    page = moving._repr_html_()
    values = json.loads(html.unescape(page.partition('data-values="')[2].split('"')[0]))
    assert (values["x"], values["name"]) == ([0.5, 1], "a<b")
    top, bottom = values["axes"]
    left, right, *limits = top["x"]
    assert 0 < left < right < 4.9 * 72
    assert limits == [0, 4]
    low, high, *limits = top["y"]
    assert 0 < high < low < bottom["y"][1] < bottom["y"][0] < 4.2 * 72
    assert limits == [-1, 3]
    # The line that moves runs from corner to corner, less the first quarter in y.
    start, end = (
        page.partition('data-axes="0"')[2].partition('d="M ')[2].split("L ")[:2]
    )
    assert [float(n) for n in start.split()] == pytest.approx(
        [left, low - (low - high) / 4], abs=0.01
    )
    assert [float(n) for n in end.split()[:2]] == pytest.approx([right, high], abs=0.01)


def test_what_moves_is_marked_and_a_minus_is_one(moving):
    page = themed(moving._repr_html_(), "s1-")
    assert page.startswith(
        '<div class="tp-explorable" role="group" aria-label="a &quot;line&quot;" '
        'data-name="line" data-values="{'
    )
    assert [page.count(f'class="tp-moves" data-axes="{i}"') for i in (0, 1)] == [1, 1]
    assert "at −0.5, up-to-date</figcaption>" in page
    assert "hand can move it" not in page
    assert "hand can move it" in moving._repr_html_()


def test_an_explorable_has_one_figure_in_which_something_moves(moving):
    with pytest.raises(ValueError, match="'line' has its figure; it takes no second"):
        moving.add(plots.figure()[0], "again")
    empty = plots.Explorable("line", "a line")
    with pytest.raises(ValueError, match="has no figure for paper; draw one state"):
        empty._repr_html_()
    with pytest.raises(ValueError, match="nothing moves in the figure of the expl"):
        empty.add(plots.figure()[0], "still")


def test_only_a_page_with_an_explorable_loads_its_scripts(moving, caplog):
    def loaded(*markup):
        added = []
        app = SimpleNamespace(
            confdir=STATIC.parents[1],
            config=SimpleNamespace(html_static_path=["docs/_static"]),
            add_js_file=lambda name, **_: added.append(name.split("/")[1]),
        )
        page = nodes.container("", *(nodes.raw("", m, format="html") for m in markup))
        explorable.add_scripts(app, "page", "page.html", {}, page)
        return added

    assert loaded("<div></div>") == []
    markup = themed(moving._repr_html_(), "s1-")
    shared = ["mathematics.js", "explorable.js"]
    assert loaded(markup, markup) == [*shared, "line.js"]
    assert not caplog.records
    assert loaded(markup.replace('"line"', '"circle"')) == shared
    assert "'circle' has no script explorable/circle.js; there are: " in caplog.text
