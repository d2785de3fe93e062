"""Utterances as windows: a word a step, its label and the intent of the whole; and what simple methods understand."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, final

import numpy as np
import torch

from statewise.data.batches import Batches, Example, Varying, collated
from statewise.data.left_out import LeftOutCount
from statewise.data.pairs.prepared_pairs import PARTS, Third
from statewise.data.utterances.prepared_utterances import PreparedUtterances, utterances_with
from statewise.data.utterances.sample_utterance import SampleUtterance, labels_of, words_of_utterance
from statewise.data.utterances.utterances_codec import UNKNOWN, UtterancesCodec
from statewise.data.window import Epochs, Window
from statewise.task import Data, Part
from statewise.tasks.dialogue.baselines import TfIdfRegression, WordCRF, told_by
from statewise.tasks.dialogue.metrics import Told, measured, scored

SCORED_ROWS = 128
BASELINE = "TF-IDF with logistic regression, CRF on word features"
COMMONEST = "the commonest intent, no slot"


def labelled_example(codec: UtterancesCodec, utterance: SampleUtterance, *, small: bool = False) -> Example:
    """Return an utterance as an example, where asked in small letters."""
    given = replace(utterance, text=utterance.text.lower()) if small else utterance
    if len(given.text) != len(utterance.text):  # a few letters are longer when small
        given = utterance
    words = words_of_utterance(given.text)
    rows = torch.from_numpy(codec.rows(words))
    labels, _ = labels_of(given, codec.slots)
    intent = codec.intent_codes[given.intent]
    targets = torch.tensor([[label, intent] for label in labels])
    return Example(rows[:, 0], Varying(targets), context=Varying(rows))


@final
class UtteranceBatches(Epochs):
    """Batches of utterances of about equal length, some of them in small letters; what is read follows from the place.

    Of the words `words_lost` are read as unknown, so that their letters learn to stand for them.

    A row that is shorter than others reads on, unscored, instead of sleeping.
    """

    def __init__(
        self,
        codec: UtterancesCodec,
        utterances: Sequence[SampleUtterance],
        rows: int,
        *,
        seed: int | None = None,
        small: float = 0.0,
        words_lost: float = 0.0,
    ) -> None:
        self.words_lost = words_lost
        self.codec, self.utterances, self.rows, self.seed, self.small = codec, utterances, rows, seed, small
        lengths = [len(words_of_utterance(one.text)) for one in utterances]
        self.batches = Batches(range(len(lengths)), lengths, rows, seed=seed)  # type: ignore[arg-type]
        self._made: dict[tuple[int, bool], Example] = {}

    def __len__(self) -> int:
        return len(self.batches)

    def in_epoch(self, epoch: int, index: int) -> Window:
        """Return a batch of an epoch."""
        window = collated([self._example(epoch, n) for n in self.batches.order(epoch)[index]], self.rows)
        if self.words_lost:
            dice = torch.Generator().manual_seed(epoch * len(self) + index)
            is_lost = torch.rand(window.inputs.shape, generator=dice) < self.words_lost
            window.inputs[is_lost] = UNKNOWN
            window.context.values[..., 0][is_lost.T] = UNKNOWN
        return window._replace(mask=None, scored=window.mask)

    def _example(self, epoch: int, number: int) -> Example:
        is_small = bool(self.small) and np.random.default_rng([self.seed or 0, epoch, number]).random() < self.small
        key = number, bool(is_small)
        if key not in self._made:
            self._made[key] = labelled_example(self.codec, self.utterances[number], small=bool(is_small))
        return self._made[key]


@dataclass
class ToldBySimpleMethods:
    """What simple methods say of the utterances that are scored, by name."""

    told: dict[str, list[Told]] = field(default_factory=dict)


@dataclass(frozen=True)
class DialogueData(Data):
    """Utterances in three parts, with what simple methods understand."""

    task: Any  # a Dialogue, whose module imports this one
    utterances: PreparedUtterances
    scored: Third = "held_out"
    found: ToldBySimpleMethods = field(default_factory=ToldBySimpleMethods, compare=False)

    @property
    def codec(self) -> UtterancesCodec:
        """What turns utterances into codes."""
        return self.utterances.codec

    @property
    def facts(self) -> dict[str, Any]:
        """How many utterances there are, what was left out and why, and the digest."""
        return self.utterances.facts

    @property
    def notices(self) -> Sequence[str]:
        """What was left out, and what else is to be known."""
        others, apart = ", ".join(self.facts["not_read"]), self.facts["slots_within_words"]
        return [
            *([f"not read, since it holds no utterances: {others}"] if others else []),
            *LeftOutCount.of("utterance", self.facts).told(),
            *([f"{apart:,} utterances have slots that end within a word: it is labelled whole"] if apart else []),
            *self.facts["notices"],
        ]

    @cached_property
    def asked(self) -> list[SampleUtterance]:
        """The utterances that are scored."""
        return self.utterances.of(self.scored)

    @cached_property
    def learned(self) -> list[SampleUtterance]:
        """The utterances of training, and those made up."""
        return [*self.utterances.of("training"), *self.utterances.made_up]

    def windows(self, part: Part, *, rows: int | None = None, steps: int | None = None) -> Sequence[Window]:
        """Return batches of whole utterances, however many `steps` are asked for."""
        if part == "training":
            most = min(rows or self.task.batch_size, len(self.learned))
            return UtteranceBatches(
                self.codec,
                self.learned,
                most,
                seed=self.task.seed,
                small=self.task.small_letters,
                words_lost=self.task.words_lost,
            )
        return UtteranceBatches(self.codec, self.asked, min(rows or SCORED_ROWS, len(self.asked)))

    def prepare_baselines(self) -> Iterator[float]:
        """Fit the simple methods, yielding how much is done.

        Baselines:

        - `the commonest intent, no slot`: of every utterance the intent that most training utterances have
        """
        if self.found.told:
            return
        regression = TfIdfRegression.fitted(self.learned)
        yield 0.3
        training = self.utterances.of("training")
        fitted = None
        if self.codec.slots:
            fitting = WordCRF.fitting(training, self.codec.slots, self.task.seed)
            try:
                while True:
                    yield 0.3 + 0.6 * next(fitting)
            except StopIteration as stopped:
                fitted = stopped.value
        texts = [one.text for one in self.asked]
        self.found.told[BASELINE] = told_by(regression, fitted, texts, self.codec.bot.threshold)
        intents = [one.intent for one in training]
        commonest = max(sorted(set(intents)), key=intents.count)
        share = intents.count(commonest) / len(intents)
        self.found.told[COMMONEST] = [Told(commonest, share, frozenset(), share) for _ in texts]
        yield 1.0

    def baselines(self) -> Mapping[str, dict[str, float]]:
        """Return what simple methods score."""
        for _ in self.prepare_baselines():
            pass
        return {name: measured(scored(told, self.asked)) for name, told in self.found.told.items()}

    def validating(self) -> "DialogueData":
        """Return these utterances with those for checks as what is scored, where some were kept for it."""
        return replace(self, scored="validation", found=ToldBySimpleMethods()) if "validation" in self.facts else self

    def on(self, source: Sequence[str], cache: Path) -> "DialogueData":
        """Return this training part with other utterances to be scored, all of them."""
        other, told = utterances_with(self.codec, source)
        facts = {key: value for key, value in self.facts.items() if key not in PARTS[1:]} | told
        parts = self.utterances.parts[0], self.utterances.parts[1], other
        return replace(
            self,
            utterances=replace(self.utterances, parts=parts, facts=facts),
            scored="held_out",
            found=ToldBySimpleMethods(),
        )
