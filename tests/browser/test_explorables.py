"""Figures that a hand moves: by pointer and keyboard, on paper, without a script."""

import json
import re

import pytest
import torch
from playwright.sync_api import expect
from test_pages import PHONE, THEMES, WIDE
from torch.nn import functional as F
from waiting import remaining, repaint

from transformer_path.learning.supervised import fit_line

pytestmark = [pytest.mark.book, pytest.mark.browser]
PAGES = {
    "line": "01a-learning-from-examples",
    "softmax": "01b-classification",
    "convolution": "06a-convolution",
    "attention": "09a-self-attention",
    "alignment": "08b-attention",
    "sampler": "11c-sampling",
}
POINTED = ["alignment"]  # they have words to point at, the others handles to drag
every = pytest.mark.parametrize("kind", PAGES, ids=str, indirect=True)
dragged = pytest.mark.parametrize(
    "kind", [kind for kind in PAGES if kind not in POINTED], ids=str, indirect=True
)
pointed = pytest.mark.parametrize("kind", POINTED, ids=str, indirect=True)


@pytest.fixture
def kind(request):
    return request.param


@pytest.fixture
def explored(visit, book, kind):
    """Give the function that opens the page of an explorable, from disk."""

    def open_page(**options):
        tab = visit((book / f"{PAGES[kind]}.html").as_uri(), **options)
        return tab, tab.locator(f'.tp-explorable[data-name="{kind}"]')

    return open_page


def text_of(figure):
    return figure.locator(".tp-shown").text_content()


def drag(tab, handle, right, down):
    """Take a handle by its middle and move it by this many pixels."""
    handle.scroll_into_view_if_needed()
    box = handle.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    tab.mouse.move(x, y)
    tab.mouse.down()
    tab.mouse.move(x + right, y + down, steps=4)
    tab.mouse.up()


@every
def test_it_starts_where_the_page_computed_it(explored):
    """The still figure's text has the package's numbers, the live one the script's."""
    tab, figure = explored()
    still = figure.locator("figcaption").text_content()
    assert re.search(r"\d\.\d\d", still)
    expect(figure.locator(".tp-shown")).to_have_text(still)
    expect(figure.get_by_role("status")).to_have_text(still)
    assert tab.heard.complaints == []


@dragged
def test_every_handle_obeys_the_keyboard(explored):
    _, figure = explored()
    handles = figure.locator('[role="slider"]')
    assert handles.count()
    for handle in handles.all():
        least, most = (
            float(handle.get_attribute(f"aria-value{end}")) for end in ("min", "max")
        )
        for key, value in [("End", most), ("Home", least), ("ArrowLeft", least)]:
            before = text_of(figure)
            handle.press(key)
            expect(handle).to_have_attribute("aria-valuenow", f"{value:g}")
            if key != "ArrowLeft":
                expect(figure.locator(".tp-shown")).not_to_have_text(before)
        spoken = handle.get_attribute("aria-valuetext")
        handle.press("ArrowUp")
        expect(handle).not_to_have_attribute("aria-valuetext", spoken)
        handle.press("ArrowDown")
        expect(handle).to_have_attribute("aria-valuetext", spoken)
        expect(figure.get_by_role("status")).to_have_text(text_of(figure))


@dragged
def test_every_handle_follows_the_pointer(explored):
    tab, figure = explored()
    for handle in figure.locator('[role="slider"]').all():
        across = handle.get_attribute("aria-orientation") == "horizontal"
        value = float(handle.get_attribute("aria-valuenow"))
        handle.scroll_into_view_if_needed()
        middle = handle.bounding_box()
        drag(tab, handle, *((40, 0) if across else (0, -12)))
        expect(handle).not_to_have_attribute("aria-valuenow", f"{value:g}")
        assert float(handle.get_attribute("aria-valuenow")) > value
        moved = handle.bounding_box()
        x, y = moved["x"] - middle["x"], middle["y"] - moved["y"]
        assert (x, y) == pytest.approx((40, 0) if across else (0, 12), abs=7)


@dragged
def test_a_finger_drags_it_on_a_phone(explored):
    tab, figure = explored(width=PHONE, has_touch=True)
    handle = figure.locator('[role="slider"]').first
    assert handle.evaluate("e => getComputedStyle(e).touchAction") == "none"
    assert min(handle.bounding_box()[side] for side in ("width", "height")) >= 24
    before = text_of(figure)
    drag(tab, handle, 40, -12)
    expect(figure.locator(".tp-shown")).not_to_have_text(before)
    assert remaining(tab, WIDE) == []


@every
def test_it_follows_the_theme(explored):
    """That it can be read in both is seen with its whole page, where it moves too."""
    tab, figure = explored()
    grip = figure.locator('.tp-grip, .tp-point[aria-checked="true"] rect').first
    colours = set()
    for theme in THEMES:
        repaint(tab, color_scheme=theme)
        colours.add(grip.evaluate("e => getComputedStyle(e).stroke"))
    assert len(colours) == 2
    marks = figure.locator(".tp-marks :not(g)").evaluate_all(
        "all => all.map(e => e.style.fill + e.style.stroke)"
    )
    assert marks
    assert all("var(--tp-" in paint for paint in marks)


@every
def test_on_paper_the_still_figure_stands(explored):
    tab, figure = explored()
    still = figure.locator(".tp-moves").first
    caption = figure.locator("figcaption")
    expect(still).to_be_hidden()
    expect(caption).to_be_hidden()
    tab.emulate_media(media="print")
    expect(still).to_be_visible()
    expect(caption).to_be_visible()
    for gone in (
        ".tp-handle",
        ".tp-point",
        ".tp-marks",
        ".tp-shown",
        ".tp-hint",
        ".tp-controls",
    ):
        expect(figure.locator(gone).first).to_be_hidden()


@every
def test_without_a_script_the_still_figure_stands(explored):
    _, figure = explored(java_script_enabled=False)
    expect(figure.locator(".tp-moves").first).to_be_visible()
    expect(figure.locator("figcaption")).to_have_text(re.compile(r"\d\.\d\d"))
    expect(figure.locator("svg")).to_have_role("img")
    gone = figure.locator(".tp-hint, .tp-handle, .tp-point, input, select")
    expect(gone).to_have_count(0)


@pytest.mark.parametrize("kind", ["line"], indirect=True)
def test_the_best_line_has_no_gradient(explored):
    """Move both grips, as the reader may, to the line that the package finds."""
    _, figure = explored()
    data = json.loads(figure.get_attribute("data-values"))
    best = fit_line(torch.tensor(data["x"]), torch.tensor(data["y"]))
    intercept, slope = figure.locator('[role="slider"]').all()
    for grip, wanted, step in [(slope, best.slope, 0.05), (intercept, best[1], 0.1)]:
        grip.press("Home")
        for _ in range(round(wanted.item() / step)):
            grip.press("ArrowUp")
    expect(figure.locator(".tp-shown")).to_have_text(
        re.compile(r"its gradient −?0\.0\d for w and −?0\.0\d for b\.$")
    )


@pytest.mark.parametrize("kind", ["softmax"], indirect=True)
def test_temperature_and_the_right_class_change_the_loss(explored):
    _, figure = explored()
    shown = figure.locator(".tp-shown")
    temperature = figure.get_by_role("slider", name="Temperature")
    figure.get_by_role("combobox", name="Right class").select_option("3")
    expect(shown).to_have_text(re.compile(r"If 3 is right, the loss is 0\.44\.$"))
    temperature.press("Home")
    expect(temperature).to_have_attribute("aria-valuetext", "0.25")
    expect(shown).to_have_text(re.compile(r"^At temperature 0\.25: 98\.\d% for 3"))
    temperature.press("End")
    expect(shown).to_have_text(re.compile(r"^At temperature 4\.00: 3\d\.\d% for 3"))


@pytest.mark.parametrize("kind", ["convolution"], indirect=True)
def test_a_kernel_can_be_chosen_and_changed(explored):
    _, figure = explored()
    shown, weights = figure.locator(".tp-shown"), figure.locator("input")
    figure.get_by_role("combobox", name="Kernel").select_option("smooth")
    expect(shown).to_have_text(re.compile(r"^Positions 12 to 14: 0\.25 · .* 0\.50 · "))
    expect(weights.first).to_have_value("0.25")
    weights.first.press("End")
    expect(shown).to_have_text(re.compile(r"^Positions 12 to 14: 1\.00 · "))
    figure.locator('[role="slider"]').first.press("Home")
    expect(shown).to_have_text(re.compile(r"^Positions 0 to 2: 1\.00 · "))


@pytest.mark.parametrize("kind", ["attention"], indirect=True)
def test_every_row_weighs_as_torch_does_whatever_is_hidden(explored):
    """All five who ask, under every mask, at the first scale and at another."""
    _, figure = explored()
    data = json.loads(figure.get_attribute("data-values"))
    words, scores = data["words"], torch.tensor(data["scores"])
    value, shown = torch.tensor(data["value"])[:, None], figure.locator(".tp-shown")
    divisor = figure.get_by_role("slider", name="Divided by")
    for key, scale in [(None, data["scale"]), ("End", 32.0)]:
        if key:
            divisor.press(key)
        for name, mask in data["masks"].items():
            figure.get_by_role("combobox", name="Hidden").select_option(name)
            seen = torch.tensor(mask)
            shares = F.scaled_dot_product_attention(
                scores,
                torch.eye(len(words)),
                torch.eye(len(words)),
                seen,
                scale=1 / scale,
            )
            spread = torch.special.entr(shares).sum(-1)
            for t, word in enumerate(words):
                figure.get_by_role("combobox", name="Who asks").select_option(word)
                listed = ", ".join(
                    f"{100 * share:.1f}% for {other}" if may else f"{other} is hidden"
                    for share, other, may in zip(shares[t], words, seen[t], strict=True)
                )
                expect(shown).to_have_text(
                    f"“{word}” asks, divided by {scale:.2f}: {listed}. "
                    f"Entropy {spread[t]:.2f}, result {(shares[t] @ value).item():.2f}."
                )


@pytest.mark.parametrize("kind", ["attention"], indirect=True)
def test_a_click_on_a_row_lets_it_ask_and_its_scores_keep(explored):
    _, figure = explored()
    shown, asks = figure.locator(".tp-shown"), figure.get_by_role("combobox").first
    rows = figure.locator('.tp-marks > [cursor="pointer"]')
    figure.locator('[role="slider"]').nth(3).press("End")
    moved = text_of(figure)
    rows.first.click()
    expect(asks).to_have_value("the")
    expect(shown).to_have_text(re.compile("^“the” asks, "))
    rows.nth(2).click()
    expect(asks).to_have_value("sees")
    expect(shown).to_have_text(moved)


@pointed
def test_every_word_obeys_the_keyboard(explored):
    tab, figure = explored()
    words = figure.get_by_role("radio")
    last = words.count() - 1
    figure.get_by_role("radio", checked=True).focus()
    steps = [("Home", 0), ("ArrowUp", 0), ("ArrowDown", 1), ("End", last)]
    for key, place in [*steps, ("ArrowDown", last), ("ArrowLeft", last - 1)]:
        tab.keyboard.press(key)
        expect(words.nth(place)).to_be_checked()
        expect(words.nth(place)).to_be_focused()
        expect(figure.locator(".tp-point[tabindex='0']")).to_have_count(1)
        expect(figure.get_by_role("status")).to_have_text(text_of(figure))


@pointed
def test_a_finger_points_on_a_phone(explored):
    tab, figure = explored(width=PHONE, has_touch=True)
    for word in figure.get_by_role("radio").all():
        assert min(word.bounding_box()[side] for side in ("width", "height")) >= 24
        word.tap()
        expect(word).to_be_checked()
        expect(figure.get_by_role("radio", checked=True)).to_have_count(1)
    assert remaining(tab, WIDE) == []


@pytest.mark.parametrize("kind", ["alignment"], indirect=True)
def test_each_word_shows_the_weights_of_the_network(explored):
    """Point at every word of every number; the page says where some look elsewhere."""
    _, figure = explored()
    data = json.loads(figure.get_attribute("data-values"))
    for name, rows in data["weights"].items():
        figure.get_by_role("combobox", name="Number").select_option(name)
        english, german = data["english"][name], data["german"][name]
        words, astray = figure.get_by_role("radio").all(), set()
        assert [word.get_attribute("aria-label") for word in words] == german
        for n, (word, weights) in enumerate(zip(words, rows, strict=True)):
            assert sum(weights) == pytest.approx(1, abs=1e-5)
            word.hover()
            expect(word).to_be_checked()
            widths = figure.locator(".tp-marks path").evaluate_all(
                "all => all.map(e => parseFloat(e.getAttribute('stroke-width')))"
            )
            assert widths == pytest.approx([12 * weight for weight in weights])
            most, source = max(range(len(english)), key=weights.__getitem__), None
            if (place := data["sources"][name][n]) >= 0:
                source = english[place]
                astray |= {n} if place != most else set()
            expect(figure.locator(".tp-shown")).to_have_text(
                re.compile(
                    rf"^{re.escape(german[n])} looked at {re.escape(english[most])} "
                    rf"{weights[most]:.2f}.*comes from {source or 'none of them'}\.$"
                )
            )
    assert astray  # of the last number
