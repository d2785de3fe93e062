"""Frames made a little different in each epoch of training: faster, higher, louder, noisier, with stretches masked."""

from typing import NamedTuple

import numpy as np

from statewise.data.audio.front_end import Frames


class Perturbing(NamedTuple):
    """How much frames are varied; zeros leave them as they are.

    `speed`: time is stretched, and for mel bands frequency shifted, by up to this share. `gain`: louder or softer by
    up to so many nats of energy. `noise`: white noise is added to so large a share of the sounds. `masks`: of time and
    of frequency, as many of each. Source of the masks: SpecAugment, Park et al. 2019.
    """

    speed: float = 0.0
    gain: float = 0.0
    noise: float = 0.0
    masks: int = 0

    @property
    def is_nothing(self) -> bool:
        """Whether frames stay as they are."""
        return not any(self)


MASKED_TIME, MASKED_BANDS = 0.06, 0.17
"The longest mask, of all frames and of all numbers of one."


def varied(frames: Frames, how: Perturbing, draw: np.random.Generator, *, are_logs: bool) -> Frames:
    """Return frames faster or slower, and where they are log energies of bands higher, louder and noisier."""
    found = frames
    if how.speed:
        faster, higher = draw.uniform(1 - how.speed, 1 + how.speed, 2)
        found = _stretched(found, 1 / faster)
        if are_logs:
            found = _shifted(found, higher)
    if are_logs and how.gain:
        found = found + np.float32(draw.uniform(-how.gain, how.gain))
    if are_logs and draw.random() < how.noise:
        loudest, level = float(np.quantile(found, 0.9)), draw.uniform(2.0, 6.0)
        power = np.exp(loudest - level) * draw.exponential(size=found.shape)
        found = np.log(np.exp(found.astype(np.float64)) + power).astype(np.float32)
    return found


def masked(normalized: Frames, masks: int, draw: np.random.Generator) -> Frames:
    """Return frames of which some stretches of time, and some neighbouring numbers, are their means: zeros."""
    found = normalized.copy()
    steps, numbers = found.shape
    for _ in range(masks):
        wide = int(draw.integers(0, max(1, round(MASKED_BANDS * numbers)) + 1))
        first = int(draw.integers(0, numbers - wide + 1))
        found[:, first : first + wide] = 0
        long = int(draw.integers(0, max(1, round(MASKED_TIME * steps)) + 1))
        begin = int(draw.integers(0, steps - long + 1))
        found[begin : begin + long] = 0
    return found


def _stretched(frames: Frames, factor: float) -> Frames:
    """Return frames that last so many times as long, between which lie straight lines."""
    count = max(1, round(len(frames) * factor))
    return _at(frames, np.linspace(0, len(frames) - 1, count))


def _shifted(frames: Frames, factor: float) -> Frames:
    """Return bands whose energies lie so many times as high."""
    places = np.arange(frames.shape[1]) / factor
    return np.ascontiguousarray(_at(frames.T, places.clip(0, frames.shape[1] - 1)).T)


def _at(rows: Frames, places: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> Frames:
    low = np.floor(places).astype(np.int64)
    high = np.minimum(low + 1, len(rows) - 1)
    share = (places - low)[:, None].astype(np.float32)
    return rows[low] * (1 - share) + rows[high] * share
