"""Samples at any times, at even steps."""

import numpy as np
import pytest

from statewise.data.movement.landmark_layouts import comparable, groups_of, mirrored
from statewise.data.movement.time_grid import EvenSteps
from statewise.errors import DataError, UsageError


@pytest.mark.parametrize("holds", [False, True])
@pytest.mark.parametrize("start", [0.0, 1_796_029_200.0])
def test_samples_in_any_pieces_give_the_same_even_steps(holds: bool, start: float) -> None:
    draw = np.random.default_rng(0)
    times = start + np.cumsum(draw.uniform(0.01, 0.2, 60))
    values = draw.normal(size=(60, 3)).astype(np.float32)
    whole = EvenSteps(9.0, 0.15, holds).push(times, values)
    for piece in (1, 2, 7, 59):
        even = EvenSteps(9.0, 0.15, holds)
        parts = [even.push(times[n : n + piece], values[n : n + piece]) for n in range(0, 60, piece)]
        assert np.array_equal(np.concatenate(parts), whole, equal_nan=True)


def test_even_samples_stay_as_they_are() -> None:
    times, values = np.arange(50) / 25, np.arange(50, dtype=np.float32)[:, None]
    assert EvenSteps(25.0, 0.5).push(times, values).tolist() == values.tolist()
    assert EvenSteps(25.0, 0.5).push(1_796_029_200 + times, values).tolist() == values.tolist()


def test_a_gap_is_missing_for_numbers_and_held_for_pictures() -> None:
    times, values = np.array([0.0, 1.0, 1.5]), np.array([[1.0], [3.0], [4.0]], np.float32)
    found = EvenSteps(4.0, 0.6).push(times, values)[:, 0]
    assert np.isnan(found[1:4]).all()
    assert found[[0, 4, 5, 6]].tolist() == [1, 3, 3.5, 4]
    held = EvenSteps(4.0, 0.6, holds=True).push(times, values)[:, 0]
    assert held.tolist() == [1, 1, 1, 1, 3, 3, 4]


def test_samples_that_go_back_are_left_out_and_a_clock_that_was_set_is_refused() -> None:
    even = EvenSteps(2.0, 9.0)
    assert even.push(np.array([0.0, 1.0, 0.5, 1.0, 2.0]), np.arange(5, dtype=np.float32)[:, None])[:, 0].tolist() == [
        0, 0.5, 1, 2.5, 4
    ]  # fmt: skip
    assert even.left_out == 2
    before = (even.latest, even.given, even.left_out)
    with pytest.raises(DataError, match="time jumps by 1,000 s"):
        even.push(np.array([1002.0]), np.zeros((1, 1), np.float32))
    with pytest.raises(DataError, match="missing or no number"):
        even.push(np.array([np.nan]), np.zeros((1, 1), np.float32))
    assert (even.latest, even.given, even.left_out) == before
    assert len(even.push(np.array([1.0]), np.zeros((1, 1), np.float32))) == 0


def test_hands_and_bodies_do_not_depend_on_where_and_how_large_they_are() -> None:
    draw = np.random.default_rng(0)
    sample = draw.uniform(0.2, 0.8, (5, 258)).astype(np.float32)
    groups = groups_of("holistic", 258)
    moved = sample.copy()
    for group in groups:
        points = moved[:, group.start : group.stop].reshape(5, group.points, group.channels)
        points[:, :, :3] *= 0.5
        points[:, :, 0] += 0.2
    assert np.allclose(comparable(moved, groups), comparable(sample, groups), atol=1e-3)


def test_a_mirror_twice_changes_nothing_and_once_swaps_the_hands() -> None:
    draw = np.random.default_rng(0)
    sample = draw.uniform(0.2, 0.8, (4, 258)).astype(np.float32)
    sample[2, 132:195] = 0.0  # a left hand that is not seen
    groups = groups_of("holistic", 258)
    once = mirrored(sample, groups, about=0.5)
    assert np.allclose(mirrored(once, groups, about=0.5), sample, atol=1e-6)
    assert np.allclose(once[:, 132:195:3], 1 - sample[:, 195:258:3])
    assert (once[2, 195:258] == 0).all()
    assert np.allclose(once[:, 11 * 4], 1 - sample[:, 12 * 4])


def test_a_layout_of_another_width_is_refused() -> None:
    with pytest.raises(UsageError, match="layout hand has 42, 63 numbers"):
        groups_of("hand", 6)
    assert groups_of("none", 42) == ()
    assert [group.start for group in groups_of("auto", 1662)] == [0, 1536, 1599]
