"""A trained model at work: what was said in, a reply out, the best of several by what it owes to what was said."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from statewise.bounds import check_whole, shown
from statewise.data.dialogues.dialogue_codec import NOT_SAID, DialogueCodec
from statewise.data.pairs.pair import cleaned
from statewise.data.pairs.subwords import END
from statewise.decode import Hypothesis, Limits, SearchRule
from statewise.errors import UsageError
from statewise.model import Model
from statewise.sampling import SamplingRule, check_writing, new_seed
from statewise.tasks.chat.confidence import confidences, threshold
from statewise.tasks.chat.never_said import NeverSaid
from statewise.tasks.shared.reader_writer import nats_of
from statewise.tasks.shared.searching import draw_all, search_all

LONGEST_ASKED = 100_000
"Characters of one turn that may be given; of a long one only the end is read."
MOST_BEAM = 1000
MOST_UNKNOWN = 0.5
"A turn of which a larger share of the words was never said in training is not replied to."
NOT_KNOWN, NOTHING = "I do not know what to say to that.", "..."
"What is said below the confidence, and where even that has words that are never said."


class Manner(NamedTuple):
    """How a reply is found.

    `beam` replies are weighed, found by a search, or drawn at a `temperature` by a `seed`, and the `best` are told. One
    of n subwords scores `(log p(reply | said) - against_generic log p(reply | nothing said)) / n ** length_penalty`.
    Below the confidence of a share `unsure` of the replies kept for checks it is not known what to say.
    """

    beam: int = 1
    best: int = 1
    diversity: float = 0.0
    length_penalty: float = 1.0
    against_generic: float = 0.0
    no_repeat: int = 0
    temperature: float | None = None
    seed: int | None = None
    unsure: float = 0.0
    never: NeverSaid = NeverSaid(())

    def check(self) -> "Manner":
        """Return it. Raises `UsageError` where no reply can be found so."""
        check_whole("--beam", self.beam, 1, MOST_BEAM)
        self.rule.check()
        for flag, share in {"--against-generic": self.against_generic, "--unsure": self.unsure}.items():
            if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
                raise UsageError(f"{flag} {shown(share)} is not a share: give a number from 0 to 1")
        if self.temperature is not None:
            SamplingRule(self.temperature)
        if self.seed is not None:
            check_writing(0, self.seed, 0)
        return self

    @property
    def rule(self) -> SearchRule:
        """The rule of the search."""
        how = self.length_penalty, NOT_SAID, self.no_repeat, self.diversity
        return SearchRule(self.beam, self.best, *how)


@dataclass(frozen=True)
class ReplyCandidate:
    """One reply: how likely it is after what was said, in nats, and what it scores."""

    text: str
    log_probability: float
    score: float
    is_finished: bool


@dataclass(frozen=True)
class Replied:
    """What is said, whether it is known what to say, and the candidates, the best first.

    `confidence` is minus the entropy of how a reply begins, in nats; below `threshold` it is not known. Nor is it where
    most words of the last turn are `unknown_words`, of which training had none.
    """

    text: str
    knows: bool
    confidence: float
    threshold: float | None
    candidates: Sequence[ReplyCandidate]
    shows_all: bool = False
    unknown_words: Sequence[str] = ()

    @property
    def best_text(self) -> str:
        """The best candidate, also where it is not known what to say."""
        return self.candidates[0].text if self.candidates else self.text

    def __str__(self) -> str:
        if not self.shows_all:
            return self.text
        return "\n".join([*([] if self.knows else [self.text]), *(f"{c.score:.3f}\t{c.text}" for c in self.candidates)])

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        told = {name: getattr(self, name) for name in ("text", "knows", "confidence", "threshold")}
        return {
            **told,
            "unknown_words": list(self.unknown_words),
            "candidates": [dict(vars(one)) for one in self.candidates],
        }


class Chatter:
    """A model with the codec of its conversations and the manner in which it replies."""

    def __init__(self, model: Model[Any], codec: DialogueCodec, manner: Manner) -> None:
        self.model, self.codec, self.manner = model, codec, manner.check()
        self.barring = manner.never.barring(codec)
        seed = new_seed() if manner.seed is None else manner.seed
        self.first_seed = seed

    def read(self, turn: Any) -> str:
        """Return a turn as it is read. Raises `UsageError` where there is none, or it is no text."""
        if not isinstance(turn, str) or len(turn) > LONGEST_ASKED:
            size = f" of {len(turn):,} characters" if isinstance(turn, str) else ""
            raise UsageError(f"the input{size} is not a turn: give text of at most {LONGEST_ASKED:,} characters")
        if not (clean := cleaned(turn)):
            raise UsageError("there is nothing to reply to: say something")
        return clean

    def replies(self, said: Sequence[Sequence[str]]) -> list[Replied]:
        """Return a reply to each of some conversations, whose turns are read, each the same whatever the others are."""
        read = [self.codec.encode_turns(turns) for turns in said]
        found = self.weighed(self._found(read, said))
        least = threshold(self.model, self.codec, self.manner.unsure)
        sure = confidences(self.model, self.codec, read)
        strange = [self.codec.unknown_words(turns[-1] if turns else "") for turns in said]
        return [self._reply(*each, least) for each in zip(found, sure, strange, strict=True)]

    def _found(self, read: Sequence[Sequence[int]], said: Sequence[Sequence[str]]) -> list[list[Hypothesis]]:
        manner, limit = self.manner, Limits(1, self.codec.longest)
        if manner.temperature is None:
            rule = manner.rule._replace(best=manner.beam)
            return search_all(self.model, read, [limit] * len(read), rule, self.barring)
        rule_of_draws = SamplingRule(manner.temperature, never=NOT_SAID)
        drawn = []
        for source, turns in zip(read, said, strict=True):
            words = hashlib.sha256("\n".join(turns).encode()).digest()  # else all that is said would be drawn alike
            first = self.first_seed + int.from_bytes(words[:8], "big")
            seeds = [(first + number) % 2**63 for number in range(manner.beam)]
            drawn += draw_all(self.model, [source], limit, rule_of_draws, seeds, self.barring)
        return drawn

    def weighed(self, found: Sequence[Sequence[Hypothesis]]) -> list[list[ReplyCandidate]]:
        """Return the candidates for each that differ and may be said, the best first."""
        manner = self.manner
        ended = {tuple(one.codes): 0.0 for each in found for one in each}
        if manner.against_generic:
            targets = [[*codes, END] for codes in ended]
            nats = nats_of(self.model, [self.codec.joined([])], [0] * len(targets), targets)
            ended = dict(zip(ended, nats, strict=True))
        told = []
        for each in found:
            kept: dict[str, ReplyCandidate] = {}
            for one in each:
                text = self.codec.decode(one.codes)
                if not text or manner.never.is_in(text):
                    continue
                gain = one.log_probability + manner.against_generic * ended[tuple(one.codes)]
                score = gain / max(1, len(one.codes) + one.is_finished) ** manner.length_penalty
                candidate = ReplyCandidate(text, one.log_probability, score, one.is_finished)
                if text not in kept or kept[text].score < score:
                    kept[text] = candidate
            told.append(sorted(kept.values(), key=lambda one: (not one.is_finished, -one.score)))
        return told

    def _reply(
        self,
        candidates: Sequence[ReplyCandidate],
        confidence: float,
        strange: tuple[Sequence[str], int],
        least: float | None,
    ) -> Replied:
        unknown, words = strange
        is_read = not self.manner.unsure or len(unknown) <= MOST_UNKNOWN * words
        knows = bool(candidates) and is_read and (least is None or confidence >= least)
        otherwise = NOTHING if self.manner.never.is_in(NOT_KNOWN) else NOT_KNOWN
        some = candidates[: self.manner.best]
        text = candidates[0].text if knows else otherwise
        return Replied(text, knows, confidence, least, some, self.manner.best > 1, unknown)
