"""Lines, names and frames: are they where they should be, in the book's colours?"""

import re
from itertools import combinations

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

from transformer_path.workshop import plots
from transformer_path.workshop.plots import LIGHT, MARKERS, SideBySide, Stepper


@pytest.fixture(autouse=True)
def _own_style():
    with mpl.rc_context():
        mpl.use("agg")
        yield
        plt.close("all")


def svg_of(fig) -> str:
    stepper = Stepper("test")
    stepper.add(fig, "text")
    return stepper.frames[0][0]


def test_a_figure_uses_only_colours_of_the_book_and_keeps_its_text():
    fig, ax = plots.figure()
    ax.set(xlabel="step", ylabel="loss", title="A title")
    for name in MARKERS:
        plots.curves(ax, range(9), np.random.rand(3, 9), name, label=name)
    svg = svg_of(fig)
    colours = {c.lower() for c in re.findall(r"#[0-9a-fA-F]{6}\b", svg)}
    assert colours <= {*LIGHT.values(), "#ffffff"}
    assert ">step<" in svg
    assert "<image" not in svg


def test_the_thick_line_is_the_mean_of_the_thin_ones():
    _, ax = plots.figure()
    runs = np.array([[0.0, 1.0], [2.0, 5.0]])
    plots.curves(ax, [0, 1], runs, "rnn")
    *thin, thick = ax.lines
    assert [list(line.get_ydata()) for line in thin] == runs.tolist()
    assert list(thick.get_ydata()) == [1.0, 3.0]
    assert thick.get_linewidth() > thin[0].get_linewidth()
    assert thick.get_marker() == MARKERS["rnn"]


def test_one_run_is_one_line():
    _, ax = plots.figure()
    plots.curves(ax, [0, 1], [3.0, 4.0], "mlp")
    assert len(ax.lines) == 1


def test_labels_of_lines_that_end_together_do_not_touch():
    fig, ax = plots.figure()
    ax.set(xlim=(0, 1), ylim=(0, 100))
    for i, end in enumerate([50, 50.5, 49.5, 10]):
        plots.label_end(ax, 1, end, f"label {i}")
    fig.canvas.draw()
    boxes = [text.get_window_extent() for text in ax.texts]
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))
    centre = ax.transData.transform((1, 10))[1]
    assert (boxes[3].y0 + boxes[3].y1) / 2 == pytest.approx(centre, abs=2)


def test_the_label_of_a_line_that_leaves_stays_beside_the_axes():
    fig, ax = plots.figure()
    ax.set(xlim=(0, 1), ylim=(0, 100))
    plots.label_end(ax, 1, 1e9, "away")
    fig.canvas.draw()
    box = ax.texts[0].get_window_extent()
    assert (box.y0 + box.y1) / 2 == pytest.approx(ax.bbox.y1, abs=2)


def test_labels_far_apart_from_left_to_right_are_let_be():
    _, ax = plots.figure()
    ax.set(xlim=(0, 1), ylim=(0, 100))
    plots.label_end(ax, 0.2, 50, "left")
    plots.label_end(ax, 1, 50, "right")
    assert [text.get_position() for text in ax.texts] == [(7, 0), (7, 0)]


def test_a_curve_that_leaves_is_named_where_it_was_last_seen():
    _, ax = plots.figure()
    ax.set(xlim=(0, 4), ylim=(0, 10))
    plots.curves(ax, range(5), [1, 9, 2, 30, 500], "failure", "diverges")
    assert ax.texts[0].xy == (2, 2)


def test_style_hollow_and_median_are_those_of_the_thick_line():
    _, ax = plots.figure()
    runs = [[0.0, 0.0], [1.0, 2.0], [50.0, 70.0]]
    plots.curves(ax, [0, 1], runs, "mlp", style="--", hollow=True, middle="median")
    thick = ax.lines[-1]
    assert list(thick.get_ydata()) == [1.0, 2.0]
    assert thick.get_linestyle() == "--"
    assert thick.get_markerfacecolor() == "none"
    assert ax.lines[0].get_linestyle() == "-"


@pytest.mark.parametrize(
    ("side", "relation"),
    [
        ("right", lambda box, x, y: box.x0 > x and box.y0 < y < box.y1),
        ("left", lambda box, x, y: box.x1 < x and box.y0 < y < box.y1),
        ("above", lambda box, x, y: box.y0 > y and box.x0 < x < box.x1),
        ("below", lambda box, x, y: box.y1 < y and box.x0 < x < box.x1),
    ],
)
def test_a_name_stands_to_the_side_that_was_chosen(side, relation):
    fig, ax = plots.figure()
    ax.set(xlim=(0, 1), ylim=(0, 1))
    plots.label(ax, 0.5, 0.5, "here", "brand", side)
    fig.canvas.draw()
    point = ax.transData.transform((0.5, 0.5))
    assert relation(ax.texts[0].get_window_extent(), *point)
    assert ax.texts[0].get_color() == LIGHT["brand"]


def test_a_level_lies_or_stands_where_it_should():
    _, ax = plots.figure()
    ax.set(xlim=(0, 1), ylim=(0, 50))
    plots.level(ax, "chance", y=10)
    plots.level(ax, "the turn", x=0.25)
    lying, upright = ax.lines
    assert set(lying.get_ydata()) == {10}
    assert set(upright.get_xdata()) == {0.25}
    assert [text.xy for text in ax.texts] == [(1, 10), (0.25, 50)]
    with pytest.raises(ValueError, match=re.escape("level(x=None, y=None) needs one")):
        plots.level(ax, "nowhere")


def test_log_ticks_are_the_values_that_were_measured():
    fig, ax = plots.figure()
    plots.log_ticks(ax, x=[1, 30, 1000])
    ax.plot([1, 1000], [1, 2])
    fig.canvas.draw()
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "linear")
    labels = [tick.get_text() for tick in ax.get_xticklabels(which="both")]
    assert labels == ["1", "30", "1,000"]
    plots.log_ticks(ax, y=[0.5, 2])
    assert ax.get_yscale() == "log"


def test_a_slope_is_a_power_through_its_point():
    _, ax = plots.figure()
    ax.set(xscale="log", yscale="log", xlim=(1, 100), ylim=(0.01, 1))
    plots.slope(ax, -0.5, (4, 0.3), "slope −1/2")
    x, y = ax.lines[0].get_data()
    np.testing.assert_allclose(np.diff(np.log(y)) / np.diff(np.log(x)), -0.5)
    assert np.interp(4, x, y) == pytest.approx(0.3, rel=1e-3)
    assert (x[0], x[-1]) == pytest.approx((1, 100))
    assert (ax.get_xlim(), ax.get_ylim()) == ((1, 100), (0.01, 1))
    ax.set(xscale="linear")
    with pytest.raises(ValueError, match="slope needs log-log axes"):
        plots.slope(ax, 1, (1, 1))


def test_a_stepper_shows_its_frames_and_closes_its_figures():
    stepper = Stepper('a "moving" point')
    for x in range(4):
        fig, ax = plots.figure(2, 1)
        ax.plot(x, 0, "o")
        stepper.add(fig, f"x < {x}")
    assert not plt.get_fignums()
    html = stepper._repr_html_()
    assert html.count("<svg") == html.count("</figcaption>") == 4
    assert 'aria-label="a &quot;moving&quot; point"' in html
    assert "x &lt; 3" in html
    assert repr(stepper) == 'a "moving" point: x < 0 | x < 1 | x < 2 | x < 3'


def test_figures_side_by_side_are_no_stepper():
    pair = SideBySide("before and after")
    for y in (0, 1):
        fig, ax = plots.figure(3, 2)
        ax.plot(y, 0, "o")
        pair.add(fig, f"y = {y}")
    html = pair._repr_html_()
    assert html.startswith('<div class="tp-side" aria-label="before and after"')
    assert html.count("<svg") == 2
    assert "tp-stepper" not in html
    assert repr(pair) == "before and after: y = 0 | y = 1"


def test_the_same_figure_gives_the_same_bytes():
    def draw() -> str:
        fig, ax = plots.figure()
        plots.curves(ax, range(5), np.arange(5.0), "cnn", label="CNN")
        return svg_of(fig)

    assert draw() == draw()
