"""The pages of forecasts and of recommendations: what they show is what the model answers."""

import math
from pathlib import Path
from typing import Any

import pytest
from in_browser import LOOKS, StudioProcess, accessibility_faults, address_of, eventually, in_chromium, words_of
from small_tasks import FORECAST

import statewise
from statewise.tasks.forecast.task import Forecast

pytestmark = in_chromium("series and lists")
PAGES = ("#/use/rainy-1?if_rain=2", "#/use/stocks-1", "#/use/recommend-1?item=2&search=5")
STEPS, AHEAD = 24 * 20, 6


def rainy(folder: Path) -> Forecast:
    """Hours whose load falls when it rains, with the rain of six hours ahead."""
    path, lines = folder / "rain.csv", ["time,load,rain"]
    for n in range(STEPS + AHEAD):
        rain = n // 7 % 3
        load = "" if n >= STEPS else f"{5 + math.sin(n / 4) - 0.5 * rain:.3f}"
        lines.append(f"2024-01-{1 + n // 24:02d} {n % 24:02d}:00,{load},{rain}")
    path.write_text("\n".join(lines) + "\n")
    return Forecast(source=str(path), target=("load",), known=("rain",), **FORECAST)


RUNS = ("rainy", "stocks", "recommend")
TRAINED = {"rainy": rainy}


def test_a_fan_shows_the_forecast_can_be_looked_at_closer_and_answers_what_if(page: Any, studio: StudioProcess) -> None:
    page.goto(f"{studio.address}/#/use/rainy-1?seed=3&samples=40&history=50")
    eventually(lambda: "with 80 %" in words_of(page, "main p.quiet:not(:empty)"))
    (wanted,) = statewise.load(studio.folder / "runs" / "rainy-1").predict(seed=3, samples=40)
    median = page.locator("tbody tr:last-child td").nth(4)
    assert float(median.text_content()) == float(f"{wanted.at(0.5)[-1]:.4g}")
    assert page.locator("canvas.curve").get_attribute("data-points") is not None
    page.get_by_role("button", name="Zoom in").click()
    eventually(lambda: "from=" in address_of(page))
    page.reload()
    page.locator("tbody tr").first.wait_for()
    assert "from=" in address_of(page)
    page.locator("canvas.curve").focus()
    page.keyboard.press("0")
    eventually(lambda: "from=" not in address_of(page))
    page.get_by_label("rain").fill("2")
    eventually(lambda: "as assumed" in words_of(page, "main p.quiet:not(:empty)"))
    assert {cell.text_content() for cell in page.locator("tbody td:nth-child(2)").all()} == {"2"}
    (other,) = statewise.load(studio.folder / "runs" / "rainy-1").predict(seed=3, samples=40, assume="rain=2")
    eventually(lambda: float(median.text_content()) == float(f"{other.at(0.5)[-1]:.4g}"))
    page.get_by_label("rain").fill("1,2")
    page.get_by_role("alert").get_by_text("has 2 values for 6 steps ahead").wait_for()


def test_a_range_of_a_chart_is_looked_at_by_dragging_over_it(page: Any, studio: StudioProcess) -> None:
    page.goto(f"{studio.address}/#/use/stocks-1?history=100")
    page.locator("tbody tr").first.wait_for()
    page.locator("canvas.curve[data-points]").wait_for()
    box = page.locator("canvas.curve").bounding_box()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 60, steps=3)
    page.mouse.up()
    eventually(lambda: "from=" in address_of(page))
    page.locator("canvas.curve").dblclick()
    eventually(lambda: "from=" not in address_of(page))


def test_a_title_is_searched_a_session_is_built_and_what_it_wants_is_said_with_reasons(
    page: Any, studio: StudioProcess
) -> None:
    page.goto(f"{studio.address}/#/use/recommend-1?k=3&item=2")
    eventually(lambda: page.locator(".wanted li").count() == 3)
    page.get_by_label("Search").fill("5")
    page.get_by_role("button", name="add 5", exact=True).click()
    eventually(lambda: address_of(page).count("item=") == 2)
    model = statewise.load(studio.folder / "runs" / "recommend-1")

    def shown() -> list[str]:
        return [str(each.text_content()) for each in page.locator(".wanted button").all()]

    eventually(lambda: shown() == [one.title for one in model.predict(session=["2", "5"], k=3)])
    first = next(iter(model.predict(session=["2", "5"], k=3, explain=True)))
    assert f"because of {first.because[0].title}" in words_of(page, ".wanted .help")
    page.locator(".wanted button").first.click()
    eventually(lambda: page.locator("ol.plain li").count() == 3)
    page.get_by_role("button", name="take 2 out").click()
    wanted = [one.title for one in model.predict(session=["5", first.title], k=3)]
    eventually(lambda: shown() == wanted)
    page.reload()
    eventually(lambda: shown() == wanted)


def test_a_title_that_is_no_item_is_said(page: Any, studio: StudioProcess) -> None:
    page.goto(f"{studio.address}/#/use/recommend-1?item=2")
    page.get_by_label("Search").fill("<img src=x onerror=alert(1)>")
    page.keyboard.press("Enter")
    page.get_by_role("alert").wait_for()
    assert page.locator("main img").count() == 0


@pytest.mark.parametrize("scheme", LOOKS)
def test_pages_of_series_and_lists_break_no_rule_of_accessibility_and_fit_their_window(
    page: Any, studio: StudioProcess, scheme: str
) -> None:
    assert accessibility_faults(page, studio.address, PAGES, scheme) == []
