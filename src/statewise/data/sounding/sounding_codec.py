"""How a film becomes what a network reads, and what it says becomes sound."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from typing import Any, NamedTuple, final

import numpy as np

from statewise.data.audio.cochleagram import Cochlea
from statewise.data.codec import Codec
from statewise.data.sounding.recorded_pieces import RecordedPiece
from statewise.data.sounding.sounding_steps import LONGEST_RATIO, StepPlan, Values, planned
from statewise.data.video.film import Look, Picture
from statewise.errors import DataError, UsageError

MOST_MATERIALS, MOST_PIECES, LONGEST_NAME, MOST_SIDE = 1_000, 10_000, 200, 512
AT_ONCE = 8
"Frames whose steps are in the cache while they are written."
FARTHEST = 6.0
"In deviations: what lies further off is no further."


class UsualPixels(NamedTuple):
    """Of the films that were learned from: mean and deviation of a pixel, and the deviation of how it changes."""

    mean: float = 128.0
    deviation: float = 64.0
    change: float = 16.0


USUAL = UsualPixels()


@final
@dataclass(frozen=True)
class SoundingCodec(Codec):
    """What turns frames into steps of a network, and what it says into envelopes, strokes and sound.

    Frames of `shape` `(H, W, C)` are read at most `picture_rate` a second, by their time stamps; a step holds one with
    its `moves` last changes. It speaks of `cells` stretches of time, `look_ahead` seconds before its own. Where clips
    said what is struck, `materials` are its names; where not, the sound goes on (`goes_on`), and `pieces` are stretches
    of it. `quiet` are envelopes of silence, below which nothing is made.
    """

    shape: tuple[int, int, int]
    picture_rate: float
    look_ahead: float
    ear: Cochlea
    untimed: float = 25.0
    moves: int = 3
    cells: int = 3
    materials: tuple[str, ...] = ()
    goes_on: bool = False
    usual: UsualPixels = USUAL
    quiet: float = 0.0
    pieces: tuple[RecordedPiece, ...] = field(default=(), repr=False)

    @property
    def symbols(self) -> Sequence[str]:
        """The materials."""
        return self.materials

    @property
    def look(self) -> Look:
        """How frames are read."""
        return Look(self.shape[0], self.shape[1], grey=self.shape[2] == 1)

    @property
    def numbers(self) -> int:
        """How many numbers a step has."""
        return self.shape[0] * self.shape[1] * (self.shape[2] + self.moves) + 1

    @property
    def said(self) -> int:
        """How many numbers the network says of a cell: bands, a stroke, its strength, and the materials."""
        return self.ear.bands + 2 + len(self.materials)

    def plan(self, times: Sequence[float], seconds: float) -> StepPlan:
        """Return which frames of a clip are read when, until its last sound has been spoken of."""
        return planned(np.array(times), self.picture_rate, seconds + self.look_ahead)

    def grey(self, frames: Picture) -> Values:
        """Return how bright frames are `[T, H, W]`, in deviations of how they change."""
        real = frames.astype(np.float32)
        bright = sum(real[..., channel] for channel in range(self.shape[2]))
        return np.asarray(bright * np.float32(1 / (self.shape[2] * self.usual.change)), np.float32)

    def steps(self, frames: Picture, plan: StepPlan, bright: float = 1.0, out: Values | None = None) -> Values:
        """Return the steps `[T, numbers]` of a film from its first frame on, so much brighter; in `out` where given."""
        return StepsUnderWay(self, bright).steps(frames[plan.frames], plan.times, out)

    def number_of(self, material: str) -> int:
        """Return the number of a material, -1 for one that is not known."""
        return self._numbers.get(material, -1)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.materials)}

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        told = {one.name: getattr(self, one.name) for one in fields(self)}
        listed = {name: list(value) if isinstance(value, tuple) else value for name, value in told.items()}
        return {**listed, "ear": asdict(self.ear), "pieces": [list(piece) for piece in self.pieces]}

    @classmethod
    def read(cls, written: Any) -> "SoundingCodec":
        """Return what `as_json` wrote. Raises `DataError` for anything else."""
        try:
            given = dict(written)
            given["ear"] = Cochlea(**given["ear"])
            given["shape"], given["materials"] = tuple(given["shape"]), tuple(given["materials"])
            given["usual"] = UsualPixels(*given["usual"])
            given["pieces"] = tuple(RecordedPiece(*piece) for piece in given["pieces"])
            codec = cls(**given)
            is_sound = _is_sound(codec)
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError, UsageError):
            is_sound = False
        if not is_sound:
            raise DataError("codec.json is not one of films with sound: it is damaged, or of another version")
        return codec

    def with_learned(self, **how: Any) -> "SoundingCodec":
        """Return this codec with what was found in the films that are learned from."""
        return replace(self, **how)


def _is_sound(codec: SoundingCodec) -> bool:
    ear = codec.ear
    fits = len(codec.shape) == 3 and all(type(n) is int and 1 <= n <= MOST_SIDE for n in codec.shape)
    fits = fits and codec.shape[2] in (1, 3) and type(ear.rate) is int and ear.rate <= 192_000
    fits = fits and type(ear.bands) is int and 1 <= ear.bands <= 1_000 and 0 < ear.power <= 1
    real = (codec.picture_rate, codec.untimed, codec.look_ahead, codec.quiet, *codec.usual)
    fits = fits and all(type(n) in (int, float) and abs(n) <= 1e6 for n in real)
    fits = fits and 1 <= codec.picture_rate <= 1000 and 0.01 <= codec.untimed <= 10_000 and 0 <= codec.look_ahead <= 10
    fits = fits and all(type(n) is int for n in (codec.moves, codec.cells)) and type(codec.goes_on) is bool
    fits = fits and 1 <= codec.moves <= 16 and 1 <= codec.cells <= 32 and min(codec.usual[1:]) > 0
    words = [*codec.materials, *(piece.material for piece in codec.pieces)]
    fits = fits and len(set(codec.materials)) == len(codec.materials) <= MOST_MATERIALS
    fits = fits and len(codec.pieces) <= MOST_PIECES
    fits = fits and all(isinstance(word, str) and len(word) <= LONGEST_NAME for word in words)
    for piece in codec.pieces:
        piece.samples()
        piece.cells(ear.bands)
    return fits


@final
class StepsUnderWay:
    """Frames that come one or some at a time, as steps; what comes out does not depend on where they are cut."""

    def __init__(self, codec: SoundingCodec, bright: float = 1.0) -> None:
        self.codec = codec
        height, width, _ = codec.shape
        pixels = (np.arange(256, dtype=np.float32) * np.float32(bright)).clip(0, 255)
        known = (pixels - np.float32(codec.usual.mean)) / np.float32(codec.usual.deviation)
        self.known: Values = known.clip(-FARTHEST, FARTHEST)
        "What each byte of a frame is as a number."
        self.grey: Values | None = None
        self.time = 0.0
        self.changes: Values = np.zeros((codec.moves - 1, height, width), np.float32)

    def steps(self, frames: Picture, times: Any, out: Values | None = None) -> Values:
        """Return the steps of some more frames `[T, H, W, C]` at these times, or write them to `out` `[T, numbers]`."""
        found = np.empty((len(frames), self.codec.numbers), np.float32) if out is None else out
        for first in range(0, len(frames), AT_ONCE):
            own = slice(first, first + AT_ONCE)
            self._write(frames[own], times[own], found[own])
        return found

    def _write(self, frames: Picture, times: Any, found: Values) -> None:
        codec, colours = self.codec, self.codec.shape[2]
        seen = self.known[frames]
        grey = seen[..., 0] + seen[..., 1] + seen[..., 2] if colours == 3 else seen[..., 0]
        grey *= np.float32(codec.usual.deviation / (colours * codec.usual.change))
        before = self.time if self.grey is not None else float(times[0]) - 1 / codec.picture_rate
        passed = np.diff(np.concatenate([[before], times])) * codec.picture_rate
        ratios = passed.clip(1e-3, LONGEST_RATIO).astype(np.float32)
        earlier = grey[:1] if self.grey is None else self.grey
        before_moves = codec.moves - 1
        changes = np.empty((before_moves + len(grey), *grey.shape[1:]), np.float32)
        changes[:before_moves], moved = self.changes, changes[before_moves:]
        np.subtract(grey[:1], earlier, out=moved[:1])
        np.subtract(grey[1:], grey[:-1], out=moved[1:])
        moved /= ratios[:, None, None]
        np.clip(moved, -FARTHEST, FARTHEST, out=moved)
        planes = found[:, :-1].reshape(len(frames), *codec.shape[:2], -1)  # a view: what a step holds lies in one piece
        planes[..., :colours] = seen
        for lag in range(codec.moves):
            planes[..., colours + lag] = changes[before_moves - lag :][: len(frames)]
        found[:, -1] = ratios - 1
        self.grey, self.time = grey[-1:], float(times[-1])
        self.changes = changes[len(changes) - before_moves :].copy()
