"""The figures of the page on language models are those that the benchmark and the proof wrote down."""

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "tutorials" / "language.md").read_text()
PROOF: Any = json.loads((ROOT / "proofs" / "results" / "language.json").read_text())
BENCHMARK: Any = json.loads((ROOT / "benchmarks" / "results" / "language.json").read_text())


def test_the_table_of_speed_is_that_of_the_benchmark() -> None:
    narrow, wide = BENCHMARK["rows"]
    speeds = narrow["words_a_second"]
    assert (narrow["case"]["units"], wide["case"]["units"]) == (256, 512)
    assert f"| full softmax | {speeds['ours, full']} | 1 |" in PAGE
    assert f"| adaptive, cut-offs chosen | {speeds['ours, adaptive']} | {narrow['adaptive_to_full']} |" in PAGE
    assert f"| sampled, 4,096 words | {speeds['ours, sampled']} | {narrow['sampled_to_full']} |" in PAGE
    assert f"| plain PyTorch, full softmax | {speeds['PyTorch, full']} | |" in PAGE
    assert f"with `nn.LSTM` | {speeds['PyTorch, adaptive']} | |" in PAGE
    words = " ".join(PAGE.split())
    assert f"takes {narrow['adaptive_to_pytorch_adaptive']} times as many words a second" in words
    assert f"and {wide['adaptive_to_pytorch_adaptive']} times at 512" in words


def row(name: str, of: dict[str, float], aside: str = "") -> str:
    shown = [of[aside + key] for key in ("perplexity", "perplexity_of_known", "perplexity_adjusted")]
    return f"| {name} | {shown[0]:.1f} | {shown[1]:.1f} | {shown[2]:.1f} |"


def test_the_table_of_novels_is_that_of_the_proof() -> None:
    metrics, baselines = PROOF["metrics"], PROOF["baselines"]
    assert row("this model", metrics) in PAGE
    assert row("this model, learning on", metrics, "dynamic_") in PAGE
    assert row("this model, with a cache", metrics, "cached_") in PAGE
    assert row("both", metrics, "both_") in PAGE
    for name, of in baselines.items():
        assert row(name, of) in PAGE
    readme = (ROOT / "README.md").read_text()
    ours, best, both = (
        of["perplexity"] for of in (metrics, baselines["Kneser-Ney 5"], {"perplexity": metrics["both_perplexity"]})
    )
    assert f"perplexity {ours:.1f} on *Dracula*, next to {best:.1f}; {both:.1f} learning on with a cache" in readme


def test_the_words_about_novels_are_those_of_the_proof() -> None:
    words, data = " ".join(PAGE.split()), PROOF["data"]
    assert PROOF["holds"]
    assert PROOF["remarks"][-1].removesuffix(": better.") in words
    assert f"{data['training']:,} words of 14 of them, {data['types']:,} different ones" in words
    assert f"in {PROOF['settings']['minutes']:g} minutes it made {PROOF['updates']:,} updates" in words
    assert f"at {PROOF['words_a_second']:,} words a second" in words
    assert f"the same run has {PROOF['validation']['perplexity']:.1f} where" in words
    assert PROOF["written"].split("\n")[0] in PAGE
