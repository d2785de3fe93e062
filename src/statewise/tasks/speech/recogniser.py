"""Sound that comes in pieces of any length, as texts: what was heard so far, and what is final at each pause."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from statewise.data.audio.front_end import FrameStream
from statewise.data.audio.sound import Resampler, Samples
from statewise.data.audio.steps import StepStream
from statewise.errors import DataError, UsageError
from statewise.stream import Stream
from statewise.tasks.speech.decoding import Listening, SearchUnderWay, Transcript, Word

Steps = NDArray[np.float32]


@dataclass(frozen=True)
class Pauses:
    """When a text is final, in seconds: after so much silence at the beginning, after words, and in any case.

    As sherpa's rules: 2.4 s where nothing was said yet, 1.2 s after something was, 20 s altogether.
    """

    at_first: float = 2.4
    after_words: float = 1.2
    longest: float = 20.0

    def __post_init__(self) -> None:
        for seconds in (self.at_first, self.after_words, self.longest):
            if not 0.05 <= seconds <= 3600:
                raise UsageError(f"a pause of {seconds:g} s is out of bounds: give 0.05 to 3600 seconds")

    def are_over(self, steps: int, quiet: int, *, has_words: bool, seconds_per_step: float) -> bool:
        """Say whether a text is final after so many steps, the last of them quiet."""
        wanted = self.after_words if has_words else self.at_first
        return quiet * seconds_per_step >= wanted or steps * seconds_per_step >= self.longest


@final
class Recogniser:
    """Hears sound at any rate: `push` some samples, `finish` at their end.

    Between two pauses all that is known follows from the samples since the first, which it keeps: so a recogniser can
    be saved as these, and what is heard does not depend on the pieces in which a sound comes. After a pause the network
    begins again, as it does in training; so it holds as much after ten hours as after ten minutes.
    """

    def __init__(self, stream: Stream[Any], how: Listening, rate: int, pauses: Pauses) -> None:
        front_end = how.codec.front_end
        if front_end is None:
            raise UsageError("this run reads frames of another program, not sound: give them as .npz or .npy")
        self.stream, self.how, self.rate, self.pauses = stream, how, rate, pauses
        self.front_end = front_end
        self.begun = 0
        self.held = np.zeros(0, np.float32)
        self._begin()

    def _begin(self) -> None:
        self._resampler = Resampler(self.rate, self.front_end.rate)
        self._frames, self._steps = FrameStream(self.front_end), StepStream(self.how.codec.stacking)
        self._searches = SearchUnderWay(self.how)
        self._count = self._quiet = 0
        self._has_words = False
        self.stream.reset()

    @property
    def seconds(self) -> float:
        """How much sound was heard."""
        return (self.begun + len(self.held)) / self.rate

    def push(self, samples: Samples) -> list[Transcript]:
        """Return the texts that became final within some more samples.

        Raises `DataError` for samples that are not numbers; nothing has changed then.
        """
        if not np.isfinite(samples).all():
            raise DataError("the sound holds samples that are not numbers: give numbers from -1 to 1")
        pieces = [samples[start : start + self.rate] for start in range(0, len(samples), self.rate)]
        return [heard for piece in pieces for heard in self._push(piece)]

    def _push(self, samples: Samples) -> list[Transcript]:
        found: list[Transcript] = []
        waiting = samples
        while True:
            self.held = np.concatenate([self.held, waiting])
            cut = self._hear(self._resampler.push(waiting))
            if cut is None:
                return found
            found += self._close(min(cut, len(self.held)))
            waiting, self.held = self.held, np.zeros(0, np.float32)

    def _hear(self, samples: Samples, *, may_end: bool = True) -> int | None:
        """Read samples of the model's rate; at a pause return after how many samples of the sound it is."""
        for step in self._steps.push(self._frames.push(samples)):
            chances = self.stream.push(step).double().log_softmax(dim=-1).numpy()
            self._searches.push(chances)
            self._count += 1
            is_quiet = int(chances.argmax()) == 0
            self._quiet = self._quiet + 1 if is_quiet else 0
            self._has_words = self._has_words or not is_quiet
            over = self.pauses.are_over(
                self._count, self._quiet, has_words=self._has_words, seconds_per_step=self.how.codec.seconds_per_step
            )
            if may_end and over:
                stride = self.how.codec.stacking.stride * self.front_end.hop_samples
                return math.ceil(self._count * stride * self.rate / self.front_end.rate)
        return None

    def _close(self, count: int) -> list[Transcript]:
        """Return what was heard in the first samples that are held, if anything, and begin after them."""
        heard = self._placed(self._searches.finish(), count)
        self.held, self.begun = self.held[count:], self.begun + count
        self._begin()
        return [heard] if heard.text or heard.is_none else []

    def finish(self) -> list[Transcript]:
        """Return what was heard since the last pause, the sound being over."""
        if not len(self.held):
            return []
        silence = np.zeros(self.how.codec.tail_samples(), np.float32)
        self._hear(np.concatenate([self._resampler.finish(), silence]), may_end=False)
        return self._close(len(self.held))

    def partial(self) -> Transcript:
        """Return what was heard since the last pause, which may change yet."""
        return self._placed(self._searches.partial(), len(self.held))

    def _placed(self, heard: Transcript, count: int) -> Transcript:
        """Return a text with its times from the beginning of the sound; none is after the end."""
        start, end = self.begun / self.rate, (self.begun + count) / self.rate

        def at(seconds: float) -> float:
            return min(start + seconds, end)

        words = tuple(Word(one.word, at(one.start), at(one.end), one.confidence) for one in heard.words)
        return replace(heard, words=words, start=start, end=end)


def heard_in(recogniser: Recogniser, pieces: Iterator[Samples]) -> Iterator[Transcript]:
    """Yield the texts of a sound that comes in pieces, each as soon as it is final."""
    for piece in pieces:
        yield from recogniser.push(piece)
    yield from recogniser.finish()
