"""How a run is listened with: which search, guided by what, and what it makes of chances: texts, words, times."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from statewise.bounds import check_whole
from statewise.data.audio.speech_codec import SpeechCodec, cleaned
from statewise.errors import UsageError
from statewise.tasks.speech.beam import Chances, Greedy, Heard, LabelSearch, PrefixBeam, Scorer
from statewise.tasks.speech.scorers import Grammar, HotWords

WIDEST = 1000
MOST_SENTENCES = 200_000
NONE_OF_THESE = "none of these"
LEAST = 0.5
"A sentence of a list that is so much less likely, for each label, than what was heard freely was not said."


@dataclass(frozen=True)
class Word:
    """A word with when it was said, in seconds, and how sure the network was of its labels."""

    word: str
    start: float
    end: float
    confidence: float

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        times = {"start": round(self.start, 3), "end": round(self.end, 3)}
        return {"word": self.word, **times, "confidence": round(self.confidence, 4)}


@dataclass(frozen=True)
class Transcript:
    """What was heard between two pauses, with its words; `others` are further texts, each with its share of belief.

    `is_final` says that it will not change any more; `start` and `end` are seconds from the beginning of the sound.
    With a grammar a text that fits no sentence is empty, and `is_none` says so.
    """

    text: str
    confidence: float
    words: tuple[Word, ...] = ()
    start: float = 0.0
    end: float = 0.0
    is_final: bool = True
    others: tuple[tuple[str, float], ...] = ()
    is_none: bool = False

    def __str__(self) -> str:
        said = NONE_OF_THESE if self.is_none else self.text or "(nothing)"
        if not self.is_final:
            return f"{self.start:8.2f} s  ... {said}"
        return f"{self.start:8.2f} s  {said}  ({self.confidence:.0%})"

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        told: dict[str, Any] = {"text": self.text, "confidence": round(self.confidence, 4), "is_final": self.is_final}
        told |= {"start": round(self.start, 3), "end": round(self.end, 3)}
        told["words"] = [word.as_json() for word in self.words]
        if self.others:
            told["others"] = [{"text": text, "confidence": round(share, 4)} for text, share in self.others]
        return {**told, "none_of_these": True} if self.is_none else told


@dataclass(frozen=True)
class Listening:
    """How to listen: the width of the search, 1 for the likeliest path; what guides it; how many texts to return."""

    codec: SpeechCodec
    width: int = 1
    scorers: tuple[Scorer, ...] = ()
    grammar: Grammar | None = None
    texts: int = 1
    least: float = LEAST

    @classmethod
    def of(
        cls,
        codec: SpeechCodec,
        width: int = 1,
        *,
        hot: Sequence[str] = (),
        hot_nats: float = 0.0,
        grammar: Sequence[str] = (),
        language: Scorer | None = None,
        texts: int = 1,
        least: float = LEAST,
    ) -> "Listening":
        """Return it once all was found to be usable. Raises `UsageError` where something is not."""
        check_whole("--beam", width, 1, WIDEST)
        check_whole("--texts", texts, 1, WIDEST)
        if not math.isfinite(hot_nats) or not 0 <= least <= 1:
            raise UsageError(f"hot nats {hot_nats:g} and least {least:g} are out of bounds: give finite, and 0 to 1")
        if len(grammar) > MOST_SENTENCES:
            raise UsageError(f"the grammar has {len(grammar):,} sentences: give at most {MOST_SENTENCES:,}")
        scorers: list[Scorer] = [] if language is None else [language]
        if hot and hot_nats:
            scorers.append(HotWords([codec.encode(word).tolist() for word in hot], hot_nats, _space(codec)))
        tree = Grammar([codec.encode(line).tolist() for line in grammar if cleaned(line)]) if grammar else None
        guided = bool(scorers) or tree is not None or texts > 1
        return cls(codec, max(width, 8) if guided else width, tuple(scorers), tree, texts, least)

    def decoder(self) -> LabelSearch:
        """Return a search at the beginning of a sound, guided but by no grammar."""
        return Greedy() if self.width == 1 else PrefixBeam(self.width, self.scorers)

    def within_grammar(self) -> LabelSearch | None:
        """Return a search among the sentences of the grammar, if there is one."""
        return None if self.grammar is None else PrefixBeam(max(self.width, 32), (*self.scorers, self.grammar))

    def heard(self, chances: Chances) -> Transcript:
        """Return what was said in a whole sound, given log-probabilities `[T, V]`."""
        searches = SearchUnderWay(self)
        for step in chances:
            searches.push(step)
        return searches.finish()


class SearchUnderWay:
    """A search under way, next to one among the sentences of a grammar where there is one."""

    def __init__(self, how: Listening) -> None:
        self.how, self.free, self.closed = how, how.decoder(), how.within_grammar()

    def push(self, chances: Chances) -> None:
        """Read the log-probabilities of the next step."""
        self.free.push(chances)
        if self.closed is not None:
            self.closed.push(chances)

    def partial(self) -> Transcript:
        """Return what was heard so far, which may change yet."""
        heard = (self.closed or self.free).best()
        return replace(transcript_of(self.how.codec, [heard]), is_final=False)

    def finish(self) -> Transcript:
        """Return what was heard, once the sound is over."""
        free = self.free.finish()
        if self.closed is None:
            return transcript_of(self.how.codec, free, self.how.texts)
        fitting = self.closed.finish()
        if not fitting:
            return Transcript("", 0.0, is_none=True)
        best = fitting[0]
        freely = max((heard.nats for heard in free), default=best.nats)
        confidence = math.exp(min(0.0, (best.nats - freely) / max(1, len(best.labels))))
        if confidence < self.how.least:
            return Transcript("", confidence, is_none=True)
        return replace(transcript_of(self.how.codec, fitting, self.how.texts), confidence=confidence)


def _space(codec: SpeechCodec) -> int | None:
    """Return the label of the space between words, where there is one."""
    if codec.units == "words":
        return None
    return codec.pieces.index(" ") + 1 if " " in codec.pieces else -1


def transcript_of(codec: SpeechCodec, heard: Sequence[Heard], texts: int = 1) -> Transcript:
    """Return the likeliest text with its words, and others after it.

    Its confidence is that of its labels, a geometric mean over the labels of all words, each at its likeliest step.
    """
    if not heard:
        return Transcript("", 0.0)
    best = heard[0]
    words = words_of(codec, best)
    sure = math.exp(float(np.mean(np.log(np.maximum(best.peaks, 1e-30))))) if best.peaks else 1.0
    others: tuple[tuple[str, float], ...] = ()
    if texts > 1:
        worths = np.array([one.worth for one in heard])
        shares = np.exp(worths - np.logaddexp.reduce(worths))
        others = tuple((codec.decode(one.labels), float(share)) for one, share in zip(heard, shares, strict=True))
        others = others[:texts]
    return Transcript(codec.decode(best.labels), sure, words, others=others)


def words_of(codec: SpeechCodec, heard: Heard) -> tuple[Word, ...]:
    """Return the words of a text: each from the step of its first label to after that of its last."""
    found: list[Word] = []
    letters: list[tuple[str, int, float]] = []

    def close() -> None:
        if letters:
            confidence = math.exp(sum(math.log(max(peak, 1e-30)) for *_, peak in letters) / len(letters))
            start, end = (step * codec.seconds_per_step for step in (letters[0][1], letters[-1][1] + 1))
            found.append(Word("".join(letter for letter, *_ in letters), start, end, confidence))
            letters.clear()

    for label, step, peak in zip(heard.labels, heard.steps, heard.peaks, strict=True):
        piece = codec.pieces[label - 1]
        if piece != " ":
            letters.append((piece, step, peak))
        if piece == " " or codec.units == "words":
            close()
    close()
    return tuple(found)
