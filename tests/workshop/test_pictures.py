"""Points, regions, networks, small multiples: is what is drawn where it should be?"""

import re
from io import StringIO
from itertools import pairwise

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex

from transformer_path.workshop import plots
from transformer_path.workshop.plots import LIGHT, MARKERS


@pytest.fixture(autouse=True)
def _own_style():
    with mpl.rc_context():
        mpl.use("agg")
        yield
        plt.close("all")


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


def test_panels_are_bare_and_stand_in_rows():
    fig, axes = plots.panels(range(7), columns=5)
    fig.canvas.draw()
    assert [ax.get_title(loc="left") for ax in axes] == list("0123456")
    assert fig.axes == axes
    tops = [round(ax.get_position().y1, 6) for ax in axes]
    assert len(set(tops[:5])) == len(set(tops[5:])) == 1
    assert tops[0] > tops[5]
    for ax in axes:
        assert not [*ax.get_xticks(), *ax.get_yticks()]
        assert not any(spine.get_visible() for spine in ax.spines.values())


def test_series_in_panels_share_their_scales():
    _, axes = plots.panels("ab", columns=2)
    plots.series(axes[0], [0.0, 1.0, 5.0], "brand")
    plots.series(axes[1], [0.0, -3.0, 1.0])
    assert axes[0].get_ylim() == axes[1].get_ylim()
    zero, line = axes[0].lines
    assert set(zero.get_ydata()) == {0}
    assert list(line.get_ydata()) == [0.0, 1.0, 5.0]
    assert (zero.get_color(), line.get_color()) == (LIGHT["hairline"], LIGHT["brand"])


def test_points_of_two_classes_are_dots_and_rings():
    _, ax = plots.figure()
    x = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])
    plots.points(ax, x, [1, 0, 1])
    dots, rings = ax.lines
    assert dots.get_xydata().tolist() == [[2.0, 3.0]]
    assert rings.get_xydata().tolist() == [[0.0, 1.0], [4.0, 5.0]]
    assert dots.get_markerfacecolor() == LIGHT["ink"]
    assert rings.get_markerfacecolor() == "none"


def test_points_take_the_look_of_their_class():
    _, ax = plots.figure()
    looks = [("$0$", "ink", True), ("s", "brand", True), ("^", "key", False)]
    plots.points(ax, np.eye(3)[:, :2], [0, 1, 2], looks)
    assert [line.get_marker() for line in ax.lines] == ["$0$", "s", "^"]
    assert [line.get_color() for line in ax.lines] == [
        LIGHT[name] for name in ("ink", "brand", "key")
    ]
    with pytest.raises(ValueError, match=r"label 3 has no look; looks has 3: add some"):
        plots.points(ax, np.eye(4)[:, :2], range(4), looks)


def slanted(points):
    return 1 / (1 + np.exp(-4 * (points[:, 0] + 2 * points[:, 1])))


def covered(ax, point):
    """Count the shades over a point of the plane."""
    shades = [c for c in ax.collections if c.get_facecolor().size]
    return sum(
        path.contains_point(point) for shade in shades for path in shade.get_paths()
    )


def test_a_region_is_the_darker_the_higher_the_function():
    _, ax = plots.figure()
    plots.decision_region(ax, slanted, reach=2)
    # Not symmetric in x and y: a transposed grid would fail.
    at = [covered(ax, p) for p in [(1.9, -1.9), (-1.5, 0.7), (0.1, 0.0), (-1.5, 1.5)]]
    heights = [slanted(np.array([p])) for p in [(1.9, -1.9), (-1.5, 0.7), (0.1, 0.0)]]
    expected = [sum(h[0] > low for low in (0.1, 0.3, 0.5, 0.7, 0.9)) for h in heights]
    assert at == [*expected, 5]
    assert ax.get_xlim() == ax.get_ylim() == (-2, 2)


def test_the_boundary_is_where_the_function_has_that_value():
    _, ax = plots.figure()
    plots.decision_region(ax, slanted, reach=2, color="rnn")
    (line,) = [c for c in ax.collections if not c.get_facecolor().size]
    seam = np.concatenate([path.vertices for path in line.get_paths()])
    np.testing.assert_allclose(slanted(seam), 0.5, atol=0.01)
    assert to_hex(line.get_edgecolor()[0]) == LIGHT["rnn"]


def test_a_region_without_a_boundary_has_none():
    _, ax = plots.figure()
    plots.decision_region(ax, lambda p: np.zeros(len(p)), reach=1)
    assert not ax.collections


def test_a_region_says_what_its_function_should_return():
    _, ax = plots.figure()
    message = "height(points) gave 50 numbers for 25 points of shape (N, 2); return one"
    with pytest.raises(ValueError, match=re.escape(message)):
        plots.decision_region(ax, lambda p: p, reach=1, n=5)


def test_a_network_joins_every_unit_to_every_unit_of_the_next_layer():
    _, ax = plots.figure()
    plots.network(ax, [2, 4, 3], ["x", "h", "scores"], "cnn")
    lines = [line for line in ax.lines if line.get_marker() == "None"]
    columns = [line for line in ax.lines if line.get_marker() != "None"]
    assert [len(column.get_xdata()) for column in columns] == [2, 4, 3]
    assert [column.get_marker() for column in columns] == ["o", MARKERS["cnn"], "o"]
    joined = {tuple(map(tuple, line.get_xydata())) for line in lines}
    every = {
        (tuple(p), tuple(q))
        for left, right in pairwise(columns)
        for p in left.get_xydata()
        for q in right.get_xydata()
    }
    assert joined == every
    assert [text.get_text() for text in ax.texts] == ["x", "h", "scores"]
    lowest = min(column.get_ydata().min() for column in columns)
    assert all(text.get_position()[1] < lowest for text in ax.texts)


def test_an_arrow_points_from_start_to_end():
    _, ax = plots.figure()
    plots.arrow(ax, (0.0, 0.25), (1.0, 0.5), "brand", gap=3)
    (arrow,) = ax.texts
    assert (arrow.xyann, arrow.xy) == ((0.0, 0.25), (1.0, 0.5))
    assert to_hex(arrow.arrow_patch.get_edgecolor()) == LIGHT["brand"]
    assert arrow.arrow_patch.shrinkB == 3


def test_dots_stand_in_the_rows_of_their_names():
    _, ax = plots.figure()
    rows = {"series": [1.0, 3.0], "digits": [5.0, 6.0, 10.0]}
    plots.dots(ax, rows, hollow={"digits": [2.0]})
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    means = [line for line in ax.lines if line.get_marker() == "|"]
    assert [list(line.get_xdata()) for line in dots] == [[1, 3], [5, 6, 10], [2]]
    assert [round(line.get_ydata()[0]) for line in dots] == [0, 1, 1]
    assert dots[2].get_markerfacecolor() == "none"
    assert [line.get_xdata()[0] for line in means] == [2, 7, 2]
    assert ax.get_ylim() == (1.5, -0.5)


def test_everything_keeps_to_the_palette_and_leaves_no_bitmap():
    fig, axes = plots.panels("abcdef", columns=3, height=4)
    plots.points(axes[0], np.eye(2), [0, 1])
    plots.decision_region(axes[1], slanted, reach=1)
    plots.network(axes[2], [2, 3, 1], ["x", "h", "y"])
    plots.dots(axes[3], {"a": [1.0, 2.0]}, hollow={"a": [0.0]})
    plots.arrow(axes[4], (0, 0), (1, 1))
    plots.series(axes[5], [1, 2])
    plots.level(axes[5], "level", y=1)
    plots.label(axes[5], 0, 0, "label", "key")
    drawn = StringIO()
    fig.savefig(drawn, format="svg", metadata={"Date": None})
    colours = {c.lower() for c in re.findall(r"#[0-9a-fA-F]{6}\b", drawn.getvalue())}
    assert colours <= {*LIGHT.values(), "#ffffff"}
    assert "<image" not in drawn.getvalue()
