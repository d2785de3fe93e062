"""Steps of a network out of frames: each number made comparable, and several frames side by side as one step."""

from dataclasses import dataclass
from typing import Literal, final

import numpy as np
from numpy.typing import NDArray

from statewise.data.audio.front_end import Frames

PRIOR_FRAMES = 100
"For so many frames the means of the corpus count, where a running mean begins and nothing else is said."
LEAST_DEVIATION = 0.1
"Of a whole sound: this share of that of the corpus, so that what hardly varies is not blown up."
FARTHEST = 4.0
"In standard deviations: digital silence, of which a logarithm lies far off, is no further."


Normalize = Literal["fixed", "running", "whole"]


@final
@dataclass(frozen=True)
class Stacking:
    """How frames become steps: `count` frames side by side, each step beginning `stride` frames after the last.

    Frames are made comparable first: minus a mean, over a deviation, each number by itself. The mean is that of the
    corpus (`fixed`), or goes over to that of the sound itself (`running`): mean_t = (p m + x_1 + ... + x_t) / (p + t)
    with `prior` p, which depends on nothing that has not come yet. Or mean and deviation are those of the whole sound
    (`whole`), but for its last `tail` frames, the silence that was added; such a sound cannot come in pieces.

    >>> Stacking(2, 2, "fixed", (0.0,), (1.0,)).steps(np.arange(5, dtype=np.float32)[:, None]).tolist()
    [[0.0, 1.0], [2.0, 3.0]]
    """

    count: int
    stride: int
    normalize: Normalize
    means: tuple[float, ...]
    deviations: tuple[float, ...]
    prior: int = PRIOR_FRAMES
    tail: int = 0

    @property
    def numbers(self) -> int:
        """How many numbers a step has."""
        return self.count * len(self.means)

    def steps(self, frames: Frames) -> Frames:
        """Return all steps of a sound, `[T, numbers]`; frames at the end that fill no step are left."""
        return self.stacked(self.normalized(frames))

    def normalized(self, frames: Frames) -> Frames:
        """Return the frames of a whole sound, comparable, not yet side by side."""
        return self._by_itself(frames) if self.normalize == "whole" else StepStream(self).normalized(frames)

    def _by_itself(self, frames: Frames) -> Frames:
        own = frames[: max(1, len(frames) - self.tail)].astype(np.float64)
        deviations = np.maximum(own.std(axis=0), LEAST_DEVIATION * np.array(self.deviations))
        return np.asarray(((frames - own.mean(axis=0)) / deviations).clip(-FARTHEST, FARTHEST), np.float32)

    def stacked(self, normalized: Frames) -> Frames:
        """Return comparable frames side by side."""
        steps = max(0, 1 + (len(normalized) - self.count) // self.stride)
        if not steps:
            return np.zeros((0, self.numbers), np.float32)
        views = np.lib.stride_tricks.sliding_window_view(normalized, self.count, axis=0)[:: self.stride][:steps]
        return np.array(views.transpose(0, 2, 1), order="C").reshape(steps, -1)


@final
class StepStream:
    """Frames that come in pieces, as steps; those of a whole sound do not."""

    def __init__(self, stacking: Stacking) -> None:
        self.stacking = stacking
        self._means, self._deviations = (np.array(part) for part in (stacking.means, stacking.deviations))
        self._sum, self._seen = stacking.prior * self._means, stacking.prior
        self._held = np.zeros((0, len(stacking.means)), np.float32)

    def normalized(self, frames: Frames) -> Frames:
        """Return the next frames, comparable."""
        given = frames.astype(np.float64)
        means: NDArray[np.float64] = self._means
        if self.stacking.normalize == "running" and len(given):
            sums = np.concatenate([self._sum[None], given]).cumsum(axis=0)[1:]
            means = sums / (self._seen + 1 + np.arange(len(given)))[:, None]
            self._sum, self._seen = sums[-1], self._seen + len(given)
        return np.asarray(((given - means) / self._deviations).clip(-FARTHEST, FARTHEST), np.float32)

    def push(self, frames: Frames) -> Frames:
        """Return the steps whose last frame has come."""
        how = self.stacking
        held = np.concatenate([self._held, self.normalized(frames)])
        steps = how.stacked(held)
        self._held = held[len(steps) * how.stride :]
        return steps
