"""What the page on forgetting quotes is what its proof found."""

import inspect
import json
import math
import runpy
from pathlib import Path

import pytest

from statewise.insight.ablation import NOTICED
from statewise.insight.dynamics import exponents
from statewise.insight.horizon import BEYOND, EVEN, FITTED_SHARE, SHARE
from statewise.insight.intervals import FEWEST_ROWS, FEWEST_TRAININGS, RESAMPLES, TAILS, Interval, t_quantile
from statewise.insight.memory import LAGS, PROBES

ROOT = Path(__file__).parents[2]
PAGE = " ".join((ROOT / "docs" / "ideas" / "why-rnns-forget.md").read_text().split())
FOUND = json.loads((ROOT / "proofs" / "results" / "memory.json").read_text())
ROWS = {"Elman": "elman", "Elman, 256 units": "elman-256", "LSTM": "lstm", "GRU": "gru"}


def words(kind: str, what: str, digits: int = 1) -> str:
    """Say a figure of a kind as the page does: the mean over its networks and the interval of that mean."""
    found = FOUND["kinds"][kind][what]
    return "not geometric" if found is None else Interval(**found).words(digits)


@pytest.mark.parametrize(("shown", "kind"), ROWS.items())
def test_the_table_of_the_page_is_what_was_measured(shown: str, kind: str) -> None:
    measured = [words(kind, "horizon"), words(kind, "context"), words(kind, "half_life", 2)]
    assert f"| {shown} | {' | '.join([*measured, words(kind, 'bits_per_character', 3)])} |" in PAGE


def test_every_other_figure_of_the_page_is_what_was_measured() -> None:
    elman, lstm = FOUND["kinds"]["elman"], FOUND["kinds"]["lstm"]
    settings = FOUND["settings"]
    assert f"each was probed at {settings['probes']} places" in PAGE
    assert settings["seeds"] == elman["trainings"] == 5
    assert f"each step leaves {elman['factor']['value']:.2f} of the gradient" in PAGE
    assert f"before training the horizon was {words('before training', 'horizon')}" in PAGE
    assert f"Training took that to {elman['recurrent_radius']['value']:.1f}" in PAGE
    assert f"die at {-elman['lyapunov']['value']:.2f} nats a step" in PAGE
    assert f"those of the LSTMs at {-lstm['lyapunov']['value']:.2f}" in PAGE
    assert (lstm["geometric"], FOUND["kinds"]["gru"]["geometric"]) == (0, 0)


def test_the_tutorial_shows_what_the_command_printed() -> None:
    page = (ROOT / "docs" / "tutorials" / "memory.md").read_text()
    assert "\n".join(["```text", *FOUND["tutorial"]["printed"], "```"]) in page
    command = FOUND["tutorial"]["command"].replace("--beside", "--compare")  # its name when it was measured
    assert f"$ {command}\n" in page


def test_the_figures_of_the_cliff_are_those_that_its_drawing_finds() -> None:
    drawing = runpy.run_path(str(ROOT / "docs" / "pictures" / "draw_memory.py"))
    place, slope = drawing["steepest"]()
    rate, clip = drawing["RATE"], drawing["CLIP"]
    assert f"at `w = {place:.3f}` it falls off a cliff" in PAGE
    assert f"On the cliff the slope is {slope:.0f}, so a step of gradient descent at rate {rate:g}" in PAGE
    assert f"goes {-rate * slope:.0f} to the right" in PAGE
    assert f"makes it {rate * clip:g} long" in PAGE
    assert f"certain value after {drawing['CLIFF_STEPS']} steps" in PAGE


def test_the_tutorial_says_how_intervals_are_made() -> None:
    page = " ".join((ROOT / "docs" / "tutorials" / "memory.md").read_text().split())
    rows = inspect.signature(exponents).parameters["rows"].default
    low, high = (f"{100 * tail:g} %" for tail in TAILS)
    for words in (
        f"whole rows are drawn again, {RESAMPLES:,} times",
        f"fewer than {FEWEST_ROWS} rows have no interval",
        f"between the {low} and the {high} quantile",
        f"means over {rows} rows, with {math.floor(100 * t_quantile(rows - 1)) / 100:.2f} standard errors",
        f"how many steps back {SHARE:.0%} of it lies".replace("%", " %"),
        f"more than {BEYOND:.0%} lies beyond the last lag".replace("%", " %"),
        f"the lags that hold {FITTED_SHARE:.1%} of it".replace("%", " %"),
        f"within a factor of {EVEN:g} of that line",
        f"a divergence below {NOTICED:g} nats",
        f"(`--probes`, {PROBES} unless given), looks back over {LAGS} steps",
    ):
        assert words in page, words
    assert FEWEST_TRAININGS == 5
    assert "train it from five seeds or more" in page


def test_the_tutorial_says_how_often_intervals_hold_the_truth() -> None:
    page = " ".join((ROOT / "docs" / "tutorials" / "memory.md").read_text().split())
    found = json.loads((ROOT / "proofs" / "results" / "memory_coverage.json").read_text())
    assert found["holds"]
    ours = [part["coverage"] for part in found["parts"]]
    first = [part["last_above"]["coverage"] for part in found["parts"] if "last_above" in part]
    low, high, low_first, high_first = (f"{100 * one:.1f}" for one in (min(ours), max(ours), min(first), max(first)))
    assert f"{low} to {high} % of {found['parts'][0]['trials']} such intervals of a kind hold it" in page
    assert f"by percentiles, {low_first} to {high_first} % (`python proofs/memory_coverage.py`)" in page


def test_how_long_it_takes_is_what_was_measured() -> None:
    page = " ".join((ROOT / "docs" / "tutorials" / "memory.md").read_text().split())
    took = json.loads((ROOT / "benchmarks" / "results" / "memory_analysis.json").read_text())
    size = f"{took['probes']:,} probes of {took['lags']} lags took {took['seconds']:.0f} seconds on two cores"
    assert f"{size}, {took['times_the_peer']:.1f} times as fast as plain PyTorch" in page


def test_the_page_agrees_with_the_notes_no_more_than_the_result_does() -> None:
    agrees = FOUND["agrees"]
    assert f"Of the four intervals of the simple networks, {sum(agrees.values())} meet the 8 to 10 steps" in PAGE
    assert len(agrees) == 4


def test_what_the_proof_claims_holds() -> None:
    assert all(FOUND["holds"].values())
    assert len(FOUND["holds"]) == 8
