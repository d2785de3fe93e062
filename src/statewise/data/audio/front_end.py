"""The frames of a sound: log energies of mel bands or their cepstra, the same in whatever pieces the sound comes."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, final

import numpy as np
from numpy.typing import NDArray

from statewise.data.audio.sound import Samples

Frames = NDArray[np.float32]
LEAST_ENERGY = 1e-9
"Of a band, about that of the noise of 16-bit samples: silence has a logarithm."


def mel(hertz: float) -> float:
    """Return a frequency on the mel scale. Source: O'Shaughnessy 1987.

    >>> round(mel(1000))
    1000
    """
    return 1127 * math.log1p(hertz / 700)


@final
@dataclass(frozen=True)
class FrontEnd:
    """How sound becomes frames: one each `hop` seconds, of the `window` seconds that begin there.

        e_m = sum_k M_mk |FFT(hamming * (x_t - emphasis x_{t-1}))_k|^2,   frame = log max(e, 1e-9)

    Nothing is read before the first sample or after the last of a window, so that a frame is final as soon as its last
    sample is there. `mfcc` are the first `coefficients` of the cosine transform of the log energies (DCT-II,
    orthonormal).

    >>> front_end = FrontEnd(8000)
    >>> front_end.frames(np.zeros(8000, np.float32)).shape
    (98, 40)
    """

    rate: int
    kind: Literal["log_mel", "mfcc"] = "log_mel"
    bands: int = 40
    coefficients: int = 13
    window: float = 0.025
    hop: float = 0.010
    emphasis: float = 0.97

    @property
    def window_samples(self) -> int:
        """Samples of a window."""
        return max(2, round(self.window * self.rate))

    @property
    def hop_samples(self) -> int:
        """Samples from one frame to the next."""
        return max(1, round(self.hop * self.rate))

    @property
    def numbers(self) -> int:
        """How many numbers a frame has."""
        return self.coefficients if self.kind == "mfcc" else self.bands

    @cached_property
    def filters(self) -> NDArray[np.float64]:
        """Triangles over the powers of the spectrum, evenly spaced in mel from 20 Hz to half the rate, `[K, M]`."""
        size = 1 << (self.window_samples - 1).bit_length()
        edges = np.linspace(mel(20.0), mel(self.rate / 2), self.bands + 2)
        places = np.array([mel(k * self.rate / size) for k in range(size // 2 + 1)])[:, None]
        low, middle, high = edges[:-2], edges[1:-1], edges[2:]
        found: NDArray[np.float64] = np.minimum((places - low) / (middle - low), (high - places) / (high - middle))
        return found.clip(0.0)

    @cached_property
    def cosines(self) -> NDArray[np.float64]:
        """The cosine transform `[M, C]`."""
        angles = np.pi / self.bands * (np.arange(self.bands)[:, None] + 0.5) * np.arange(self.coefficients)
        scale = np.full(self.coefficients, math.sqrt(2 / self.bands))
        scale[0] = math.sqrt(1 / self.bands)
        found: NDArray[np.float64] = np.cos(angles) * scale
        return found

    @cached_property
    def taper(self) -> NDArray[np.float64]:
        """The window's shape."""
        return np.hamming(self.window_samples)

    def frames(self, samples: Samples) -> Frames:
        """Return all frames of a sound, `[T, numbers]`."""
        return FrameStream(self).push(samples)

    def of_windows(self, windows: NDArray[np.float64]) -> Frames:
        """Return the frames of windows `[T, window]` of emphasised samples, in double precision throughout."""
        size = 2 * (len(self.filters) - 1)
        spectrum = np.fft.rfft(windows * self.taper, n=size, axis=1)
        energies = (spectrum.real**2 + spectrum.imag**2) @ self.filters / self.window_samples
        logs = np.log(np.maximum(energies, LEAST_ENERGY))
        return (logs @ self.cosines if self.kind == "mfcc" else logs).astype(np.float32)


@final
class FrameStream:
    """A sound that comes in pieces of any length, as frames; what it holds is less than a window and one sample."""

    def __init__(self, front_end: FrontEnd) -> None:
        self.front_end = front_end
        self._last = 0.0
        self._held = np.zeros(0, np.float64)

    def push(self, samples: Samples) -> Frames:
        """Return the frames whose last sample has come."""
        how = self.front_end
        given = samples.astype(np.float64)
        before = np.concatenate([[self._last], given])
        if len(given):
            self._last = float(given[-1])
        held = np.concatenate([self._held, given - how.emphasis * before[:-1]])
        window, hop = how.window_samples, how.hop_samples
        count = max(0, 1 + (len(held) - window) // hop)
        if not count:
            self._held = held
            return np.zeros((0, how.numbers), np.float32)
        windows = np.lib.stride_tricks.sliding_window_view(held, window)[::hop][:count]
        self._held = held[count * hop :]
        return how.of_windows(windows)
