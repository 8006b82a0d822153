"""The map of the path: it fits, it links, and it remembers what is finished."""

import re

import pytest
from playwright.sync_api import expect
from waiting import remaining

pytestmark = [pytest.mark.book, pytest.mark.browser]
CHAPTER, LATER = "01a-learning-from-examples", "04a-feedforward-networks"


@pytest.mark.parametrize("where", ["site", "disk"])
def test_a_finished_chapter_is_filled_in_everywhere(visit, site, book, where):
    start = site if where == "site" else book.as_uri() + "/"
    tab = visit(f"{start}{CHAPTER}.html")
    button = tab.get_by_role("button", name="I have finished this chapter")
    expect(button).to_have_attribute("aria-pressed", "false")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    tab.goto(start + "index.html")
    filled = tab.locator(".path-map svg .finished")
    expect(filled).to_have_attribute("data-page", CHAPTER)
    expect(filled.locator("title")).to_have_text(re.compile(r"\(finished\)$"))
    tab.goto(f"{start}{CHAPTER}.html")
    button.click()
    tab.goto(start + "index.html")
    expect(filled).to_have_count(0)


@pytest.mark.parametrize("width", [1280, 390])
def test_only_what_the_reader_has_finished_is_filled(visit, site, width):
    """The stops before a page were perhaps never read: the map claims nothing."""
    tab = visit(f"{site}{LATER}.html", width=width)
    filled = """() => [...document.querySelectorAll(".path-map [data-page]")]
      .filter((stop) => stop.checkVisibility()).filter((stop) => {
        const circle = stop.querySelector("circle");
        const {fill} = getComputedStyle(circle || stop);
        const {backgroundColor} = getComputedStyle(stop, "::before");
        const paper = getComputedStyle(document.body).backgroundColor;
        return (circle ? fill : backgroundColor) !== paper;
      }).map((stop) => stop.dataset.page)"""
    assert remaining(tab, filled) == []
    tab.get_by_role("button", name="I have finished this chapter").click()
    tab.goto(f"{site}{CHAPTER}.html")
    tab.wait_for_function(f"() => ({filled})().join() === '{LATER}'")
    here = tab.locator(".path-map .here:visible")
    expect(here).to_have_attribute("data-page", CHAPTER)


def test_without_script_or_storage_there_is_no_button(visit, site):
    tab = visit(f"{site}{CHAPTER}.html", java_script_enabled=False)
    expect(tab.locator("[data-finishes]")).to_be_hidden()
    tab = visit("about:blank")
    tab.add_init_script(
        "Object.defineProperty(window, 'localStorage', {get() { throw Error(); }})"
    )
    tab.goto(f"{site}{CHAPTER}.html")
    expect(tab.locator("[data-finishes]")).to_be_hidden()


@pytest.mark.parametrize("width", [780, 1024, 1440])
@pytest.mark.parametrize("page", ["index", CHAPTER])
def test_nothing_on_the_map_touches(visit, site, page, width):
    tab = visit(f"{site}{page}.html", width=width)
    tab.evaluate("async () => { await document.fonts.ready; }")
    boxes = tab.locator(".path-map svg").first.evaluate(
        """svg => {
          const frame = svg.getBoundingClientRect();
          return [...svg.querySelectorAll(
            ".stop:not(.here) circle, .ring, .label, .part")].map((shape) => {
            const box = shape.getBoundingClientRect();
            return [shape.parentNode.textContent, box.left, box.right, box.top,
                    box.bottom, box.left >= frame.left && box.right <= frame.right];
          });
        }"""
    )
    assert boxes
    for i, (one, left, right, top, bottom, inside) in enumerate(boxes):
        assert inside, one
        for other, left2, right2, top2, bottom2, _ in boxes[i + 1 :]:
            apart = right <= left2 or right2 <= left or bottom <= top2 or bottom2 <= top
            assert apart, f"{one} touches {other}"


def test_a_phone_gets_a_list(visit, site):
    tab = visit(site + "index.html", width=390)
    expect(tab.locator(".path-map svg")).to_be_hidden()
    stops = tab.locator(".path-map li")
    assert stops.count() > 10
    heights = stops.locator("a").evaluate_all(
        "links => links.map(link => link.getBoundingClientRect().height)"
    )
    assert min(heights) >= 24


def test_the_map_is_walked_by_keyboard(visit, site):
    tab = visit(site + "index.html")
    tab.locator(".path-map svg a").first.focus()
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/00a-tensors-and-shapes.html")
    here = tab.locator(".path-map svg [aria-current=page]")
    expect(here).to_have_count(1)
    expect(here.locator(".ring")).to_be_visible()
