"""The figures of the page on translation are those that the proof wrote down."""

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "tutorials" / "translate.md").read_text()
PROOF: Any = json.loads((ROOT / "proofs" / "results" / "translate.json").read_text())


def row(name: str, scores: dict[str, float]) -> str:
    interval = f"{scores['bleu_low']:.1f} to {scores['bleu_high']:.1f}"
    return f"| {name} | {scores['bleu']:.1f} | {interval} | {scores['chrf']:.1f} |"


def test_the_table_is_that_of_the_proof() -> None:
    assert row("this model", PROOF["metrics"]) in PAGE
    for name, scores in PROOF["baselines"].items():
        assert row(name, scores) in PAGE


def test_the_verdict_and_the_sentences_are_those_of_the_proof() -> None:
    words = " ".join(PAGE.split())
    assert PROOF["holds"]
    assert PROOF["remarks"][1].removesuffix(": better.") in words
    for source, translated in PROOF["sentences"]:
        assert f"| {source} | {translated} |" in PAGE
