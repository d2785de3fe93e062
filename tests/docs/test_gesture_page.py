"""The figures of the page on gestures are those that the proof and the benchmark wrote down."""

import json
from pathlib import Path
from typing import Any

import pytest

from statewise.tasks.gesture.baselines import AVERAGE, MAJORITY, NEAREST

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "tutorials" / "gesture.md").read_text()
PROOF: Any = json.loads((ROOT / "proofs" / "results" / "gesture.json").read_text())
SPEED: Any = json.loads((ROOT / "benchmarks" / "results" / "gesture.json").read_text())


@pytest.mark.parametrize("part", ["signs", "paths", "clips"])
def test_the_scores_are_those_of_the_proof(part: str) -> None:
    told = PROOF[part]
    metrics = told["metrics"]
    low, high = (metrics[f"macro_f1_{end}"] for end in ("low", "high"))
    interval = "" if low == high else f" ({low:.3f} to {high:.3f})"
    others = [told["baselines"][name]["macro_f1"] for name in (AVERAGE, NEAREST, MAJORITY)]
    row = f"| {metrics['macro_f1']:.3f}{interval} | {' | '.join(f'{one:.3f}' for one in others)} |"
    assert row in PAGE
    assert f"{100 * metrics['share_seen']:.0f} %" in PAGE


def test_what_a_rendered_film_says_of_stillness_is_that_of_the_proof() -> None:
    assert f"{PROOF['clips']['metrics']['false_events_per_minute']:.2f} of a false event a minute" in " ".join(
        PAGE.split()
    )


def test_the_speeds_are_those_of_the_benchmark() -> None:
    learning, watching = ({row["units"]: row for row in SPEED["rows"] if row["what"] == what} for what in WAYS)
    for units, one in learning.items():
        cells = [units, *(f"{one[f'{name}_windows_per_second']:,}" for name in ("ours", "pytorch", "ours_varied"))]
        names = ("ours", "onnxruntime", "pytorch")
        cells += [watching[units][f"{name}_microseconds_per_step"] for name in names]
        assert f"| {cells[0]} | {cells[1]}, {cells[2]} | {' | '.join(map(str, cells[3:]))} |" in PAGE


WAYS = ("learning", "watching")


@pytest.mark.skipif("watch" not in PROOF, reason="the watch was not proved yet")
@pytest.mark.parametrize("places", ["windows", "recordings"])
def test_the_scores_of_the_watch_are_those_of_the_proof(places: str) -> None:
    told = PROOF["watch"][places]
    ours = told["this model"]
    cells = [f"{ours['macro_f1']:.3f} ({ours['macro_f1_low']:.3f} to {ours['macro_f1_high']:.3f})"]
    cells += [
        f"{told[name]['macro_f1']:.3f}" for name in ("MiniRocket (aeon)", NEAREST, AVERAGE, MAJORITY) if name in told
    ]
    assert f"| {' | '.join(cells)} |" in PAGE
