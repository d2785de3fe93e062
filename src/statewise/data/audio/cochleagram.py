"""What an ear sends on of a sound: how loud each of its bands is, 90 times a second, the same in whatever pieces."""

from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np
from numpy.typing import NDArray

from statewise.data.audio.sound import Samples
from statewise.errors import UsageError

Envelopes = NDArray[np.float32]
CELLS_A_SECOND = 90
TAPS, SIZE = 1023, 4096
"Taps of a filter, and samples of a transform."
HALF = TAPS // 2
"By so many samples a band comes later than the sound."


def erb_number(hertz: float) -> float:
    """Return a frequency on the scale of equivalent rectangular bandwidths. Source: Glasberg & Moore 1990.

    >>> round(erb_number(1000), 2)
    15.62
    """
    return float(21.4 * np.log10(1 + 0.00437 * hertz))


@final
@dataclass(frozen=True)
class Cochlea:
    """How sound becomes envelopes: `bands` of them, each 90 times a second.

        e_b[m] = mean over cell m of |x * h_b|        c = e ** power

    `h_b` are analytic filters, half-cosines on the ERB scale from `lowest` to `highest` Hz that overlap by half: their
    squares add up to one; |x * h_b| is the Hilbert envelope of a band. A cell is `rate / 90` samples, so the rate
    is a multiple of 90. Raises `UsageError` for another one.

    Source: the cochleagram of McDermott & Simoncelli 2011, as in Owens et al. 2016.

    >>> ear = Cochlea(18000, bands=5, highest=8000)
    >>> ear.of(np.zeros(1000, np.float32)).shape
    (5, 5)
    """

    rate: int = 22_050
    bands: int = 32
    lowest: float = 60.0
    highest: float = 10_000.0
    power: float = 0.3

    def __post_init__(self) -> None:
        if self.rate % CELLS_A_SECOND or self.rate < 100 * CELLS_A_SECOND:
            raise UsageError(f"--rate {self.rate:,} is not a multiple of 90 from 9,000 on: give 18000, 22050 or 44100")
        if not 0 < self.lowest < self.highest <= self.rate / 2:
            raise UsageError(
                f"bands from {self.lowest:g} to {self.highest:g} Hz cannot be heard at {self.rate:,} samples a second: "
                "give a smaller --highest or a larger --rate"
            )

    @property
    def cell(self) -> int:
        """Samples of a cell."""
        return self.rate // CELLS_A_SECOND

    @property
    def block(self) -> int:
        """Samples that one transform gives of each band: whole cells."""
        return (SIZE - TAPS + 1) // self.cell * self.cell

    @cached_property
    def centres(self) -> NDArray[np.float64]:
        """The middle of each band, in Hz."""
        places = np.linspace(erb_number(self.lowest), erb_number(self.highest), self.bands + 2)[1:-1]
        found: NDArray[np.float64] = (10 ** (places / 21.4) - 1) / 0.00437
        return found

    @cached_property
    def filters(self) -> NDArray[np.complex64]:
        """What each filter does to each frequency `[bands, SIZE]`."""
        edges = np.linspace(erb_number(self.lowest), erb_number(self.highest), self.bands + 2)
        hertz = np.fft.fftfreq(SIZE, 1 / self.rate)
        places = np.array([erb_number(max(0.0, float(f))) for f in hertz])
        away = (places[None] - edges[1:-1, None]) / (edges[1] - edges[0])
        wanted = np.where((np.abs(away) < 1) & (hertz > 0), 2 * np.cos(np.pi / 2 * away), 0.0)
        taps = np.roll(np.fft.ifft(wanted, axis=1), HALF, axis=1)[:, :TAPS] * np.hanning(TAPS + 2)[1:-1]
        return np.fft.fft(taps, n=SIZE, axis=1).astype(np.complex64)

    def of(self, samples: Samples) -> Envelopes:
        """Return the compressed envelopes of a whole sound `[cells, bands]`; a last cell that is not full counts."""
        stream = CochleaStream(self)
        return np.concatenate([stream.push(samples), stream.finish()])

    def bands_of(self, piece: Samples) -> NDArray[np.complex64]:
        """Return the analytic bands `[bands, block]` of a piece of `block + TAPS - 1` samples."""
        spectrum = np.fft.fft(piece.astype(np.float64), n=SIZE)
        return np.fft.ifft(spectrum * self.filters, axis=1)[:, TAPS - 1 : TAPS - 1 + self.block].astype(np.complex64)


@final
class CochleaStream:
    """A sound that comes in pieces of any length, as envelopes; a cell is known a block and half a filter later."""

    def __init__(self, cochlea: Cochlea) -> None:
        self.cochlea = cochlea
        self.given = 0
        self._told = 0
        self._held = np.zeros(HALF, np.float32)

    def push(self, samples: Samples) -> Envelopes:
        """Return the envelopes that are known now `[cells, bands]`."""
        how = self.cochlea
        self.given += len(samples)
        held, found = np.concatenate([self._held, np.asarray(samples, np.float32)]), []
        first = 0
        while len(held) - first >= how.block + TAPS - 1:
            loud = np.abs(how.bands_of(held[first : first + how.block + TAPS - 1]))
            found.append(loud.reshape(how.bands, -1, how.cell).mean(axis=2).T)
            first += how.block
        self._held = held[first:]
        if not found:
            return np.zeros((0, how.bands), np.float32)
        cells = np.concatenate(found)
        self._told += len(cells)
        return np.asarray(cells**how.power, np.float32)

    def finish(self) -> Envelopes:
        """Return the envelopes that are still to come, once the sound is over."""
        left = -(-self.given // self.cochlea.cell) - self._told
        given = self.given
        found = self.push(np.zeros(self.cochlea.block + TAPS, np.float32))
        while len(found) < left:
            found = np.concatenate([found, self.push(np.zeros(self.cochlea.block, np.float32))])
        self.given = given
        return found[:left]


def loudness(envelopes: Envelopes) -> NDArray[np.float32]:
    """Return how loud each cell is: the mean of its compressed bands `[cells]`."""
    return np.asarray(envelopes.mean(axis=1), np.float32)
