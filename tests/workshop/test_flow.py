"""Boxes are lit, wires darken behind them, and what links says where to."""

import io
import re

import matplotlib as mpl
import pytest
from matplotlib.colors import to_rgba
from matplotlib.patches import Ellipse, FancyBboxPatch

from transformer_path.workshop.plots import LIGHT, Flow, Stepper
from transformer_path.workshop.plots.flow import Words

ADDRESS = "https://example.org/blob/main/src/a.py#L7"


@pytest.fixture(autouse=True)
def _quiet():
    with mpl.rc_context({"backend": "agg"}):
        yield
        mpl.pyplot.close("all")


def two_boxes():
    flow = Flow(40, 20)
    flow.box("in", "input", (10, 5), (8, 4), "mlp", ADDRESS)
    flow.box("sum", "+", (30, 5), (2, 2), "attention")
    flow.wire("in", (14, 5), (29, 5), color="query", text="q")
    return flow


def faces(fig):
    kinds = FancyBboxPatch, Ellipse
    return [p.get_facecolor() for p in fig.axes[0].patches if isinstance(p, kinds)]


def colours(fig):
    """Colours of the lines, which have no area."""
    open_ones = [p for p in fig.axes[0].patches if p.get_facecolor()[3] == 0]
    return {to_rgba(p.get_edgecolor()) for p in open_ones}


def test_what_is_lit_is_full_and_the_rest_is_tinted():
    (first, second) = faces(two_boxes().draw(lit={"in"}))
    assert first == to_rgba(LIGHT["mlp"])
    assert second == to_rgba(LIGHT["attention"], 0.1)


def test_a_wire_is_dark_once_its_box_has_worked():
    flow = two_boxes()
    assert to_rgba(LIGHT["query"]) not in colours(flow.draw())
    assert to_rgba(LIGHT["query"]) in colours(flow.draw(done={"in"}))


def test_words_of_one_drawing_are_not_in_the_next():
    flow = two_boxes()
    flow.say("always", (1, 15))
    once = flow.draw(words=[Words("once", (1, 18), 9, "bold")])
    assert {"always", "once"} <= {t.get_text() for t in once.axes[0].texts}
    assert "once" not in {t.get_text() for t in flow.draw().axes[0].texts}


def test_a_link_has_an_address_and_a_name():
    stepper = Stepper("two boxes")
    stepper.add(two_boxes().draw(), "now")
    ((svg, _),) = stepper.frames
    (link,) = re.findall(r"<a [^>]*>", svg)
    assert f'xlink:href="{ADDRESS}"' in link
    assert 'aria-label="in"' in link


def test_places_are_those_of_the_drawing():
    fig, out = two_boxes().draw(), io.StringIO()
    fig.savefig(out, format="svg")
    assert 'viewBox="0 0 288 144"' in out.getvalue()
    (box,) = [p for p in fig.axes[0].patches if isinstance(p, FancyBboxPatch)]
    low = fig.axes[0].transData.transform((box.get_x(), box.get_y()))
    assert low == pytest.approx([0.6 * fig.dpi, 1.7 * fig.dpi])


def test_a_wire_begins_at_a_box():
    with pytest.raises(
        ValueError, match=r"^no box is called 'out'; there are in, sum\.$"
    ):
        two_boxes().wire("out", (0, 0), (1, 1))
