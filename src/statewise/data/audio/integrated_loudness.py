"""How loud a sound is as a whole, in LUFS, measured as it comes."""

import math
from functools import lru_cache
from typing import final

import numpy as np
from numpy.typing import NDArray

from statewise.data.audio.sound import Samples

SILENCE, RELATIVE, OFFSET = -70.0, -10.0, -0.691
"Blocks softer than this do not count, nor those so much softer than the mean of the rest; both in LUFS."
HOP_SECONDS, HOPS = 0.1, 4
TAPS, SIZE = 1 << 13, 1 << 15


@lru_cache(maxsize=4)
def _weighting(rate: int) -> NDArray[np.complex128]:
    """Return what the K-weighting of BS.1770 does to each frequency: a shelf, and a high pass."""
    response = np.zeros(TAPS)
    response[0] = 1.0
    for gain, width, hertz, is_shelf in ((4.0, 2**-0.5, 1500.0, True), (0.0, 0.5, 38.0, False)):
        response = _filtered(response, *_section(gain, width, hertz, rate, is_shelf=is_shelf))
    found: NDArray[np.complex128] = np.fft.rfft(response, SIZE)
    return found


def _section(gain: float, width: float, hertz: float, rate: int, *, is_shelf: bool) -> tuple[list[float], list[float]]:
    """Return a section of second order. Source: the formulas of Bristow-Johnson, with the numbers of BS.1770-4."""
    high, turn = 10 ** (gain / 40), 2 * math.pi * hertz / rate
    alpha, cos = math.sin(turn) / (2 * width), math.cos(turn)
    if is_shelf:
        root = 2 * math.sqrt(high) * alpha
        ahead = [high * ((high + 1) + (high - 1) * cos + root), -2 * high * ((high - 1) + (high + 1) * cos)]
        ahead.append(high * ((high + 1) + (high - 1) * cos - root))
        back = [(high + 1) - (high - 1) * cos + root, 2 * ((high - 1) - (high + 1) * cos)]
        back.append((high + 1) - (high - 1) * cos - root)
    else:
        ahead, back = [(1 + cos) / 2, -(1 + cos), (1 + cos) / 2], [1 + alpha, -2 * cos, 1 - alpha]
    return [b / back[0] for b in ahead], [a / back[0] for a in back]


def _filtered(samples: NDArray[np.float64], ahead: list[float], back: list[float]) -> NDArray[np.float64]:
    found, x1, x2, y1, y2 = np.empty_like(samples), 0.0, 0.0, 0.0, 0.0
    for n, x in enumerate(samples.tolist()):
        y = ahead[0] * x + ahead[1] * x1 + ahead[2] * x2 - back[1] * y1 - back[2] * y2
        x1, x2, y1, y2 = x, x1, y, y1
        found[n] = y
    return found


@final
class LoudnessMeter:
    """Measures the integrated loudness of BS.1770-4 of one channel that comes in pieces, and its largest sample.

    It holds a number for each tenth of a second, and less than two seconds of sound.

    >>> meter = LoudnessMeter(8000)
    >>> meter.push(np.zeros(8000, np.float32))
    >>> meter.lufs()
    -inf
    """

    def __init__(self, rate: int) -> None:
        self.rate, self.peak = rate, 0.0
        self._hop = round(HOP_SECONDS * rate)
        self._held = np.zeros(TAPS - 1)
        self._waiting: list[Samples] = []
        self._count = 0
        self._weighted = np.zeros(0)
        self._powers: list[float] = []

    def push(self, samples: Samples) -> None:
        """Take some more samples."""
        self.peak = max(self.peak, float(np.abs(samples).max(initial=0.0)))
        self._waiting.append(samples)
        self._count += len(samples)
        if self._count >= SIZE - TAPS + 1:
            self._weigh()

    def _weigh(self) -> None:
        """Filter what waits, and count the power of each tenth of a second."""
        joined, block = np.concatenate([self._held, *self._waiting]), SIZE - TAPS + 1
        parts = [self._weighted]
        for first in range(0, self._count, block):
            own = joined[first : first + SIZE]
            weighted = np.fft.irfft(np.fft.rfft(own, SIZE) * _weighting(self.rate), SIZE)
            parts.append(weighted[TAPS - 1 : len(own)])
        self._held = joined[len(joined) - (TAPS - 1) :]
        known = np.concatenate(parts)
        count = len(known) // self._hop
        self._powers += np.square(known[: count * self._hop]).reshape(count, self._hop).mean(axis=1).tolist()
        self._weighted, self._waiting, self._count = known[count * self._hop :], [], 0

    def lufs(self) -> float:
        """Return the loudness of all that came, minus infinity for silence or less than 0.4 s."""
        self._weigh()
        powers = np.array(self._powers)
        if len(powers) < HOPS:
            return -math.inf
        blocks = np.convolve(powers, np.full(HOPS, 1 / HOPS), "valid")
        blocks = blocks[_in_lufs(blocks) > SILENCE]
        if not len(blocks):
            return -math.inf
        blocks = blocks[_in_lufs(blocks) > float(_in_lufs(blocks.mean()[None])[0]) + RELATIVE]
        return float(_in_lufs(blocks.mean()[None])[0])


def _in_lufs(powers: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(OFFSET + 10 * np.log10(np.maximum(powers, 1e-20)), np.float64)
