"""Landmarks of hands and bodies, as MediaPipe orders them: where each hand lies, and what it looks like in a mirror."""

from dataclasses import dataclass
from typing import Any, Literal, final

import numpy as np

from statewise.data.movement.recording import Values
from statewise.errors import UsageError

Layout = Literal["auto", "none", "hand", "hands", "pose", "holistic"]
HAND, POSE, FACE = 21, 33, 468
WRIST, KNUCKLE = 0, 9
"Of a hand: its root, and the first joint of the middle finger; between them lies the palm, by whose size it is scaled."
SHOULDERS = (11, 12)
POSE_MIRRORED = (0, 4, 5, 6, 1, 2, 3, 8, 7, 10, 9, *(n + 1 if n % 2 else n - 1 for n in range(11, POSE)))
"Which landmark of a body stands at the place of each one in a mirror."
SMALLEST = 1e-6


@final
@dataclass(frozen=True)
class LandmarkGroup:
    """Points side by side among the numbers of a sample: a hand or a body, `channels` numbers each, from `start` on."""

    kind: Literal["hand", "pose"]
    start: int
    points: int
    channels: int

    @property
    def stop(self) -> int:
        """The number after its last."""
        return self.start + self.points * self.channels

    @property
    def numbers(self) -> int:
        """How many numbers stand for it when it is comparable: its points, and for a hand where its wrist is."""
        return self.points * self.channels + (2 if self.kind == "hand" else 0)


def groups_of(layout: Layout, width: int) -> tuple[LandmarkGroup, ...]:
    """Return the groups of landmarks in samples of so many numbers; none where they are no landmarks.

    `auto` goes by the width: 42 or 63 is a hand, 84 or 126 two, 99 or 132 a body, 258 a body and two hands, 1,662 also
    with a face, which is not read. Raises `UsageError` where a layout does not have that width.

    >>> [group.kind for group in groups_of("auto", 258)], groups_of("auto", 6)
    (['pose', 'hand', 'hand'], ())
    """
    pose4 = (LandmarkGroup("pose", 0, POSE, 4),)
    after, after_face = POSE * 4, POSE * 4 + FACE * 3
    known: dict[Layout, dict[int, tuple[LandmarkGroup, ...]]] = {
        "hand": {HAND * c: (LandmarkGroup("hand", 0, HAND, c),) for c in (2, 3)},
        "hands": {2 * HAND * c: tuple(LandmarkGroup("hand", n * HAND * c, HAND, c) for n in (0, 1)) for c in (2, 3)},
        "pose": {POSE * c: (LandmarkGroup("pose", 0, POSE, c),) for c in (2, 3, 4)},
        "holistic": {
            start + 2 * HAND * 3: (*pose4, *(LandmarkGroup("hand", start + n * HAND * 3, HAND, 3) for n in (0, 1)))
            for start in (after, after_face)
        },
    }
    if layout == "none":
        return ()
    if layout == "auto":
        return next((found[width] for found in known.values() if width in found), ())
    if width not in known[layout]:
        fits = ", ".join(str(w) for w in sorted(known[layout]))
        raise UsageError(f"--layout {layout} has {fits} numbers in a sample, and these have {width}: give another")
    return known[layout][width]


def seen(values: Values, group: LandmarkGroup) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    """Say in which samples a group was seen: elsewhere all its numbers are missing, or nought."""
    own = values[:, group.start : group.stop]
    found: np.ndarray[tuple[int], np.dtype[np.bool_]] = np.isfinite(own).all(axis=1) & (own != 0).any(axis=1)
    return found


def comparable(values: Values, groups: tuple[LandmarkGroup, ...]) -> Values:
    """Return each group about its own middle and by its own size, all numbers of one that was not seen as NaN.

        hand:  (p - wrist) / |knuckle - wrist|, and where the wrist is
        pose:  (p - middle of the shoulders) / |distance of the shoulders|

    Where there is a body, wrists are about its shoulders and by their distance; else they are as they came. Shapes:
    `[T, D]` to `[T, sum of numbers]`.
    """
    parts: list[Values] = []
    middle: Any = np.zeros((len(values), 2), np.float32)
    width: Any = np.ones((len(values), 1), np.float32)
    for group in groups:
        points = values[:, group.start : group.stop].reshape(len(values), group.points, group.channels)
        points = np.where(seen(values, group)[:, None, None], points, np.float32(np.nan))
        if group.kind == "pose":
            left, right = (points[:, place] for place in SHOULDERS)
            middle = (left[:, :2] + right[:, :2]) / 2
            width = np.maximum(np.linalg.norm(left[:, :2] - right[:, :2], axis=1, keepdims=True), SMALLEST)
            moved = points.copy()
            moved[:, :, :2] = (points[:, :, :2] - middle[:, None]) / width[:, None]
            if group.channels > 2:
                moved[:, :, 2] = points[:, :, 2] / width
            parts.append(moved.reshape(len(values), -1))
        else:
            wrist, knuckle = points[:, WRIST], points[:, KNUCKLE]
            size = np.maximum(np.linalg.norm(knuckle - wrist, axis=1, keepdims=True), SMALLEST)
            own = ((points - wrist[:, None]) / size[:, None]).reshape(len(values), -1)
            parts += [own, (wrist[:, :2] - middle) / width]
    return np.concatenate(parts, axis=1).astype(np.float32)


def mirrored(values: Values, groups: tuple[LandmarkGroup, ...], *, about: float) -> Values:
    """Return landmarks as in a mirror: x is `2 about - x`, left and right change places.

    >>> hand = groups_of("hand", 42)
    >>> float(mirrored(np.full((1, 42), 0.25, np.float32), hand, about=0.5)[0, 0])
    0.75
    """
    found = values.copy()
    hands = [group for group in groups if group.kind == "hand"]
    for group in groups:
        came_from = hands[1 - hands.index(group)] if group.kind == "hand" and len(hands) == 2 else group
        points = values[:, came_from.start : came_from.stop].reshape(len(values), group.points, group.channels).copy()
        was_seen = seen(values, came_from)
        if group.kind == "pose":
            points = points[:, list(POSE_MIRRORED)]
        points[was_seen, :, 0] = 2 * about - points[was_seen, :, 0]
        found[:, group.start : group.stop] = points.reshape(len(values), -1)
    return found
