"""A trained model at work: a story and its questions in, answers out, with the sentences that were looked at."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from statewise.errors import UsageError
from statewise.model import Model, evaluating
from statewise.tasks.answer.data import SCORED_ROWS, Questions, collated_questions
from statewise.tasks.answer.network import Reasoner
from statewise.tasks.answer.stories_codec import NONE, StoriesCodec
from statewise.tasks.answer.story_files import MOST_WORDS, StoryQuestion, words_of

NOT_KNOWN = "not known"
LONGEST_ASKED = 100_000
"Characters of a story that may be asked about."
SENTENCE = re.compile(r"[^.?!\n]*[.?!]?")
LINE_NUMBER = re.compile(r"^\d+ ")
SHOWN, LEAST_SHOWN = 5, 0.05
"At most so many sentences are shown of those that were looked at, each of at least such a share."


@dataclass(frozen=True)
class Answered:
    """The answer to a question, None where it is not known, with its probability, and why it is not known.

    `looked_at` has for each sentence how much it was looked at, from 0 to 1; it is empty where a model only reads.
    """

    question: str
    answer: str | None
    probability: float
    why: str
    looked_at: Sequence[tuple[str, float]]

    def __str__(self) -> str:
        if self.answer is None:
            return f"{NOT_KNOWN}: {self.why}"
        most = sorted((share for _, share in self.looked_at), reverse=True)[:SHOWN]
        least = max(LEAST_SHOWN, most[-1]) if most else 1.0
        seen = [f"  {share:4.0%}  {text}" for text, share in self.looked_at if share >= least]
        return "\n".join([f"{self.answer} ({self.probability:.0%})", *seen[:SHOWN]])

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "question": self.question,
            "answer": self.answer,
            "probability": self.probability,
            "why": self.why,
            "looked_at": [{"sentence": text, "share": share} for text, share in self.looked_at],
        }


def told_of(text: str) -> list[tuple[tuple[str, ...], str]]:
    """Return the questions of a text, which end in a question mark, each with the sentences before it.

    Numbers of lines, and what stands after a tab, are passed over, as in files of stories.

    >>> told_of("1 Mary went home. Where is Mary?")
    [(('Mary went home.',), 'Where is Mary?')]
    """
    sentences: list[str] = []
    found = []
    for line in text.splitlines():
        plain = LINE_NUMBER.sub("", line).partition("\t")[0]
        for part in map(str.strip, SENTENCE.findall(plain)):
            if part.endswith("?"):
                found.append((tuple(sentences), part))
            elif words_of(part):
                sentences.append(part)
    return found


@dataclass(frozen=True)
class Answerer:
    """A model of stories with its codec; `steps` is how often it looks at a story, 0 where it reads word by word."""

    model: Model[Any]
    codec: StoriesCodec
    steps: int

    def asked(self, text: str) -> Iterator[Answered]:
        """Yield the answer to each question of a text. Raises `UsageError` where there is none."""
        if not isinstance(text, str) or len(text) > LONGEST_ASKED:
            size = f" of {len(text):,} characters" if isinstance(text, str) else ""
            raise UsageError(f"the input{size} is not a story: give text of at most {LONGEST_ASKED:,} characters")
        found = told_of(text)
        if not found:
            raise UsageError("there is no question: give a story and a question that ends with a question mark")
        return iter([self.answer(sentences, question) for sentences, question in found])

    def answer(self, sentences: Sequence[str], question: str) -> Answered:
        """Return the answer to a question about some sentences. Raises `UsageError` for a story that is too long."""
        self.check(sentences, question)
        if why := self.not_known(sentences, question):
            return Answered(question, None, 0.0, why, [(text, 0.0) for text in sentences])
        given = StoryQuestion(tuple(sentences), question, "", (), "", "")
        ((code, probability),), shares = self._told([given])
        looked = [] if shares is None else [*zip(sentences, shares[0].tolist(), strict=True)]
        if code == NONE:
            return Answered(question, None, probability, "the likeliest is none of the answers of training", looked)
        return Answered(question, self.codec.answers[code - 1], probability, "", looked)

    def check(self, sentences: Sequence[str], question: str) -> None:
        """Raise `UsageError` for a story or a sentence that is longer than any that training saw."""
        longest = self.codec.longest
        if len(sentences) > longest:
            raise UsageError(
                f"the story has {len(sentences):,} sentences, and training saw at most {longest:,}: give fewer"
            )
        for text in (*sentences, question):
            count = len(words_of(text))
            if count > MOST_WORDS:
                raise UsageError(f"a sentence has {count:,} words: give at most {MOST_WORDS}")

    def not_known(self, sentences: Sequence[str], question: str) -> str:
        """Return why a question cannot be answered from what training saw, or nothing."""
        if words := self.codec.unknown(question):
            return f"training never saw the word {words[0]!r} of the question"
        if not self.codec.knows_kind(question):
            return "training never saw a question of this kind"
        if not sentences:
            return "there is no story before the question"
        for text in sentences:
            if words := self.codec.unknown(text):
                return f"training never saw the word {words[0]!r} of the story"
            if len(words_of(text)) > self.codec.widest:
                return f"training never saw a sentence of more than {self.codec.widest} words"
        return ""

    def codes(self, asked: Sequence[StoryQuestion]) -> list[int]:
        """Return the code of the answer to each of many questions, which may be of any lengths."""
        examples = Questions(asked, self.codec, self.steps)
        order = sorted(range(len(asked)), key=examples.lengths.__getitem__)
        found = [0] * len(asked)
        for begin in range(0, len(order), SCORED_ROWS):
            numbers = order[begin : begin + SCORED_ROWS]
            told, _ = self._told([asked[number] for number in numbers])
            for number, (code, _) in zip(numbers, told, strict=True):
                found[number] = code
        return found

    def _told(self, asked: Sequence[StoryQuestion]) -> tuple[list[tuple[int, float]], Tensor | None]:
        """Return code and probability of each answer, and how much each looked at its sentences, `[B, S]`."""
        device = next(self.model.parameters())
        window = collated_questions(asked, self.codec, self.steps).like(device)
        with evaluating(self.model), torch.no_grad():
            params, _ = self.model.scan(window, self.model.begin(window.rows))
            assert window.scored is not None
            last = window.scored.int().argmax(dim=0)
            odds = params[last, torch.arange(window.rows, device=last.device)].double().softmax(dim=-1)
            best = odds.max(dim=-1)
            told = [*zip(best.indices.tolist(), best.values.tolist(), strict=True)]
            return told, self._looked_at(window.context) if self.steps else None

    def _looked_at(self, context: Any) -> Tensor:
        reader: Any = self.model.reader
        if isinstance(reader, Reasoner):
            return reader.read(context)[1].sigmoid().cpu()
        core: Any = self.model.core
        state, shares = self.model.begin(len(context.question), context), []
        for step in range(self.steps):
            x = torch.full((len(context.question),), step, device=context.question.device)
            y, state = core.step(self.model.encoder(x), state)
            shares.append(core.attention.align(y[:, : core.attention.features], state.attention))
        return torch.stack(shares).mean(dim=0).cpu()
