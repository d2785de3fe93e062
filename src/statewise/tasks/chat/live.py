"""A conversation under way: a person says something, and is answered; what was said is all that is known."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from statewise.data.pairs.pair import cleaned
from statewise.errors import DataError, UsageError
from statewise.inputs import Inputs
from statewise.shown import counted
from statewise.state import read_tensors, write_tensors
from statewise.task import Live
from statewise.tasks.chat.chatter import LONGEST_ASKED, Chatter, Replied

UNDO, FORGET = "/undo", "/forget"
WORDS = f'what a person says, "{UNDO}" to take the last exchange back, or "{FORGET}" to forget all that was said'
MOST_TURNS = 1000
"So many turns are kept; older ones are forgotten."


@dataclass(frozen=True)
class Known:
    """How many turns are known after some were taken back or forgotten."""

    turns: int

    def __str__(self) -> str:
        known = counted(self.turns, "turn")
        return f"({known} known)" if self.turns else "(nothing known)"

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {"turns": self.turns}


@dataclass
class ConversationUnderWay(Live):
    """Replies to a person. The turns are what is known, so that a fork is a copy of them."""

    chatter: Chatter
    turns: list[str] = field(default_factory=list)

    @property
    def inputs(self) -> Inputs:
        """What `push` takes."""
        return Inputs(WORDS, ("string",), self.chatter.codec.example)

    def push(self, line: Any) -> Replied | Known:
        """Reply to a turn, or take the last exchange back, or forget all.

        Raises `UsageError` where there is nothing to take back, and for what is no turn.
        """
        given = self.chatter.read(line)
        if given.lower() == UNDO:
            if not self.turns:
                raise UsageError("there is no turn to take back: say something first")
            self.turns = self.turns[:-2]
            return Known(len(self.turns))
        if given.lower() == FORGET:
            self.turns = []
            return Known(0)
        (reply,) = self.chatter.replies([[*self.turns, given]])
        self.turns = [*self.turns, given, reply.text][-MOST_TURNS:]
        return reply

    def fork(self) -> "ConversationUnderWay":
        """Return the same conversation once more, to go on otherwise."""
        return ConversationUnderWay(self.chatter, [*self.turns])

    def save(self) -> bytes:
        """Return the turns as bytes."""
        letters = torch.tensor([*map(ord, "\n".join(self.turns))], dtype=torch.int64)
        return write_tensors({"conversation": letters})

    @classmethod
    def open(cls, chatter: Chatter, saved: bytes) -> "ConversationUnderWay":
        """Go on from saved bytes. Raises `DataError` where they are something else."""
        try:
            tensors, _ = read_tensors(saved, "the saved conversation")
            text = "".join(map(chr, tensors["conversation"].tolist()))
            turns = text.split("\n") if text else []
            is_sound = len(turns) <= MOST_TURNS and all(_is_turn(turn) for turn in turns)
        except (KeyError, ValueError, TypeError, OverflowError):
            is_sound = False
        if not is_sound:
            raise DataError("the saved conversation is damaged, or is something else: start again")
        return cls(chatter, turns)


def begun(chatter: Chatter, context: Sequence[str]) -> ConversationUnderWay:
    """Return a conversation in which some turns were said, the last of them by the model."""
    return ConversationUnderWay(chatter, [chatter.read(turn) for turn in context])


def _is_turn(text: str) -> bool:
    return bool(text) and len(text) <= LONGEST_ASKED and cleaned(text) == text
