"""The tables of the page on handwriting are those that the proof wrote down."""

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "proofs" / "results" / "handwriting.json"
FOUND: dict[str, Any] = {
    "data": {"training_lines": 1200, "training_writers": 12, "held_out_lines": 800, "held_out_writers": 8},
    "training": {"updates": 5000, "seconds": 600.0},
    "metrics": {"nats_per_point": -1.25},
    "baselines": {"bigram of movements": {"nats_per_point": 1.5}},
    "remarks": ["First.", "Against the best baseline: better."],
    "real_ink": {"letters_wrong": 0.1, "interval": [0.05, 0.15], "words_there": 0.95},
    "written_ink": {
        "1": {
            "letters_wrong": 0.08,
            "interval": [0.04, 0.12],
            "words_there": 0.975,
            "sentences": 50,
            "sentences_with_every_word": 47,
        }
    },
    "ends": {"texts": 100, "ended_by_the_window": 99, "nothing_after": 97},
    "styles": {"hands": 6, "texts": 60, "taken_for_their_hand": 0.5, "half_interval": 0.125, "chance": 1 / 6},
}


@pytest.fixture
def page_of(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "proofs"))
    monkeypatch.delitem(sys.modules, "handwriting_page", raising=False)
    return importlib.import_module("handwriting_page")


def test_what_was_proved_stands_in_tables(page_of: Any) -> None:
    told = page_of.tables({"drawers": FOUND, "synthetic": {"claim": "left out"}})
    assert "| this model | -1.250 |\n| bigram of movements | 1.500 |" in told
    assert "| written at bias 1 | 8.0 % | 4.0 to 12.0 % | 97.5 % | 47 of 50 |" in told
    assert "| real, of the writers that were learned | 10.0 % | 5.0 to 15.0 % | 95.0 % |  |" in told
    assert "synthetic" not in told.lower()


def test_the_page_says_what_the_proof_found(page_of: Any) -> None:
    page = page_of.PAGE.read_text()
    assert page_of.written(page, json.loads(RESULTS.read_text())) == page


def test_the_pictures_of_the_page_are_there(page_of: Any) -> None:
    for name in ("handwriting.svg", "handwriting_window.png"):
        assert f"../pictures/{name}" in page_of.PAGE.read_text()
        assert (ROOT / "docs" / "pictures" / name).stat().st_size > 1000
