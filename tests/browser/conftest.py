"""One browser and one server for all tests of the built book.

The book is ``_build/html``, or the folder that ``BOOK_HTML`` names. Where there is no
browser the tests skip and say so; with ``CI=true`` they fail instead.
"""

import os
import re
import shutil
import threading
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BOOK = Path(os.environ.get("BOOK_HTML", ROOT / "_build" / "html")).resolve()
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_generate_tests(metafunc):
    """Run a test that asks for ``name`` on every page of the book.

    One that asks for ``some_page`` runs on a page of each folder and set of scripts.
    """
    if "name" in metafunc.fixturenames:
        metafunc.parametrize("name", pages() or ["index.html"])
    if "some_page" in metafunc.fixturenames:
        kinds = {(Path(page).parent, scripts(page)): page for page in pages()}
        metafunc.parametrize("some_page", sorted(kinds.values()) or ["index.html"])


def pages() -> list[str]:
    """Name the pages of the book."""
    found = sorted(p.relative_to(BOOK).as_posix() for p in BOOK.rglob("*.html"))
    return [p for p in found if not p.startswith(("_", "genindex", "py-modindex"))]


def scripts(page: str) -> frozenset[str]:
    """Name the scripts that a page loads."""
    found = re.findall(r'<script[^>]* src="([^"?]+)', (BOOK / page).read_text())
    return frozenset(Path(script).name for script in found)


def lacking(reason: str) -> None:
    """Skip for want of something, but never in CI."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def book():
    """Give the folder of the built book."""
    if not (BOOK / "index.html").exists():
        lacking(f"there is no built book in {BOOK.name}/; run: make html")
    return BOOK


@pytest.fixture(scope="session")
def browser(book):
    """Give one running Chromium."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=30_000)  # as for all else: a busy machine is not a fault
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    with sync_playwright() as playwright:
        if not (program or Path(playwright.chromium.executable_path).exists()):
            lacking("no browser found; install chromium, or run: playwright install")
        running = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield running
        running.close()


@dataclass
class Heard:
    """What a tab asked for and complained of."""

    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def answer(self, response) -> None:
        """Note what was not found."""
        if response.status >= 400:
            self.complaints.append(f"{response.status}: {response.url}")

    def beyond(self, start: str) -> list[str]:
        """Give the requests to any other place."""
        return [url for url in self.requests if not url.startswith((start, "data:"))]


class Quiet(SimpleHTTPRequestHandler):
    """Serves files without a word."""

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture(scope="session")
def site(book):
    """Serve the book on this machine; give its address."""
    handler = partial(Quiet, directory=str(book))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture
def visit(browser):
    """Give the function that opens an address in a fresh tab and listens to it."""
    contexts = []

    def open_tab(url, *, theme="light", width=1280, **options):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=theme, **options
        )
        contexts.append(context)
        tab = context.new_page()
        heard = Heard()
        tab.on("request", lambda request: heard.requests.append(request.url))
        tab.on("response", heard.answer)
        tab.on("pageerror", lambda error: heard.complaints.append(str(error)))
        tab.on(
            "console",
            lambda said: (
                heard.complaints.append(said.text)
                if said.type in {"error", "warning"}
                else None
            ),
        )
        tab.heard = heard
        tab.goto(url)
        return tab

    yield open_tab
    for context in contexts:
        context.close()
