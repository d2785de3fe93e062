"""Sound out of what a network says of a film: recorded pieces about each stroke, or noise and tones, as it comes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, final

import numpy as np

from statewise.data.audio.cochleagram import CELLS_A_SECOND
from statewise.data.audio.shaped_noise import Excitation, ShapedNoise
from statewise.data.audio.sound import Samples
from statewise.data.sounding.recorded_pieces import COMPARED, LEAD, STRETCH_CELLS, STRETCH_HOP
from statewise.data.sounding.sounding_codec import SoundingCodec
from statewise.data.sounding.sounding_steps import Floats
from statewise.errors import UsageError
from statewise.tasks.sound.strokes import APART, StrokeMade

Way = Literal["retrieval", "parametric"]
LEAST_GAIN, MOST_GAIN = 0.3, 2.0
"Of compressed envelopes, by which a recorded piece is made softer or louder."
FADE_IN, FADE_OUT = 0.002, 0.05
CANDIDATES = 3
"Nearest pieces out of which one is drawn by the seed, so that equal strokes do not sound like a machine."
Cells = np.ndarray


@final
@dataclass(frozen=True)
class SoundRules:
    """How sound is made: by recorded pieces or by noise and tones (`tone` their share), and the seed of draws."""

    way: Way = "retrieval"
    tone: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.way not in ("retrieval", "parametric"):
            raise UsageError(f"--way {str(self.way)[:20]} is not known: give retrieval or parametric")
        if not 0 <= self.tone <= 1:
            raise UsageError(f"--tone {self.tone:g} is not a share: give 0, noise alone, to 1, tones alone")
        if not 0 <= self.seed < 2**63:
            raise UsageError(f"--seed {self.seed} is out of bounds: give a whole number from 0")


class Instrument(Protocol):
    """Makes sound of cells, `lag` of them later."""

    lag: int

    def push(self, cells: Floats, strokes: Sequence[StrokeMade]) -> Samples:
        """Return the samples that are known after some more cells, and the strokes that were found in them."""


def instrument(codec: SoundingCodec, rules: SoundRules) -> "Instrument":
    """Return what makes sound by some rules. Raises `UsageError` where a run kept no recorded piece."""
    if rules.way == "parametric":
        return NoiseBands(codec, rules)
    if not codec.pieces:
        raise UsageError("this run kept no recorded pieces: give --way parametric, or train with --pieces 120")
    return JoinedStretches(codec, rules) if codec.goes_on else StruckPieces(codec, rules)


@final
@dataclass
class NoiseBands:
    """Noise and tones in every band, as loud as the network says."""

    codec: SoundingCodec
    rules: SoundRules
    lag: int = 0
    noise: ShapedNoise = field(init=False)

    def __post_init__(self) -> None:
        self.noise = ShapedNoise(Excitation(self.codec.ear, self.rules.seed, self.rules.tone))

    def push(self, cells: Floats, strokes: Sequence[StrokeMade]) -> Samples:
        """Return the samples of some more cells."""
        envelopes = cells[:, : self.codec.ear.bands].astype(np.float32)
        is_quiet = envelopes.mean(axis=1) <= self.codec.quiet
        return self.noise.push(np.where(is_quiet[:, None], np.float32(0), envelopes.clip(0, 4)))


@final
@dataclass
class StruckPieces:
    """About every stroke the recorded piece that is nearest to what the network says, as loud as it says.

    Pieces add up where they overlap, and fade in and out. `ready` is sound that further strokes may still add to.
    """

    codec: SoundingCodec
    rules: SoundRules
    lag: int = max(APART, COMPARED) + 1
    given: int = 0
    number: int = 0
    waiting: list[StrokeMade] = field(default_factory=list)
    held: Floats = field(init=False)
    ready: Samples = field(init=False)

    def __post_init__(self) -> None:
        ear = self.codec.ear
        self.held = np.zeros((0, ear.bands))
        self.ready = np.zeros(self.lag * ear.cell, np.float32)
        self._samples = [_faded(piece.samples(), ear.rate) for piece in self.codec.pieces]
        self._cells = np.stack([piece.cells(ear.bands)[:COMPARED] for piece in self.codec.pieces])
        self._materials = np.array([piece.material for piece in self.codec.pieces])

    def push(self, cells: Floats, strokes: Sequence[StrokeMade]) -> Samples:
        """Return the samples that no later stroke can change."""
        ear = self.codec.ear
        # the buffer begins `lag` cells before the first cell that is not yet given
        self.waiting += strokes
        self.held = np.concatenate([self.held, cells[:, : ear.bands]])
        self.given += len(cells)
        first_held = self.given - len(self.held)
        self.ready = np.concatenate([self.ready, np.zeros(len(cells) * ear.cell, np.float32)])
        begins = (self.given - len(cells) - self.lag) * ear.cell
        later = []
        for stroke in self.waiting:
            if stroke.cell + COMPARED > self.given:
                later.append(stroke)
                continue
            own = self.held[max(0, stroke.cell - first_held) :][:COMPARED]
            self._add(stroke, own, begins)
        self.waiting = later
        self.held = self.held[max(0, len(self.held) - self.lag - COMPARED) :]
        out, self.ready = self.ready[: len(cells) * ear.cell], self.ready[len(cells) * ear.cell :]
        return out

    def _add(self, stroke: StrokeMade, wanted: Floats, begins: int) -> None:
        chosen, gain = self._nearest(stroke, wanted)
        samples = self._samples[chosen] * np.float32(gain)
        place = round((stroke.seconds - LEAD) * self.codec.ear.rate) - begins
        samples, place = (samples[-place:], 0) if place < 0 else (samples, place)
        if place + len(samples) > len(self.ready):
            self.ready = np.concatenate([self.ready, np.zeros(place + len(samples) - len(self.ready), np.float32)])
        self.ready[place : place + len(samples)] += samples

    def _nearest(self, stroke: StrokeMade, wanted: Floats) -> tuple[int, float]:
        """Return the number of a piece and how much louder it is to be."""
        known = self._cells[:, : len(wanted)]
        scale = (known * wanted).sum(axis=(1, 2)) / np.maximum(np.square(known).sum(axis=(1, 2)), 1e-9)
        scale = scale.clip(LEAST_GAIN, MOST_GAIN)
        away = np.square(scale[:, None, None] * known - wanted).mean(axis=(1, 2))
        same = self._materials == stroke.material
        if stroke.material and same.any():
            away = np.where(same, away, np.inf)
        near = np.argsort(away, kind="stable")[: min(CANDIDATES, int(np.isfinite(away).sum()))]
        draw = np.random.default_rng([self.rules.seed, self.number])
        self.number += 1
        chosen = int(near[draw.integers(len(near))])
        return chosen, float(scale[chosen] ** (1 / self.codec.ear.power))


@final
@dataclass
class JoinedStretches:
    """Of sound that goes on, the nearest recorded stretch to each stretch of cells, each fading into the next."""

    codec: SoundingCodec
    rules: SoundRules
    lag: int = STRETCH_CELLS
    given: int = 0
    held: Floats = field(init=False)
    ready: Samples = field(init=False)

    def __post_init__(self) -> None:
        ear = self.codec.ear
        self.held = np.zeros((0, ear.bands))
        self.ready = np.zeros(self.lag * ear.cell, np.float32)
        self._samples = np.stack([piece.samples() for piece in self.codec.pieces])
        self._cells = np.stack([piece.cells(ear.bands) for piece in self.codec.pieces])

    def push(self, cells: Floats, strokes: Sequence[StrokeMade]) -> Samples:
        """Return the samples that no later stretch can change."""
        ear = self.codec.ear
        self.held = np.concatenate([self.held, cells[:, : ear.bands].clip(0, 4)])
        self.given += len(cells)
        self.ready = np.concatenate([self.ready, np.zeros(len(cells) * ear.cell, np.float32)])
        begins = self.given - len(cells) - self.lag
        while len(self.held) >= STRETCH_CELLS:
            first = self.given - len(self.held)
            own = self._stretch(self.held[:STRETCH_CELLS])
            place = (first - begins) * ear.cell
            self.ready[place : place + len(own)] += own
            self.held = self.held[STRETCH_HOP:]
        out, self.ready = self.ready[: len(cells) * ear.cell], self.ready[len(cells) * ear.cell :]
        return out

    def _stretch(self, wanted: Floats) -> Samples:
        ear, overlap = self.codec.ear, (STRETCH_CELLS - STRETCH_HOP) * self.codec.ear.cell
        if wanted.mean() <= self.codec.quiet:
            return np.zeros(STRETCH_CELLS * ear.cell, np.float32)
        scale = (self._cells * wanted).sum(axis=(1, 2)) / np.maximum(np.square(self._cells).sum(axis=(1, 2)), 1e-9)
        scale = scale.clip(LEAST_GAIN, MOST_GAIN)
        chosen = int(np.square(scale[:, None, None] * self._cells - wanted).mean(axis=(1, 2)).argmin())
        rise = np.sin(np.pi / 2 * (np.arange(overlap, dtype=np.float32) + 0.5) / overlap) ** 2
        shape = np.ones(STRETCH_CELLS * ear.cell, np.float32)
        shape[:overlap], shape[len(shape) - overlap :] = rise, rise[::-1]
        return np.asarray(self._samples[chosen] * shape * np.float32(scale[chosen] ** (1 / ear.power)), np.float32)


def _faded(samples: Samples, rate: int) -> Samples:
    """Return a piece that begins and ends without a click."""
    found = samples.copy()
    rise, fall = max(1, round(FADE_IN * rate)), max(1, round(FADE_OUT * rate))
    found[:rise] *= np.linspace(0, 1, rise, dtype=np.float32)[: len(found)]
    found[-fall:] *= np.linspace(1, 0, fall, dtype=np.float32)[-len(found) :]
    return found


def delay_of(codec: SoundingCodec, lag: int) -> float:
    """Return by how many seconds sound comes later than the frame that it belongs to."""
    return codec.look_ahead + 1 / codec.picture_rate + (lag + 1) / CELLS_A_SECOND
