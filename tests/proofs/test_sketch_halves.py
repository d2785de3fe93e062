"""Halves of drawings are what the proof says they are, and what is glued on begins where the given half ends."""

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

PROOFS = str(Path(__file__).parents[2] / "proofs")


def stroke(*points: tuple[float, float]) -> Any:
    return np.array(points, float)


TWO = [stroke((0, 0), (0, 8)), stroke((4, 0), (4, 8)), stroke((0, 4), (4, 4))]
ONE = [stroke((0, 0), (0, 3), (0, 6), (9, 6), (9, 0))]


@pytest.fixture
def halves(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(PROOFS)
    return importlib.import_module("sketch_halves")


def test_half_of_the_strokes_are_given_rounded_up_or_half_of_the_points_of_one(halves: Any) -> None:
    several = halves.halved(TWO)
    assert ([len(several.given), len(several.rest)], several.pen_down, several.side) == ([2, 1], False, 8)
    one = halves.halved(ONE)
    assert one.given[0].tolist() == [[0, 0], [0, 3]]
    assert one.rest[0].tolist() == [[0, 3], [0, 6], [9, 6], [9, 0]]
    whole = one.ended(one.rest, pen_down=True)
    assert len(whole) == 1
    assert np.unique(whole[0], axis=0).tolist() == np.unique(ONE[0], axis=0).tolist()
    dot = halves.halved([stroke((5, 5))])
    assert dot.given[0].tolist() == dot.rest[0].tolist() == [[5, 5]]


def test_the_rest_of_the_nearest_half_is_made_as_large_and_begins_at_the_last_point(halves: Any) -> None:
    other = [stroke((0, 0), (8, 0)), stroke((0, 4), (8, 4)), stroke((0, 8), (8, 8))]
    known = halves.Neighbours([halves.halved(one) for one in (other, TWO, ONE)], [0, 1, 1])
    large = halves.halved([20 * one + 7 for one in TWO])
    glued = known.glued(large)
    assert [one.tolist() for one in glued] == [(20 * one + 7).tolist() for one in TWO]
    assert known.glued(large, label=0)[2].tolist() == [[-73.0, 247.0], [87.0, 247.0]]
    assert len(known.glued(halves.halved([one + 3 for one in ONE]))) == 1


def test_a_judge_sees_ink_whatever_the_order_of_the_strokes(halves: Any) -> None:
    judge = importlib.import_module("sketch_judge")
    ahead = judge.picture_of(judge.rows_of(TWO))
    back = judge.picture_of(judge.rows_of([one[::-1] * 3 + 50 for one in reversed(TWO)]))
    assert np.abs(ahead - back).max() < 1e-3
    assert 0.5 < ahead.max() <= 1
    assert not ahead[0].any(), "there is an edge"


def test_drawings_that_are_kept_are_the_same_whatever_their_order(halves: Any, tmp_path: Path) -> None:
    things = importlib.import_module("sketch_drawings")
    lines = [
        {"word": word, "recognized": n % 9 > 0, "key_id": f"{word}{n}", "drawing": [[[0, n], [0, 1]]]}
        for word in ("cat", "dog")
        for n in range(40)
    ]
    found = []
    for order in (lines, lines[::-1]):
        (tmp_path / "a.ndjson").write_text("\n".join(map(json.dumps, order)))
        found.append({one["key_id"]: one["part"] for one in things.things_of(tmp_path / "a.ndjson")})
    assert found[0] == found[1]
    parts = list(found[0].values())
    assert (parts.count("held_out"), parts.count("validation"), len(parts)) == (20, 8, 70)
