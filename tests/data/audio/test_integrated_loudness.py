"""The loudness of a whole sound is that of another program, in whatever pieces it comes."""

import math

import numpy as np
import pytest

from statewise.data.audio.integrated_loudness import LoudnessMeter


@pytest.mark.parametrize("rate", [9000, 22050, 48000])
def test_loudness_is_that_of_pyloudnorm(rate: int) -> None:
    pyloudnorm = pytest.importorskip("pyloudnorm")
    draw = np.random.default_rng(0)
    samples = (0.2 * draw.standard_normal(4 * rate)).astype(np.float32)
    samples[rate : 2 * rate] *= 0.01
    samples += 0.1 * np.sin(np.arange(len(samples)) * 0.3, dtype=np.float32)
    meter = LoudnessMeter(rate)
    for first in range(0, len(samples), 7001):
        meter.push(samples[first : first + 7001])
    wanted = pyloudnorm.Meter(rate).integrated_loudness(samples.astype(np.float64))
    assert meter.lufs() == pytest.approx(wanted, abs=0.1)
    assert meter.peak == float(np.abs(samples).max())


def test_silence_and_what_is_too_short_have_no_loudness() -> None:
    meter = LoudnessMeter(9000)
    assert meter.lufs() == -math.inf
    meter.push(np.ones(3000, np.float32))
    assert meter.lufs() == -math.inf
    meter = LoudnessMeter(9000)
    meter.push(np.zeros(90_000, np.float32))
    assert meter.lufs() == -math.inf
