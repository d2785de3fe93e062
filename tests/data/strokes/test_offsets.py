"""Strokes become offsets by one path, and come back; what a line loses is bounded by its tolerance."""

import hashlib
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from statewise.data.strokes import Preparing, offsets_of, strokes_of
from statewise.data.strokes.drawing import Floats
from statewise.data.strokes.offsets import simplified, spaced, still
from statewise.data.strokes.prepared import FORMAT
from statewise.errors import UsageError

POINT = st.tuples(st.integers(-50, 50), st.integers(-50, 50))
STROKE = st.lists(POINT, min_size=1, max_size=12).map(lambda points: np.array(points, dtype=np.float64))


def distance(point: Floats, line: Floats) -> float:
    """How far a point is from a line through points, worked out segment by segment."""
    found = [float(np.hypot(*(point - line[0])))]
    for start, end in itertools.pairwise(line):
        along = end - start
        length = float(along @ along)
        t = min(1.0, max(0.0, float((point - start) @ along) / length)) if length else 0.0
        found.append(float(np.hypot(*(point - start - t * along))))
    return min(found)


@given(st.lists(STROKE, min_size=1, max_size=4))
def test_strokes_come_back_from_their_offsets(strokes: list[Floats]) -> None:
    rows = offsets_of(strokes)
    back = strokes_of(rows, strokes[0][0])
    doubled = [stroke if len(stroke) > 1 else np.repeat(stroke, 2, axis=0) for stroke in strokes]
    assert [one.tolist() for one in back] == [one.tolist() for one in doubled]
    assert int(rows[:, 2].sum()) == len(strokes)
    assert rows[-1, 2] == 1


def test_what_is_made_ready_otherwise_than_before_has_another_number() -> None:
    """Runs find their drawings in the cache by this number, so offsets of before would be taken for those of now."""
    at = np.arange(4999.0)
    scrawl = np.column_stack([at * 7 % 1009, at * at % 997])
    strokes = [scrawl, np.array([[3.0, 4.0]]), scrawl[::-1] / 2]
    ways = [Preparing(), Preparing(size=0, epsilon=40), Preparing(jitter=0, epsilon=0), Preparing(spacing=9, epsilon=1)]
    made = hashlib.sha256()
    for preparing in ways:
        made.update(np.round(offsets_of(preparing.strokes(strokes)), 2).astype("<f4").tobytes())
    known = {2: "c5b28de28256e9bd"}
    assert known.get(FORMAT) == made.hexdigest()[:16], (
        f"offsets come out otherwise: raise FORMAT in prepared.py, and write its digest {made.hexdigest()[:16]} here"
    )


@given(STROKE, st.floats(0.1, 20))
def test_simplifying_keeps_the_ends_and_all_points_within_the_tolerance(stroke: Floats, epsilon: float) -> None:
    line = simplified(stroke, epsilon)
    assert line[0].tolist() == stroke[0].tolist()
    assert line[-1].tolist() == stroke[-1].tolist()
    assert max(distance(point, line) for point in stroke) <= epsilon + 1e-9


@given(STROKE, st.floats(0.5, 20))
def test_jitter_is_dropped_but_never_the_ends(stroke: Floats, least: float) -> None:
    kept = still(stroke, least)
    assert kept[-1].tolist() == stroke[-1].tolist()
    assert kept[0].tolist() == stroke[0].tolist()
    steps = np.hypot(*np.diff(kept, axis=0).T)
    assert (steps[:-1] >= least - 1e-9).all()


def test_points_of_a_spacing_lie_so_far_apart_along_the_line() -> None:
    line = spaced(np.array([[0.0, 0.0], [30.0, 0.0], [30.0, 40.0]]), 5.0)
    assert np.hypot(*np.diff(line, axis=0).T) == pytest.approx(5.0)
    assert len(line) == 15
    assert spaced(np.zeros((3, 2)), 5.0).tolist() == [[0, 0]]
    with pytest.raises(UsageError, match="a spacing of 1e-09 makes more than 50,000 points"):
        spaced(np.array([[0.0, 0.0], [30.0, 0.0]]), 1e-9)


def test_a_drawing_is_scaled_by_its_own_size_or_by_the_side_it_will_have() -> None:
    line = [np.array([[10.0, 10.0], [10.0, 30.0]])]
    preparing = Preparing(size=100)
    assert np.ptp(preparing.strokes(line)[0], axis=0).tolist() == [0, 100]
    assert np.ptp(preparing.strokes(line, side=40)[0], axis=0).tolist() == [0, 50]
    dot = [np.array([[10.0, 10.0]])]
    assert preparing.strokes(dot)[0].tolist() == [[10, 10]]
    assert Preparing(size=0, jitter=0, epsilon=0).strokes(line)[0].tolist() == line[0].tolist()


def test_nothing_drawn_is_no_row() -> None:
    assert offsets_of([]).shape == (0, 3)
    assert strokes_of(np.zeros((0, 3)), lifted=True) == []


def test_a_long_line_is_simplified_a_stretch_at_a_time_which_bounds_its_time() -> None:
    line = np.column_stack([np.arange(5001.0), np.zeros(5001)])
    assert simplified(line, 1.0)[:, 0].tolist() == [0, 2000, 4000, 5000]
    assert simplified(line[:2001], 1.0)[:, 0].tolist() == [0, 2000]
