"""What a reader does with the book: search, switch, step, print, go without script."""

import re

import pytest
from playwright.sync_api import expect
from waiting import remaining

pytestmark = [pytest.mark.book, pytest.mark.browser]


def page_with(book, *markup: str) -> str:
    """Name a page that holds all this markup."""
    for path in sorted(book.rglob("*.html")):
        text = path.read_text("utf-8")
        if all(part in text for part in markup):
            return path.relative_to(book).as_posix()
    raise AssertionError(f"no page of this book has {' and '.join(markup)}")


@pytest.mark.parametrize("where", ["site", "disk"])
def test_the_search_finds_a_term(visit, site, book, where):
    start = site if where == "site" else book.as_uri() + "/"
    for words in ("gradient", "weight decay", "k-means"):
        tab = visit(f"{start}search.html?q={words}")
        expect(tab.locator("#search-results li a").first).to_be_visible()
    if where == "site":  # from disk, the pages cannot be fetched for their summaries
        assert tab.heard.complaints == []


def test_the_theme_switch_repaints_the_figures(visit, site, book):
    tab = visit(site + page_with(book, 'class="tp-stepper"', "<text"))
    body, ink = tab.locator("body"), tab.locator(".tp-frame svg text").first
    paper = body.evaluate("e => getComputedStyle(e).backgroundColor")
    colour = ink.evaluate("e => getComputedStyle(e).fill")
    switch = tab.locator(".theme-toggle:visible").first
    switch.click()
    expect(body).to_have_attribute("data-theme", "dark")
    expect(ink).not_to_have_css("fill", colour)
    expect(body).not_to_have_css("background-color", paper)
    switch.click()
    expect(body).to_have_attribute("data-theme", "light")
    expect(ink).to_have_css("fill", colour)
    expect(body).to_have_css("background-color", paper)


def test_a_stepper_obeys_the_keyboard(visit, site, book):
    tab = visit(site + page_with(book, 'class="tp-stepper"'))
    stepper = tab.locator(".tp-stepper").first
    frames = stepper.locator(".tp-frame")
    last = frames.count() - 1
    expect(frames.first).to_be_visible()
    slider = stepper.get_by_role("slider")
    slider.focus()
    for key, now in [
        ("ArrowRight", 1),
        ("End", last),
        ("ArrowRight", last),
        ("ArrowLeft", last - 1),
        ("Home", 0),
    ]:
        tab.keyboard.press(key)
        expect(frames.filter(visible=True)).to_have_count(1)
        expect(frames.nth(now), key).to_be_visible()
        said = re.compile(rf"{now + 1} of {last + 1}: .")
        expect(slider).to_have_attribute("aria-valuetext", said)
    assert tab.url.endswith(".html"), "the arrows turned the page"


def test_a_box_of_a_drawing_leads_to_its_line(visit, site, book):
    tab = visit(
        site + page_with(book, 'class="tp-stepper"', '<a aria-label="encoder: ')
    )
    tab.emulate_media(reduced_motion="reduce")  # a press while it scrolls would be lost
    stepper = tab.locator(".tp-stepper").first
    stepper.get_by_role("slider").press("End")
    name = "decoder: cross-attention"
    boxes = stepper.get_by_role("link", name=name, exact=True)
    expect(boxes).to_have_count(1)  # those of hidden frames are none
    boxes.press("Enter")
    line = tab.locator("pre span:target")
    expect(line).to_contain_text("self.multihead_attn(x, source")
    expect(line).to_be_in_viewport()
    tab.go_back()
    stepper.locator(".tp-now").get_by_text("next word").click(force=True)
    expect(tab.locator("pre span:target")).to_contain_text("logits.argmax(-1)")


def test_a_stepper_plays_and_stops(visit, site, book):
    tab = visit(site + page_with(book, 'class="tp-stepper"'))
    stepper = tab.locator(".tp-stepper").first
    play, frames = stepper.get_by_role("button"), stepper.locator(".tp-frame")
    play.focus()
    tab.keyboard.press("Enter")
    expect(play).to_have_text("Pause")
    expect(frames.nth(1)).to_be_visible()
    tab.keyboard.press("Enter")
    expect(play).to_have_text("Play")


def test_without_script_nothing_is_missing(visit, site, book):
    name = page_with(book, 'class="tp-stepper"', "<math")
    tab = visit(site + name, java_script_enabled=False)
    frames = tab.locator(".tp-stepper").first.locator(".tp-frame")
    expect(frames.filter(visible=True)).to_have_count(2)
    expect(frames.first).to_be_visible()
    expect(frames.last).to_be_visible()
    assert tab.locator("math").first.bounding_box()["height"] > 5


def test_print_unfolds_what_is_folded(visit, site, book):
    tab = visit(site + page_with(book, "<details"))
    hidden = """() => [...document.querySelectorAll("article details")].filter((d) =>
      [...d.children].some((c) => c.tagName !== "SUMMARY"
        && !c.checkVisibility({contentVisibilityAuto: true})))
      .map((d) => d.outerHTML.slice(0, 120))"""
    assert tab.evaluate(hidden)
    tab.emulate_media(media="print")
    assert remaining(tab, hidden) == []
    expect(tab.locator(".sidebar-drawer")).to_be_hidden()
