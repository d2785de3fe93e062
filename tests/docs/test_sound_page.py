"""The figures of the page on sound are those that the proof wrote down."""

import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PAGE = " ".join((ROOT / "docs" / "tutorials" / "sound.md").read_text().split())
PROOF: Any = json.loads((ROOT / "proofs" / "results" / "sound.json").read_text())


@pytest.mark.parametrize(("way", "words"), [("retrieval", "by recorded pieces"), ("parametric", "by noise")])
def test_what_is_heard_of_true_envelopes_is_what_was_measured(way: str, words: str) -> None:
    told = PROOF["ear"]
    assert f"| {words} | {told[f'{way}_correlation']:.3f} | {told[f'{way}_loudness']:.3f} |" in PAGE


def test_a_minute_takes_as_long_as_was_measured() -> None:
    told = PROOF["minute"]
    assert f"in {told['seconds']['retrieval']:.1f} s of one core by recorded pieces" in PAGE
    assert f"in {told['seconds']['parametric']:.1f} s by noise" in PAGE
    assert f"takes {told['decoding_seconds']:.1f} s of that" in PAGE


def test_the_speeds_are_those_of_the_benchmark() -> None:
    told = json.loads((ROOT / "benchmarks" / "results" / "sound.json").read_text())["cases"]
    update, frames = (told[name]["ratio"] for name in ("an update", "300 frames one by one"))
    assert f"takes {update:.2f} times as long there, 300 frames one by one {frames:.2f} times" in PAGE


METHODS = ("another clip's sound", "linear filter of the frames", "nearest frame", "mean")


@pytest.mark.parametrize("name", ["loudness_correlation", "band_correlation", "sounding_f1", "envelope_error"])
def test_the_scores_of_mouths_are_those_of_the_proof(name: str) -> None:
    told = PROOF["mouths"]
    cells = [told["metrics"][name], *(told["baselines"][method][name] for method in METHODS)]
    assert f"| {' | '.join(f'{cell:.3f}' for cell in cells)} |" in PAGE
    assert f"after {told['updates']} of {told['of_updates']} updates" in PAGE


@pytest.mark.parametrize("name", ["onset_f1", "timing_error_ms", "material_accuracy", "loudness_correlation"])
def test_the_scores_of_generated_film_are_those_of_the_proof(name: str) -> None:
    told, digits = PROOF["generated"], 1 if name.endswith("_ms") else 3
    methods = ("changes of motion, random sounds", *(METHODS[n] for n in (0, 2, 1, 3)))
    cells = [told["metrics"][name], *(told["baselines"][method][name] for method in methods)]
    assert f"| {' | '.join(f'{cell:.{digits}f}' for cell in cells)} |" in PAGE
    assert f"after {told['updates']} of {told['of_updates']} updates" in PAGE
