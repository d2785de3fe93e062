"""Strokes in what a network says: one for each peak, near ones apart, at their times after ten minutes too."""

from typing import Any

import numpy as np
import pytest

from statewise.data.audio.cochleagram import Cochlea
from statewise.data.sounding.sounding_codec import SoundingCodec
from statewise.data.sounding.sounding_steps import cell_edges, edges_of, planned, targets_of
from statewise.tasks.sound.making import CANDIDATES, SoundRules, instrument
from statewise.tasks.sound.metrics import JudgedSound, correlation, matched
from statewise.tasks.sound.network import cells_of_said
from statewise.tasks.sound.strokes import StrokeFinder, strokes_in

CODEC = SoundingCodec((4, 5, 3), 30.0, 0.1, Cochlea(9000, bands=2, highest=4000.0), materials=("metal", "wood"))


def said_of_hits(rate: float, seconds: float, hits: list[tuple[float, float, int]]) -> Any:
    """What a network would say that is always right, for a film of some rate, as even cells."""
    plan = planned(np.arange(round(rate * seconds)) / rate, rate, seconds + CODEC.look_ahead)
    edges = edges_of(plan.times, rate, CODEC.look_ahead)
    targets = targets_of(np.zeros((round(90 * seconds), 2), np.float32), hits, edges, 3)
    strokes, strengths, materials = targets[:, 6:9], targets[:, 9:12], targets[:, 12:]
    odds = np.stack([materials == 0, materials == 1], axis=-1)
    said = np.concatenate([np.zeros((len(edges), 3, 2)), strokes[..., None], strengths[..., None], odds], axis=2)
    assert cell_edges(edges, 3).shape == (len(edges), 4)
    return cells_of_said(CODEC, said, edges)


@pytest.mark.parametrize("rate", [24.0, 25.0, 30000 / 1001, 30.0])
def test_two_strokes_80_ms_apart_are_two(rate: float) -> None:
    hits = [(0.4, 0.5, 0), (0.48, 0.9, 1)]
    found = strokes_in(said_of_hits(rate, 1.0, hits), CODEC)
    assert [one.seconds for one in found] == pytest.approx([0.4, 0.48], abs=0.008)
    assert [one.material for one in found] == ["metal", "wood"]
    assert [one.strength for one in found] == pytest.approx([0.5, 0.9], abs=0.15)


def test_a_stroke_after_ten_minutes_is_where_it_is() -> None:
    (found,) = strokes_in(said_of_hits(30000 / 1001, 600.0, [(599.123, 0.5, 0)]), CODEC)
    assert found.seconds == pytest.approx(599.123, abs=0.006)


def test_strokes_do_not_depend_on_where_cells_are_cut() -> None:
    draw = np.random.default_rng(0)
    cells = draw.random((200, CODEC.said))
    whole, finder, found = strokes_in(cells, CODEC, 0.5), StrokeFinder(CODEC, 0.5), []
    for first in range(0, 200, 7):
        found += finder.push(cells[first : first + 7])
    assert [*found, *finder.finish()] == whole
    assert len(whole) > 10


def test_no_stroke_is_found_below_the_level() -> None:
    assert strokes_in(np.full((50, CODEC.said), 0.14), CODEC) == []


def test_pairs_are_as_many_as_can_be() -> None:
    assert matched([0.10, 0.14], [0.12, 0.18]) == [(0, 0), (1, 1)]
    assert matched([0.2], [0.1, 0.26]) == []
    assert matched([0.11, 0.12], [0.1]) == [(0, 0)]


def test_figures_are_those_worked_out_by_hand() -> None:
    judged = JudgedSound(CODEC)
    true = np.array([[0.0, 0.2], [0.5, 0.5], [0.0, 0.0], [0.1, 0.0]], np.float32)
    made = np.array([[0.0, 0.2], [0.5, 0.1], [0.0, 0.0], [0.0, 0.0]])
    judged.add(made, [(0.01, 0), (0.9, 1)], true, [(0.02, 0.5, 0), (0.03, 0.5, 1), (2.0, 0.5, 1)])
    found = judged.metrics()
    assert found["onset_f1"] == pytest.approx(2 * 1 / 5)
    assert found["onset_precision"] == 0.5
    assert found["timing_error_ms"] == pytest.approx(10)
    assert found["material_accuracy"] == 1.0
    assert found["envelope_error"] == pytest.approx((0.16 + 0.01) / 8)
    assert found["sounding_f1"] == pytest.approx(2 * 2 / (2 * 2 + 1))
    assert found["loudness_correlation"] == pytest.approx(correlation(made.mean(axis=1), true.mean(axis=1)), abs=1e-6)


def test_what_does_not_vary_correlates_with_nothing() -> None:
    assert correlation(np.ones(4), np.arange(4.0)) == 0.0


def test_noise_is_made_of_what_is_above_quiet_alone() -> None:
    noise = instrument(SoundingCodec((4, 5, 3), 30.0, 0.1, CODEC.ear, quiet=0.2), SoundRules("parametric"))
    cells = np.zeros((20, CODEC.ear.bands + 2))
    cells[:10, :2], cells[10:, :2] = 0.15, 0.6
    samples = noise.push(cells, [])
    assert not samples[:1000].any()
    assert np.abs(samples[1200:]).max() > 0.05
    assert CANDIDATES >= 2
