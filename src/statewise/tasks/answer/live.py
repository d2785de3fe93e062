"""A story under way, whose questions are answered from what came before; a passage or a table that is asked."""

from dataclasses import dataclass, field
from typing import Any

import torch

from statewise.bounds import shown
from statewise.errors import DataError, UsageError
from statewise.inputs import Inputs
from statewise.shown import counted
from statewise.state import read_tensors, write_tensors
from statewise.task import Live
from statewise.tasks.answer.answerer import Answered, Answerer, told_of
from statewise.tasks.answer.passage_answerer import PassageAnswered, PassageAnswerer
from statewise.tasks.answer.passage_data import LONGEST_PASSAGE
from statewise.tasks.answer.passage_features import PassagesCodec
from statewise.tasks.answer.passage_files import PassageQuestion, tokens_of
from statewise.tasks.answer.story_files import LONGEST_LINE, words_of
from statewise.tasks.answer.table_answerer import LONGEST_QUESTION, TableAnswered, TableAnswerer

UNDO = "undo"
WORDS = 'a sentence of the story, a question about it, or "undo" for the last sentence'


@dataclass(frozen=True)
class StoryTold:
    """How long the story is by now, and the answer where a question was asked."""

    sentences: int
    answered: Answered | None = None

    def __str__(self) -> str:
        count = counted(self.sentences, "sentence")
        return count if self.answered is None else str(self.answered)

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {"sentences": self.sentences, **({} if self.answered is None else self.answered.as_json())}


@dataclass
class StoryUnderWay(Live):
    """Takes a story sentence by sentence. The sentences are what is known, so that a fork is a copy of them."""

    answerer: Answerer
    sentences: list[str] = field(default_factory=list)

    @property
    def inputs(self) -> Inputs:
        """What `push` takes."""
        return Inputs(WORDS, ("string",), self.answerer.codec.example[0])

    def push(self, line: Any) -> StoryTold:
        """Take a sentence, or answer a question, which ends with a question mark.

        Raises `UsageError` where there is nothing to take back, for what is no sentence, and for a story that gets
        longer than any that training saw.
        """
        if not isinstance(line, str) or len(line) > LONGEST_LINE or "\x00" in line or "\n" in line.strip():
            raise UsageError(f"the input {shown(line)} is not a sentence: give {WORDS}")
        text = line.strip()
        if text.lower() == UNDO:
            if not self.sentences:
                raise UsageError("there is no sentence to take back: give one first")
            self.sentences = self.sentences[:-1]
            return StoryTold(len(self.sentences))
        if not words_of(text):
            raise UsageError(f"the input {shown(line)} has no word: give {WORDS}")
        if text.endswith("?"):
            return StoryTold(len(self.sentences), self.answerer.answer(self.sentences, text))
        self.answerer.check([*self.sentences, text], "")
        self.sentences = [*self.sentences, text]
        return StoryTold(len(self.sentences))

    def fork(self) -> "StoryUnderWay":
        """Return the same story once more, to go on otherwise."""
        return StoryUnderWay(self.answerer, [*self.sentences])

    def save(self) -> bytes:
        """Return the sentences as bytes."""
        letters = torch.tensor([*map(ord, "\n".join(self.sentences))], dtype=torch.int64)
        return write_tensors({"story": letters})

    @classmethod
    def open(cls, answerer: Answerer, saved: bytes) -> "StoryUnderWay":
        """Go on from saved bytes. Raises `DataError` where they are something else."""
        try:
            tensors, _ = read_tensors(saved, "the saved story")
            text = "".join(map(chr, tensors["story"].tolist()))
            sentences = text.split("\n") if text else []
            is_sound = all(words_of(each) and len(each) <= LONGEST_LINE for each in sentences)
            is_sound = is_sound and len(sentences) <= answerer.codec.longest
        except (KeyError, ValueError, TypeError, OverflowError):
            is_sound = False
        if not is_sound:
            raise DataError("the saved story is damaged, or is something else: start again")
        return cls(answerer, sentences)


@dataclass
class TableAsked(Live):
    """Answers questions about a table; how many were asked is all that is known."""

    answerer: TableAnswerer
    questions: int = 0

    @property
    def inputs(self) -> Inputs:
        """What `push` takes."""
        return Inputs("a question about the table", ("string",), self.answerer.codec.example)

    def push(self, line: Any) -> TableAnswered:
        """Answer a question. Raises `UsageError` for what is not one."""
        if not isinstance(line, str) or len(line) > LONGEST_QUESTION or "\x00" in line or "\n" in line.strip():
            raise UsageError(f"the input {shown(line)} is not a question: give a question about the table")
        if not words_of(line):
            raise UsageError(f"the input {shown(line)} has no word: give a question about the table")
        told = self.answerer.answer(line.strip())
        self.questions += 1
        return told

    def fork(self) -> "TableAsked":
        """Return the same once more."""
        return TableAsked(self.answerer, self.questions)

    def save(self) -> bytes:
        """Return how many questions were asked, as bytes."""
        return write_tensors({"questions": torch.tensor([self.questions])})

    @classmethod
    def begun(cls, answerer: TableAnswerer, saved: bytes | None) -> "TableAsked":
        """Begin, or go on from saved bytes. Raises `DataError` where they are something else."""
        if saved is None:
            return cls(answerer)
        try:
            tensors, _ = read_tensors(saved, "the saved questions")
            (questions,) = tensors["questions"].tolist()
            is_sound = type(questions) is int and questions >= 0
        except (KeyError, ValueError, TypeError):
            is_sound = False
        if not is_sound:
            raise DataError("the saved questions are damaged, or are something else: start again")
        return cls(answerer, questions)


@dataclass
class PassageAsked(Live):
    """Answers questions about one passage, which is all that is known."""

    answerer: PassageAnswerer
    passage: str

    @property
    def inputs(self) -> Inputs:
        """What `push` takes."""
        return Inputs("a question about the passage", ("string",), self.answerer.codec.example[1])

    def push(self, line: Any) -> PassageAnswered:
        """Answer a question. Raises `UsageError` for what is not one."""
        if not isinstance(line, str) or len(line) > LONGEST_LINE or "\x00" in line or not words_of(line):
            raise UsageError(f"the input {shown(line)} is not a question: give a question about the passage")
        return self.answerer.answers([PassageQuestion(self.passage, line.strip(), ("",), 0, "")])[0]

    def fork(self) -> "PassageAsked":
        """Return the same once more."""
        return PassageAsked(self.answerer, self.passage)

    def save(self) -> bytes:
        """Return the passage as bytes."""
        return write_tensors({"passage": torch.tensor([*map(ord, self.passage)], dtype=torch.int64)})

    @classmethod
    def begun(cls, model: Any, codec: PassagesCodec, saved: bytes | None, text: str | None) -> "PassageAsked":
        """Begin with a passage, the example if none is given, or go on from saved bytes.

        Raises `UsageError` for a passage that is empty or too long, `DataError` where the bytes are something else.
        """
        answerer, passage = PassageAnswerer(model, codec), codec.example[0] if text is None else text
        if saved is not None:
            try:
                tensors, _ = read_tensors(saved, "the saved passage")
                passage = "".join(map(chr, tensors["passage"].tolist()))
            except (KeyError, ValueError, TypeError, OverflowError):
                passage = ""
            if not 0 < len(tokens_of(passage)) <= LONGEST_PASSAGE:
                raise DataError("the saved passage is damaged, or is something else: start again")
        elif not 0 < len(tokens_of(passage)) <= LONGEST_PASSAGE:
            count = len(tokens_of(passage))
            raise UsageError(f"the passage has {count:,} words: give one of 1 to {LONGEST_PASSAGE:,}")
        return cls(answerer, passage)


def story_begun(answerer: Answerer, text: str | None) -> StoryUnderWay:
    """Return a story that begins with the sentences of a text. Raises `UsageError` where it asks something."""
    begun = StoryUnderWay(answerer)
    if text:
        if told_of(text):
            raise UsageError("the story to begin with has a question: give sentences, and ask afterwards")
        for sentences, _ in told_of(f"{text}\nwhat?"):
            for each in sentences:
                begun.push(each)
    return begun
