"""Ways to look at a page that wait for it.

The browser paints, and tells its scripts of a change, when it finds the time: what is
read at once after a change may still be the state before it. What Playwright's own
``expect`` can say, it says; these two are for the rest.
"""

from playwright.sync_api import Page
from playwright.sync_api import TimeoutError as TookTooLong


def remaining(tab: Page, script: str) -> list[str]:
    """Wait until a function of the page gives an empty list; else give what is left."""
    try:
        tab.wait_for_function(f"() => ({script})().length === 0", polling=100)
    except TookTooLong:
        return tab.evaluate(script) or [f"never at rest: {script[:80]}"]
    return []


def repaint(tab: Page, **media: str) -> None:
    """Change the medium or the theme, and wait until the page is painted with it."""
    tab.emulate_media(**media)
    tab.evaluate("new Promise((go) => requestAnimationFrame(() => setTimeout(go)))")
