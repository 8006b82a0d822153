"""Figures side by side are themed like a stepper's frames, and are none."""

import matplotlib as mpl
import pytest

from book.figures.stepper import ROOT, themed
from transformer_path.workshop import plots


@pytest.mark.parametrize(
    ("kind", "name"), [(plots.Stepper, "tp-stepper"), (plots.SideBySide, "tp-side")]
)
def test_frames_are_themed_under_the_name_of_their_kind(kind, name):
    with mpl.rc_context({"backend": "agg"}):
        frames = kind("before & after")
        for y in (0, 1):
            fig, ax = plots.figure(3, 2)
            ax.plot(y, 0, "o", color=plots.LIGHT["key"])
            frames.add(fig, f"y = {y}")
    given = frames._repr_html_()
    assert ROOT.match(given)
    html = themed(given, "s1-")
    assert html.startswith(
        f'<div class="{name}" role="group" aria-label="before &amp; after">'
    )
    assert html.count("<svg") == 2
    assert "var(--tp-key, #976204)" in html
