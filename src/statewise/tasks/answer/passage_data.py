"""Questions about passages as windows: a word a step, and what part of the answer it is."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray

from statewise.data.batches import Batches, Example
from statewise.data.pairs.prepared_pairs import Splitting, part_of
from statewise.data.texts import digest, find_files
from statewise.data.window import Window
from statewise.errors import DataError
from statewise.task import Data, Part
from statewise.tasks.answer.metrics import drawn
from statewise.tasks.answer.passage_features import PassagesCodec, tags_of
from statewise.tasks.answer.passage_files import PassageQuestion, read_passages, tokens_of
from statewise.tasks.answer.sliding_window import by_sliding_window
from statewise.tasks.answer.squad_metrics import best_of, exact_match, f1
from statewise.tasks.answer.story_files import QuestionsLeftOut

SCORED_ROWS = 64
PARTS = ("training", "validation", "held_out")
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
class PassagesData(Data):
    """Questions about passages in three parts, no article in two of them."""

    task: Any  # a QuestionAnswering, whose module imports this one
    own: PassagesCodec
    parts: tuple[list[PassageQuestion], list[PassageQuestion], list[PassageQuestion]]
    told: dict[str, Any]
    scored: int = 2
    found: dict[str, NDArray[np.float64]] = field(default_factory=dict, compare=False)

    @property
    def codec(self) -> PassagesCodec:
        """The words that are known."""
        return self.own

    @property
    def facts(self) -> dict[str, Any]:
        """How many questions there are, what was left out and why, and the digest."""
        return self.told

    @property
    def notices(self) -> Sequence[str]:
        """What was left out."""
        counts, first = self.told["left_out"], self.told["left_out_first"]
        return [
            f"{count:,} {'question was' if count == 1 else 'questions were'} left out: {why} (the first: {first[why]})"
            for why, count in counts.items()
        ]

    @property
    def asked(self) -> list[PassageQuestion]:
        """The questions that are scored."""
        return self.parts[self.scored]

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

    def validating(self) -> "PassagesData":
        """Return these questions with those for checks as what is scored, where some were kept for it."""
        return replace(self, scored=1, found={}) if self.parts[1] else self

    def on(self, source: Sequence[str], cache: Path) -> "PassagesData":
        """Return this training part with other questions to be scored, all of them."""
        asked, told = _read(source)
        if not asked:
            raise DataError(f"{', '.join(source)} has no question to score: {'; '.join(told['left_out'])}")
        facts = {**self.told, **told, "held_out": len(asked)}
        return replace(self, parts=(*self.parts[:2], asked), told=facts, scored=2, found={})


def judged(told: Sequence[str], asked: Sequence[PassageQuestion]) -> NDArray[np.float64]:
    """Return F1 and exact match of each answer, `[N, 2]`."""
    return np.array(
        [
            [best_of(measure, one, each.answers) for measure in (f1, exact_match)]
            for one, each in zip(told, asked, strict=True)
        ]
    )


def measured(found: NDArray[np.float64]) -> dict[str, float]:
    """Return the mean F1 with a 95 % interval over questions, and the mean exact match."""
    low, high = np.quantile(drawn(found[:, 0], ["questions"] * len(found)), [0.025, 0.975])
    means = found.mean(axis=0)
    return {"f1": float(means[0]), "f1_low": float(low), "f1_high": float(high), "exact_match": float(means[1])}


def passages_data(task: Any) -> PassagesData:
    """Read passages and split them by article. Raises `DataError` where one part would be empty."""
    asked, told = _read(task.sources)
    parts: tuple[list[PassageQuestion], list[PassageQuestion], list[PassageQuestion]] = ([], [], [])
    for one in asked:
        parts[part_of(one.source, Splitting(task.held_out, task.validation))].append(one)
    for name, part in ({"training": 0, "held-out": 2} | ({"validation": 1} if task.validation else {})).items():
        if not parts[part]:
            why = "".join(f"; {count:,} left out {reason}" for reason, count in told["left_out"].items())
            raise DataError(
                f"{', '.join(task.sources)} has {len(asked):,} questions of {len({one.source for one in asked}):,} "
                f"articles, and the {name} part would have none{why}: give more articles or other shares"
            )
    codec = PassagesCodec.of(parts[0])
    counts = {name: len(part) for name, part in zip(PARTS, parts, strict=True) if part}
    passages = len({one.passage for one in asked})
    facts = {"unit": "question", **counts, "passages": passages, "words": len(codec.words), "answers": passages, **told}
    return PassagesData(task, codec, parts, facts)


def _read(sources: Sequence[str]) -> tuple[list[PassageQuestion], dict[str, Any]]:
    files, left_out = find_files(sources, "stories"), QuestionsLeftOut()
    asked = list(read_passages(files, LONGEST_PASSAGE, left_out))
    counts = {"left_out": dict(left_out.counts), "left_out_first": left_out.first}
    return asked, {**counts, "sha256": digest(files)}


def windows_of(asked: Sequence[PassageQuestion], codec: PassagesCodec) -> Iterator[tuple[list[int], Window]]:
    """Yield the numbers of questions of like lengths, and their window."""
    examples = PassageExamples(asked, codec)
    batches = Batches(examples, [len(tokens_of(one.passage)) for one in asked], min(SCORED_ROWS, len(asked)))
    yield from zip(batches.order(0), batches, strict=True)
