"""No figure of speed is typed by hand: pages say what the results say, and every question's result is kept."""

import importlib.util
from pathlib import Path
from typing import Any

from statewise_lab.benchmarking.questions import QUESTIONS

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"


def writer() -> Any:
    spec = importlib.util.spec_from_file_location("write_tables", ROOT / "benchmarks" / "write_tables.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_pages_say_of_speed_what_the_results_say() -> None:
    outdated = [str(page) for page in writer().outdated()]
    assert outdated == [], "run python benchmarks/write_tables.py"


def test_every_figure_that_a_page_asks_for_is_known_and_every_table_is_shown() -> None:
    wanted = [name for page in writer().PAGES for _, name, _ in writer().PLACE.findall(page.read_text())]
    assert sorted(wanted) == sorted(writer().FIGURES)


def test_a_changed_figure_is_noticed() -> None:
    page = writer().PAGES[0].read_text()
    place = writer().PLACE.search(page)
    changed = page[: place.end(1)] + "nothing\n" + page[place.start(3) :]
    assert writer().filled(changed) == page


def test_every_question_has_its_result_and_picture() -> None:
    kept = {path.name for path in RESULTS.iterdir()}
    assert {f"{name}.{kind}" for name in QUESTIONS for kind in ("json", "png")} <= kept
