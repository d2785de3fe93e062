"""The site that `make site` built: every link leads to something, and its search works without a network."""

import functools
import http.server
import re
import threading
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from in_browser import CHROMIUM, NEEDS_CHROMIUM, PHONE, WAIT_MILLISECONDS, WIDE

SITE = Path(__file__).parents[2] / "build" / "site"
pytestmark = pytest.mark.skipif(not (SITE / "index.html").is_file(), reason="`make site` was not run here")
LINK = re.compile(r"<(?:a|img|script|link)\b[^>]*?\s(?:href|src)=\"([^\"]*)\"")
ID = re.compile(r"\s(?:id|name)=\"([^\"]+)\"")


@functools.cache
def ids_of(page: Path) -> frozenset[str]:
    return frozenset(map(unescape, ID.findall(page.read_text())))


def test_every_link_and_anchor_of_the_built_site_leads_to_something() -> None:
    lost, outside = set(), set()
    for page in SITE.rglob("*.html"):
        for link in {unescape(one) for one in LINK.findall(page.read_text())}:
            path, _, anchor = link.partition("#")
            if re.match(r"[a-z]+:|//", link):
                outside.add(link)
                continue
            target = (page.parent / unquote(path)).resolve() if path else page
            if page.name == "404.html":
                continue  # it is shown at any path, and names all others from the root
            is_there = target.is_file() and (
                not anchor or target.suffix != ".html" or unquote(anchor) in ids_of(target)
            )
            if not is_there:
                lost.add((str(page.relative_to(SITE)), link))
    assert lost == set()
    assert not [link for link in outside if re.search(r"\.(js|css|woff2?)$", link)]


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *given: Any) -> None:
        pass


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(QuietHandler, directory=str(SITE)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="pip install playwright drives a browser")
    with sync_api.sync_playwright() as begun:
        made = begun.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield made
        made.close()


@NEEDS_CHROMIUM
@pytest.mark.parametrize(
    ("words", "found"),
    [("forget gate", "LSTM"), ("truncated", "Cutting it to length"), ("recall_at_K", "recall_at_K"), ("fork", "fork")],
)
def test_the_search_finds_pages_and_asks_nothing_of_others(address: str, browser: Any, words: str, found: str) -> None:
    page = browser.new_context(viewport=WIDE).new_page()
    page.set_default_timeout(WAIT_MILLISECONDS)
    asked, faults = list[str](), list[str]()
    page.on("request", lambda one: asked.append(one.url))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(f"{address}/index.html")
    page.keyboard.press("/")
    page.fill(".md-search__input", words)
    page.wait_for_selector(".md-search-result__item")
    assert found in page.locator(".md-search-result__list").inner_text()
    assert [one for one in asked if not one.startswith((address, "data:", "blob:"))] == []
    assert faults == []
    page.context.close()


@NEEDS_CHROMIUM
@pytest.mark.parametrize("name", ["index", "tutorials/forecast", "reference/python/cells/lstm", "reference/tasks/text"])
@pytest.mark.parametrize(("size", "scheme"), [(WIDE, "light"), (PHONE, "dark")])
def test_a_page_fits_its_window_in_both_schemes(address: str, browser: Any, name: str, size: Any, scheme: str) -> None:
    page = browser.new_context(viewport=size, color_scheme=scheme).new_page()
    page.set_default_timeout(WAIT_MILLISECONDS)
    page.goto(f"{address}/{name}.html")
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    assert page.get_attribute("body", "data-md-color-scheme") == {"light": "default", "dark": "slate"}[scheme]
    page.context.close()
