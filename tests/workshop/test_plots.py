"""The palette can be read and told apart; figures keep to it; steppers hold frames."""

import re
from itertools import combinations

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

from transformer_path.workshop import plots
from transformer_path.workshop.plots import DARK, LIGHT, MARKERS, Stepper

# Page, secondary and code background of the theme.
GROUNDS = {
    "light": (LIGHT, ["#ffffff", "#f8f9fb", "#f2f2f2"]),
    "dark": (DARK, ["#131416", "#1a1c1e", "#2b2b2b"]),
}
# Machado, Oliveira and Fernandes (2009), Table 1, severity 1.
SIGHT = {
    "trichromat": np.eye(3),
    "protanope": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranope": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanope": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
TO_XYZ = np.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
)


@pytest.fixture(autouse=True)
def _own_style():
    with mpl.rc_context():
        mpl.use("agg")
        yield
        plt.close("all")


def linear(colour: str) -> np.ndarray:
    c = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def contrast(a: str, b: str) -> float:
    """Contrast ratio of WCAG 2.2."""
    low, high = sorted(float(TO_XYZ[1] @ linear(c)) for c in (a, b))
    return (high + 0.05) / (low + 0.05)


def lab(colour: str, sight: np.ndarray) -> np.ndarray:
    xyz = TO_XYZ @ np.clip(sight @ linear(colour), 0, 1) / [0.9505, 1.0, 1.089]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def test_both_themes_have_the_same_tokens():
    assert list(LIGHT) == list(DARK)
    assert set(MARKERS) < set(LIGHT)
    assert len(set(MARKERS.values())) == len(MARKERS)


@pytest.mark.parametrize("theme", GROUNDS)
def test_every_colour_can_be_read_on_every_ground(theme):
    tokens, grounds = GROUNDS[theme]
    for name in set(tokens) - {"hairline"}:
        for ground in grounds:
            assert contrast(tokens[name], ground) >= 4.5, (name, ground)


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("theme", GROUNDS)
@pytest.mark.parametrize("names", [list(MARKERS), ["query", "key", "value"]])
def test_colours_of_one_code_can_be_told_apart(theme, sight, names):
    tokens, _ = GROUNDS[theme]
    for a, b in combinations(names, 2):
        there, here = (lab(tokens[n], np.array(SIGHT[sight])) for n in (a, b))
        assert np.linalg.norm(there - here) >= 20, (a, b)


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
