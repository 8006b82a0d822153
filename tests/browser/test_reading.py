"""What a reader does with the book: search, switch, step, print, go without script."""

import pytest

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
    tab = visit(start + "search.html?q=gradient")
    tab.locator("#search-results li a").first.wait_for(timeout=10_000)
    if where == "site":  # from disk, the pages cannot be fetched for their summaries
        assert tab.heard.complaints == []


def test_the_theme_switch_repaints_the_figures(visit, site, book):
    tab = visit(site + page_with(book, 'class="tp-stepper"', "<text"))
    ink = (
        "getComputedStyle(document.querySelector('.tp-frame svg text')).fill"
        " + getComputedStyle(document.body).backgroundColor"
    )
    seen = {}
    for _ in range(4):
        theme = tab.evaluate("document.body.dataset.theme")
        seen.setdefault(theme, tab.evaluate(ink))
        tab.locator(".theme-toggle:visible").first.click()
    assert {"light", "dark"} <= seen.keys()
    assert seen["light"] != seen["dark"]


def test_a_stepper_obeys_the_keyboard(visit, site, book):
    tab = visit(site + page_with(book, 'class="tp-stepper"'))
    stepper = tab.locator(".tp-stepper").first
    frames = stepper.locator(".tp-frame").count()

    def shown():
        classes = stepper.locator(".tp-frame").evaluate_all(
            "frames => frames.map(f => f.checkVisibility({visibilityProperty: true}))"
        )
        return [i for i, visible in enumerate(classes) if visible]

    assert shown() == [0]
    slider = stepper.get_by_role("slider")
    slider.focus()
    for key, expected in [
        ("ArrowRight", 1),
        ("End", frames - 1),
        ("ArrowRight", frames - 1),
        ("ArrowLeft", frames - 2),
        ("Home", 0),
    ]:
        tab.keyboard.press(key)
        assert shown() == [expected], key
    assert slider.get_attribute("aria-valuetext").startswith(f"1 of {frames}: ")
    assert tab.url.endswith(".html"), "the arrows turned the page"


def test_a_stepper_plays_and_stops(visit, site, book):
    tab = visit(site + page_with(book, 'class="tp-stepper"'))
    play = tab.locator(".tp-stepper").first.get_by_role("button")
    play.focus()
    tab.keyboard.press("Enter")
    assert play.text_content() == "Pause"
    tab.keyboard.press("Enter")
    assert play.text_content() == "Play"


def test_without_script_nothing_is_missing(visit, site, book):
    name = page_with(book, 'class="tp-stepper"', "<math")
    tab = visit(site + name, java_script_enabled=False)
    frames = tab.locator(".tp-stepper").first.locator(".tp-frame")
    visible = [frames.nth(i).is_visible() for i in range(frames.count())]
    assert visible == [True] + [False] * (len(visible) - 2) + [True]
    assert tab.locator("math").first.bounding_box()["height"] > 5


def test_print_unfolds_what_is_folded(visit, site, book):
    tab = visit(site + page_with(book, "<details"))
    closed = """() => [...document.querySelectorAll("article details")].filter((d) =>
      [...d.children].some((c) => c.tagName !== "SUMMARY"
        && !c.checkVisibility({contentVisibilityAuto: true}))).length"""
    assert tab.evaluate(closed) > 0
    tab.emulate_media(media="print")
    assert tab.evaluate(closed) == 0
    assert not tab.locator(".sidebar-drawer").is_visible()
