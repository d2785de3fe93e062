"""Questions about stories as windows: a question a row, its story as context; in three parts, with simple methods."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

import torch
from torch import Tensor

from statewise.data.batches import Batches, Example, Varying, collated
from statewise.data.left_out import LeftOutCount
from statewise.data.pairs.prepared_pairs import Splitting, filled_parts
from statewise.data.texts import find_files
from statewise.data.window import Window
from statewise.task import Part
from statewise.tasks.answer.baselines import bag_of_words, commonest
from statewise.tasks.answer.metrics import accuracy
from statewise.tasks.answer.network import StoryContext
from statewise.tasks.answer.questions_in_parts import QUESTION, QuestionsInParts, facts_of_files, in_parts
from statewise.tasks.answer.stories_codec import NONE, StoriesCodec
from statewise.tasks.answer.story_files import StoryQuestion, read_stories

SCORED_ROWS = 128
NAMED = {"_train": 0, "_valid": 1, "_test": 2}
"Files whose names end so belong to a part as a whole."


def parts_of(questions: Sequence[StoryQuestion], splitting: Splitting) -> list[int]:
    """Return the part of each question: that of its file's name, or by a hash of its whole story.

    Where some files are named as held out, none of the others is held out.
    """
    named = [next((part for end, part in NAMED.items() if one.file.endswith(end)), None) for one in questions]
    has_checks = 1 in named
    shares = Splitting(0.0 if 2 in named else splitting.held_out, 0.0 if has_checks else splitting.validation)
    # a file named as one to train on may still give stories to checks
    is_told = [part is not None and (part != 0 or has_checks) for part in named]
    others = iter(filled_parts([one.story for one, told in zip(questions, is_told, strict=True) if not told], shares))
    return [part if told and part is not None else next(others) for part, told in zip(named, is_told, strict=True)]


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
class StoriesData(QuestionsInParts[StoryQuestion, StoriesCodec]):
    """Questions about stories in three parts."""

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

    def read(self, source: Sequence[str]) -> tuple[list[StoryQuestion], dict[str, Any]]:
        """Return the questions of other sources, no story longer than any of training."""
        return _read(source, self.own.longest)


def stories_data(task: Any) -> StoriesData:
    """Read stories and split them. Raises `DataError` where one part would be empty."""
    asked, told = _read(task.sources, task.sequence_length)
    numbers = parts_of(asked, Splitting(task.held_out, task.validation))
    parts, counts = in_parts(task, asked, numbers, told, of="", give="stories")
    codec = StoriesCodec.of(parts[0])
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
    files, left_out = find_files(sources, "stories"), LeftOutCount(QUESTION)
    asked = list(read_stories(files, longest, left_out))
    return asked, facts_of_files(files, left_out)


def collated_questions(asked: Sequence[StoryQuestion], codec: StoriesCodec, steps: int) -> Window:
    """Return questions as the rows of one window."""
    examples = Questions(asked, codec, steps)
    return collated([examples[number] for number in range(len(asked))])
