"""A conversation under way: what is said is understood, a turn is made of it, and hooks are called where it asks."""

import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, ClassVar

import torch

from statewise.data.utterances.conversation_log import ConversationLog
from statewise.errors import DataError, UsageError
from statewise.inputs import Inputs
from statewise.plain.strict_json import read_json
from statewise.state import read_tensors, write_tensors
from statewise.task import Live
from statewise.tasks.dialogue.dialogue_state import LARGEST_STATE, DialogueState, state_as_text
from statewise.tasks.dialogue.hooks import HookFailed, HookRunner
from statewise.tasks.dialogue.lex_shape import (
    interpretations,
    messages_as_lex,
    read_attributes,
    read_messages,
    read_session_state,
    session_state,
)
from statewise.tasks.dialogue.resolving import Resolver
from statewise.tasks.dialogue.turning import Action, HookCall, Turn, Turning
from statewise.tasks.dialogue.understanding import Understanding, Understood, check_utterance

WORDS = (
    'what a person says, or an object with "text", and where wanted "sessionState" and "requestAttributes" as Lex V2 '
    "has them"
)
FIELDS = ("text", "sessionState", "sessionAttributes")
LEADS_IN = re.compile(
    r"^(?:(?:actually|no|wait|sorry|oh|hmm|well|okay|ok|please|then|now|first|but|and|also|instead|thanks|"
    r"scratch that|i'd rather|i would rather|i changed my mind|changed my mind|forget (?:it|that|about it|the \w+)|"
    r"let's)[\s,.!;:-]+)+",
    re.IGNORECASE,
)
"What may stand before what is wanted, so that it is understood without."
MOST_CALLS = 4
"So many hooks are called in one turn at most."


@dataclass(frozen=True)
class BotReplied:
    """What follows from what was said: messages, the state, and what was understood. `problems` tell of hooks.

    Where a state was put, or only asked for, nothing was said.
    """

    heard: Understood
    turn: Turn
    bot: Any
    problems: tuple[str, ...] = ()
    was_put: bool = False

    @property
    def is_missed(self) -> bool:
        """Whether something was said that is neither an intent nor an answer to what was asked."""
        turn = self.turn
        is_lost = turn.action == "ElicitIntent" or turn.state.tries > 0 or turn.state.status == "Failed"
        return bool(self.heard.text) and not self.heard.is_known and is_lost

    @property
    def notices(self) -> tuple[str, ...]:
        """What went wrong on the way."""
        return self.problems

    def __str__(self) -> str:
        if self.turn.messages:
            return "\n".join(self.turn.messages)
        state = self.turn.state
        if state.intent is None:
            return f"({self.turn.action})"
        slots = ", ".join(f"{name}={one.value}" for name, one in state.slots)
        return f"({state.intent} {state.status}{f': {slots}' if slots else ''})"

    def as_json(self) -> dict[str, Any]:
        """Return it in the shape that users of Lex V2 know."""
        return {
            "messages": messages_as_lex(self.turn.messages),
            "sessionState": session_state(self.turn, self.bot),
            "interpretations": [] if self.was_put else interpretations(self.heard, self.turn, self.bot),
            "inputTranscript": self.heard.text,
            "missed": self.is_missed,
        }


@dataclass
class BotConversation(Live):
    """Talks with a person. The state is all that is known, so that a fork is a copy of it.

    With a `log` each turn is also written there, under the `name` of the conversation.
    """

    is_bot: ClassVar[bool] = True

    how: Understanding
    moment: Callable[[], datetime]
    resolver: Resolver
    hooks: HookRunner = field(default_factory=HookRunner)
    state: DialogueState = field(default_factory=DialogueState)
    log: ConversationLog | None = None
    name: str = field(default_factory=lambda: uuid.uuid4().hex[:12])

    @property
    def inputs(self) -> Inputs:
        """What `push` takes."""
        return Inputs(WORDS, ("string", "object"), self.how.codec.example)

    def push(self, line: Any) -> BotReplied:
        """Answer what is said; without a text, take a state where one is given, and say where the conversation is.

        Raises `UsageError` for what cannot be read; nothing has changed then.
        """
        if isinstance(line, Mapping) and "text" not in line and set(line) <= set(FIELDS):
            return self.put(line.get("sessionState") or {}, line.get("sessionAttributes"))
        text, before = self._given(line)
        heard = self._heard(text)
        now = self.moment()
        turning = Turning(self.how.codec.bot, replace(self.resolver, now=now), now.timestamp())
        turn = turning.turn(before, heard)
        problems: list[str] = []
        for _ in range(MOST_CALLS):
            if turn.call is None:
                break
            turn = self._called(turning, turn, turn.call, heard, problems)
        if turn.call is not None:
            turn = turning.failed(turn.state)
        replied = BotReplied(heard, turn, self.how.codec.bot, tuple(problems))
        self.state = turn.state
        if self.log is not None:
            try:  # what a hook has done stays done, also where it cannot be logged
                self.log.add(replied.as_json(), self.how.codec.bot, self.name)
            except DataError as error:
                replied = replace(replied, problems=(*replied.problems, error.with_flags))
        return replied

    def _heard(self, text: str) -> Understood:
        """Return what is understood of a text; where it is nothing, of what stands after words that lead to it."""
        (heard,) = self.how.understood([text])
        short = LEADS_IN.sub("", text)
        if heard.is_known or short == text or not short.strip():
            return heard
        (again,) = self.how.understood([short])
        return replace(again, text=text) if again.is_known else heard

    def _given(self, line: Any) -> tuple[str, DialogueState]:
        """Return what was said, and the state it is said in."""
        if isinstance(line, str):
            check_utterance(line)
            return line.strip(), self.state
        if not isinstance(line, Mapping) or not set(line) <= set(FIELDS):
            raise UsageError(f"the input has other fields than {', '.join(FIELDS)}: give {WORDS}")
        check_utterance(line["text"])
        state = self.state
        if "sessionState" in line:
            state, _ = read_session_state(line["sessionState"], self.how.codec.bot, state)
        if "sessionAttributes" in line:
            state = replace(state, attributes=read_attributes(line["sessionAttributes"]))
        return line["text"].strip(), state

    def _called(self, turning: Turning, turn: Turn, call: HookCall, heard: Understood, problems: list[str]) -> Turn:
        """Return the turn that follows from what a hook says."""
        bot = self.how.codec.bot
        request = {
            "messageVersion": "1.0",
            "invocationSource": call.purpose,
            "inputMode": "Text",
            "inputTranscript": heard.text,
            "bot": {"name": bot.name, "localeId": bot.language},
            "sessionState": session_state(turn, bot),
            "interpretations": interpretations(heard, turn, bot),
            "turn": turn.state.turns,
        }
        try:
            reply = self.hooks.ask(call.hook, request)
            return after_hook(turning, turn, call, reply)
        except (HookFailed, UsageError) as error:
            problems.append(error.with_flags)
            return turning.failed(turn.state)

    def put(self, given: Any, attributes: Any = None) -> BotReplied:
        """Set the state as a client gives it, without anything said. Raises `UsageError` for what the bot has not."""
        now = self.moment()
        told = replace(self.state, attributes=read_attributes(attributes)) if attributes is not None else self.state
        turning = Turning(self.how.codec.bot, replace(self.resolver, now=now), now.timestamp())
        state, action = read_session_state(given, self.how.codec.bot, told)
        is_begun = action is None and "intent" in given and state.status == "InProgress"
        if state.intent is not None and (action == "Delegate" or is_begun):
            turn = turning.ask_on(state)
        else:
            asked: Action = {"slot": "ElicitSlot", "confirm": "ConfirmIntent", "closed": "Close"}.get(  # type: ignore[assignment]
                state.phase, "ElicitIntent"
            )
            turn = Turn(state, asked, ())
        self.state = turn.state
        nothing = Understood("", (("out_of_scope", 1.0),), (), self.how.threshold)
        return BotReplied(nothing, turn, self.how.codec.bot, was_put=True)

    def fork(self) -> "BotConversation":
        """Return the same conversation once more, to go on otherwise."""
        return replace(self, name=uuid.uuid4().hex[:12])

    def save(self) -> bytes:
        """Return the state as bytes."""
        letters = torch.tensor([*state_as_text(self.state).encode()], dtype=torch.uint8)
        return write_tensors({"dialogue": letters})

    def opened(self, saved: bytes) -> "BotConversation":
        """Return the conversation of saved bytes. Raises `DataError` where they are something else."""
        try:
            tensors, _ = read_tensors(saved, "the saved conversation")
            written = read_json(bytes(tensors["dialogue"].tolist()[:LARGEST_STATE]))
        except (KeyError, ValueError, TypeError, OverflowError):
            raise DataError("the saved conversation is damaged, or is something else: start again") from None
        state = DialogueState.read(written, self.how.codec.bot)
        return replace(self, state=state)


def after_hook(turning: Turning, turn: Turn, call: HookCall, reply: Any) -> Turn:
    """Return the turn that follows from what a hook says. Raises `UsageError` for what cannot be used."""
    if not isinstance(reply, Mapping):
        raise UsageError("a hook answered something else than an object: let it answer sessionState and messages")
    messages = read_messages(reply.get("messages"))
    state, action = read_session_state(reply.get("sessionState") or {}, turning.bot, turn.state)
    is_done = call.purpose == "FulfillmentCodeHook"
    if state.status == "Failed":
        return turning.failed(state, messages)
    if is_done and action in (None, "Close", "Delegate"):
        return turning.fulfilled(state, messages)
    if action in (None, "Delegate"):
        following = turning.ask_on(state)
        return replace(following, messages=(*messages, *following.messages))
    if action == "Close":
        return turning.fulfilled(state, messages)
    if action == "ElicitSlot" and not messages:
        own = turning.bot.intent(state.intent or "")
        slot = own.slot(state.asked or "") if own else None
        messages = slot.prompts[:1] if slot else ()
    elicits: Action = {"ElicitSlot": "ElicitSlot", "ConfirmIntent": "ConfirmIntent"}.get(action or "", "ElicitIntent")  # type: ignore[assignment]
    return Turn(state, elicits, messages)
