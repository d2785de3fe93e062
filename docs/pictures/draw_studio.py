"""Makes the pictures of the page on the studio, from real runs.

    statewise train text shakespeare --hidden-size 128 --minutes 4 --checks 8 --run runs/shakespeare
    statewise train sketch houses.jsonl --hidden-size 64 --minutes 1.5 --checks 4 --run runs/houses
    statewise train forecast load.csv --known temperature --hidden-size 32 --epochs 8 --run runs/load
    python docs/pictures/draw_studio.py runs

The houses are a box, a roof and a door each, shaken a little; `load.csv` is a load by the hour that hangs on the
temperature, with that of the day ahead: `write_load` writes it. It needs `pip install playwright` and a Chromium. With
a second argument, a folder, the pages are taken there as a phone has them.
"""

import math
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
WIDE, PHONE = {"width": 1100, "height": 760}, {"width": 390, "height": 844}
WORDS = "ROMEO:\nWhat light"
STROKES = "110,170_270,168_272,260_112,262_110,170"


def main(runs: Path, phone: Path | None) -> None:
    """Take every picture."""
    from playwright.sync_api import sync_playwright

    program = [sys.executable, "-m", "statewise", "studio", "--no-browser", "--quiet", "--port", "0"]
    studio = subprocess.Popen([*program, "--runs-folder", str(runs)], stdout=subprocess.PIPE, text=True)
    assert studio.stdout is not None
    address = studio.stdout.readline().split(" at ")[1].split(",")[0]
    try:
        with sync_playwright() as playwright:
            chromium = shutil.which("chromium") or shutil.which("google-chrome")
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            for size, folder in ((WIDE, HERE), (PHONE, phone)):
                if folder is not None:
                    take_all(browser.new_page(viewport=size), address, folder)
            browser.close()
    finally:
        studio.terminate()
        studio.wait()


def take_all(page: Any, address: str, folder: Path) -> None:
    """Take the pages at one size of the window."""
    folder.mkdir(parents=True, exist_ok=True)

    def take(name: str) -> None:
        page.screenshot(path=folder / f"studio-{name}.png")

    page.goto(f"{address}/#/")
    page.locator("article").first.wait_for()
    take("home")
    page.goto(f"{address}/#/train?task=text&source=shakespeare&minutes=2&hidden_size=128")
    page.get_by_text("--hidden-size 128").wait_for()
    page.locator("fieldset").nth(2).evaluate("group => group.scrollIntoView({block: 'start'})")
    take("train")
    page.goto(f"{address}/#/run/shakespeare?smooth=0.05")
    page.locator("table").first.wait_for()
    page.wait_for_timeout(1000)
    take("run")
    page.goto(f"{address}/#/use/shakespeare?seed=7&n=160&temperature=0.6&text={WORDS.replace(chr(10), '%0A')}")
    page.locator(f".written [data-at='{len(WORDS)}']").wait_for()
    page.get_by_role("button", name="Write on").click()
    page.locator(f".written [data-at='{len(WORDS) + 160}']").wait_for()
    page.locator(f".written [data-at='{len(WORDS) + 20}']").click()
    page.locator(".next button").nth(1).click()
    page.locator(".tree .tree button").nth(1).wait_for()
    page.get_by_role("button", name="Write on").click()
    page.locator(f".written [data-at='{len(WORDS) + 181}']").wait_for()
    take("text")
    page.goto(f"{address}/#/use/houses?strokes={STROKES}")
    page.locator(".paper[data-milliseconds]").wait_for()
    page.get_by_role("button", name="Nine endings").click()
    page.locator(".nine svg").nth(8).wait_for()
    page.get_by_role("button", name="Another ending").click()
    page.wait_for_timeout(2500)
    take("sketch")
    take_further(page, address, take)


def take_further(page: Any, address: str, take: Callable[[str], None]) -> None:
    """Take the pages that came later: a forecast with what if, what is inside, and the gradient by hand."""
    page.goto(f"{address}/#/use/load?history=120&if_temperature=30")
    page.get_by_text("as assumed").first.wait_for()
    page.wait_for_timeout(500)
    take("forecast")
    page.goto(f"{address}/#/inside/shakespeare")
    page.locator(".coloured [data-at='100']").wait_for()
    page.wait_for_timeout(500)
    take("inside")
    page.goto(f"{address}/#/learn?cell=lstm&w=0.8&bias=2.5&steps=40")
    page.locator("p.said:not(:empty)").wait_for()
    page.wait_for_timeout(500)
    take("learn")


def write_load(path: Path, *, days: int = 60) -> None:
    """Write a load by the hour: a daily wave, and more where it is cold; of the last day only the temperature."""
    draw, lines, warm = random.Random(0), ["time,load,temperature"], 8.0
    for hour in range(24 * days):
        warm += 0.1 * (8 - warm) + draw.gauss(0, 1)
        temperature = warm + 4 * math.sin(math.pi * (hour % 24 - 9) / 12)
        load = 50 + 12 * math.sin(math.pi * (hour % 24 - 7) / 12) - 1.1 * temperature + draw.gauss(0, 3)
        seen = "" if hour >= 24 * (days - 1) else f"{load:.2f}"
        lines.append(
            f"2026-{3 + hour // 744:02d}-{1 + hour // 24 % 31:02d} {hour % 24:02d}:00,{seen},{temperature:.2f}"
        )
    path.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
