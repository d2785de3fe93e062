"""Frames as steps by their times, and what is said of unequal stretches as even cells."""

import numpy as np
import pytest

from statewise.data.audio.cochleagram import Cochlea
from statewise.data.sounding.sounding_codec import SoundingCodec, StepsUnderWay
from statewise.data.sounding.sounding_steps import CellGrid, cell_edges, edges_of, mean_between, planned, targets_of

CODEC = SoundingCodec((4, 5, 3), 30.0, 0.1, Cochlea(9000, bands=2, highest=4000.0), moves=3)


@pytest.mark.parametrize("rate", [24.0, 25.0, 30000 / 1001, 30.0])
def test_films_of_other_rates_are_read_frame_by_frame_at_their_own_times(rate: float) -> None:
    times = np.arange(20) / rate
    plan = planned(times, 30.0, times[-1])
    assert plan.frames.tolist() == list(range(20))
    assert plan.times == pytest.approx(times)


def test_a_film_of_twice_the_rate_is_read_at_every_second_frame() -> None:
    plan = planned(np.arange(12) / 60, 30.0, 0.0)
    assert plan.frames.tolist() == [0, 2, 4, 6, 8, 10]


def test_a_frame_that_is_held_long_is_read_again_and_again() -> None:
    plan = planned(np.array([0.0, 0.2, 0.23]), 30.0, 0.23)
    assert np.diff(plan.times).max() < 1.51 / 30
    assert plan.frames.tolist() == [0, 0, 0, 0, 0, 0, 1, 2]
    assert plan.times[-2:] == pytest.approx([0.2, 0.23])


def test_a_step_speaks_of_three_cells_since_the_step_before_it_and_earlier() -> None:
    edges = edges_of(np.array([0.0, 1 / 30, 0.1]), 30.0, 0.1)
    assert edges[1] == pytest.approx([-0.1, 1 / 30 - 0.1])
    bounds = cell_edges(edges, 3)
    assert bounds[2] == pytest.approx(np.linspace(1 / 30 - 0.1, 0.0, 4))


@pytest.mark.parametrize("rate", [24.0, 25.0, 30.0, 59.94])
def test_cells_of_any_rate_are_the_envelopes_again(rate: float) -> None:
    envelopes = np.sin(np.arange(90)[:, None] / 9 + np.arange(2)).astype(np.float32)
    plan = planned(np.arange(round(rate)) / rate, rate, 1.1)
    edges = edges_of(plan.times, rate, 0.1)
    said = mean_between(envelopes, cell_edges(edges, 3))
    grid, found = CellGrid(2), []
    for own, (start, end) in zip(said, edges, strict=True):
        for n, values in enumerate(own):
            found.append(grid.push(start + (end - start) * (n + 1) / 3, values))
    cells = np.concatenate(found)
    assert len(cells) >= 89
    assert np.abs(cells[1:88] - envelopes[1:88]).max() < 0.12


def test_a_stroke_is_told_where_it_is_and_a_little_about_it() -> None:
    edges = np.array([[0.0, 3 / 90], [3 / 90, 6 / 90]])
    targets = targets_of(np.zeros((9, 2), np.float32), [(1.5 / 90, 0.7, 1), (4.5 / 90, 0.2, -1)], edges, 3)
    strokes, strengths, materials = targets[:, 6:9], targets[:, 9:12], targets[:, 12:]
    assert strokes == pytest.approx(np.array([[0.5, 1.0, 0.5], [0.5, 1.0, 0.5]]))
    assert strengths[0] == pytest.approx(0.7)
    assert materials[0].tolist() == [1, 1, 1]
    assert materials[1].tolist() == [-1, -1, -1]


def test_frames_in_pieces_are_the_steps_of_the_whole() -> None:
    frames = np.random.default_rng(0).integers(0, 256, (9, 4, 5, 3), dtype=np.uint8)
    times = np.cumsum(np.full(9, 1 / 30))
    plan = planned(times - times[0], 30.0, 0.2)
    whole = CODEC.steps(frames, plan)
    under_way = StepsUnderWay(CODEC)
    parts = [
        under_way.steps(frames[plan.frames[n : n + 2]], plan.times[n : n + 2]) for n in range(0, len(plan.times), 2)
    ]
    assert np.array_equal(np.concatenate(parts), whole)
    assert whole.shape == (9, CODEC.numbers)


def test_changes_are_per_time_so_that_a_dropped_frame_is_no_faster_motion() -> None:
    frames = np.zeros((4, 4, 5, 3), np.uint8)
    frames[1], frames[2], frames[3] = 10, 20, 30
    even = CODEC.steps(frames, planned(np.array([0.0, 1, 2, 3]) / 30, 30.0, 0.0))[-1, :-1].reshape(4, 5, 6)
    times = np.array([0.0, 1 / 30, 2.4 / 30])
    dropped = CODEC.steps(frames[[0, 1, 2]], planned(times, 30.0, 0.0))[-1, :-1].reshape(4, 5, 6)
    assert dropped[0, 0, 3] == pytest.approx(even[0, 0, 3] / 1.4, rel=1e-5)
