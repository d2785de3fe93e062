"""Utterances made ready: each text once, split so that every intent is learned, with made-up ones of no intent."""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from statewise.data.left_out import LeftOutCount
from statewise.data.pairs.prepared_pairs import PARTS
from statewise.data.texts import digest, find_files
from statewise.data.utterances.bot import Bot
from statewise.data.utterances.sample_utterance import (
    MOST_WORDS,
    OUT_OF_SCOPE,
    SampleUtterance,
    labels_of,
    words_of_utterance,
)
from statewise.data.utterances.utterance_files import read_utterances
from statewise.data.utterances.utterances_codec import UtterancesCodec
from statewise.errors import DataError
from statewise.shown import counted

SHARE_MADE_UP, LEAST_MADE_UP = 0.08, 24
"How many made-up utterances there are to those of training."
NEGATIONS = ("I don't want to", "do not", "don't", "please do not", "I do not want to", "never")
NEGATED = frozenset(("not", "never", "don", "dont"))
WISH = re.compile(r"i(?: want| need|'d like| would like)\b", re.IGNORECASE)
ASK = re.compile(
    r"(?:book|order|play|show|tell|find|search|add|get|rate|give|make|put|set|buy|reserve|cancel|send|call|turn|start|"
    r"stop|open|close|remind|check|schedule|pay|transfer)\b",
    re.IGNORECASE,
)
MARKS_ALONE = ("😀", "🎉🎉", "👍", "?", "!!!", "...", "🙈 🙉", "😂😂😂", ":-)", "❤️")
FEW = 4
"An intent with so few utterances has all of them learned."


class PartShares(NamedTuple):
    """Shares of each intent that are held out and kept for checks, and whether utterances of no intent are made up."""

    held_out: float
    validation: float
    made_up: bool = True
    lists: bool = True


@dataclass(frozen=True)
class PreparedUtterances:
    """Utterances in three parts; `made_up` ones belong to training alone."""

    codec: UtterancesCodec
    parts: tuple[list[SampleUtterance], list[SampleUtterance], list[SampleUtterance]]
    made_up: list[SampleUtterance]
    facts: dict[str, Any]

    def of(self, part: str) -> list[SampleUtterance]:
        """Return the utterances of a part."""
        return self.parts[PARTS.index(part)]


def prepare_utterances(sources: Sequence[str], shares: PartShares) -> PreparedUtterances:
    """Return the utterances of some sources in three parts.

    Raises `DataError` where a source cannot be read, or the training or held-out part would be empty.
    """
    files, left_out = find_files(sources, "utterances"), LeftOutCount("utterance")
    bot, found = read_utterances(files, left_out)
    said = list(_short(bot.utterances, left_out))
    parts = _split(said, shares)
    for name, part in {"training": 0, "held-out": 2}.items():
        if not parts[part]:
            told = "".join(f"; {line}" for line in left_out.told())
            raise DataError(
                f"{', '.join(sources)} has {counted(len(said), 'utterance')}, and the {name} part would have none"
                f"{told}: give more utterances of an intent, or another --held-out"
            )
    unlearned = {intent.name for intent in bot.intents} - {one.intent for one in parts[0]}
    if unlearned:
        raise DataError(f"intent '{min(unlearned)}' has no utterance to learn from: give some")
    made = list(made_up_utterances(parts[0])) if shares.made_up else []
    codec = UtterancesCodec.of(bot, parts[0], parts[1], shares.lists)
    facts = _facts(bot, parts, made, left_out, found, digest(files))
    return PreparedUtterances(codec, parts, made, facts)


def utterances_with(codec: UtterancesCodec, sources: Sequence[str]) -> tuple[list[SampleUtterance], dict[str, Any]]:
    """Return other utterances, all of them held out, of intents and slots that a codec knows, and facts of them."""
    files, left_out = find_files(sources, "utterances"), LeftOutCount("utterance")
    bot, found = read_utterances(files, left_out)
    kept = []
    for one in _short(bot.utterances, left_out):
        unknown = [span.slot for span in one.slots if span.slot not in codec.slots]
        if one.intent not in codec.intents:
            left_out.add(f"of intent '{one.intent}', which training never saw", one.where)
        elif unknown:
            left_out.add(f"with slot '{unknown[0]}', which training never saw", one.where)
        else:
            kept.append(one)
    if not kept:
        raise DataError(f"{', '.join(sources)} has no utterance to score: {'; '.join(left_out.told())}")
    facts = {"held_out": len(kept), **left_out.facts(), "sha256": digest(files), "not_read": found.others}
    return kept, facts


def _short(said: Sequence[SampleUtterance], left_out: LeftOutCount) -> Iterator[SampleUtterance]:
    for one in said:
        if len(words_of_utterance(one.text)) > MOST_WORDS:
            left_out.add(f"of more than {MOST_WORDS} words", one.where)
        else:
            yield one


def _order(text: str) -> bytes:
    return hashlib.sha256(text.casefold().encode()).digest()


def _split(
    said: Sequence[SampleUtterance], shares: PartShares
) -> tuple[list[SampleUtterance], list[SampleUtterance], list[SampleUtterance]]:
    """Return utterances in parts: as their files say, or of each intent the same share, in an order by their texts."""
    parts: tuple[list[SampleUtterance], list[SampleUtterance], list[SampleUtterance]] = ([], [], [])
    if any(one.part for one in said):
        for one in said:
            parts[PARTS.index(one.part or "training")].append(one)
        return parts
    by_intent: dict[str, list[SampleUtterance]] = defaultdict(list)
    for one in said:
        by_intent[one.intent].append(one)
    carried = [0.0, 0.0]
    for some in by_intent.values():
        ordered = sorted(some, key=lambda one: _order(one.text))
        if len(ordered) < FEW:
            parts[0].extend(ordered)
            continue
        counts: list[int] = []
        for number, share in enumerate((shares.held_out, shares.validation)):
            exact = share * len(ordered) + carried[number]
            count = min(round(exact), max(0, len(ordered) - 2 - sum(counts)))
            carried[number] = min(exact - count, 1.0)
            counts.append(count)
        held, checked = counts
        parts[2].extend(ordered[:held])
        parts[1].extend(ordered[held : held + checked])
        parts[0].extend(ordered[held + checked :])
    if not parts[2] and parts[0]:  # of few utterances one is held out all the same
        counts_left = Counter(one.intent for one in parts[0])
        last = next((n for n in reversed(range(len(parts[0]))) if counts_left[parts[0][n].intent] >= FEW - 1), None)
        if last is not None:
            parts[2].append(parts[0].pop(last))
    return parts


def made_up_utterances(training: Sequence[SampleUtterance]) -> Iterator[SampleUtterance]:
    """Yield utterances of no intent: letters as training has them in no words, marks alone, and what is not wanted.

    Negations are made up where no utterance of training has one.
    """
    dice = np.random.default_rng([len(training), 1])
    words = [word.text.casefold() for one in training for word in words_of_utterance(one.text) if word.text.isalpha()]
    follows: dict[str, list[str]] = defaultdict(list)
    for word in words[:20_000]:
        for first, second in zip(f"^{word}", f"{word}$", strict=True):
            follows[first].append(second)
    count = max(LEAST_MADE_UP, round(SHARE_MADE_UP * len(training)))
    known = set(words)
    for number in range(count if follows else 0):
        if number % 12 == 0:
            text = str(dice.choice(MARKS_ALONE))
        else:
            text = " ".join(_nonsense(follows, known, dice) for _ in range(int(dice.integers(1, 8))))
        yield SampleUtterance(text, OUT_OF_SCOPE, (), "made up")
    if known & NEGATED:
        return
    negated = [not_so for one in training if one.intent != OUT_OF_SCOPE and (not_so := _negated(one.text, dice))]
    for number in dice.permutation(len(negated))[:count].tolist():
        yield SampleUtterance(negated[number], OUT_OF_SCOPE, (), "made up")


def _negated(text: str, dice: np.random.Generator) -> str | None:
    """Return that something is not wanted; None where a text does not say that it is."""
    if WISH.match(text):
        return WISH.sub("I don't want", text, count=1)
    if ASK.match(text):
        return f"{dice.choice(NEGATIONS)} {text[:1].lower()}{text[1:]}"
    return None


def _nonsense(follows: dict[str, list[str]], known: set[str], dice: np.random.Generator) -> str:
    """Return letters in the order of words of training, which are no word of it."""
    for _ in range(9):
        word, letter = "", "^"
        while len(word) < 12:
            some = follows[letter]
            letter = some[int(dice.integers(len(some)))]
            if letter == "$":
                break
            word += letter
        if len(word) > 2 and word not in known:
            return word
    return word + "x"


def _facts(
    bot: Bot,
    parts: Sequence[Sequence[SampleUtterance]],
    made: Sequence[SampleUtterance],
    left_out: LeftOutCount,
    found: Any,
    sha256: str,
) -> dict[str, Any]:
    counts = {name: len(part) for name, part in zip(PARTS, parts, strict=True) if part}
    slots = bot.slots
    apart = sum(not labels_of(one, slots)[1] for part in parts for one in part)
    return {
        "unit": "utterance",
        **counts,
        "made_up": len(made),
        "intents": len(bot.intents),
        "slots": len(slots),
        "out_of_scope": dict(
            Counter(name for name, part in zip(PARTS, parts, strict=True) for one in part if one.intent == OUT_OF_SCOPE)
        ),
        "slots_within_words": apart,
        **left_out.facts(),
        "not_read": found.others,
        "notices": found.notices,
        "sha256": sha256,
    }
