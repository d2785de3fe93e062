"""The figures of the battle on the page on games are those that the proof wrote down."""

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "tutorials" / "game.md").read_text()
PROOF: Any = json.loads((ROOT / "proofs" / "results" / "battle.json").read_text())


def test_the_matches_are_those_of_the_proof() -> None:
    for name, row in PROOF["matches"]["against"].items():
        told = (
            f"| {name} | {row['wins']:.1%} | {row['wins_low']:.1%} to {row['wins_high']:.1%} | {row['return']:+.2f} |"
        )
        assert told in PAGE


def test_the_ratings_are_those_of_the_proof() -> None:
    for one in PROOF["league"]["standings"]:
        interval = f"{one['rating_low']:.0f} to {one['rating_high']:.0f}"
        assert f"| {one['name']} | {one['rating']:.0f} | {interval} | {one['wins']:.0%} |" in PAGE


def test_what_the_page_claims_is_what_holds() -> None:
    assert ("that claim does not hold" in " ".join(PAGE.split())) != PROOF["matches"]["holds"]
    assert f"{PROOF['matches']['updates']:,} updates" in PAGE
    assert f"{PROOF['matches']['train_seconds'] / 60:.0f} minutes" in PAGE
