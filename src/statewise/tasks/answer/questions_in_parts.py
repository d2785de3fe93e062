"""Questions in three parts, of stories or of passages: what is known of them, and what is scored."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

from numpy.typing import NDArray

from statewise.data.left_out import LeftOutCount
from statewise.data.texts import digest
from statewise.errors import DataError
from statewise.task import Data

One = TypeVar("One")
Own = TypeVar("Own")
PARTS = ("training", "validation", "held_out")
QUESTION = "question"
Parts = tuple[list[One], list[One], list[One]]


@dataclass(frozen=True)
class QuestionsInParts(Data, Generic[One, Own]):
    """Questions in three parts, of which one is scored; `found` is what simple methods score there."""

    task: Any  # a QuestionAnswering, whose module imports those of this
    own: Own
    parts: Parts[One]
    told: dict[str, Any]
    scored: int = 2
    found: dict[str, NDArray[Any]] = field(default_factory=dict, compare=False)

    @abstractmethod
    def read(self, source: Sequence[str]) -> tuple[list[One], dict[str, Any]]:
        """Return the questions of other sources, and what is to be known of them."""

    @property
    def codec(self) -> Any:
        """What turns words into codes."""
        return self.own

    @property
    def facts(self) -> dict[str, Any]:
        """How many questions there are, what was left out and why, and the digest."""
        return self.told

    @property
    def notices(self) -> Sequence[str]:
        """What was left out."""
        return LeftOutCount.of(QUESTION, self.told).told()

    @property
    def asked(self) -> list[One]:
        """The questions that are scored."""
        return self.parts[self.scored]

    def validating(self) -> Self:
        """Return these questions with those for checks as what is scored, where some were kept for it."""
        return replace(self, scored=1, found={}) if self.parts[1] else self

    def on(self, source: Sequence[str], cache: Path) -> Self:
        """Return this training part with other questions to be scored, all of them."""
        asked, told = self.read(source)
        if not asked:
            left_out = LeftOutCount.of(QUESTION, told).told()
            raise DataError(f"{', '.join(source)} has no question to score: {'; '.join(left_out) or 'give others'}")
        facts = {**self.told, **told, "held_out": len(asked)}
        return replace(self, parts=(*self.parts[:2], asked), told=facts, scored=2, found={})


def facts_of_files(files: Sequence[Path], left_out: LeftOutCount) -> dict[str, Any]:
    """Return what is to be known of files: what of them was left out, and their digest."""
    return {**left_out.facts(), "sha256": digest(files)}


def in_parts(
    task: Any, asked: Sequence[One], numbers: Sequence[int], told: dict[str, Any], *, of: str, give: str
) -> tuple[Parts[One], dict[str, int]]:
    """Return questions in parts by the number of each one's, and how many each has.

    Raises `DataError` where one would be empty, saying what the questions are `of`, and what to `give` more of.
    """
    parts: Parts[One] = ([], [], [])
    for one, number in zip(asked, numbers, strict=True):
        parts[number].append(one)
    for name, part in ({"training": 0, "held-out": 2} | ({"validation": 1} if task.validation else {})).items():
        if not parts[part]:
            why = "".join(f"; {line}" for line in LeftOutCount.of(QUESTION, told).told())
            raise DataError(
                f"{', '.join(task.sources)} has {len(asked):,} questions{of} to learn from, and the {name} part would "
                f"have none{why}: give more {give} or other shares"
            )
    return parts, {name: len(part) for name, part in zip(PARTS, parts, strict=True) if part}
