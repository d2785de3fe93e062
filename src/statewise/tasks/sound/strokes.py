"""Strokes in what a network says of even cells: one for each peak of their probability, with its time and material."""

from dataclasses import dataclass, field
from typing import NamedTuple, final

import numpy as np

from statewise.data.audio.cochleagram import CELLS_A_SECOND
from statewise.data.sounding.film_hits import FilmHit
from statewise.data.sounding.sounding_codec import SoundingCodec
from statewise.data.sounding.sounding_steps import Floats
from statewise.errors import UsageError

APART = 3
"Cells to either side of a stroke in which nothing is likelier: two that are 45 ms apart are two."
USUALLY_SURE = 0.15
"So likely is a stroke that is taken for one, where no part for checks said better."


class StrokeMade(NamedTuple):
    """A stroke that a film shows: when, how strong from 0 to 1, of which material, how sure; and in which cell."""

    seconds: float
    strength: float
    material: str
    confidence: float
    cell: int

    def __str__(self) -> str:
        what = f"  {self.material}" if self.material else ""
        return f"{self.seconds:9.3f} s{what}  strength {self.strength:.2f} ({self.confidence:.2f})"

    def as_json(self) -> dict[str, object]:
        """Return it as plain values."""
        told = {name: round(getattr(self, name), 4) for name in ("seconds", "strength", "confidence")}
        return {**told, "material": self.material}

    @property
    def hit(self) -> FilmHit:
        """The stroke as a row of a table."""
        return FilmHit(self.seconds, self.strength, self.material)


@final
@dataclass
class StrokeFinder:
    """Finds strokes in cells that come in pieces; one is known `APART` cells later.

    `held` are the last cells, as many as tell whether the middle one is a peak.
    """

    codec: SoundingCodec
    sure: float = USUALLY_SURE
    given: int = 0
    held: Floats = field(init=False)

    def __post_init__(self) -> None:
        if not 0 < self.sure < 1:
            raise UsageError(f"--sure {self.sure:g} is not a probability: give more than 0, less than 1")
        self.held = np.zeros((2 * APART, self.codec.said))

    def push(self, cells: Floats) -> list[StrokeMade]:
        """Return the strokes that are known after some more cells."""
        joined, found = np.concatenate([self.held, cells]), []
        chances = joined[:, self.codec.ear.bands]
        for place in range(APART, len(joined) - APART):
            own = chances[place]
            if own < self.sure or own <= chances[place - APART : place].max():
                continue
            if own >= chances[place + 1 : place + APART + 1].max():
                found.append(self._made(joined, place))
        self.held = joined[len(joined) - 2 * APART :].copy()
        self.given += len(cells)
        return found

    def finish(self) -> list[StrokeMade]:
        """Return the strokes that the last cells hold."""
        return self.push(np.zeros((APART, self.codec.said)))

    def _made(self, joined: Floats, place: int) -> StrokeMade:
        """Return the stroke of a peak: its time is the middle of the probability about it."""
        codec, bands = self.codec, self.codec.ear.bands
        near = joined[place - 1 : place + 2, bands]
        cell = self.given - 2 * APART + place
        middle = cell + 0.5 + float((near * [-1.0, 0.0, 1.0]).sum() / near.sum())
        strength = float(joined[place, bands + 1])
        material = ""
        if codec.materials:
            odds = joined[place - 1 : place + 2, bands + 2 :].sum(axis=0)
            material = codec.materials[int(odds.argmax())]
        return StrokeMade(
            max(0.0, middle / CELLS_A_SECOND), min(1.0, max(0.0, strength)), material, float(near[1]), max(0, cell)
        )


def strokes_in(cells: Floats, codec: SoundingCodec, sure: float = USUALLY_SURE) -> list[StrokeMade]:
    """Return the strokes of a whole film."""
    finder = StrokeFinder(codec, sure)
    return [*finder.push(cells), *finder.finish()]
