"""A trained model at work: sentences in, translations out, the best by a beam or word by word."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from statewise.data.pairs.pair import MARKS, SPACE, cleaned
from statewise.data.pairs.pairs_codec import Coded, PairsCodec
from statewise.data.pairs.subwords import END, START, UNKNOWN
from statewise.decode import Hypothesis, Limits, SearchRule
from statewise.errors import UsageError
from statewise.model import Model, evaluating
from statewise.tasks.shared.reader_writer import opened, told
from statewise.tasks.shared.searching import search_all
from statewise.tasks.translate.copying import copied_words

CUT = " (cut at the limit)"
"What is said after a translation that came to no end, where several are told."
STRETCH = 256
"Lines of a file are told so many at a time."
LONGEST_ASKED = 10_000
"Characters of one sentence that may be asked for."
MOST_BEAM = 1000
SHARE_DIGITS = 4
PER_CODE, MORE = 3, 10
"A translation has at most three codes for each of its source, and ten more."


@dataclass(frozen=True)
class Candidate:
    """One translation, and how likely it is: the log-probability in nats, and the score that the search went by."""

    text: str
    log_probability: float
    score: float
    is_finished: bool
    codes: Sequence[int]

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {name: getattr(self, name) for name in ("text", "log_probability", "score", "is_finished")}


@dataclass(frozen=True)
class LookedOver:
    """How much each piece of a translation looked at each piece of its sentence, `shares` `[written, read]`."""

    read: Sequence[str]
    written: Sequence[str]
    shares: Sequence[Sequence[float]]

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {"read": list(self.read), "written": list(self.written), "shares": [list(row) for row in self.shares]}


@dataclass(frozen=True)
class Translated:
    """A sentence and its translations, the best first; or one that was given to be scored.

    `unseen` are words of the sentence that training never saw: what stands for them is a guess. `looked` says what the
    best translation looked at, where that was asked for.
    """

    source: str
    candidates: Sequence[Candidate]
    is_given: bool = False
    unseen: Sequence[str] = ()
    looked: LookedOver | None = None

    @property
    def text(self) -> str:
        """The best one; of an empty line nothing."""
        return self.candidates[0].text if self.candidates else ""

    def __str__(self) -> str:
        if len(self.candidates) <= 1 and not self.is_given:
            return self.text
        return "\n".join(f"{one.score:.3f}\t{one.text}{'' if one.is_finished else CUT}" for one in self.candidates)

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        told = {"source": self.source, "translations": [one.as_json() for one in self.candidates]}
        looked = {} if self.looked is None else {"looked_at": self.looked.as_json()}
        return {**told, "words_never_seen": list(self.unseen), **looked}


@dataclass(frozen=True)
class Translator:
    """A model with the codec of its texts and the rule by which it searches."""

    model: Model[Any]
    codec: PairsCodec
    rule: SearchRule

    def translations(self, texts: Sequence[str]) -> list[Translated]:
        """Return the translations of sentences, in their order; each is the same whatever the others are."""
        coded = [self.coded(text) for text in texts]
        sources = [one.codes for one in coded]
        found = search_all(self.model, sources, [self.limits(source) for source in sources], self._rule)
        return [
            Translated(text, self._distinct(source, each), unseen=self.codec.unseen(cleaned(text)))
            for text, source, each in zip(texts, coded, found, strict=True)
        ]

    def _distinct(self, source: Coded, found: Sequence[Hypothesis]) -> list[Candidate]:
        """Return the best candidates whose texts differ: one text may be spelled by several codes."""
        kept: dict[str, Candidate] = {}
        for one in found:
            if len(kept) == self.rule.best:
                break
            candidate = self.candidate(source, one)
            kept.setdefault(candidate.text, candidate)
        return list(kept.values())

    def translations_of_lines(self, lines: Sequence[str]) -> Iterator[Translated]:
        """Yield the translations of lines in their order, as soon as a stretch of them is done; empty ones stay so."""
        for begin in range(0, len(lines), STRETCH):
            some = lines[begin : begin + STRETCH]
            found = iter(self.translations([line for line in some if line.strip()]))
            yield from (next(found) if line.strip() else Translated(line, ()) for line in some)

    @property
    def _rule(self) -> SearchRule:
        best = self.rule.best if self.rule.best == 1 else self.rule.width
        return self.rule._replace(best=best, never=(START,))

    def coded(self, text: str) -> Coded:
        """Return a sentence as codes. Raises `UsageError` where there is none, or it is no sentence."""
        if not isinstance(text, str) or len(text) > LONGEST_ASKED:
            size = f" of {len(text):,} characters" if isinstance(text, str) else ""
            raise UsageError(f"the input{size} is not a sentence: give text of at most {LONGEST_ASKED:,} characters")
        clean = cleaned(text)
        if not clean:
            raise UsageError("there is no text to translate: give a sentence")
        return self.codec.encode_source(clean)

    def limits(self, source: Sequence[int]) -> Limits:
        """Return how long a translation may be."""
        return Limits(1, PER_CODE * len(source) + MORE)

    def candidate(self, source: Coded, found: Hypothesis) -> Candidate:
        """Return what was found as text, names copied."""
        words: Sequence[str] = ()
        if UNKNOWN in found.codes:
            seen = told(self.model, source.codes, [*found.codes, END])
            words = copied_words([*found.codes, END], seen.alignment, source.codes, source.words)
        text = self.codec.decode(found.codes, words)
        return Candidate(text, found.log_probability, found.score, found.is_finished, found.codes)

    def alignment(self, text: str, codes: Sequence[int]) -> tuple[list[str], list[str], Any]:
        """Return pieces of a sentence, pieces of its translation, and how much the one looked at the other."""
        source, written = self.coded(text), [*codes, END]
        seen = told(self.model, source.codes, written)
        read = [
            word if code == UNKNOWN else self.codec.source.piece(code)
            for code, word in zip(source.codes, source.words, strict=True)
        ]
        return _shown(read), _shown([self.codec.target.piece(code) for code in written]), seen.alignment

    def looked_over(self, found: Translated) -> Translated:
        """Return translations with what the best one looked at."""
        read, written, shares = self.alignment(found.source, found.candidates[0].codes)
        rows = [[round(float(share), SHARE_DIGITS) for share in row] for row in shares]
        return replace(found, looked=LookedOver(read, written, rows))

    def given(self, text: str, target: str) -> Candidate:
        """Return a translation that is given, with what the model says of it."""
        source, written = self.coded(text), cleaned(target)
        codes = self.codec.encode_target(written, [w for c, w in zip(*source, strict=True) if c == UNKNOWN])
        nats = float(told(self.model, source.codes, codes).nats.double().sum())
        score = -nats / len(codes) ** self.rule.length_penalty
        return Candidate(written, -nats, score, True, codes[:-1])

    def words(self, text: str, before: Sequence[int] = ()) -> Iterator[str]:
        """Yield a translation word by word, as soon as each is whole: the likeliest choice at each step.

        `before` are codes that are there already. It is what `translations` has by a beam of width one.
        """
        source = self.coded(text)
        shown_until, codes = 0, list(before)
        with evaluating(self.model), torch.no_grad():
            state, read, alignment = opened(self.model, [source.codes]), [START, *codes], []
            limits = self.limits(source.codes)
            while True:
                logits, state, seen = self._read(read, state)
                alignment += seen
                if len(codes) >= limits.most:
                    break
                logits[..., START] = -torch.inf
                if not codes:
                    logits[..., END] = -torch.inf
                code = int(logits.argmax(dim=-1))
                if code == END:
                    break
                whole = self._text(codes, alignment, source)
                codes.append(code)
                read = [code]
                if self.codec.target.begins_word(code) and len(whole) > shown_until:
                    yield whole[shown_until:].lstrip()
                    shown_until = len(whole)
            yield self._text(codes, alignment, source)[shown_until:].lstrip()

    def _read(self, codes: Sequence[int], state: Any) -> tuple[Any, Any, list[Any]]:
        core: Any = self.model.core
        device, seen = next(self.model.parameters()).device, []
        for code in codes:
            y, state = core.step(self.model.encoder(torch.tensor([code], device=device)), state)
            seen.append(core.attention.align(y[:, : core.attention.features], state.attention)[0].cpu())
        return self.model.head.logits(self.model.head(y)), state, seen

    def _text(self, codes: Sequence[int], alignment: Sequence[Any], source: Coded) -> str:
        words: Sequence[str] = ()
        if UNKNOWN in codes:
            words = copied_words(codes, torch.stack([*alignment[: len(codes)]]), source.codes, source.words)
        return self.codec.decode(codes, words)


def _shown(pieces: Sequence[str]) -> list[str]:
    """Return pieces as a picture shows them: words without the mark of a space, parts of words with a hyphen."""
    named = {MARKS[END]: "(end)", MARKS[START]: "(begin)", MARKS[UNKNOWN]: "(name)"}
    return [named.get(piece, piece.removeprefix(SPACE) or "_") for piece in pieces]
