"""Every figure on the page of promises is that of a committed result, whether or not it held."""

import json
import re
from pathlib import Path
from typing import Any

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
