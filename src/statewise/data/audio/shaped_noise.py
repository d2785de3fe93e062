"""A sound out of its envelopes: noise and tones of each band, as loud as its envelope says."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import final

import numpy as np
from numpy.typing import NDArray

from statewise.data.audio.cochleagram import HALF, TAPS, Cochlea, Envelopes
from statewise.data.audio.sound import Samples
from statewise.errors import UsageError

LOOP_SECONDS = 4.0
"Noise is drawn for so long and then repeats, in every band at once."
QUIET = 1e-9


@final
@dataclass(frozen=True)
class Excitation:
    """What envelopes shape: of each band noise, and a tone in its middle, `tone` of the one and the rest of the other.

    The noise of a band is Gaussian noise through its filter, divided by its own envelope, so that what shapes it is the
    envelope alone. The same `seed` gives the same samples.

    >>> Excitation(Cochlea(18000, bands=3, highest=8000), seed=1).carriers.shape[0]
    3
    """

    cochlea: Cochlea
    seed: int = 0
    tone: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.tone <= 1:
            raise UsageError(f"--tone {self.tone:g} is not a share: give 0, noise alone, to 1, tones alone")

    @property
    def length(self) -> int:
        """Samples after which noise repeats: whole cells."""
        return round(LOOP_SECONDS * 90) * self.cochlea.cell

    @cached_property
    def carriers(self) -> NDArray[np.float32]:
        """The noise and tones `[bands, length]`, each about as loud as one."""
        how, length = self.cochlea, self.length
        noise = np.random.default_rng(self.seed).standard_normal(length).astype(np.float32)
        around = np.concatenate([noise[-HALF:], noise, noise[: how.block + TAPS]])
        found = np.empty((how.bands, length), np.float32)
        for first in range(0, length, how.block):
            bands = how.bands_of(around[first : first + how.block + TAPS - 1])[:, : length - first]
            found[:, first : first + how.block] = bands.real / (np.abs(bands) + QUIET)
        if self.tone:
            # a whole number of turns in the loop, so that it has no seam
            turns = np.round(how.centres / how.rate * length)
            tones = np.cos(2 * np.pi * turns[:, None] * np.arange(length) / length).astype(np.float32)
            found = (1 - self.tone) ** 0.5 * found + self.tone**0.5 * tones
        return found * self._gains(found)[:, None]

    def _gains(self, carriers: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return by how much each band is made softer, so that envelopes of one are found again as one.

        Bands overlap: what is made in one is heard in its neighbours.
        """
        how = self.cochlea
        heard = Cochlea(how.rate, how.bands, how.lowest, how.highest, power=1.0).of(carriers.sum(axis=0))
        return np.asarray(1 / np.maximum(heard[8:-8].mean(axis=0), 1e-3), np.float32)


@final
@dataclass
class ShapedNoise:
    """Envelopes that come in pieces, as sound: each cell goes from the last one's loudness to its own by its middle."""

    excitation: Excitation
    given: int = field(default=0, init=False)
    last: Envelopes = field(init=False)

    def __post_init__(self) -> None:
        self.last = np.zeros(self.excitation.cochlea.bands, np.float32)

    def push(self, envelopes: Envelopes) -> Samples:
        """Return the samples of some more cells `[cells * cell]`."""
        how = self.excitation.cochlea
        if not len(envelopes):
            return np.zeros(0, np.float32)
        loud = np.maximum(envelopes, 0) ** np.float32(1 / how.power)
        before = np.concatenate([self.last[None], loud[:-1]])
        share = np.minimum(1, 2 * (np.arange(how.cell, dtype=np.float32) + 1) / how.cell)[None, :]
        found = np.empty((len(loud), how.cell), np.float32)
        carriers = self.excitation.carriers
        for number in range(len(loud)):
            first = (self.given + number) * how.cell % self.excitation.length
            own = carriers[:, first : first + how.cell]
            shaped = before[number][:, None] + (loud[number] - before[number])[:, None] * share
            found[number] = (own * shaped).sum(axis=0)
        self.given, self.last = self.given + len(loud), loud[-1]
        return found.reshape(-1)
