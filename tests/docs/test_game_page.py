"""The figures of the page on games are those that the proof and the benchmark wrote down."""

import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "tutorials" / "game.md").read_text()
PROOF: Any = json.loads((ROOT / "proofs" / "results" / "game.json").read_text())
SPEED: Any = json.loads((ROOT / "benchmarks" / "results" / "game.json").read_text())
WITHOUT = "without memory, the same steps"


@pytest.mark.parametrize("name", PROOF)
def test_the_scores_are_those_of_the_proof(name: str) -> None:
    game = PROOF[name]
    is_said = name == "cartpole" and "500 with every seed, does not hold for it" in " ".join(PAGE.split())
    assert game["holds"] != is_said
    run = game["runs"][0]
    returns = ", ".join(f"{one:.2f}" for one in game["returns"])
    (table,) = run["memory"].values()
    erased = table["memory erased before each step"]["return"]
    others = [erased, run["baselines"][WITHOUT]["return"], run["baselines"]["random"]["return"]]
    row = f"| {int(game['steps']):,} | {returns} | {' | '.join(f'{one:.2f}' for one in others)} |"
    assert row in PAGE
    assert f"`{game['game']}`" in PAGE


def test_the_figures_of_the_readme_are_those_of_the_proof() -> None:
    returns, without = PROOF["cartpole"]["returns"], PROOF["cartpole"]["best_without_memory"]
    told = f"for {min(returns):.0f} to {max(returns):.0f} of 500 steps after 100,000, and {without:.0f} without memory"
    assert told in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("row", SPEED["rows"], ids=lambda row: f"{row['units']}-{row['memories']}")
def test_the_speeds_are_those_of_the_benchmark(row: dict[str, Any]) -> None:
    cells = [f"{row['units']}", f"{row['memories']}"]
    for what in ("training", "acting"):
        ours, theirs = (row[f"{way}_{what}_steps_per_second"] for way in ("ours", "sb3_contrib"))
        cells.append(f"{ours:,} / {theirs:,} = {row[f'{what}_ratio']:.1f}")
    assert f"| {' | '.join(cells)} |" in PAGE
