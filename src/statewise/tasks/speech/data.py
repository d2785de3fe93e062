"""Utterances as windows, one a row, each a little different in every epoch of training."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray

from statewise.data.audio.front_end import Frames
from statewise.data.audio.perturbing import Perturbing, masked, varied
from statewise.data.audio.prepared_speech import PreparedSpeech, speech_with
from statewise.data.audio.speech_codec import SpeechCodec, needed_steps
from statewise.data.audio.utterance import Part as Third
from statewise.data.batches import Batches, Example, Varying, collated
from statewise.data.window import Epochs, Window
from statewise.task import Data, Part
from statewise.tasks.shared.dtw import cepstra, nearest_texts
from statewise.tasks.speech.metrics import Counted, counted

SCORED_ROWS = 64
MOST_KNOWN = 3000
"So many recordings are compared with at most where the nearest is looked for."
JOINING = 7919
"Tells the draw of how many are joined from all others."
COMMONEST, NEAREST = "commonest text", "nearest recording (DTW)"


def as_example(steps: Frames, labels: NDArray[np.int64]) -> Example:
    """Return an utterance as steps with the labels of the whole."""
    return Example(torch.from_numpy(steps), Varying(torch.from_numpy(labels)))


def steps_in_training(codec: SpeechCodec, frames: Frames, how: Perturbing, draw: np.random.Generator) -> Frames:
    """Return the steps of an utterance as an epoch has it."""
    are_logs = codec.front_end is not None and codec.front_end.kind == "log_mel"
    normalized = codec.stacking.normalized(varied(frames, how, draw, are_logs=are_logs))
    return codec.stacking.stacked(masked(normalized, how.masks, draw))


@final
class SpeechBatches(Epochs):
    """Batches of utterances of about equal length, each of which is otherwise in every epoch.

    What is read at a place follows from the seed, the epoch and the utterance alone, so that training resumes exactly.
    """

    def __init__(
        self,
        speech: PreparedSpeech,
        numbers: NDArray[np.int64],
        rows: int,
        *,
        seed: int | None = None,
        perturbing: Perturbing | None = None,
        join: int = 1,
    ) -> None:
        how = speech.codec.stacking
        lengths = [max(1, 1 + (speech.told[n].frames - how.count) // how.stride) for n in numbers]
        self.speech, self.numbers, self.rows = speech, numbers, rows
        self.seed, self.perturbing, self.join = seed, perturbing or Perturbing(), join
        self._same_voice: dict[str | None, list[int]] = {}
        for n in numbers:
            self._same_voice.setdefault(speech.told[n].speaker, []).append(int(n))
        self.batches = Batches(range(len(numbers)), lengths, rows, seed=seed)  # type: ignore[arg-type]

    def __len__(self) -> int:
        return len(self.batches)

    def in_epoch(self, epoch: int, index: int) -> Window:
        """Return a batch of an epoch."""
        places, joined = self.batches.order(epoch)[index], 1
        if self.seed is not None and self.join > 1:
            joined = int(np.random.default_rng([self.seed, epoch, index, JOINING]).integers(1, self.join + 1))
        return collated([self._example(int(self.numbers[place]), epoch, joined) for place in places], self.rows)

    def _example(self, number: int, epoch: int, joined: int) -> Example:
        codec = self.speech.codec
        if self.seed is None:
            return as_example(codec.stacking.steps(self.speech.frames(number)), self.speech.labels(number))
        draw = np.random.default_rng([self.seed, epoch, number])
        voice = self._same_voice[self.speech.told[number].speaker]
        others = [voice[n] for n in draw.integers(0, len(voice), joined - 1)]
        frames, labels = self._joined([number, *others])
        steps = steps_in_training(codec, frames, self.perturbing, draw)
        if len(steps) < needed_steps(labels):  # it became too fast for its text
            steps = codec.stacking.steps(frames)
        return as_example(steps, labels)

    def _joined(self, numbers: Sequence[int]) -> tuple[Frames, NDArray[np.int64]]:
        """Return utterances one after another, as many as fit, without the silence that follows all but the last."""
        codec = self.speech.codec
        most = codec.longest * codec.stacking.stride
        frames, texts = self.speech.frames(numbers[0]), [self.speech.told[numbers[0]].text]
        for number in numbers[1:]:
            more = self.speech.frames(number)
            if len(frames) + len(more) > most:
                break
            own = round(self.speech.told[number].seconds * codec.frames_per_second)
            frames = np.concatenate([more[:own], frames])
            texts.insert(0, self.speech.told[number].text)
        return frames, codec.encode(" ".join(texts))


@dataclass(frozen=True)
class SpeechData(Data):
    """Utterances in three parts, with what is known of them without learning."""

    task: Any  # a Speech, whose module imports this one
    speech: PreparedSpeech
    cache: Path
    scored: Third = "held_out"

    @property
    def codec(self) -> SpeechCodec:
        """What turns sound into steps, and texts into labels."""
        return self.speech.codec

    @property
    def facts(self) -> dict[str, Any]:
        """How many utterances there are, of how many speakers and seconds, what was left out and why, the digest."""
        return self.speech.facts

    @property
    def notices(self) -> Sequence[str]:
        """What was left out, and where what was kept had to be made again: that it had."""
        left_out = [f"{count:,} utterances were left out: those {why}" for why, count in self.facts["left_out"].items()]
        return [*left_out, *([self.speech.notice] if self.speech.notice else [])]

    def windows(self, part: Part, *, rows: int | None = None, steps: int | None = None) -> Sequence[Window]:
        """Return batches of whole utterances, however many `steps` are asked for."""
        numbers = self.speech.numbers("training" if part == "training" else self.scored)
        if part == "training":
            how = {"seed": self.task.seed, "perturbing": self.task.perturbing, "join": self.task.join}
            return SpeechBatches(self.speech, numbers, rows or self.task.batch_size, **how)
        return SpeechBatches(self.speech, numbers, min(rows or SCORED_ROWS, len(numbers)))

    def texts(self, part: Third) -> list[str]:
        """Return what is said in a part, in order."""
        return [self.speech.told[n].text for n in self.speech.numbers(part)]

    def baselines(self) -> Mapping[str, dict[str, float]]:
        """Return how much is wrong in the commonest text, and for single words in that of the nearest recording."""
        for _ in self.prepare_baselines():
            pass
        return {name: errors.as_metrics() for name, errors in self.by_utterance.items()}

    @property
    def by_utterance(self) -> dict[str, Counted]:
        """What each simple method gets wrong, by utterance of the scored part."""
        found: dict[str, Counted] = vars(self)["_by_utterance"]
        return found

    def prepare_baselines(self) -> Iterator[float]:
        """Find what simple methods say, unless that was done before, yielding how much is done.

        Baselines:

        - `commonest text`: of every utterance the text that most training utterances have
        - `nearest recording (DTW)`: where each utterance is one word, the text of the training recording that is
          nearest by dynamic time warping, `statewise.tasks.shared.dtw.Nearest`
        """
        if "_by_utterance" in vars(self):
            return
        training, wanted = self.texts("training"), self.texts(self.scored)
        commonest = Counter(training).most_common(1)[0][0]
        found = {COMMONEST: counted(wanted, [commonest] * len(wanted))}
        if all(" " not in text for text in training):
            known = self.speech.numbers("training")
            known = known[:: max(1, -(-len(known) // MOST_KNOWN))]
            texts = [self.speech.told[n].text for n in known]
            asked = [self._cepstra(n) for n in self.speech.numbers(self.scored)]
            for done, heard in nearest_texts([self._cepstra(n) for n in known], texts, asked):  # noqa: B007
                yield done
            found[NEAREST] = counted(wanted, heard)
        vars(self)["_by_utterance"] = found

    def _cepstra(self, number: int) -> Frames:
        """Return the cepstra of an utterance, without the silence that follows it."""
        codec, frames = self.codec, self.speech.frames(int(number))
        own = max(2, round(self.speech.told[number].seconds * codec.frames_per_second) - 2)
        is_log = codec.front_end is not None and codec.front_end.kind == "log_mel"
        deviations = np.array(codec.stacking.deviations, np.float32)
        return cepstra(frames[:own]) if is_log else np.asarray(frames[:own] / deviations, np.float32)

    def validating(self) -> "SpeechData":
        """Return the part that was kept for checks, where there is one."""
        has_one = self.scored == "held_out" and len(self.speech.numbers("validation"))
        return replace(self, scored="validation") if has_one else self

    def on(self, source: Sequence[str], cache: Path) -> "SpeechData":
        """Return this training part with other utterances to be scored, all of them."""
        return OtherSpeech(self.task, speech_with(self.codec, source, cache), cache, trained=self)


@dataclass(frozen=True)
class OtherSpeech(SpeechData):
    """Utterances of another source to be scored, with the training part of `trained`."""

    trained: Any = None

    @property
    def facts(self) -> dict[str, Any]:
        """The facts of the training part, and those of what is scored."""
        return {**self.trained.facts, **self.speech.facts}

    def windows(self, part: Part, *, rows: int | None = None, steps: int | None = None) -> Sequence[Window]:
        """Return the training part of the one, or the held-out part of the other."""
        if part == "training":
            found: Sequence[Window] = self.trained.windows(part, rows=rows, steps=steps)
            return found
        return super().windows(part, rows=rows, steps=steps)

    def prepare_baselines(self) -> Iterator[float]:
        """Find the commonest text of the training part."""
        wanted = self.texts("held_out")
        commonest = Counter(self.trained.texts("training")).most_common(1)[0][0]
        vars(self)["_by_utterance"] = {COMMONEST: counted(wanted, [commonest] * len(wanted))}
        yield 1.0
