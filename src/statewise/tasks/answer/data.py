"""Questions about stories as windows: a question a row, its story as context; in three parts, with simple methods."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from statewise.data.batches import Batches, Example, Varying, collated
from statewise.data.pairs.prepared_pairs import Splitting, part_of
from statewise.data.texts import digest, find_files
from statewise.data.window import Window
from statewise.errors import DataError
from statewise.task import Data, Part
from statewise.tasks.answer.baselines import bag_of_words, commonest
from statewise.tasks.answer.metrics import accuracy
from statewise.tasks.answer.network import StoryContext
from statewise.tasks.answer.stories_codec import NONE, StoriesCodec
from statewise.tasks.answer.story_files import QuestionsLeftOut, StoryQuestion, read_stories

SCORED_ROWS = 128
NAMED = {"_train": 0, "_valid": 1, "_test": 2}
"Files whose names end so belong to a part as a whole."
PARTS = ("training", "validation", "held_out")


def parts_of(questions: Sequence[StoryQuestion], splitting: Splitting) -> list[int]:
    """Return the part of each question: that of its file's name, or by a hash of its whole story.

    Where some files are named as held out, none of the others is held out.
    """
    named = [next((part for end, part in NAMED.items() if one.file.endswith(end)), None) for one in questions]
    has_checks = 1 in named
    shares = Splitting(0.0 if 2 in named else splitting.held_out, 0.0 if has_checks else splitting.validation)
    # a file named as one to train on may still give stories to checks
    return [
        part_of(one.story, shares) if part is None or (part == 0 and not has_checks) else part
        for one, part in zip(questions, named, strict=True)
    ]


@final
class Questions(Sequence[Example]):
    """Questions as examples, each made when it is asked for."""

    def __init__(self, questions: Sequence[StoryQuestion], codec: StoriesCodec, steps: int) -> None:
        self.questions, self.codec, self.steps = questions, codec, steps
        texts = dict.fromkeys(text for one in questions for text in (*one.sentences, one.text))
        self._codes = {text: codec.coded(text) for text in texts}
        self._numbers = {text: number for number, text in enumerate(texts)}
        self._rows = torch.zeros(len(texts), codec.widest, dtype=torch.long)
        for row, codes in zip(self._rows, self._codes.values(), strict=True):
            row[: len(codes)] = torch.tensor(codes[: codec.widest], dtype=torch.long)

    def __len__(self) -> int:
        return len(self.questions)

    @property
    def lengths(self) -> list[int]:
        """How long each is: sentences where a story is looked at, else words."""
        if self.steps:
            return [len(one.sentences) for one in self.questions]
        return [sum(len(self._codes[text]) for text in (*one.sentences, one.text)) for one in self.questions]

    def __getitem__(self, number: Any) -> Any:
        one = self.questions[number]
        target = self.codec.answer_codes.get(one.answer, NONE)
        if not self.steps:
            codes = torch.tensor([code for text in (*one.sentences, one.text) for code in self._codes[text]])
            return Example(codes, torch.full_like(codes, target), _only_last(len(codes)))
        support = torch.zeros(len(one.sentences))
        support[list(one.support)] = 1.0
        rows = self._rows[[self._numbers[text] for text in (*one.sentences, one.text)]]
        told = StoryContext(Varying(rows[:-1]), rows[-1], Varying(support))
        return Example(torch.arange(self.steps), torch.full((self.steps,), target), _only_last(self.steps), told)


def _only_last(steps: int) -> Tensor:
    scored = torch.zeros(steps, dtype=torch.bool)
    scored[-1] = True
    return scored


@dataclass(frozen=True)
class StoriesData(Data):
    """Questions about stories in three parts."""

    task: Any  # a QuestionAnswering, whose module imports this one
    own: StoriesCodec
    parts: tuple[list[StoryQuestion], list[StoryQuestion], list[StoryQuestion]]
    told: dict[str, Any]
    scored: int = 2
    found: dict[str, NDArray[np.bool_]] = field(default_factory=dict, compare=False)

    @property
    def codec(self) -> StoriesCodec:
        """What turns words into codes."""
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
    def asked(self) -> list[StoryQuestion]:
        """The questions that are scored."""
        return self.parts[self.scored]

    @cached_property
    def files(self) -> list[str]:
        """The file of each question that is scored."""
        return [one.file for one in self.asked]

    def windows(self, part: Part, *, rows: int | None = None, steps: int | None = None) -> Sequence[Window]:
        """Return batches of whole questions, however many `steps` are asked for."""
        asked = self.parts[0] if part == "training" else self.asked
        examples = Questions(asked, self.own, self.task.steps)
        seed = self.task.seed if part == "training" else None
        most = rows or (self.task.batch_size if part == "training" else SCORED_ROWS)
        return Batches(examples, examples.lengths, min(most, len(asked)), seed=seed)

    def prepare_baselines(self) -> Iterator[float]:
        """Answer by simple methods, yielding how much is done."""
        if self.found:
            return
        training = self.parts[0]
        self.found["commonest answer"] = commonest(training, self.asked)
        for step in bag_of_words(training, self.asked, self.own):
            if isinstance(step, float):
                yield step
            else:
                self.found["bag of words"] = step

    def baselines(self) -> Mapping[str, dict[str, float]]:
        """Return what simple methods score."""
        for _ in self.prepare_baselines():
            pass
        return {name: accuracy(right, self.files) for name, right in self.found.items()}

    def validating(self) -> "StoriesData":
        """Return these questions with those for checks as what is scored, where some were kept for it."""
        return replace(self, scored=1, found={}) if self.parts[1] else self

    def on(self, source: Sequence[str], cache: Path) -> "StoriesData":
        """Return this training part with other questions to be scored, all of them."""
        asked, told = _read(source, self.own.longest)
        if not asked:
            raise DataError(f"{', '.join(source)} has no question to score: {'; '.join(told['left_out'])}")
        facts = {**self.told, **told, "held_out": len(asked)}
        return replace(self, parts=(*self.parts[:2], asked), told=facts, scored=2, found={})


def stories_data(task: Any) -> StoriesData:
    """Read stories and split them. Raises `DataError` where one part would be empty."""
    asked, told = _read(task.sources, task.sequence_length)
    parts: tuple[list[StoryQuestion], list[StoryQuestion], list[StoryQuestion]] = ([], [], [])
    for one, part in zip(asked, parts_of(asked, Splitting(task.held_out, task.validation)), strict=True):
        parts[part].append(one)
    for name, part in ({"training": 0, "held-out": 2} | ({"validation": 1} if task.validation else {})).items():
        if not parts[part]:
            why = "".join(f"; {count:,} left out {reason}" for reason, count in told["left_out"].items())
            raise DataError(
                f"{', '.join(task.sources)} has {len(asked):,} questions to learn from, and the {name} part would "
                f"have none{why}: give more stories or other shares"
            )
    codec = StoriesCodec.of(parts[0])
    counts = {name: len(part) for name, part in zip(PARTS, parts, strict=True) if part}
    known = set(codec.answers)
    facts = {
        "unit": "question",
        **counts,
        "files": len({one.file for one in asked}),
        "words": len(codec.words),
        "answers": len(codec.answers),
        "longest": codec.longest,
        "held_out_answers_never_trained": sum(one.answer not in known for one in parts[2]),
        **told,
    }
    return StoriesData(task, codec, parts, facts)


def _read(sources: Sequence[str], longest: int) -> tuple[list[StoryQuestion], dict[str, Any]]:
    files, left_out = find_files(sources, "stories"), QuestionsLeftOut()
    asked = list(read_stories(files, longest, left_out))
    return asked, {
        "left_out": dict(left_out.counts),
        "left_out_first": left_out.first,
        "sha256": digest(files),
    }


def collated_questions(asked: Sequence[StoryQuestion], codec: StoriesCodec, steps: int) -> Window:
    """Return questions as the rows of one window."""
    examples = Questions(asked, codec, steps)
    return collated([examples[number] for number in range(len(asked))])
