"""Questions about passages as windows: a word a step, and what part of the answer it is."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray

from statewise.data.batches import Batches, Example
from statewise.data.left_out import LeftOutCount
from statewise.data.pairs.prepared_pairs import Splitting, filled_parts
from statewise.data.texts import find_files
from statewise.data.window import Window
from statewise.task import Part
from statewise.tasks.answer.metrics import drawn
from statewise.tasks.answer.passage_features import PassagesCodec, tags_of
from statewise.tasks.answer.passage_files import PassageQuestion, read_passages, tokens_of
from statewise.tasks.answer.questions_in_parts import QUESTION, QuestionsInParts, facts_of_files, in_parts
from statewise.tasks.answer.sliding_window import by_sliding_window
from statewise.tasks.answer.squad_metrics import best_of, exact_match, f1

SCORED_ROWS = 64
LONGEST_PASSAGE = 1000
"Words of a passage; a longer one is left out and counted."


@final
class PassageExamples(Sequence[Example]):
    """Questions as examples, each made when it is first asked for."""

    def __init__(self, questions: Sequence[PassageQuestion], codec: PassagesCodec) -> None:
        self.questions, self.codec = questions, codec
        self._made: dict[int, Example] = {}

    def __len__(self) -> int:
        return len(self.questions)

    def __getitem__(self, number: Any) -> Any:
        if number not in self._made:
            one = self.questions[number]
            rows = torch.from_numpy(self.codec.rows(one.passage, one.text))
            self._made[number] = Example(rows, torch.tensor(tags_of(one)))
        return self._made[number]


@dataclass(frozen=True)
class PassagesData(QuestionsInParts[PassageQuestion, PassagesCodec]):
    """Questions about passages in three parts, no article in two of them."""

    @cached_property
    def training_examples(self) -> PassageExamples:
        """What is learned from."""
        return PassageExamples(self.parts[0], self.own)

    def windows(self, part: Part, *, rows: int | None = None, steps: int | None = None) -> Sequence[Window]:
        """Return batches of whole passages, however many `steps` are asked for."""
        is_training = part == "training"
        examples = self.training_examples if is_training else PassageExamples(self.asked, self.own)
        most = rows or (self.task.batch_size if is_training else SCORED_ROWS)
        lengths = [len(tokens_of(one.passage)) for one in examples.questions]
        return Batches(examples, lengths, min(most, len(examples)), seed=self.task.seed if is_training else None)

    def baselines(self) -> Mapping[str, dict[str, float]]:
        """Return what a sliding window scores."""
        if not self.found:
            told = [by_sliding_window(one.passage, one.text, self.own) for one in self.asked]
            self.found["sliding window"] = judged(told, self.asked)
        return {name: measured(found) for name, found in self.found.items()}

    def read(self, source: Sequence[str]) -> tuple[list[PassageQuestion], dict[str, Any]]:
        """Return the questions of other sources."""
        return _read(source)


def judged(told: Sequence[str], asked: Sequence[PassageQuestion]) -> NDArray[np.float64]:
    """Return F1 and exact match of each answer, `[N, 2]`."""
    return np.array(
        [
            [best_of(measure, one, each.answers) for measure in (f1, exact_match)]
            for one, each in zip(told, asked, strict=True)
        ]
    )


def measured(found: NDArray[np.float64]) -> dict[str, float]:
    """Return the mean F1 with a 95 % interval over questions, and the mean exact match.

    Metrics:

    - `f1`: 2 common words / (words told + words wanted), by the right answer that suits best, capitals, marks and
      articles aside, by `statewise.tasks.answer.squad_metrics.f1`; more is better
    - `exact_match`: the share of answers that are a right one, capitals, marks and articles aside, by
      `statewise.tasks.answer.squad_metrics.exact_match`; more is better
    """
    low, high = np.quantile(drawn(found[:, 0], ["questions"] * len(found)), [0.025, 0.975])
    means = found.mean(axis=0)
    return {"f1": float(means[0]), "f1_low": float(low), "f1_high": float(high), "exact_match": float(means[1])}


def passages_data(task: Any) -> PassagesData:
    """Read passages and split them by article. Raises `DataError` where one part would be empty."""
    asked, told = _read(task.sources)
    splitting, articles = Splitting(task.held_out, task.validation), {one.source for one in asked}
    numbers = filled_parts([one.source for one in asked], splitting)
    parts, counts = in_parts(task, asked, numbers, told, of=f" of {len(articles):,} articles", give="articles")
    codec = PassagesCodec.of(parts[0])
    passages = len({one.passage for one in asked})
    facts = {"unit": "question", **counts, "passages": passages, "words": len(codec.words), "answers": passages, **told}
    return PassagesData(task, codec, parts, facts)


def _read(sources: Sequence[str]) -> tuple[list[PassageQuestion], dict[str, Any]]:
    files, left_out = find_files(sources, "stories"), LeftOutCount(QUESTION)
    asked = list(read_passages(files, LONGEST_PASSAGE, left_out))
    return asked, facts_of_files(files, left_out)


def windows_of(asked: Sequence[PassageQuestion], codec: PassagesCodec) -> Iterator[tuple[list[int], Window]]:
    """Yield the numbers of questions of like lengths, and their window."""
    examples = PassageExamples(asked, codec)
    batches = Batches(examples, [len(tokens_of(one.passage)) for one in asked], min(SCORED_ROWS, len(asked)))
    yield from zip(batches.order(0), batches, strict=True)
