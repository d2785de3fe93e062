"""The figures of the page on drawing are those that the proof wrote down."""

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "tutorials" / "sketch.md").read_text()
PROOF: Any = json.loads((ROOT / "proofs" / "results" / "sketch.json").read_text())


def row(name: str, scores: dict[str, float]) -> str:
    return f"| {name} | {scores['nats_per_point']:.3f} | {scores['nats_over_n_max']:.3f} |"


def test_the_table_is_that_of_the_proof() -> None:
    for name, scores in PROOF["kanji"]["baselines"].items():
        assert row(name, scores) in PAGE
    assert row("this model", PROOF["kanji"]["metrics"]) in PAGE
    assert row("with 32 latent numbers", PROOF["latent"]["metrics"]) in PAGE


def test_what_the_proof_remarked_and_timed_is_what_the_page_says() -> None:
    words = " ".join(PAGE.split())
    for part in ("kanji", "latent"):
        said = PROOF[part]["remarks"][-1].partition("): ")[2].partition(" over drawings")[0]
        assert said in words
        assert PROOF[part]["holds"]
    assert f"{32 * PROOF['latent']['metrics']['kl']:.1f} nats of a whole character" in words
    cost = PROOF["endings"]
    assert f"nine endings take {cost['ratio']:.2f} times as long as one" in words
    assert cost["ratio"] <= 2.5


def test_the_picture_of_the_page_is_there() -> None:
    picture = (ROOT / "docs" / "pictures" / "sketch.svg").read_text()
    assert [picture.count(f">drawn {number}<") for number in range(1, 8)] == [1] * 6 + [0]
