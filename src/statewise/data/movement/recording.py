"""A recorded movement: samples with their times, what was done, and by whom."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from statewise.data.video.film import Look, VideoFrame

Values = NDArray[np.float32]
Seconds = NDArray[np.float64]
MovementPart = Literal["training", "validation", "held_out"]
MOST_COLUMNS = 8192
"Numbers of one sample."
BACKGROUNDS = (
    "background",
    "none",
    "null",
    "idle",
    "rest",
    "no gesture",
    "no_gesture",
    "nothing",
    "doing other things",
)
"Names of the class in which there is no gesture, where no name is said."


class FilmLike(NamedTuple):
    """Something that yields frames: a film, pictures of a folder or in memory; and how long, where that is known."""

    title: str
    frames: Callable[[Look], Iterable[VideoFrame]]
    seconds: float | None = None


@final
@dataclass(frozen=True)
class Movement:
    """One recording: `values` `[T, D]`, NaN where a number is missing, each sample at a time in seconds, or a film.

    `label` is what the whole is; where `labels` are given, one for each sample, they say what is done when ("" for the
    background). `times` are None where they were not recorded. `part` is what the source says of the split.
    `columns` are what the numbers are called, where they have names.
    """

    name: str
    values: Values | FilmLike
    times: Seconds | None = None
    label: str = ""
    labels: Sequence[str] | None = None
    person: str | None = None
    part: MovementPart | None = None
    columns: tuple[str, ...] = ()

    @property
    def is_film(self) -> bool:
        """Whether its samples are frames."""
        return isinstance(self.values, FilmLike)


class NotRead(NamedTuple):
    """Something that is no recording, why, and where it stands."""

    why: str
    where: str


class MovementReading(NamedTuple):
    """How sources are read: what is said of them that they do not say themselves.

    `rate` are samples a second where there are no times. `person` is a column of a table, or `name`, what stands before
    the first `_` or `-` of a file's name, or `folder`, the folder in the class's folder. `columns` are the numbers of a
    table that count; all where none is named. `channels` is how many numbers a point of a headless row has.
    """

    rate: float = 30.0
    time: str | None = None
    label: str | None = None
    person: str | None = None
    recording: str | None = None
    columns: tuple[str, ...] = ()
    channels: int = 2


def as_numbers_array(found: Any, title: str) -> Values:
    """Return an array as samples `[T, D]` of 32-bit numbers, those that are not finite as NaN.

    Raises `ValueError` for anything else.

    >>> as_numbers_array(np.array([1.0, np.inf]), "a").tolist()
    [[1.0], [nan]]
    """
    array = np.asarray(found)
    if array.dtype.kind not in "fiub" or array.ndim < 1:
        raise ValueError(f"{title} holds no numbers")
    array = array.reshape(len(array), -1) if array.size else array.reshape(len(array), 0)
    if not 0 < array.shape[1] <= MOST_COLUMNS:
        raise ValueError(f"{title} has {array.shape[1]:,} numbers in a sample, not 1 to {MOST_COLUMNS:,}")
    with np.errstate(over="ignore", invalid="ignore"):
        values = array.astype(np.float32)
    return np.where(np.abs(values) <= 1e18, values, np.float32(np.nan)).astype(np.float32)
