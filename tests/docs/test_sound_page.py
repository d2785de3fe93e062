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


LISTENING = " ".join((ROOT / "docs" / "tutorials" / "listening.md").read_text().split())


def test_an_hour_took_as_much_memory_as_was_measured() -> None:
    told = PROOF["hour"]
    assert (
        f"took {told['hour']['peak_mb']:.0f} MB at most, where a minute took {told['minute']['peak_mb']:.0f} MB" in PAGE
    )


@pytest.mark.parametrize("name", PROOF["listen"]["films"])
def test_what_is_said_of_films_to_hear_is_what_was_written_down(name: str) -> None:
    told = PROOF["listen"]["films"][name]
    along = [told[f"{way}_loudness_correlation"] for way in ("retrieval", "parametric")]
    assert f"| {told['seed']} | {told['seconds']:.3f} | {told['seconds_made']:.3f} |" in LISTENING
    assert f"{told['strokes_made']} made | {along[0]:.3f} | {along[1]:.3f} |" in LISTENING
    assert (ROOT / "docs" / "pictures" / f"listening-{name}.png").is_file()
    assert f"listening-{name}.png" in LISTENING


@pytest.mark.parametrize("rate", PROOF["rates"]["by_rate"])
def test_made_sound_of_every_rate_is_what_was_measured(rate: str) -> None:
    told = PROOF["rates"]["by_rate"][rate]
    again = [cell for one in told["heard"].values() for cell in (f"{one['onset_f1']:.3f}", f"{one['timing_ms']:.1f}")]
    own = [f"{told['onset_f1']:.3f}", f"{told['timing_error_ms']:.1f}", f"{told['material_accuracy']:.3f}"]
    assert f"| {rate} | {' | '.join([*own, *again])} |" in LISTENING
    assert all(one["samples_off"] == 0 for one in told["heard"].values())
