"""The figures and replies of the page on chat are those that the proof wrote down."""

import json
from pathlib import Path
from typing import Any

from statewise.shown import in_markdown

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "tutorials" / "chat.md").read_text()
PROOF: Any = json.loads((ROOT / "proofs" / "results" / "chat.json").read_text())


def cell(scores: dict[str, float], name: str, digits: int) -> str:
    return f"{scores[name]:.{digits}f}" if name in scores else ""


def row(name: str, scores: dict[str, float]) -> str:
    hits = f"{100 * scores['hits_at_1']:.1f}"
    interval = f"{100 * scores['hits_at_1_low']:.1f} to {100 * scores['hits_at_1_high']:.1f}"
    generic = f"{100 * scores['generic']:.1f}" if "generic" in scores else ""
    more = [cell(scores, "perplexity", 1), cell(scores, "distinct_1", 3), cell(scores, "distinct_2", 3), generic]
    return f"| {name} | {' | '.join([hits, interval, *more])} |"


def test_the_table_is_that_of_the_proof() -> None:
    assert row("this model", PROOF["metrics"]) in PAGE
    for name, scores in PROOF["baselines"].items():
        assert row(name, scores) in PAGE


def test_the_verdict_is_that_of_the_proof() -> None:
    words = " ".join(PAGE.split())
    assert PROOF["holds"]
    for remark in PROOF["remarks"]:
        if remark.startswith(("Against", "Below")):
            assert remark.removesuffix(".") in words


def test_how_varied_replies_are_is_that_of_the_proof() -> None:
    for name, found in PROOF["variety"].items():
        text, count = found["commonest"][0]
        share = 100 * count / len_of(PROOF)
        numbers = f"{found['words']:.1f} | {found['distinct_1']:.3f} | {found['distinct_2']:.3f}"
        assert f"| {name} | {numbers} | {100 * found['generic']:.1f} | {in_markdown(text)} ({share:.1f}) |" in PAGE


def len_of(proof: Any) -> int:
    return int(proof["asked"])


def test_the_replies_are_those_of_the_proof_all_of_them() -> None:
    for one in PROOF["replies"]:
        shown = [one["said"], one["found"], one["drawn"][0], one["true"]]
        assert f"| {' | '.join(map(in_markdown, shown))} |" in PAGE
    for text, reply in PROOF["typed"].items():
        assert f"| {in_markdown(text)} | {in_markdown(reply['text'])} | {reply['confidence']:.2f} |" in PAGE
