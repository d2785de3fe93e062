"""Every figure on the page of promises is that of a committed result, whether or not it held."""

import importlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "promises.md").read_text()


def results() -> dict[str, dict[str, Any]]:
    return {path.stem: json.loads(path.read_text()) for path in (ROOT / "proofs" / "results").glob("*.json")}


def test_the_table_says_what_the_results_say() -> None:
    rows = re.findall(r"^\| .* \| ([\d,]+/[\d,]+) \| (.*?) \| `(\w+)\.py` \|$", PAGE, re.MULTILINE)
    told = sorted((figure, rate, name) for figure, rate, name in rows)
    expected = []
    for name, result in results().items():
        for part in result.get("parts", [result]):
            if "tried" in part:
                rate = part["largest_failure_rate_at_95_percent"]
                most = "every case there is" if rate is None else f"{100 * rate:.2f} %"
                expected.append((f"{part['good']:,}/{part['tried']:,}", most, name))
                assert part["holds"] == (part["good"] == part["tried"]), name
    assert told == sorted(expected)
    assert {name for _, _, name in rows} >= {"faults", "mutations", "resumes", "injections", "stops", "kills"}


def test_the_figures_of_memory_are_those_that_were_measured() -> None:
    curve = results()["segments"]
    words = " ".join(PAGE.split())
    assert curve["holds"]
    steps, whole, pieces = (curve[key][-1] for key in ("steps", "whole_megabytes", "segments_megabytes"))
    assert f"gradient of {steps:,} steps takes {whole:,.0f} MB whole and {pieces:,.0f} MB in segments" in words
    powers = curve["whole_power_of_steps"], curve["segments_power_of_steps"]
    assert f"growing as T^{powers[0]:.2f} and T^{powers[1]:.2f} with" in words
    assert f"took {curve['times_as_long_in_segments']:.2f} times as long" in words


def test_the_memory_that_vanished_clients_leave_is_that_which_was_measured() -> None:
    growth = (
        100 * next(part for part in results()["served_vanished"]["parts"] if "memory_growth" in part)["memory_growth"]
    )
    assert f"clients vanished from changed by {growth:.2f} %" in " ".join(PAGE.split())


def test_the_figures_of_saving_are_those_that_were_measured() -> None:
    saving = results()["saving"]
    words, wide = " ".join(PAGE.split()), saving["single_saves"][-1]
    assert saving["holds"]
    assert f"interval: {100 * saving['share_of_training']:.2f} % of the time of the default network" in words
    told = f"width {wide['width']:,}, {wide['megabytes']:.0f} MB, takes {wide['seconds']:.2f} seconds"
    assert told in words


def test_the_figures_of_serving_are_those_that_were_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "proofs")
    growth, told = importlib.import_module("served_growth"), results()
    page = (ROOT / "docs" / "serving.md").read_text()
    words, load = " ".join(page.split()), told["served_load"]
    assert growth.table(told["served_growth"]["growth"]) in page
    ratio = next(one["ratio"] for one in told["served_growth"]["growth"] if one["sessions"] == 1000)
    readme = " ".join((ROOT / "README.md").read_text().split())
    assert f"1,000 sessions at once make {ratio:.1f} times as many steps a second as at a plain FastAPI" in readme
    assert load["lost"] == 0
    figures = (
        f"{load['tried']:,} at once made {load['steps_a_second']:,.0f} steps a second for {load['seconds']:.0f} seconds"
    )
    assert f"{figures}, half of them within {load['p50_milliseconds']:.0f} ms" in words
    assert f"and 99 of a hundred within {load['p99_milliseconds']:.0f} ms; none was lost and none mixed up" in words


def test_the_loss_of_int8_is_the_one_that_was_measured() -> None:
    bits = results()["exports"]["parts"][1]["bits_per_character"]
    words = " ".join((ROOT / "docs" / "deploy.md").read_text().split())
    assert f"{bits['float32']:.4f} bits per character with its own weights, {bits['int8']:.4f} as int8" in words


def test_what_nginx_in_front_saves_is_what_was_measured() -> None:
    page, found = " ".join((ROOT / "docs" / "deploy.md").read_text().split()), results()["served_overload"]
    told, alone = found, found["without_nginx"]
    assert found["holds"]
    assert (
        f"with nginx {told['goodput_share_of_peak']:.0%} of the peak were answered, the slowest of a hundred in "
        f"{told['p99_share_of_peak']:.2f} times the time at the peak; without it {alone['goodput_share_of_peak']:.0%} "
        f"in {alone['p99_share_of_peak']:.2f}."
    ).replace("%", " %") in page
