"""The figures of the page on dialogue are those that the proof wrote down."""

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "tutorials" / "dialogue.md").read_text()
README = (ROOT / "README.md").read_text()
PROOF: Any = json.loads((ROOT / "proofs" / "results" / "dialogue.json").read_text())
TALKS: Any = json.loads((ROOT / "proofs" / "results" / "conversations.json").read_text())
SPEED: Any = json.loads((ROOT / "benchmarks" / "results" / "dialogue.json").read_text())
NAMES = {"snips": "SNIPS", "home": "NLU-home", "clinc": "CLINC150"}
SIMPLE = "TF-IDF with logistic regression, CRF on word features"


def percent(told: dict[str, float], name: str) -> str:
    return f"{100 * told[name]:.1f}" if name in told else ""


def row(part: str, method: str, told: dict[str, float]) -> str:
    names = ("intent_accuracy", "slot_f1", "sentence_accuracy")
    interval = f"{percent(told, 'sentence_accuracy_low')} to {percent(told, 'sentence_accuracy_high')}"
    return f"| {part} | {method} | {' | '.join(percent(told, name) for name in names)} | {interval} |"


def test_the_table_is_that_of_the_proof() -> None:
    for part, seeds in PROOF["parts"].items():
        if part in NAMES:
            assert row(NAMES[part], "this model", seeds["0"]["metrics"]) in PAGE
            assert row(NAMES[part], SIMPLE, seeds["0"]["baselines"][SIMPLE]) in PAGE


def test_what_is_refused_is_told_as_the_proof_found_it() -> None:
    told, words = PROOF["parts"]["clinc"]["0"], " ".join(PAGE.split())
    ours, simple = (percent(of, "out_of_scope_recall_at_95") for of in (told["metrics"], told["baselines"][SIMPLE]))
    assert f"95 % of what is in scope is accepted, {ours} % of what is not is refused" in words
    assert f"simple methods {simple})" in words
    assert f"{told['data']['held_out']:,} held out" in words


def test_the_curve_is_that_of_the_proof() -> None:
    names = ("intent_accuracy", "slot_f1", "sentence_accuracy")
    for count, told in PROOF["parts"]["curve"]["0"].items():
        both = (told["metrics"], told["baselines"][SIMPLE])
        cells = [percent(of, name) for of in both for name in names]
        assert f"| {count} | {' | '.join(cells)} |" in PAGE


def test_the_conversations_are_those_of_their_proof() -> None:
    ended = TALKS["ended"]
    lines = sum(len(one["heard"]) for one in TALKS["conversations"]["text"])
    for name, count in ended.items():
        exact = sum(one["exact"] for one in TALKS["conversations"][name])
        assert f"| {name} | {count} of {len(TALKS['conversations'][name])} | {exact} of {lines} |" in PAGE
    assert f"{TALKS['sentences']} sentences" in PAGE


def test_the_readme_tells_the_figures_of_the_proof() -> None:
    told = PROOF["parts"]["snips"]["0"]
    names = ("intent_accuracy", "slot_f1", "sentence_accuracy")
    ours, simple = ([percent(of, name) for name in names] for of in (told["metrics"], told["baselines"][SIMPLE]))
    assert f"{ours[0]} % of intents, {ours[1]} F1 of slots and {ours[2]} % of whole sentences" in README
    assert f"{simple[0]}, {simple[1]} and {simple[2]}" in README


def test_the_times_are_those_of_the_benchmark() -> None:
    rows = {row["what"]: row for row in SPEED["rows"]}
    words = " ".join(PAGE.split())
    assert f"A turn of these conversations takes {rows['a turn']['median_ms']:.1f} ms" in words
    assert f"{rows['a turn, through a server']['median_ms']:.1f} ms through a server" in words
    among = rows["a turn among 200 bots"]
    assert f"{among['median_ms']:.1f} ms where 200 bots" in words
    assert f"{among['megabytes_a_bot']:.1f} MB a bot" in words
    assert f"training takes {rows['training, all of it']['seconds']:.1f} s" in words
