"""Pieces of recorded sound that a network's sound is put together from, and what each sounds like."""

import base64
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from statewise.data.audio.cochleagram import CELLS_A_SECOND, Cochlea, Envelopes
from statewise.data.audio.sound import Samples
from statewise.errors import DataError

COMPARED = 8
"Cells that pieces are compared in: 89 ms after a stroke."
PIECE_SECONDS, LEAST_SECONDS = 0.7, 0.12
STRETCH_CELLS, STRETCH_HOP = 30, 22
"Of sound that goes on, a piece is so many cells, and the next begins so many later: they fade into each other."
LEAD = 0.004
"Seconds that a piece begins before its stroke."
DAMAGED = "codec.json holds a recorded piece that is damaged: start again"


class RecordedPiece(NamedTuple):
    """A piece of sound: what of, 16-bit samples and compressed envelopes of its beginning, both in base 64."""

    material: str
    packed: str
    begins: str

    @classmethod
    def of(cls, material: str, samples: Samples, cells: Envelopes) -> "RecordedPiece":
        """Pack a piece."""
        pcm = (samples.clip(-1, 1) * 32767).round().astype("<i2").tobytes()
        return cls(material, base64.b64encode(pcm).decode(), base64.b64encode(cells.astype("<f2").tobytes()).decode())

    def samples(self) -> Samples:
        """Return its samples. Raises `DataError` where they are damaged."""
        try:
            pcm = np.frombuffer(base64.b64decode(self.packed, validate=True), "<i2")
        except ValueError:
            raise DataError(DAMAGED) from None
        return np.asarray(pcm.astype(np.float32) / np.float32(32767), np.float32)

    def cells(self, bands: int) -> Envelopes:
        """Return how it begins `[cells, bands]`. Raises `DataError` where that is damaged."""
        try:
            found = np.frombuffer(base64.b64decode(self.begins, validate=True), "<f2").reshape(-1, bands)
        except ValueError:
            raise DataError(DAMAGED) from None
        if not len(found):
            raise DataError(DAMAGED)
        return found.astype(np.float32)


def struck_pieces(
    samples: Samples, envelopes: Envelopes, hits: Sequence[tuple[float, str]], ear: Cochlea
) -> list[RecordedPiece]:
    """Return the sound after each hit that is not too near to another, up to the next one."""
    found = []
    times = [-1.0, *(seconds for seconds, _ in hits), len(samples) / ear.rate]
    for (seconds, material), before, after in zip(hits, times, times[2:], strict=False):
        length = min(PIECE_SECONDS, after - seconds - 2 * LEAD)
        first = round((seconds - LEAD) * ear.rate)
        if length < LEAST_SECONDS or seconds - before < LEAST_SECONDS or first < 0:
            continue
        cell = int(seconds * CELLS_A_SECOND)
        own = envelopes[cell : cell + COMPARED]
        if len(own) == COMPARED:
            found.append(RecordedPiece.of(material, samples[first : first + round(length * ear.rate)], own))
    return found


def stretches(samples: Samples, envelopes: Envelopes, ear: Cochlea) -> list[RecordedPiece]:
    """Return a sound that goes on as pieces of equal length that overlap."""
    found = []
    for cell in range(0, len(envelopes) - STRETCH_CELLS + 1, STRETCH_HOP):
        own = samples[cell * ear.cell : (cell + STRETCH_CELLS) * ear.cell]
        if len(own) == STRETCH_CELLS * ear.cell:
            found.append(RecordedPiece.of("", own, envelopes[cell : cell + STRETCH_CELLS]))
    return found


def chosen_pieces(found: Sequence[RecordedPiece], most: int) -> tuple[RecordedPiece, ...]:
    """Return at most so many pieces, about as many of each material, evenly out of all."""
    by_material: dict[str, list[RecordedPiece]] = {}
    for piece in found:
        by_material.setdefault(piece.material, []).append(piece)
    each = max(1, most // max(1, len(by_material)))
    chosen: list[RecordedPiece] = []
    for _, own in sorted(by_material.items()):
        places = np.unique(np.linspace(0, len(own) - 1, min(each, len(own))).round().astype(int))
        chosen += [own[place] for place in places]
    return tuple(chosen)
