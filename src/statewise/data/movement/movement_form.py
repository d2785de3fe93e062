"""What even samples of recordings look like, by what the first of them are, and which classes there are."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from statewise.data.movement.landmark_layouts import Layout, groups_of
from statewise.data.movement.movement_codec import MovementCodec
from statewise.data.movement.movement_files import WANTED, read_recordings
from statewise.data.movement.movement_preparing import MovementPreparing
from statewise.data.movement.movement_split import FEWEST
from statewise.data.movement.prepared_movement import MovementFacts
from statewise.data.movement.recording import BACKGROUNDS, FilmLike, Movement, Seconds
from statewise.data.video.film import Look
from statewise.errors import DataError, UsageError
from statewise.shown import in_line

MOST_RATE, MOST_FILM_RATE, USUAL_STEPS = 60.0, 15.0, 12.0
"Even samples a second of numbers and of frames at most, and steps a second, where nothing is said."
KNOWN_LAYOUTS: tuple[Layout, ...] = ("hand", "hands", "pose", "holistic")
MOST_PICTURE = 512


def codec_for(sources: Sequence[str], preparing: MovementPreparing) -> MovementCodec:
    """Return how samples are made, by what the first recordings are; it knows no classes yet."""
    first: list[Movement] = []
    for found in read_recordings(sources, preparing.reading):
        if isinstance(found, Movement):
            first.append(found)
        if len(first) == 20:
            break
    if not first:
        raise DataError(f"{', '.join(sources)} holds no recorded movement: {WANTED}")
    if first[0].is_film:
        return _film_codec(first, preparing)
    width = first[0].values.shape[1]  # type: ignore[union-attr]
    groups = groups_of(preparing.layout, width)
    rate = preparing.rate or min(MOST_RATE, _usual_rate(first, preparing.reading.rate))
    lengths = [_seconds(one, preparing.reading.rate) for one in first]
    stack = preparing.stack or _usual_stack(rate, float(np.median(lengths)))
    columns = first[0].columns or tuple(f"x{n}" for n in range(width))
    layout = preparing.layout
    if layout == "auto":
        layout = next((name for name in KNOWN_LAYOUTS if _fits(name, width)), "none")
    kind: Any = "landmarks" if groups else "sensors"
    stride = preparing.stride or stack
    gap, untimed = max(preparing.gap, 3 / rate), _usual_rate(first, preparing.reading.rate)
    return MovementCodec(kind, columns, (0, 0, 0), layout, rate, stack, stride, gap, untimed)


def _fits(layout: Layout, width: int) -> bool:
    try:
        return bool(groups_of(layout, width))
    except UsageError:
        return False


def _usual_stack(rate: float, seconds: float) -> int:
    """Return how many samples are one step: about a twelfth of a second, and no gesture shorter than ten steps."""
    return max(1, min(round(rate / USUAL_STEPS), int(seconds * rate / 10)))


def _usual_rate(first: Sequence[Movement], without_times: float) -> float:
    rates = [without_times if one.times is None else _rate(one.times) for one in first]
    known = [rate for rate in rates if rate]
    rate = float(np.median(known)) if known else without_times
    return float(round(rate)) if rate > 2 else rate


def _rate(times: Seconds) -> float:
    steps = np.diff(times[np.isfinite(times)])
    steps = steps[steps > 0]
    return 1 / float(np.median(steps)) if len(steps) else 0.0


def _seconds(one: Movement, without_times: float) -> float:
    if one.times is not None and np.isfinite(one.times).any():
        return float(np.nanmax(one.times) - np.nanmin(one.times))
    return len(one.values) / without_times


def _film_codec(first: Sequence[Movement], preparing: MovementPreparing) -> MovementCodec:
    film = first[0].values
    assert isinstance(film, FilmLike)
    picture, times = None, []
    for one in first[:3]:
        try:
            for number, frame in enumerate(one.values.frames(Look(grey=preparing.grey))):  # type: ignore[union-attr]
                picture = frame.picture if picture is None else picture
                times.append(frame.seconds)
                if number == 100:
                    break
        except DataError:
            continue
    if picture is None:
        raise DataError(f"{film.title} and the films after it cannot be read: give MP4, WebM, GIF or pictures")
    height, width, channels = picture.shape
    wide = min(MOST_PICTURE, max(8, round(preparing.size * width / height)))
    usual = _rate(np.array(times)) or preparing.reading.rate
    rate = preparing.rate or min(MOST_FILM_RATE, float(round(usual)) or usual)
    shape = (preparing.size, wide, channels)
    stack = preparing.stack or 2
    gap, untimed = max(preparing.gap, 3 / rate), preparing.reading.rate
    return MovementCodec("frames", (), shape, "none", rate, stack, preparing.stride or 1, gap, untimed)


def with_classes(
    codec: MovementCodec,
    told: Sequence[MovementFacts],
    named: Sequence[Sequence[str] | None],
    background: str | None,
    *,
    whole: bool,
) -> MovementCodec:
    """Return a codec that knows the classes and the background. Raises `DataError` for one class, or too few of one."""
    counts = Counter[str]()
    for one, names in zip(told, named, strict=True):
        if names is None:
            counts[one.label] += 1
        else:
            counts.update(name for n, name in enumerate(names) if n == 0 or names[n - 1] != name)
    known = background if background is not None else next((n for n in counts if n.lower() in BACKGROUNDS), None)
    if "" in counts:
        known = known or "background"
        counts[known] += counts.pop("")
    if background is not None and background not in counts:
        raise UsageError(f"--background {background} is not a class: there are {', '.join(sorted(counts))[:200]}")
    if len(counts) < 2:
        raise DataError(f"there is one class only, {in_line(next(iter(counts)))}: give recordings of two or more")
    few = sorted(name for name, count in counts.items() if count < FEWEST)
    if few:
        told_few = ", ".join(f"{in_line(name)} ({counts[name]})" for name in few[:10])
        raise DataError(
            f"too few recordings of {told_few}: {FEWEST} of each class are needed, to learn from and to score; record "
            "more, or take the class out"
        )
    classes = tuple(sorted(counts))
    number = classes.index(known) if known is not None else None
    lengths = [one.samples for one in told if one.part == "training"] or [1]
    typical = max(1, round(float(np.median(lengths)) / codec.stride)) if whole else _typical(told, named, known, codec)
    return replace(codec, classes=classes, background=number, whole=whole, typical=typical)


def _typical(
    told: Sequence[MovementFacts], named: Sequence[Sequence[str] | None], background: str | None, codec: MovementCodec
) -> int:
    """Return how many steps a stretch of a gesture usually has."""
    lengths = []
    for names in named:
        if names is None:
            continue
        edges = [0, *(n for n in range(1, len(names)) if names[n] != names[n - 1]), len(names)]
        lengths += [stop - start for start, stop in pairwise(edges) if names[start] not in ("", background)]
    return max(1, round(float(np.median(lengths or [1])) / codec.stride))
