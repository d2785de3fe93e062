"""A bot as a value: what it understands, what it asks for, and what is done when it knows all."""

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from statewise.data.utterances.sample_utterance import SampleUtterance

BUILT_IN = ("number", "ordinal", "date", "time", "duration", "money", "phone", "email", "text")
"Types of slots that need no values: how each is read is said in `statewise.tasks.dialogue.resolving`."
PRIVATE = ("phone", "email")
"Types that are left out of logs in any case."
USUAL_THRESHOLD = 0.4
USUAL_RETRIES = 2
USUAL_FALLBACK = "Sorry, I did not understand."
HookKind = Literal["return", "http", "python"]


class SlotValue(NamedTuple):
    """A value of a slot, and other words for it."""

    value: str
    synonyms: tuple[str, ...] = ()


@dataclass(frozen=True)
class SlotType:
    """Values that a slot may have; where it is not `open`, no other."""

    name: str
    values: tuple[SlotValue, ...] = ()
    open: bool = True


@dataclass(frozen=True)
class SlotRule:
    """What a value must be, or else `message` is said."""

    at_least: float | None = None
    at_most: float | None = None
    one_of: tuple[str, ...] = ()
    pattern: str | None = None
    not_past: bool = False
    message: str = ""


@dataclass(frozen=True)
class BotSlot:
    """A detail of an intent: its type, how it is asked for, how often, and what it must be.

    What is `private` is not written into a log of conversations.
    """

    name: str
    type: str
    prompts: tuple[str, ...] = ()
    required: bool = True
    retries: int = USUAL_RETRIES
    default: str | None = None
    rules: tuple[SlotRule, ...] = ()
    spelled: bool = False
    private: bool = False

    @property
    def is_private(self) -> bool:
        """Whether its values are left out of logs: it is private, or of a type that names a person."""
        return self.private or self.type in PRIVATE


@dataclass(frozen=True)
class Hook:
    """What decides on values or does what was asked: the client itself, an address, or a function of the host."""

    kind: HookKind = "return"
    target: str = ""
    seconds: float = 3.0
    retries: int = 1


class BotContext(NamedTuple):
    """What is known for some turns, and for so long: some intents are understood only then."""

    name: str
    turns: int = 5
    seconds: float = 90.0


@dataclass(frozen=True)
class BotIntent:
    """What a person may want, how it is said, and how it is done."""

    name: str
    utterances: tuple[SampleUtterance, ...] = ()
    slots: tuple[BotSlot, ...] = ()
    confirm: str | None = None
    declined: str = "Okay, I will not do that."
    closing: str | None = None
    failed: str = "Sorry, I cannot go on with this."
    fulfil: Hook = Hook()
    check: Hook | None = None
    needs: tuple[str, ...] = ()
    sets: tuple[BotContext, ...] = ()

    def slot(self, name: str) -> BotSlot | None:
        """Return a slot by its name."""
        return next((slot for slot in self.slots if slot.name == name), None)


@dataclass(frozen=True)
class Bot:
    """Intents with their slots, types of slots, and what is said where nothing is understood.

    `is_given` says whether it was written as a bot, not only found in labelled utterances.
    """

    name: str
    intents: tuple[BotIntent, ...]
    types: tuple[SlotType, ...] = ()
    language: str = "en"
    threshold: float = USUAL_THRESHOLD
    fallback: str = USUAL_FALLBACK
    seconds: float = 300.0
    is_given: bool = True
    unused: tuple[SampleUtterance, ...] = ()

    def intent(self, name: str) -> BotIntent | None:
        """Return an intent by its name."""
        return next((intent for intent in self.intents if intent.name == name), None)

    def type(self, name: str) -> SlotType | None:
        """Return a type of slots by its name; None for a built-in one."""
        return next((one for one in self.types if one.name == name), None)

    @property
    def utterances(self) -> list[SampleUtterance]:
        """All that is said, in order, and what is out of scope."""
        return [one for intent in self.intents for one in intent.utterances] + list(self.unused)

    def bare(self) -> "Bot":
        """Return the bot without what is said to it."""
        return replace(self, intents=tuple(replace(one, utterances=()) for one in self.intents), unused=())

    @property
    def slots(self) -> list[str]:
        """The names of all slots, each once, in order of the alphabet."""
        declared = {slot.name for intent in self.intents for slot in intent.slots}
        return sorted(declared | {span.slot for one in self.utterances for span in one.slots})
