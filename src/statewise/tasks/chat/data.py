"""Conversations as windows: a reply a row, with what was said before it as context; and what simple methods score."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from statewise.data.dialogues.dialogue_codec import DialogueCodec
from statewise.data.dialogues.prepared_dialogues import PreparedDialogues, dialogues_with
from statewise.data.left_out import LeftOutCount
from statewise.data.pairs.pair_batches import PairBatches
from statewise.data.pairs.prepared_pairs import PARTS, Third
from statewise.data.window import Window
from statewise.task import Data, Part
from statewise.tasks.chat import n_grams
from statewise.tasks.chat.metrics import Floats, PlacesAsked, hit_metrics, hits, variety
from statewise.tasks.chat.retrieval import TfIdf

SCORED_ROWS = 64
BY_REPLY, BY_LIKE = "TF-IDF, reply like what was said", "TF-IDF, replies to the like"


@dataclass
class BySimpleMethods:
    """What simple methods score: their metrics by name, which replies each finds, and what is looked up."""

    metrics: dict[str, dict[str, float]] = field(default_factory=dict)
    hits: dict[str, Floats] = field(default_factory=dict)
    looked_up: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class ChatData(Data):
    """Conversations in three parts, with what simple methods reply."""

    task: Any  # a Chat, whose module imports this one
    dialogues: PreparedDialogues
    scored: Third = "held_out"
    found: BySimpleMethods = field(default_factory=BySimpleMethods, compare=False)

    @property
    def codec(self) -> DialogueCodec:
        """What turns texts into codes."""
        return self.dialogues.codec

    @property
    def facts(self) -> dict[str, Any]:
        """How many replies there are, what was left out and why, and the digest."""
        return self.dialogues.facts

    @property
    def notices(self) -> Sequence[str]:
        """What was left out."""
        long, most = self.facts["replies_too_long"], self.codec.longest - 1
        only_read = f"{long:,} replies of more than {most:,} subwords are read, but not learned"
        notice = self.dialogues.notice
        others = ", ".join(self.facts.get("files_of_another_kind", ()))
        return [
            *([f"not read, since it holds no conversations: {others}"] if others else []),
            *LeftOutCount.of("conversation", self.facts).told(),
            *([only_read] if long else []),
            *([notice] if notice else []),
        ]

    def windows(self, part: Part, *, rows: int | None = None, steps: int | None = None) -> Sequence[Window]:
        """Return batches of whole replies, however many `steps` are asked for.

        In training nothing is read before some of them, at the rate of `context_dropout`, so that it is known what is
        likely whatever was said.
        """
        is_training = part == "training"
        numbers = self.dialogues.numbers("training" if is_training else self.scored)
        lengths = (self.dialogues.lengths[numbers] + 1).tolist()
        rate, seed = self.task.context_dropout, self.task.seed
        if is_training:

            def learned(epoch: int, place: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
                reads = np.random.default_rng([seed, epoch, place]).random() >= rate
                return self.dialogues.coded(int(numbers[place]), reads=bool(reads))

            return PairBatches(learned, lengths, rows or self.task.batch_size, seed=seed)
        return PairBatches(
            lambda epoch, place: self.dialogues.coded(int(numbers[place])),
            lengths,
            min(rows or SCORED_ROWS, len(numbers)),
        )

    @cached_property
    def asked(self) -> PlacesAsked:
        """What is replied to, to be scored: at most so many places, evenly taken."""
        most = self.task.scored if self.scored == "held_out" else self.task.checked
        numbers = self.dialogues.numbers(self.scored)
        if most and len(numbers) > most:
            numbers = numbers[np.linspace(0, len(numbers) - 1, most).astype(int)]
        said = [self.dialogues.said_before(int(number)) for number in numbers]
        replies = [self.dialogues.turns[number] for number in numbers]
        return PlacesAsked.of(said, replies, self.dialogues.conversations[numbers])

    def prepare_baselines(self) -> Iterator[float]:
        """Count n-grams and look replies up, yielding how much is done."""
        if self.found.metrics:
            return
        asked, training = self.asked, self.dialogues.numbers("training")
        counting = n_grams.fitted(self.dialogues, "validation" if "validation" in self.facts else "training")
        try:
            while True:
                yield 0.5 * next(counting)
        except StopIteration as stopped:
            model, order = stopped.value
        counted = hits(n_grams.scores(model, order, self.codec, asked))
        nats = n_grams.nats_a_subword(model, order, self.dialogues, self.scored)
        yield 0.6
        turns = self.dialogues.turns
        index = TfIdf([turns[number - 1] for number in training], [turns[number] for number in training])
        last = [said[-1] for said in asked.said]
        all_said = [" ".join(said) for said in asked.said]
        by_reply = hits(index.reply_scores(all_said, asked.replies, asked.among))
        yield 0.8
        by_like = hits(index.like_scores(last, asked.replies, asked.among))
        self.found.looked_up = index.looked_up(last)
        name = f"n-gram, order {order} (Kneser-Ney)"
        self.found.hits = {name: counted, BY_REPLY: by_reply, BY_LIKE: by_like}
        more = {name: {"perplexity": float(np.exp(nats))}, BY_LIKE: variety(self.found.looked_up)}
        self.found.metrics = {
            method: {**hit_metrics(values, asked.conversations), **more.get(method, {})}
            for method, values in self.found.hits.items()
        }
        yield 1.0

    def baselines(self) -> Mapping[str, dict[str, float]]:
        """Return what simple methods score."""
        for _ in self.prepare_baselines():
            pass
        return self.found.metrics

    def validating(self) -> "ChatData":
        """Return these conversations with those for checks as what is scored, where some were kept for it."""
        return replace(self, scored="validation", found=BySimpleMethods()) if "validation" in self.facts else self

    def on(self, source: Sequence[str], cache: Path) -> "ChatData":
        """Return this training part with other conversations to be scored, all of them."""
        other = joined(self.dialogues, dialogues_with(self.codec, source))
        return replace(self, dialogues=other, scored="held_out", found=BySimpleMethods())


def joined(one: PreparedDialogues, other: PreparedDialogues) -> PreparedDialogues:
    """Return the training part of some conversations with others as the held-out part."""
    parts = np.where(one.parts == PARTS.index("training"), one.parts, len(PARTS)).astype(np.uint8)
    facts = {key: value for key, value in one.facts.items() if key != "validation"}
    after = int(one.conversations[-1]) + 1
    return PreparedDialogues(
        one.codec,
        one.turns + other.turns,
        np.concatenate([one.codes, other.codes]),
        np.concatenate([one.ends, other.ends + len(one.codes)]),
        np.concatenate([one.conversations, other.conversations + after]).astype(np.int32),
        np.concatenate([parts, other.parts]),
        {**facts, **other.facts, "training": one.facts["training"]},
    )
