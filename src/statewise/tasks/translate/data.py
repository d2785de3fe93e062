"""Pairs as windows: a translation a row, with its source as context, batches of about equally long ones."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from statewise.data.left_out import LeftOutCount
from statewise.data.pairs.pair_batches import PairBatches
from statewise.data.pairs.pairs_codec import PairsCodec
from statewise.data.pairs.prepared_pairs import PARTS, PreparedPairs, Third, pairs_with
from statewise.data.window import Window
from statewise.task import Data, Part
from statewise.tasks.translate.baselines import copies, from_memory, word_by_word
from statewise.tasks.translate.metrics import JudgedTranslations, judged

SCORED_ROWS = 64
TOKENIZED = 0.5
"Where this share of the sentences that end in a full stop have a space before it, the texts were cut into tokens."


@dataclass(frozen=True)
class Asked:
    """Distinct sources to be translated, and for each all of its translations in the part that is scored."""

    sources: list[str]
    references: list[list[str]]

    @classmethod
    def of(cls, pairs: PreparedPairs, numbers: NDArray[np.int64], most: int) -> "Asked":
        """Return at most so many of the sources of some pairs, evenly taken; 0 takes all."""
        found: dict[str, list[str]] = {}
        for number in numbers:
            found.setdefault(pairs.sources[number], []).append(pairs.targets[number])
        sources = list(found)
        if most and len(sources) > most:
            sources = [sources[at] for at in np.linspace(0, len(sources) - 1, most).astype(int)]
        return cls(sources, [found[source] for source in sources])


@dataclass(frozen=True)
class TranslateData(Data):
    """Pairs in three parts, with what simple methods translate."""

    task: Any  # a Translate, whose module imports this one
    pairs: PreparedPairs
    cache: Path
    scored: Third = "held_out"
    found: dict[str, JudgedTranslations] = field(default_factory=dict, compare=False)

    @property
    def codec(self) -> PairsCodec:
        """What turns texts into codes."""
        return self.pairs.codec

    @property
    def facts(self) -> dict[str, Any]:
        """How many pairs there are, what was left out and why, and the digest."""
        return self.pairs.facts

    @property
    def notices(self) -> Sequence[str]:
        """What was left out, and what is odd about the texts."""
        told = LeftOutCount.of("pair", self.facts).told()
        odd = "the texts are cut into tokens ('word .'): BLEU is of texts as people write them, so give those"
        return [*told, *([odd] if self.is_tokenized else []), *([self.pairs.notice] if self.pairs.notice else [])]

    @cached_property
    def is_tokenized(self) -> bool:
        """Whether the targets have a space before their full stops."""
        ends = [text[-2:] for text in self.pairs.targets if text.endswith(".")]
        return len(ends) > 1 and sum(end == " ." for end in ends) > TOKENIZED * len(ends)

    def windows(self, part: Part, *, rows: int | None = None, steps: int | None = None) -> Sequence[Window]:
        """Return batches of whole translations, however many `steps` are asked for."""
        is_training = part == "training"
        numbers = self.pairs.numbers("training" if is_training else self.scored)
        many = rows or (self.task.batch_size if is_training else SCORED_ROWS)

        def coded(epoch: int, place: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
            return self.pairs.coded(int(numbers[place]))

        lengths = self.pairs.lengths[numbers, 1].tolist()
        if is_training:
            return PairBatches(coded, lengths, many, seed=self.task.seed)
        return PairBatches(coded, lengths, min(many, len(numbers)))

    @cached_property
    def asked(self) -> Asked:
        """What is translated to be scored."""
        most = self.task.scored if self.scored == "held_out" else self.task.checked
        return Asked.of(self.pairs, self.pairs.numbers(self.scored), most)

    def judged(self, texts: Sequence[str]) -> JudgedTranslations:
        """Return how good translations of what is asked are."""
        return judged(texts, self.asked.references, self.codec.languages[1])

    def prepare_baselines(self) -> Iterator[float]:
        """Translate by simple methods, yielding how much is done."""
        if self.found:
            return
        training = self.pairs.numbers("training")
        sources, targets = ([side[at] for at in training] for side in (self.pairs.sources, self.pairs.targets))
        for number, (name, method) in enumerate(
            {"copy": copies, "word by word (IBM model 1)": word_by_word, "translation memory": from_memory}.items()
        ):
            self.found[name] = self.judged(method(self.asked.sources, sources, targets))
            yield (number + 1) / 3

    def baselines(self) -> Mapping[str, dict[str, float]]:
        """Return what simple methods score, in BLEU and chrF."""
        for _ in self.prepare_baselines():
            pass
        return {name: one.metrics for name, one in self.found.items()}

    def validating(self) -> "TranslateData":
        """Return these pairs with those for checks as what is scored, where some were kept for it."""
        return replace(self, scored="validation", found={}) if "validation" in self.facts else self

    def on(self, source: Sequence[str], cache: Path) -> "TranslateData":
        """Return this training part with other pairs to be scored, all of them."""
        return replace(self, pairs=joined(self.pairs, pairs_with(self.codec, source)), scored="held_out", found={})


def joined(one: PreparedPairs, other: PreparedPairs) -> PreparedPairs:
    """Return the training part of some pairs with other pairs as the held-out part."""
    parts = np.where(one.parts == PARTS.index("training"), one.parts, len(PARTS)).astype(np.uint8)
    return PreparedPairs(
        one.codec,
        one.sources + other.sources,
        one.targets + other.targets,
        np.concatenate([one.codes, other.codes]),
        np.concatenate([one.ends, other.ends + len(one.codes)]),
        np.concatenate([parts, other.parts]),
        {**one.facts, **other.facts, "training": one.facts["training"]},
    )
