"""How a model of utterances is scored, and what is said of the score."""

from collections.abc import Generator, Sequence
from typing import Any

import numpy as np

from statewise.data.utterances.lex_export import placed
from statewise.data.utterances.sample_utterance import OUT_OF_SCOPE
from statewise.model import Model
from statewise.task import Score, Scoring
from statewise.tasks.dialogue.data import BASELINE, DialogueData
from statewise.tasks.dialogue.metrics import Told, by_slot, confusions, difference, measured, scored
from statewise.tasks.dialogue.understanding import AT_ONCE, FEWEST_CHECKS, Understanding, Understood

MOST_MISSED = 10
NATS = 0.001
"How much a nat counts against a sentence, so that checks which tell the same share apart."


def told_of_understood(one: Understood) -> Told:
    """Return what was understood as it is scored."""
    slots = frozenset((found.span.begin, found.span.end, found.span.slot) for found in one.slots)
    best = max((sure for name, sure in one.intents if name != OUT_OF_SCOPE), default=0.0)
    return Told(one.intent, one.confidence, slots, best)


def understood_all(how: Understanding, texts: Sequence[str]) -> Generator[float, None, list[Understood]]:
    """Return what is understood of texts, yielding how much is done."""
    found: list[Understood] = []
    for begin in range(0, len(texts), 8 * AT_ONCE):
        found += how.understood(texts[begin : begin + 8 * AT_ONCE])
        yield len(found) / len(texts)
    return found


def judge_understanding(how: Understanding, model: Model[Any], data: DialogueData, nats: float) -> Scoring:
    """Score what is understood of the utterances that are asked."""
    asked = data.asked
    understood = yield from understood_all(how, [one.text for one in asked])
    told = [told_of_understood(one) for one in understood]
    found = scored(told, asked)
    metrics = {**measured(found), "nats_per_utterance": nats}
    is_check = data.scored != "held_out"
    tables: dict[str, Any] = {}
    if not is_check:
        tables["Taken for each other"] = confusions(told, asked)
        if found.has_slots:
            tables["Slots, by entity"] = by_slot(told, asked)
    tables = {title: rows for title, rows in tables.items() if rows}
    missed = [
        f"{one.text} -> {said.intent} ({said.confidence:.0%}), not {one.intent}"
        for one, said, right in zip(asked, told, found.intents, strict=True)
        if not right
    ]
    judged = 1 - metrics["sentence_accuracy"] + NATS * min(nats, 100.0)
    return Score(metrics, judged, tables, details=(told, missed, how.temperature))


def remarks_on_understanding(score: Score, data: DialogueData) -> list[str]:
    """Say what was counted, how it compares with the best simple method, and what was missed."""
    told, missed, temperature = score.details
    asked = data.asked
    data.baselines()
    ours, theirs = scored(told, asked), scored(data.found.told[BASELINE], asked)
    apart, low, high = difference(ours.sentences, theirs.sentences)
    verdict = "better" if low > 0 else "worse" if high < 0 else "not told apart by these utterances"
    made = data.facts["made_up"]
    learned = {placed(one) for one in data.learned}
    alike = sum(bool(one.slots) and placed(one) in learned for one in asked)
    refused = int(np.sum(ours.refused & ours.is_scope))
    said = [
        "a sentence is right where its intent and all its slots are; F1 is of whole slots, by their characters; 95 % "
        "intervals by the bootstrap over utterances; no text is in two parts.",
        f"Against the best baseline ({BASELINE}): {100 * apart:+.1f} points of sentence accuracy, 95 % interval "
        f"{100 * low:+.1f} to {100 * high:+.1f} by the paired bootstrap: {verdict}.",
        *_said_of_confidences(temperature, len(data.codec.checks)),
        f"{refused:,} of {int(ours.is_scope.sum()):,} utterances in scope were refused.",
    ]
    if alike:
        said.append(
            f"{alike:,} of {len(asked):,} utterances are as some in training but for the values of their slots: of "
            "other ways to say it they tell little."
        )
    if made:
        said.append(f"{made:,} utterances of no intent are made up for training: nonsense words, marks, negations.")
    if missed:
        said.append(f"Missed, {len(missed):,} in all: {'; '.join(missed[:MOST_MISSED])}.")
    return said


def _said_of_confidences(temperature: float, checks: int) -> list[str]:
    """Say how confidences were found."""
    if checks < FEWEST_CHECKS:
        return [f"With {checks} utterances kept for checks, confidences are as the network says, uncalibrated."]
    return [
        f"Confidences are divided by a temperature of {temperature:.2f}, found on {checks:,} utterances for checks."
    ]
