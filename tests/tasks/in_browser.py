"""A studio in a process of its own, and what tests do with its pages in Chromium."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
NEEDS_CHROMIUM = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is here (Debian: apt-get install chromium)")


def in_chromium(runs: str) -> list[pytest.MarkDecorator]:
    """Return the marks of a module whose tests look at the same runs in Chromium: they need one, and stay together."""
    return [NEEDS_CHROMIUM, pytest.mark.xdist_group(f"studio with runs of {runs}")]


WAIT_MILLISECONDS = 60_000
WIDE, PHONE = {"width": 1200, "height": 900}, {"width": 390, "height": 844}
AT_200_PERCENT = {"width": 600, "height": 450}
"What a page has of a window of 1200 pixels at 200 %."
LOOKS = {"light": WIDE, "dark": PHONE, "no-preference": AT_200_PERCENT}
"How pages are looked at: a colour scheme, and the size of the window."


class StudioProcess:
    """A `statewise studio` in a process of its own, over the `runs` of a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, 0
        self.begin()

    def begin(self) -> None:
        command = [sys.executable, "-m", "statewise", "studio", "--no-browser", "--quiet", "--port", str(self.port)]
        tests = str(Path(__file__).parent)  # where the games of tests lie
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": tests}
        self.process = subprocess.Popen(command, cwd=self.folder, stdout=subprocess.PIPE, text=True, env=environment)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        self.address = line.split(" at ")[1].split(",")[0]
        self.port = int(self.address.rsplit(":", 1)[1])

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(40)
        assert self.process.stdout is not None
        self.process.stdout.close()


def words_of(page: Any, selector: str) -> str:
    return str(page.locator(selector).first.text_content())


def address_of(page: Any) -> str:
    """Return where a page is now, as it says itself: what the driver knows of it may be late."""
    return str(page.evaluate("location.href"))


def eventually(found: Any) -> Any:
    end = time.monotonic() + WAIT_MILLISECONDS / 1000
    while time.monotonic() < end:
        if value := found():
            return value
        time.sleep(0.05)
    raise AssertionError("it did not happen")


def draw(page: Any, *strokes: list[tuple[float, float]], paper: str = ".paper") -> None:
    box = page.locator(paper).first.bounding_box()
    for stroke in strokes:
        for number, (x, y) in enumerate(stroke):
            page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=4)
            if number == 0:
                page.mouse.down()
        page.mouse.up()


def accessibility_faults(page: Any, address: str, pages: Sequence[str], scheme: str) -> list[tuple[str, str, str]]:
    """Return what axe finds on some pages, opened in all their parts, and those that are wider than the window."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="pip install axe-playwright-python")
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.set_viewport_size(LOOKS[scheme])
    told = []
    for name in pages:
        page.goto(f"{address}/{name}")
        page.locator("main h1").first.wait_for()
        page.wait_for_load_state("networkidle") if not name.startswith("#/run") else time.sleep(0.5)
        page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        found = axe.Axe().run(page).response["violations"]
        told += [(name, rule["id"], node["html"][:200]) for rule in found for node in rule["nodes"]]
        width = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        told += [(name, "it is wider than the window", str(width))] if width > 0 else []
    return told
