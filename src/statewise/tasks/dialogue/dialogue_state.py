"""How far a conversation has come, as a value: it can be saved, forked and gone on from, and says nothing of how."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from statewise.data.utterances.bot import Bot
from statewise.errors import DataError
from statewise.tasks.dialogue.built_in import Resolved

Phase = Literal["intent", "slot", "confirm", "closed"]
Status = Literal["InProgress", "ReadyForFulfillment", "Fulfilled", "Failed"]
Confirmation = Literal["None", "Confirmed", "Denied"]
PHASES: tuple[Phase, ...] = ("intent", "slot", "confirm", "closed")
STATUSES: tuple[Status, ...] = ("InProgress", "ReadyForFulfillment", "Fulfilled", "Failed")
CONFIRMATIONS: tuple[Confirmation, ...] = ("None", "Confirmed", "Denied")
MOST_ATTRIBUTES, LONGEST_ATTRIBUTE = 100, 4000
MOST_PUT_OFF = 3
LARGEST_STATE = 1 << 20


@dataclass(frozen=True)
class FilledSlot:
    """What was said for a slot, and what it means."""

    original: str
    value: str
    values: tuple[str, ...] = ()

    @classmethod
    def of(cls, original: str, resolved: Resolved) -> "FilledSlot":
        """Return a slot of words that mean something."""
        assert resolved.value is not None
        return cls(original, resolved.value, resolved.values)


Filled = tuple[tuple[str, FilledSlot], ...]


@dataclass(frozen=True)
class ActiveContext:
    """A context that holds for some turns, until a moment in seconds."""

    name: str
    turns: int
    until: float


@dataclass(frozen=True)
class PutOff:
    """An intent that waits for another one to be done."""

    intent: str
    slots: Filled


@dataclass(frozen=True)
class DialogueState:
    """Where a conversation stands: the intent and its slots, what is asked for and how often it was not understood.

    It holds plain values alone. `at` is the moment of the last turn, in seconds.
    """

    intent: str | None = None
    slots: Filled = ()
    phase: Phase = "intent"
    asked: str | None = None
    tries: int = 0
    status: Status = "InProgress"
    confirmation: Confirmation = "None"
    contexts: tuple[ActiveContext, ...] = ()
    attributes: tuple[tuple[str, str], ...] = ()
    put_off: tuple[PutOff, ...] = ()
    turns: int = 0
    at: float = 0.0

    def slot(self, name: str) -> FilledSlot | None:
        """Return what is known of a slot."""
        return next((value for own, value in self.slots if own == name), None)

    def with_slots(self, slots: Mapping[str, FilledSlot | None]) -> "DialogueState":
        """Return the state with other values of some slots; None lets one go."""
        known = {**dict(self.slots), **slots}
        return replace(self, slots=tuple(sorted((name, value) for name, value in known.items() if value is not None)))

    @property
    def is_under_way(self) -> bool:
        """Whether an intent is neither done nor given up."""
        return self.intent is not None and self.phase in ("slot", "confirm")

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "intent": self.intent,
            "slots": _slots_as_json(self.slots),
            "phase": self.phase,
            "asked": self.asked,
            "tries": self.tries,
            "status": self.status,
            "confirmation": self.confirmation,
            "contexts": [[one.name, one.turns, one.until] for one in self.contexts],
            "attributes": dict(self.attributes),
            "put_off": [[one.intent, _slots_as_json(one.slots)] for one in self.put_off],
            "turns": self.turns,
            "at": self.at,
        }

    @classmethod
    def read(cls, written: Any, bot: Bot) -> "DialogueState":
        """Return what `as_json` wrote. Raises `DataError` for anything else, or for what the bot has not."""
        try:
            found = cls(
                written["intent"],
                _slots_of(written["slots"]),
                written["phase"],
                written["asked"],
                written["tries"],
                written["status"],
                written["confirmation"],
                tuple(ActiveContext(str(name), turns, float(until)) for name, turns, until in written["contexts"]),
                tuple(sorted((str(name), value) for name, value in written["attributes"].items())),
                tuple(PutOff(intent, _slots_of(slots)) for intent, slots in written["put_off"]),
                written["turns"],
                float(written["at"]),
            )
            is_sound = found.fits(bot)
        except (KeyError, TypeError, ValueError, AttributeError):
            is_sound = False
        if not is_sound:
            raise DataError("the saved conversation is damaged, or is of another bot: start again")
        return found

    def fits(self, bot: Bot) -> bool:
        """Say whether a bot can be in this state."""
        texts = all(isinstance(value, str) and len(value) <= LONGEST_ATTRIBUTE for _, value in self.attributes)
        known = self.phase in PHASES and self.status in STATUSES and self.confirmation in CONFIRMATIONS
        counts = all(
            type(n) is int and 0 <= n < 1 << 40 for n in (self.tries, self.turns, *(c.turns for c in self.contexts))
        )
        times = all(math.isfinite(one) for one in (self.at, *(context.until for context in self.contexts)))
        if not (texts and known and counts and times) or len(self.attributes) > MOST_ATTRIBUTES:
            return False
        if len(self.put_off) > MOST_PUT_OFF or not all(_has(bot, one.intent, one.slots) for one in self.put_off):
            return False
        if self.intent is None:
            return not self.slots and self.asked is None and not self.is_under_way
        own = bot.intent(self.intent)
        asks_known = self.asked is None or (own is not None and own.slot(self.asked) is not None)
        return _has(bot, self.intent, self.slots) and asks_known and (self.phase != "slot" or self.asked is not None)


def _has(bot: Bot, intent: str, slots: Filled) -> bool:
    own = bot.intent(intent)
    return own is not None and all(own.slot(name) is not None for name, _ in slots)


def _slots_as_json(slots: Filled) -> dict[str, Any]:
    return {name: [one.original, one.value, list(one.values)] for name, one in slots}


def _slots_of(written: Any) -> Filled:
    found = []
    for name, (original, value, values) in sorted(written.items()):
        if not all(
            isinstance(text, str) and len(text) <= LONGEST_ATTRIBUTE for text in (name, original, value, *values)
        ):
            raise ValueError("a slot holds no text")
        found.append((name, FilledSlot(original, value, tuple(values))))
    return tuple(found)


def state_as_text(state: DialogueState) -> str:
    """Return a state as JSON, the same text for the same state."""
    return json.dumps(state.as_json(), sort_keys=True, ensure_ascii=True)
