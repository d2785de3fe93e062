"""How a movement becomes what a network reads: even samples, comparable, some of them side by side."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from statewise.data.codec import Codec
from statewise.data.movement.landmark_layouts import LandmarkGroup, comparable, groups_of, mirrored, seen
from statewise.data.movement.recording import Seconds, Values
from statewise.data.movement.time_grid import EvenSteps
from statewise.data.packed_numbers import packed, unpacked
from statewise.data.video.film import Look
from statewise.errors import DataError

Kind = Literal["sensors", "landmarks", "frames"]
Samples = NDArray[Any]
MOST_CLASSES, MOST_NUMBERS, LONGEST_NAME = 5_000, 1 << 20, 200
MOST_FLAGS = 64
"With more sensors than this, one flag says of all of them that one is missing."
FARTHEST = 8.0
"In standard deviations: a number that lies further off is no further."


class MovementExample(NamedTuple):
    """A short movement that is not learned: what it is, and its steps in half precision, in base 64."""

    label: str
    packed: str

    @classmethod
    def of(cls, label: str, steps: Values) -> "MovementExample":
        """Pack some steps."""
        return cls(label, packed(steps))

    def steps(self, numbers: int) -> Values:
        """Return the steps, of so many numbers each. Raises `DataError` where they are damaged."""
        return unpacked(self.packed, numbers)


@final
@dataclass(frozen=True)
class MovementCodec(Codec):
    """What turns recordings into steps, and names of classes into numbers.

    Samples are read at `rate` a second, those without times as `untimed` a second; a step is `stack` of them side by
    side, and begins `stride` later than the one before. Numbers are made comparable by `means` and `deviations`; what
    is missing is nought, and a flag says so. `layout` is of landmarks, `shape` `(H, W, C)` of frames. Where a recording
    is one gesture, `whole` is true. `typical` is how many steps a gesture usually has. `mirror_about` is the middle of
    a mirror.
    """

    kind: Kind
    columns: tuple[str, ...]
    shape: tuple[int, int, int]
    layout: str
    rate: float
    stack: int
    stride: int
    gap: float
    untimed: float = 30.0
    classes: tuple[str, ...] = ()
    background: int | None = None
    whole: bool = True
    typical: int = 1
    mirror_about: float = 0.5
    means: tuple[float, ...] = ()
    deviations: tuple[float, ...] = ()
    examples: tuple[MovementExample, ...] = field(default=(), repr=False)

    @property
    def symbols(self) -> Sequence[str]:
        """The classes."""
        return self.classes

    @cached_property
    def groups(self) -> tuple[LandmarkGroup, ...]:
        """The groups of landmarks of a sample; none where its numbers are of sensors."""
        return groups_of(self.layout, len(self.columns)) if self.kind == "landmarks" else ()  # type: ignore[arg-type]

    @property
    def is_film(self) -> bool:
        """Whether samples are frames."""
        return self.kind == "frames"

    @property
    def look(self) -> Look:
        """How frames are read."""
        height, width, channels = self.shape
        return Look(height, width, grey=channels == 1)

    @property
    def compared(self) -> int:
        """How many numbers of a sample are made comparable."""
        if self.is_film:
            return self.shape[0] * self.shape[1] * self.shape[2]
        return sum(group.numbers for group in self.groups) if self.groups else len(self.columns)

    @property
    def flags(self) -> int:
        """How many flags say what is missing in a sample."""
        if self.is_film:
            return 0
        return len(self.groups) or (len(self.columns) if len(self.columns) <= MOST_FLAGS else 1)

    @property
    def numbers(self) -> int:
        """How many numbers a step has."""
        return self.stack * (self.compared + self.flags)

    @property
    def seconds_per_step(self) -> float:
        """How much later the next step begins."""
        return self.stride / self.rate

    def even_steps(self) -> EvenSteps:
        """Return what reads samples at any times as samples at even times."""
        return EvenSteps(self.rate, self.gap, holds=self.is_film)

    def cleaned(self, values: Samples) -> Samples:
        """Return samples with NaN wherever something was not seen: all numbers of a hand that is all noughts."""
        if not self.groups:
            return values
        found = np.full_like(values, np.nan)
        for group in self.groups:
            own = slice(group.start, group.stop)
            found[:, own] = np.where(seen(values, group)[:, None], values[:, own], np.float32(np.nan))
        return found

    def compared_numbers(self, values: Samples) -> Values:
        """Return samples `[T, ...]` as numbers `[T, compared]`, not yet over their deviations; NaN is missing."""
        if self.is_film:
            return np.asarray(values.reshape(len(values), -1), np.float32) / np.float32(255)
        return comparable(values, self.groups) if self.groups else np.asarray(values, np.float32)

    def features(self, values: Samples) -> Values:
        """Return comparable samples `[T, compared + flags]`."""
        means, deviations = self._usual
        normal = self.compared_numbers(values) - means
        normal /= deviations
        np.clip(normal, -FARTHEST, FARTHEST, out=normal)
        if self.is_film:
            return normal
        is_missing: Any = np.isnan(normal)
        normal[is_missing] = 0.0
        if self.groups:
            starts = np.cumsum([0, *(group.numbers for group in self.groups)])[:-1]
            flags: Any = np.logical_or.reduceat(is_missing, starts, axis=1)
        else:
            flags = is_missing if self.flags == len(self.columns) else is_missing.any(axis=1, keepdims=True)
        return np.asarray(np.concatenate([normal, flags], axis=1), np.float32)

    @cached_property
    def _usual(self) -> tuple[Values, Values]:
        return np.array(self.means, np.float32), np.array(self.deviations, np.float32)

    def mirrored(self, values: Samples) -> Samples:
        """Return samples as in a mirror: of frames and landmarks; sensors as they are."""
        if self.is_film:
            return values[:, :, ::-1]
        return mirrored(values, self.groups, about=self.mirror_about) if self.groups else values

    def steps(self, values: Samples) -> Values:
        """Return the steps `[T, numbers]` of even samples from the first on."""
        return StepMaker(self).of_even(values)

    def step_labels(self, labels: NDArray[np.int16]) -> NDArray[np.int64]:
        """Return the label at each step, out of those of even samples."""
        return labels[:: self.stride].astype(np.int64)

    def number_of(self, name: str) -> int:
        """Return the number of a class, -1 for one that was never trained."""
        return self._numbers.get(name, -1)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.classes)}

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        told = {name: value for name, value in asdict(self).items() if name != "examples"}
        plain = {name: list(value) if isinstance(value, tuple) else value for name, value in told.items()}
        return {**plain, "examples": [list(one) for one in self.examples]}

    @classmethod
    def read(cls, written: Any) -> "MovementCodec":
        """Return what `as_json` wrote. Raises `DataError` for anything else."""
        try:
            given = dict(written)
            for name in ("columns", "classes"):
                given[name] = _names(given[name])
            for name in ("means", "deviations"):
                given[name] = tuple(float(number) for number in given[name])
            given["shape"] = tuple(given["shape"])
            given["examples"] = tuple(MovementExample(*one) for one in given["examples"])
            codec = cls(**given)
            is_sound = _is_sound(codec) and all(isinstance(part, str) for one in codec.examples for part in one)
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError):
            is_sound = False
        if not is_sound:
            raise DataError("codec.json is not one of movements: it is damaged, or of another version")
        return codec

    def with_usual(self, means: NDArray[Any], deviations: NDArray[Any]) -> "MovementCodec":
        """Return this codec with what is usual."""
        return replace(self, means=tuple(map(float, means)), deviations=tuple(map(float, deviations)))


def _names(given: Any) -> tuple[str, ...]:
    found = tuple(given)
    if not all(isinstance(name, str) and len(name) <= LONGEST_NAME for name in found):
        raise ValueError("a name is not a text")
    return found


def _is_sound(codec: MovementCodec) -> bool:
    whole = (codec.stack, codec.stride, codec.typical, *codec.shape)
    real = (codec.rate, codec.gap, codec.mirror_about, codec.untimed)
    fits = all(type(n) is int and 0 <= n <= MOST_NUMBERS for n in whole) and all(type(n) in (int, float) for n in real)
    fits = (
        fits and min(codec.stack, codec.stride, codec.typical) >= 1 and codec.kind in ("sensors", "landmarks", "frames")
    )
    fits = (
        fits
        and 0 < codec.rate <= 1e4
        and 0 < codec.gap <= 1e4
        and 0 < codec.untimed <= 1e4
        and abs(codec.mirror_about) <= 1e6
    )
    fits = fits and len(codec.shape) == 3 and type(codec.whole) is bool
    fits = fits and 2 <= len(codec.classes) == len(set(codec.classes)) <= MOST_CLASSES
    fits = fits and (codec.background is None or codec.background in range(len(codec.classes)))
    fits = fits and 0 < codec.numbers <= MOST_NUMBERS and codec.compared == len(codec.means) == len(codec.deviations)
    return fits and all(abs(m) < 1e19 for m in codec.means) and all(0 < d < 1e19 for d in codec.deviations)


@final
class StepMaker:
    """Samples that come at any times and in any pieces, as steps; what comes out does not depend on the pieces."""

    def __init__(self, codec: MovementCodec) -> None:
        self.codec = codec
        self.even = codec.even_steps()
        self.given = 0
        "How many even samples were read, by which the time of a step follows."
        self._held: Values | None = None

    def push(self, times: Seconds, values: Samples) -> tuple[Seconds, Values]:
        """Return the steps that are known now, and the time of each, in seconds since the first sample.

        Raises `DataError` for times that are none; nothing has changed then.
        """
        even = self.even.push(times, self.codec.cleaned(values))
        return self._after(even)

    def of_even(self, values: Samples) -> Values:
        """Return the steps of even samples."""
        return self._after(values)[1]

    def _after(self, even: Samples) -> tuple[Seconds, Values]:
        how = self.codec
        if not len(even):
            return np.zeros(0), np.zeros((0, how.numbers), np.float32)
        features = how.features(even)
        before = np.repeat(features[:1], how.stack - 1, axis=0) if self._held is None else self._held
        joined = np.concatenate([before, features])
        first = -self.given % how.stride
        ends = np.arange(first, len(features), how.stride)
        places = ends[:, None] + np.arange(how.stack)
        times = (self.given + ends) / how.rate
        self.given += len(features)
        self._held = joined[len(joined) - (how.stack - 1) :]
        return times, joined[places].reshape(len(ends), how.numbers)
