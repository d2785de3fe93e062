"""A model scored: which reply it takes for the true one, and what it says itself."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from statewise.model import Model
from statewise.tasks.chat.chatter import Chatter, Replied
from statewise.tasks.chat.metrics import Floats, PlacesAsked, hits
from statewise.tasks.shared.reader_writer import nats_of

AT_ONCE = 64
"So many conversations are scored at once."
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
"What may count against a reply that is likely whatever was said."


@dataclass(frozen=True)
class ForeseenReplies:
    """Mean log-probabilities of a subword of the replies `[N, K]`: after what was said, and after nothing."""

    after: NDArray[np.float64]
    alone: NDArray[np.float64]

    def hits(self, against_generic: float) -> Floats:
        """Return which true replies are found."""
        return hits(self.after - against_generic * self.alone)


def foreseen(model: Model[Any], codec: Any, asked: PlacesAsked) -> Generator[float, None, ForeseenReplies]:
    """Return how likely each reply is among which the true one is looked for, yielding how much is done."""
    replies = [codec.encode_reply(reply) for reply in asked.replies]
    lengths = np.array([len(reply) for reply in replies])
    alone = -np.array(nats_of(model, [codec.joined([])], [0] * len(replies), replies)) / lengths
    after = np.empty(asked.among.shape)
    many = len(asked.among[0])
    for begin in range(0, len(after), AT_ONCE):
        read = [codec.encode_turns(said) for said in asked.said[begin : begin + AT_ONCE]]
        numbers = asked.among[begin : begin + AT_ONCE]
        which = [row for row in range(len(read)) for _ in range(many)]
        nats = nats_of(model, read, which, [replies[number] for number in numbers.flat])
        after[begin : begin + AT_ONCE] = -np.array(nats).reshape(-1, many) / lengths[numbers]
        yield min(1.0, (begin + AT_ONCE) / len(after))
    return ForeseenReplies(after, alone[asked.among])


def said_to(chatter: Chatter, asked: Sequence[Sequence[str]]) -> Generator[float, None, list[Replied]]:
    """Return a reply to each conversation, yielding how much is done."""
    found: list[Replied] = []
    for begin in range(0, len(asked), AT_ONCE):
        found += chatter.replies(asked[begin : begin + AT_ONCE])
        yield len(found) / len(asked)
    return found
