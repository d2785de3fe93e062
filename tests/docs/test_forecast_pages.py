"""The figures of the pages on forecasts are those that the proof and the benchmarks wrote down."""

import importlib.util
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from statewise.report import Report
from statewise.run.config import RENAMED, build, read_yaml
from statewise.tasks.forecast.traffic import Traffic

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "tutorials" / "forecast.md").read_text()
ROUTING = (ROOT / "docs" / "tutorials" / "routing.md").read_text()
WORDS = " ".join(PAGE.split())


def result(name: str) -> Any:
    return json.loads((ROOT / name).read_text())


def script(folder: str, name: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(sys, "path", [str(ROOT / folder), *sys.path])
    spec = importlib.util.spec_from_file_location(name, ROOT / folder / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PROOF = result("proofs/results/forecast.json")


@pytest.mark.parametrize("name", [name for name, found in PROOF.items() if "baselines" in found])
def test_a_table_is_the_one_that_was_written_down(name: str) -> None:
    found = PROOF[name]
    shown = Report(
        "", "", {}, found["metrics"], found["baselines"], 0.0, remarks=found["remarks"], tables=found["tables"]
    )
    assert shown.shown() in PAGE


def test_the_table_of_tables_is_the_one_that_was_written_down(monkeypatch: pytest.MonkeyPatch) -> None:
    proof, saved = script("proofs", "forecast_anybody", monkeypatch), result("proofs/results/forecast_anybody.json")
    assert proof.page(saved) in PAGE
    for name in ("all", "unread until the end"):
        rows = {n: r for n, r in saved["tables"].items() if name == "all" or r["unread_until_the_end"]}
        found = proof.summary(rows)
        assert {**found, "claims": proof.claims(found)} == saved[name]
    assert len(saved["tables"]) >= 30


def test_what_is_said_of_traffic_is_what_was_found() -> None:
    traffic = PROOF["traffic"]
    less = traffic["less_than_weekly"]
    minutes = traffic["training"]["seconds"] / 60
    told = f"the error is {less['MASE']:.1%} smaller and the quantile loss {less['weighted_quantile_loss']:.1%}"
    assert f"{told}, after {minutes:.1f} minutes of training on two threads" in WORDS
    one, two = PROOF["seeds"]["seeds"].values()
    assert f"MASE is {one['MASE']:.3f} and {two['MASE']:.3f}" in WORDS
    assert f"covers {one['covers_80']:.1%} and {two['covers_80']:.1%}" in WORDS
    assert traffic["holds"] == ("A quarter of both was the goal, and is met" in WORDS)


def test_the_settings_of_traffic_are_those_that_were_best_before_the_held_out_days(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    record = result("proofs/results/traffic_searches.json")
    assert script("proofs", "traffic_choices", monkeypatch).table(record) in PAGE
    last = [(choice["trials"][-1], choice["changed"]) for choice in record["choices"]]
    mixtures = [(trial["metrics"], how) for trial, how in last if "mixture_of" in trial]
    allowed = [(found, how) for found, how in mixtures if 0.75 <= found["covers_80"] <= 0.85]
    _, best = min(allowed, key=lambda one: float(one[0]["weighted_quantile_loss"]))
    preset = asdict(Traffic())
    usual = {
        **preset,
        "yearly": preset["yearly"] or False,
        "epochs": Traffic.usual_epochs,
        "context": "7d",
        "members": 1,
    }
    assert {RENAMED.get(name, name): value for name, value in best.items()}.items() <= usual.items()
    assert preset["members"] == 3
    half_way = [trial for choice in record["halfway"]["choices"] for trial in choice["trials"] if "seed" in trial]
    assert f"{len(half_way)} trainings that were judged in the middle" in WORDS


def test_the_searches_for_settings_of_traffic_can_be_made_again() -> None:
    searches = result("proofs/results/traffic_searches.json")["searches"]
    assert f"two searches of {sum(len(search['trials']) for search in searches)} trainings" in WORDS
    for search in searches:
        assert f"$ {search['command']}" in PAGE
        recipe = read_yaml(ROOT / search["command"].split()[4])
        space = recipe.pop("search")
        made = ({RENAMED.get(name, name) for name in trial["settings"]} for trial in search["trials"])
        assert all(names == space.keys() for names in made)
        assert build(Traffic, recipe).checks


@pytest.mark.parametrize("name", [path.stem for path in (ROOT / "benchmarks" / "results").glob("forecast_*.json")])
def test_the_table_of_a_benchmark_is_that_of_its_result(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert script("benchmarks", name, monkeypatch).table(result(f"benchmarks/results/{name}.json")) in PAGE


def test_what_is_said_of_made_prices_is_what_was_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    words_of = script("proofs", "outcomes", monkeypatch).words_of
    assert all(words_of(part) in PAGE for part in (*PROOF["walks"]["parts"], PROOF["clusters"]))
    by_law, tried = PROOF["clusters"]["found_by_the_law_itself"], PROOF["clusters"]["tried"]
    assert f"in {by_law} of the {tried} tables" in WORDS


def test_the_table_of_the_town_is_that_of_its_result(monkeypatch: pytest.MonkeyPatch) -> None:
    routing = script("examples", "routing", monkeypatch)
    assert routing.table(PROOF["routing"]) in ROUTING
    assert f"{PROOF['routing']['not_the_shortest']} of {PROOF['routing']['days']} days" in " ".join(ROUTING.split())
