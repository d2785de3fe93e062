"""A trained model at work on passages: a passage and a question in, words of the passage out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from statewise.errors import UsageError
from statewise.model import Model, evaluating
from statewise.tasks.answer.answerer import LONGEST_ASKED, told_of
from statewise.tasks.answer.passage_data import LONGEST_PASSAGE, windows_of
from statewise.tasks.answer.passage_features import BEGIN, LAST, SINGLE, PassagesCodec
from statewise.tasks.answer.passage_files import PassageQuestion, tokens_of

LONGEST_ANSWER = 20
"Words of an answer at most."


@dataclass(frozen=True)
class PassageAnswered:
    """The answer to a question about a passage, where it stands there, in characters, and how likely it is."""

    question: str
    answer: str
    begin: int
    end: int
    probability: float

    def __str__(self) -> str:
        return f"{self.answer} ({self.probability:.0%})"

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return dict(vars(self))


@dataclass(frozen=True)
class PassageAnswerer:
    """A model of passages with its codec."""

    model: Model[Any]
    codec: PassagesCodec

    def asked(self, text: str) -> Iterator[PassageAnswered]:
        """Yield the answer to each question of a text, which ends in a question mark, from what stands before it.

        Raises `UsageError` where there is no question, or nothing before it, or too much.
        """
        if not isinstance(text, str) or len(text) > LONGEST_ASKED:
            size = f" of {len(text):,} characters" if isinstance(text, str) else ""
            raise UsageError(f"the input{size} is not a passage: give text of at most {LONGEST_ASKED:,} characters")
        found = [(" ".join(sentences), question) for sentences, question in told_of(text)]
        if not found or not all(passage for passage, _ in found):
            raise UsageError("there is no question: give a passage and a question that ends with a question mark")
        longest = max(len(tokens_of(passage)) for passage, _ in found)
        if longest > LONGEST_PASSAGE:
            raise UsageError(f"the passage has {longest:,} words: give at most {LONGEST_PASSAGE:,}")
        return iter(self.answers([PassageQuestion(passage, text, ("",), 0, "") for passage, text in found]))

    def answers(self, asked: Sequence[PassageQuestion]) -> list[PassageAnswered]:
        """Return the answers to questions, each the same whatever the others are."""
        told: dict[int, PassageAnswered] = {}
        weight = next(self.model.parameters())
        with evaluating(self.model), torch.no_grad():
            for numbers, window in windows_of(asked, self.codec):
                params, _ = self.model.scan(window.like(weight), self.model.begin(window.rows))
                for row, number in enumerate(numbers):
                    words = tokens_of(asked[number].passage)
                    first, last, share = best_span(params[: len(words), row].double().cpu())
                    begin, end = words[first][1], words[last][2]
                    answer = asked[number].passage[begin:end]
                    told[number] = PassageAnswered(asked[number].text, answer, begin, end, share)
        return [told[number] for number in range(len(asked))]


def best_span(logits: Tensor) -> tuple[int, int, float]:
    """Return the first and the last word of the likeliest answer, and its share among all answers, of `[T, 5]`.

    >>> best_span(torch.tensor([[0.0, 0, 0, 0, 0], [0, 9, 0, 0, 0], [0, 0, 0, 9, 0]]))[:2]
    (1, 2)
    """
    shares = logits.softmax(dim=-1)
    first, last = shares[:, BEGIN] + shares[:, SINGLE], shares[:, LAST] + shares[:, SINGLE]
    score = first.logit(eps=1e-9).unsqueeze(1) + last.logit(eps=1e-9)
    place = torch.arange(len(logits))
    apart = place - place.unsqueeze(1)
    score = score.masked_fill((apart < 0) | (apart >= LONGEST_ANSWER), -torch.inf).flatten()
    best = int(score.argmax())
    return best // len(logits), best % len(logits), float(score.softmax(dim=0)[best])
