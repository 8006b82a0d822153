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


def test_a_heatmap_is_as_opaque_as_its_values():
    _, ax = plots.figure()
    values = np.array([[0.0, 0.5], [1.0, -1.0], [0.25, 0.0]])
    plots.heatmap(ax, values, "query", negative="key")
    drawn = np.zeros_like(values)
    for patch in ax.patches:
        sign = (
            1 if patch.get_facecolor()[:3] == mpl.colors.to_rgb(LIGHT["query"]) else -1
        )
        for i, j in np.argwhere(values == sign * patch.get_alpha()):
            assert patch.get_path().contains_point((j, i))
            drawn[i, j] = sign * patch.get_alpha()
    np.testing.assert_array_equal(drawn, values)
    assert ax.get_ylim() == (2.5, -0.5)


def test_a_heatmap_of_zeros_is_empty():
    _, ax = plots.figure()
    plots.heatmap(ax, np.zeros((2, 3)))
    assert not ax.patches


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


def test_the_same_figure_gives_the_same_bytes():
    def draw() -> str:
        fig, ax = plots.figure()
        plots.curves(ax, range(5), np.arange(5.0), "cnn", label="CNN")
        return svg_of(fig)

    assert draw() == draw()
