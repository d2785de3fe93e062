"""A trained model at work on utterances: intents with confidences, and slots with their places."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray

from statewise.data.batches import Example, Varying, collated
from statewise.data.utterances.sample_utterance import (
    LONGEST_UTTERANCE,
    MOST_WORDS,
    OUT_OF_SCOPE,
    SlotSpan,
    spans_of,
    words_of_utterance,
)
from statewise.data.utterances.utterances_codec import UtterancesCodec
from statewise.data.utterances.value_lists import ValueLists
from statewise.errors import UsageError
from statewise.model import Model, evaluating
from statewise.stream import model_digest
from statewise.tasks.dialogue.calibration import fitted_temperature

AT_ONCE = 128
ALTERNATIVES = 4
"So many further intents are told at most, as Lex V2 does."
LEAST_TOLD = 0.001
FEWEST_CHECKS = 30
"Of fewer utterances no temperature is found: confidences are then as the network says."

_temperatures: "WeakKeyDictionary[Model[Any], tuple[str, float]]" = WeakKeyDictionary()
"Of models, with the digest of their weights: by what the odds of their intents are divided."


class SlotFound(NamedTuple):
    """A slot that was found in a text: where, its words as they are, and how sure that is."""

    span: SlotSpan
    text: str
    confidence: float


@dataclass(frozen=True)
class Understood:
    """What is understood of a text: confidences of all intents, the likeliest first, and slots in order.

    `is_known` is false where nothing was said, or the confidence of the likeliest intent is below the threshold: then
    it is what no intent is for, as sure as the likeliest is not.
    """

    text: str
    intents: tuple[tuple[str, float], ...]
    slots: tuple[SlotFound, ...]
    threshold: float

    @property
    def intent(self) -> str:
        """The intent, or what none is for."""
        name, confidence = self.intents[0]
        return name if name == OUT_OF_SCOPE or confidence >= self.threshold else OUT_OF_SCOPE

    @property
    def is_known(self) -> bool:
        """Whether an intent of the bot is meant."""
        return self.intent != OUT_OF_SCOPE

    @property
    def confidence(self) -> float:
        """How sure the intent is; where none reaches the threshold, how likely it was that none was meant."""
        name, confidence = self.intents[0]
        return confidence if name == self.intent else dict(self.intents).get(OUT_OF_SCOPE, 0.0)

    @property
    def alternatives(self) -> tuple[tuple[str, float], ...]:
        """Further intents, the likeliest first."""
        others = [one for one in self.intents if one[0] not in (self.intent, OUT_OF_SCOPE) and one[1] >= LEAST_TOLD]
        return tuple(others[:ALTERNATIVES])


class RawReading(NamedTuple):
    """What a network says of some utterances: odds of intents `[N, I]`, labels, and how likely each label is."""

    odds: NDArray[np.float64]
    labels: list[list[int]]
    shares: list[list[float]]


@dataclass(frozen=True)
class Understanding:
    """A model with its codec; `lists` may hold more values than training had."""

    model: Model[Any]
    codec: UtterancesCodec
    lists: ValueLists
    threshold: float

    @cached_property
    def temperature(self) -> float:
        """By what odds are divided, so that confidences are shares of what is right; of the weights as they are."""
        digest = model_digest(self.model)
        known = _temperatures.get(self.model)
        if known is None or known[0] != digest:
            known = digest, self._fitted()
            _temperatures[self.model] = known
        return known[1]

    def _fitted(self) -> float:
        if len(self.codec.checks) < FEWEST_CHECKS:
            return 1.0
        read = self.read([text for text, _ in self.codec.checks], labels=False)
        return fitted_temperature(read.odds, np.array([code for _, code in self.codec.checks]))

    def read(self, texts: Sequence[str], *, labels: bool = True) -> RawReading:
        """Return what the network says of texts that have words."""
        odds = np.zeros((len(texts), len(self.codec.intents)))
        found: list[list[int]] = [[] for _ in texts]
        shares: list[list[float]] = [[] for _ in texts]
        words = [words_of_utterance(text) for text in texts]
        order = sorted(range(len(texts)), key=lambda number: len(words[number]))
        weights = next(self.model.parameters())
        with evaluating(self.model):
            for begin in range(0, len(order), AT_ONCE):
                numbers = order[begin : begin + AT_ONCE]
                window = collated([utterance_example(self.codec, words[n], self.lists) for n in numbers]).like(weights)
                with torch.no_grad():
                    mask = window.mask
                    params, _ = self.model.scan(window._replace(mask=None), self.model.begin(len(numbers)))
                    head: Any = self.model.head
                    odds[numbers] = head.intent_odds(params, mask).double().cpu().numpy()
                if not labels:
                    continue
                best = head.labels.best(params.emissions, mask)
                marginals = head.labels.marginals(params.emissions, mask)
                sure = marginals.gather(-1, best.values.unsqueeze(-1)).squeeze(-1)
                for row, number in enumerate(numbers):
                    count = len(words[number])
                    found[number] = best.values[row, :count].tolist()
                    shares[number] = sure[row, :count].tolist()
        return RawReading(odds, found, shares)

    def understood(self, texts: Sequence[str]) -> list[Understood]:
        """Return what is understood of texts. Raises `UsageError` for one that is too long."""
        for text in texts:
            check_utterance(text)
        spoken = [n for n, text in enumerate(texts) if words_of_utterance(text)]
        read = self.read([texts[n] for n in spoken])
        odds = confidences(read.odds, self.temperature)
        nothing = (OUT_OF_SCOPE, 1.0), *((name, 0.0) for name in self.codec.intents[1:])
        found = [Understood(text, nothing, (), self.threshold) for text in texts]
        for row, number in enumerate(spoken):
            text = texts[number]
            ranked = sorted(zip(self.codec.intents, odds[row].tolist(), strict=True), key=lambda one: -one[1])
            words = words_of_utterance(text)
            slots = []
            for span in spans_of(read.labels[row], words, self.codec.slots):
                sure = [
                    s for s, word in zip(read.shares[row], words, strict=True) if span.begin <= word.begin < span.end
                ]
                slots.append(SlotFound(span, text[span.begin : span.end], min(sure)))
            found[number] = Understood(text, tuple(ranked), tuple(slots), self.threshold)
        return found


def confidences(odds: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """Return log-odds `[N, I]` as shares of one."""
    shifted = odds / temperature
    shifted -= shifted.max(axis=1, keepdims=True, initial=-np.inf)
    shares: NDArray[np.float64] = np.exp(shifted)
    shares /= shares.sum(axis=1, keepdims=True)
    return shares


def check_utterance(text: object) -> None:
    """Raise `UsageError` for what is not a text, or is longer than one thing said can be."""
    if not isinstance(text, str):
        raise UsageError("the input is not a text: give what a person says")
    if len(text) > LONGEST_UTTERANCE:
        raise UsageError(f"what is said has {len(text):,} characters: give at most {LONGEST_UTTERANCE:,}")
    if len(words_of_utterance(text)) > MOST_WORDS:
        raise UsageError(f"what is said has more than {MOST_WORDS} words: give fewer")


def utterance_example(codec: UtterancesCodec, words: Any, lists: ValueLists | None = None) -> Example:
    """Return an utterance without labels as an example: each word, and all of them as context."""
    rows = torch.from_numpy(codec.rows(words, lists))
    return Example(rows[:, 0], Varying(rows[:, :2] * 0), context=Varying(rows))
