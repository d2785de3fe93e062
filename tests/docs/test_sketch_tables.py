"""The tables of people's drawings on the page are those that the proofs wrote down."""

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
RUN: dict[str, Any] = {
    "data": {"training_drawings": 1904, "held_out_drawings": 544},
    "metrics": {"nats_per_point": -0.25},
    "metrics_not_told_the_class": {"nats_per_point": 0.125},
    "baselines": {"bigram of movements": {"nats_per_point": 2.5}},
}
CLAIM: dict[str, Any] = {
    "share_of_real": 0.9,
    "share_interval": [0.85, 0.95],
    "above_glued": {"mean": 0.1, "interval": [-0.05, 0.25]},
    "holds": False,
}
ABOVE_THE_CLASS: dict[str, Any] = {"mean": -0.125, "interval": [-0.25, -0.01]}
ENDED: dict[str, Any] = {
    **RUN,
    "drawings": 500,
    "classes": 136,
    "ways": {
        "real": {"named_right": 0.875, "interval": [0.8, 0.9], "like_the_nearest": 0.75},
        "none": {"named_right": 0.25, "interval": [0.2, 0.3]},
    },
    "claims": {
        "told_the_class": {**CLAIM, "above_glued_of_the_class": ABOVE_THE_CLASS, "holds": True},
        "guessing_the_class": CLAIM,
        "not_told_the_class": CLAIM,
    },
}


@pytest.fixture
def page_of(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "proofs"))
    monkeypatch.delitem(sys.modules, "sketch_page", raising=False)
    return importlib.import_module("sketch_page")


def test_what_was_proved_stands_in_tables(page_of: Any) -> None:
    (people,) = page_of.people({"omniglot_latent": {**RUN, "latent": 128, "drawn_again": AGAIN}}, {})
    assert "| with 128 latent numbers | -0.250 |\n| bigram of movements | 2.500 |" in people
    assert "65.0 % are more like the one that was read than like any other" in people
    (told,) = page_of.people({}, {"letters": ENDED})
    assert "| told the class | -0.250 |\n| the same, not told it | 0.125 |" in told
    table, claims = page_of.completion({"letters": ENDED, "things": {"claim": "left out"}})
    assert "| the real one | 87.5 % | 80.0 % to 90.0 % | 0.75 |\n| none | 25.0 % | 20.0 % to 30.0 % |  |" in table
    told, guessing, untold = claims.split("\n")
    assert (
        "named right 90.0 % as often as real ones (95 % interval 85.0 % to 95.0 %), 10.0 points above (-5.0 to" in told
    )
    assert "and 12.5 points below (-25.0 to -1.0) those of the nearest of the class. The goal" in told
    assert told.endswith("is reached.")
    assert guessing.startswith("- Guessing the class, ")
    assert untold.endswith("is not reached.")


AGAIN = {"drawings": 200, "most_like_itself": 0.65, "like_itself": 0.5, "like_another": 0.25}


def test_the_page_says_what_the_proofs_found(page_of: Any) -> None:
    page = page_of.PAGE.read_text()
    assert page_of.written(page, page_of.kept()) == page
    assert page.count("<!-- proved: ") == 2
