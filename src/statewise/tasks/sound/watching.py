"""A film that is watched frame by frame, its sound made as it goes on."""

from collections.abc import Sequence
from typing import Any, NamedTuple, final

import numpy as np

from statewise.data.audio.sound import Samples
from statewise.data.sounding.sounding_codec import SoundingCodec, StepsUnderWay
from statewise.data.sounding.sounding_steps import CLOSE, FARTHEST, NEAREST, CellGrid, Floats, edges_of
from statewise.data.video.film import Picture
from statewise.errors import DataError
from statewise.model import Model
from statewise.stream import Stream
from statewise.tasks.sound.making import SoundRules, delay_of, instrument
from statewise.tasks.sound.network import said_of
from statewise.tasks.sound.strokes import USUALLY_SURE, StrokeFinder, StrokeMade

LONGEST_STILL = 600.0
"Seconds for which one frame is held."


class SoundPiece(NamedTuple):
    """Sound that became known: samples that go on from the last ones, and the strokes in what was seen."""

    samples: Samples
    strokes: tuple[StrokeMade, ...]

    def plus(self, other: "SoundPiece") -> "SoundPiece":
        """Return this and what follows it."""
        return SoundPiece(np.concatenate([self.samples, other.samples]), (*self.strokes, *other.strokes))


NOTHING = SoundPiece(np.zeros(0, np.float32), ())


@final
class FilmWatcher:
    """Watches frames as they come: `push` one with its time, `finish` at the end; sound comes `delay` seconds later.

    It holds the state of the network, the last changes between frames and the sound that is not over: as much after an
    hour as after a minute. Times are since the first frame.
    """

    def __init__(self, model: Model[Any], codec: SoundingCodec, rules: SoundRules, sure: float = USUALLY_SURE) -> None:
        self.model, self.codec, self.rules = model, codec, rules
        self.stream = Stream(model, history=0)
        self.steps = StepsUnderWay(codec)
        self.grid = CellGrid(codec.said)
        self.finder = StrokeFinder(codec, sure)
        self.instrument: Any = instrument(codec, rules)
        self.begun: float | None = None
        self.read, self.shown = 0.0, 0.0
        "When the last step was, and when the last frame came."
        self.last: Picture | None = None
        self.made = 0
        "Samples that were given."
        self.ahead = -self.instrument.lag * codec.ear.cell
        "At which sample the instrument is: what is before the first is left out."
        self.left_out = 0

    @property
    def delay(self) -> float:
        """By how many seconds sound comes later than its frame, at most."""
        return delay_of(self.codec, self.instrument.lag)

    def push(self, seconds: float, picture: Picture) -> SoundPiece:
        """Read a frame `[H, W, C]` and return the sound that is known now.

        Raises `DataError` for a time that is none, or a frame that is held for too long; nothing has changed then.
        """
        if not np.isfinite(seconds) or (self.begun is not None and seconds - self.begun - self.shown > LONGEST_STILL):
            raise DataError(f"a frame at {seconds:g} s cannot be: give times at most {LONGEST_STILL:g} s apart")
        if self.begun is None:
            self.begun, self.last = seconds, picture
            return self._step(0.0, picture)
        time, usual, found = seconds - self.begun, 1 / self.codec.picture_rate, NOTHING
        if time <= self.shown + CLOSE:
            self.left_out += 1
            return NOTHING
        self.shown = time
        while time - self.read > FARTHEST * usual:
            found = found.plus(self._step(self.read + usual, self.last))
        if time - self.read >= NEAREST * usual - CLOSE:
            self.last = picture
            found = found.plus(self._step(time, picture))
        return found

    def finish(self, seconds: float | None = None) -> SoundPiece:
        """Return the rest of the sound, exactly as long as the film: `seconds`, or a frame longer than the last one."""
        if self.begun is None:
            return NOTHING
        usual = 1 / self.codec.picture_rate
        length = self.shown + usual if seconds is None else seconds
        found = NOTHING
        while self.read < length + self.codec.look_ahead - CLOSE:
            found = found.plus(self._step(self.read + usual, self.last))
        wanted = round(length * self.codec.ear.rate)
        strokes = self.finder.finish()
        cells = np.zeros((self.instrument.lag + 1, self.codec.said))
        while self.made < wanted:
            found = found.plus(self._sound(cells, strokes))
            strokes = []
        over = self.made - wanted
        self.made = wanted
        inside = tuple(one for one in found.strokes if one.seconds < length)
        return SoundPiece(found.samples[: max(0, len(found.samples) - over)], inside)

    def _step(self, time: float, picture: Any) -> SoundPiece:
        codec, before = self.codec, self.read if self.steps.grey is not None else None
        (step,) = self.steps.steps(picture[None], np.array([time]))
        times = np.array([time]) if before is None else np.array([before, time])
        start, end = edges_of(times, codec.picture_rate, codec.look_ahead)[-1]
        self.read = time
        params = self.stream.push(step)
        said = said_of(params)
        parts = [self.grid.push(start + (end - start) * (n + 1) / codec.cells, own) for n, own in enumerate(said)]
        cells = np.concatenate(parts)
        return self._sound(cells, self.finder.push(cells)) if len(cells) else NOTHING

    def _sound(self, cells: Floats, strokes: Sequence[StrokeMade]) -> SoundPiece:
        samples = self.instrument.push(cells, strokes)
        early = min(len(samples), max(0, -self.ahead))
        self.ahead += len(samples)
        self.made += len(samples) - early
        return SoundPiece(samples[early:], tuple(strokes))

    @property
    def seconds(self) -> float:
        """How much sound was made."""
        return self.made / self.codec.ear.rate
