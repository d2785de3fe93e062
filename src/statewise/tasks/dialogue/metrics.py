"""How well utterances are understood: intents, slots by entity, whole sentences, and what is out of scope."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from statewise.data.utterances.sample_utterance import OUT_OF_SCOPE, SampleUtterance
from statewise.tasks.dialogue.calibration import calibration_error
from statewise.tasks.shared.resampling import bootstrap

Floats = NDArray[np.float64]
Slots = frozenset[tuple[int, int, str]]
ACCEPTED = 0.95
"The share of what is in scope that is accepted where out-of-scope recall is told at a fixed acceptance."
SHOWN_CONFUSIONS = 8


class Told(NamedTuple):
    """What was said of one utterance: an intent with its confidence, slots, and how sure it is in scope."""

    intent: str
    confidence: float
    slots: Slots
    in_scope: float


def slots_of(utterance: SampleUtterance) -> Slots:
    """Return the slots of an utterance as characters and names."""
    return frozenset((span.begin, span.end, span.slot) for span in utterance.slots)


class ScoredUtterances(NamedTuple):
    """What is right of each utterance, `[N]` each; `hits`, `said` and `wanted` count slots."""

    intents: Floats
    sentences: Floats
    hits: Floats
    said: Floats
    wanted: Floats
    confidence: Floats
    is_scope: NDArray[np.bool_]
    refused: NDArray[np.bool_]
    in_scope: Floats

    @property
    def has_slots(self) -> bool:
        """Whether there are slots to be found."""
        return bool(self.wanted.sum() or self.said.sum())


def scored(told: Sequence[Told], wanted: Sequence[SampleUtterance]) -> ScoredUtterances:
    """Return what is right. A sentence is right where its intent and all its slots are."""
    pairs = list(zip(told, wanted, strict=True))
    gold = [slots_of(one) for one in wanted]

    def numbers(values: Any) -> Floats:
        return np.array(list(values), np.float64)

    intents = numbers(one.intent == right.intent for one, right in pairs)
    return ScoredUtterances(
        intents,
        intents * numbers(one.slots == slots for one, slots in zip(told, gold, strict=True)),
        numbers(len(one.slots & slots) for one, slots in zip(told, gold, strict=True)),
        numbers(len(one.slots) for one in told),
        numbers(len(slots) for slots in gold),
        numbers(one.confidence for one in told),
        np.array([one.intent != OUT_OF_SCOPE for one in wanted]),
        np.array([one.intent == OUT_OF_SCOPE for one in told]),
        numbers(one.in_scope for one in told),
    )


def f1_of(hits: float, said: float, wanted: float) -> float:
    """Return the harmonic mean of precision and recall; 1 where nothing is to be found and nothing was said.

    >>> f1_of(2, 4, 2), f1_of(0, 0, 0)
    (0.6666666666666666, 1.0)
    """
    return 2 * hits / (said + wanted) if said + wanted else 1.0


def f1_interval(found: ScoredUtterances, resamples: int = 1000) -> tuple[float, float]:
    """Return the 95 % interval of F1, by the bootstrap over utterances."""
    dice = np.random.default_rng(0)
    counts = dice.multinomial(len(found.hits), np.full(len(found.hits), 1 / len(found.hits)), size=resamples)
    hits, both = counts @ found.hits, counts @ (found.said + found.wanted)
    low, high = np.quantile(np.where(both > 0, 2 * hits / np.maximum(both, 1), 1.0), [0.025, 0.975])
    return float(low), float(high)


def measured(found: ScoredUtterances) -> dict[str, float]:
    """Return the metrics, the whole sentence first; those of slots and of scope where there are any.

    Metrics:

    - `sentence_accuracy`: the share of utterances whose intent and every slot are right; more is better
    - `intent_accuracy`: of the utterances in scope, the share whose intent is right; more is better
    - `slot_f1`: 2 hits / (slots said + slots wanted), a hit being the same letters and the same slot; more is better
    - `slot_precision`: hits / slots said; more is better
    - `slot_recall`: hits / slots wanted; more is better
    - `calibration_error`: how far confidence is from the share that is right, by
      `statewise.tasks.dialogue.calibration.calibration_error`; less is better
    - `out_of_scope_recall`: of the utterances out of scope, the share that is refused; more is better
    - `out_of_scope_recall_at_95`: the same where 95 % of what is in scope is accepted; more is better
    """
    groups = np.arange(len(found.intents))
    low, high = bootstrap(found.sentences, groups)
    told = {
        "sentence_accuracy": float(found.sentences.mean()),
        "sentence_accuracy_low": low,
        "sentence_accuracy_high": high,
    }
    inside = found.is_scope
    if inside.any():
        told["intent_accuracy"] = float(found.intents[inside].mean())
    if found.has_slots:
        hits, said, wanted = (float(part.sum()) for part in (found.hits, found.said, found.wanted))
        low, high = f1_interval(found)
        told |= {"slot_f1": f1_of(hits, said, wanted), "slot_f1_low": low, "slot_f1_high": high}
        told |= {"slot_precision": hits / max(said, 1.0), "slot_recall": hits / max(wanted, 1.0)}
    told["calibration_error"] = calibration_error(found.confidence, found.intents > 0)
    if (~inside).any() and inside.any():
        least = float(np.quantile(found.in_scope[inside], 1 - ACCEPTED))
        told["out_of_scope_recall"] = float(found.refused[~inside].mean())
        told["out_of_scope_recall_at_95"] = float((found.in_scope[~inside] < least).mean())
    return told


def confusions(told: Sequence[Told], wanted: Sequence[SampleUtterance]) -> dict[str, dict[str, float]]:
    """Return the pairs of intents that were taken for each other most often, with how often."""
    counts = Counter(
        (right.intent, one.intent) for one, right in zip(told, wanted, strict=True) if one.intent != right.intent
    )
    return {
        f"{right}, taken for {said}": {"utterances": float(n)}
        for (right, said), n in counts.most_common(SHOWN_CONFUSIONS)
    }


def by_slot(told: Sequence[Told], wanted: Sequence[SampleUtterance]) -> dict[str, dict[str, float]]:
    """Return F1 of each slot and how often it is there, those that are there most often first."""
    hits, said, there = Counter[str](), Counter[str](), Counter[str]()
    for one, right in zip(told, wanted, strict=True):
        gold = slots_of(right)
        hits.update(slot for _, _, slot in one.slots & gold)
        said.update(slot for _, _, slot in one.slots)
        there.update(slot for _, _, slot in gold)
    return {
        slot: {"f1": f1_of(hits[slot], said[slot], count), "there": float(count)}
        for slot, count in there.most_common(20)
    }


def difference(one: Floats, other: Floats) -> tuple[float, float, float]:
    """Return the mean difference of two methods on the same utterances, with its 95 % interval (paired bootstrap)."""
    apart = one - other
    return float(apart.mean()), *bootstrap(apart, np.arange(len(apart)))
