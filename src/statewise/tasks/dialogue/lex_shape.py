"""Turns and states in the shape that users of Lex V2 know, and states read out of it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from statewise.data.utterances.bot import Bot
from statewise.errors import UsageError
from statewise.shown import in_line
from statewise.tasks.dialogue.dialogue_state import (
    CONFIRMATIONS,
    LONGEST_ATTRIBUTE,
    MOST_ATTRIBUTES,
    STATUSES,
    ActiveContext,
    DialogueState,
    FilledSlot,
)
from statewise.tasks.dialogue.turning import Turn
from statewise.tasks.dialogue.understanding import Understood

ACTIONS = ("ElicitSlot", "ElicitIntent", "ConfirmIntent", "Delegate", "Close")
MOST_MESSAGES = 5
PLAIN = "PlainText"


def slots_as_lex(state: DialogueState, bot: Bot) -> dict[str, Any]:
    """Return the slots of the intent, None where one is not known."""
    own = bot.intent(state.intent or "")
    return {slot.name: _slot(state.slot(slot.name)) for slot in (own.slots if own else ())}


def _slot(filled: FilledSlot | None) -> Any:
    if filled is None:
        return None
    value = {"originalValue": filled.original, "interpretedValue": filled.value, "resolvedValues": list(filled.values)}
    return {"shape": "Scalar", "value": value}


def session_state(turn: Turn, bot: Bot) -> dict[str, Any]:
    """Return a turn as `sessionState`."""
    state = turn.state
    action: dict[str, Any] = {"type": turn.action}
    if turn.action == "ElicitSlot":
        action["slotToElicit"] = state.asked
    told: dict[str, Any] = {
        "dialogAction": action,
        "sessionAttributes": dict(state.attributes),
        "activeContexts": [
            {
                "name": one.name,
                "timeToLive": {"turnsToLive": one.turns, "timeToLiveInSeconds": max(0, int(one.until - state.at))},
                "contextAttributes": {},
            }
            for one in state.contexts
        ],
    }
    if state.intent is not None:
        told["intent"] = {
            "name": state.intent,
            "state": state.status,
            "confirmationState": state.confirmation,
            "slots": slots_as_lex(state, bot),
        }
    return told


def interpretations(heard: Understood, turn: Turn, bot: Bot) -> list[dict[str, Any]]:
    """Return what may have been meant, the likeliest first, at most five."""
    found = []
    for name, sure in ((heard.intent, heard.confidence), *heard.alternatives):
        own = bot.intent(name)
        is_own = name == turn.state.intent
        slots = slots_as_lex(turn.state, bot) if is_own else {slot.name: None for slot in (own.slots if own else ())}
        found.append({"intent": {"name": name, "slots": slots}, "nluConfidence": {"score": round(sure, 4)}})
    return found


def messages_as_lex(messages: tuple[str, ...]) -> list[dict[str, str]]:
    """Return what is said."""
    return [{"content": message, "contentType": PLAIN} for message in messages]


def read_attributes(given: Any) -> tuple[tuple[str, str], ...]:
    """Return attributes of a session. Raises `UsageError` for what is not texts by name, and for too many."""
    if not isinstance(given, Mapping) or len(given) > MOST_ATTRIBUTES:
        raise UsageError(f"sessionAttributes are texts by name, at most {MOST_ATTRIBUTES}: give them so")
    for name, value in given.items():
        if not isinstance(name, str) or not isinstance(value, str) or max(len(name), len(value)) > LONGEST_ATTRIBUTE:
            told = in_line(name, 40)
            raise UsageError(f"session attribute '{told}' is not a text of at most {LONGEST_ATTRIBUTE:,} characters")
    return tuple(sorted(given.items()))


def read_session_state(given: Any, bot: Bot, before: DialogueState) -> tuple[DialogueState, str | None]:
    """Return a state that a client or a hook gives, and the action that it asks for.

    What is not given stays. Raises `UsageError` for what the bot has not.
    """
    if not isinstance(given, Mapping):
        raise UsageError("sessionState is not an object: give intent, dialogAction, sessionAttributes, activeContexts")
    state = before
    if "sessionAttributes" in given:
        state = replace(state, attributes=read_attributes(given["sessionAttributes"]))
    if "activeContexts" in given:
        state = replace(state, contexts=_contexts(given["activeContexts"], state.at))
    if (intent := given.get("intent")) is not None:
        state = _with_intent(intent, bot, state)
    action = given.get("dialogAction")
    if action is None:
        return state, None
    kind = action.get("type") if isinstance(action, Mapping) else None
    if kind not in ACTIONS:
        raise UsageError(f"dialogAction is not one of {', '.join(ACTIONS)}: give a type")
    if kind == "ElicitSlot":
        own = bot.intent(state.intent or "")
        slot = action.get("slotToElicit")
        if own is None or not isinstance(slot, str) or own.slot(slot) is None:
            raise UsageError(f"slotToElicit '{in_line(slot, 40)}' is not a slot of the intent: give one of its own")
        state = replace(state, phase="slot", asked=slot, tries=0)
    elif kind == "ConfirmIntent" and state.intent is not None:
        state = replace(state, phase="confirm", asked=None, tries=0)
    elif kind == "ElicitIntent":
        state = replace(state, intent=None, slots=(), phase="intent", asked=None, tries=0)
    elif kind == "Close":
        state = replace(state, phase="closed", asked=None)
    elif kind == "ConfirmIntent":
        raise UsageError("ConfirmIntent needs an intent: give one with its slots")
    return state, str(kind)


def _with_intent(given: Any, bot: Bot, state: DialogueState) -> DialogueState:
    name = given.get("name") if isinstance(given, Mapping) else None
    own = bot.intent(name) if isinstance(name, str) else None
    if own is None:
        raise UsageError(f"intent '{in_line(name, 40)}' is not one of the bot: give one of its own")
    status, confirmation = given.get("state", "InProgress"), given.get("confirmationState", "None")
    if status not in STATUSES or confirmation not in CONFIRMATIONS:
        raise UsageError(
            f"state is one of {', '.join(STATUSES)}, confirmationState of {', '.join(CONFIRMATIONS)}: check them"
        )
    same = state.intent == own.name
    state = replace(state, intent=own.name, slots=state.slots if same else (), status=status, confirmation=confirmation)
    state = state if same and state.phase != "intent" else replace(state, phase="closed", asked=None)
    slots = given.get("slots") or {}
    if not isinstance(slots, Mapping):
        raise UsageError("slots are values by name: give them so")
    filled: dict[str, FilledSlot | None] = {}
    for slot, value in slots.items():
        if own.slot(slot) is None:
            raise UsageError(f"slot '{in_line(slot, 40)}' is not one of intent '{own.name}': give one of its own")
        filled[slot] = _filled(slot, value)
    return state.with_slots(filled)


def _filled(slot: str, value: Any) -> FilledSlot | None:
    if value is None:
        return None
    told: Any = value.get("value") if isinstance(value, Mapping) else value
    if isinstance(told, str):
        told = {"interpretedValue": told}
    meant = told.get("interpretedValue") if isinstance(told, Mapping) else None
    if not isinstance(meant, str) or not 0 < len(meant) <= LONGEST_ATTRIBUTE:
        raise UsageError(f"slot '{in_line(slot, 40)}' has no interpretedValue: give a text")
    original, values = told.get("originalValue", meant), told.get("resolvedValues") or [meant]
    if not isinstance(original, str) or not isinstance(values, list) or not all(isinstance(one, str) for one in values):
        raise UsageError(f"slot '{in_line(slot, 40)}' has values that are not texts: give texts")
    return FilledSlot(original[:LONGEST_ATTRIBUTE], meant, tuple(one[:LONGEST_ATTRIBUTE] for one in values[:20]))


def _contexts(given: Any, at: float) -> tuple[ActiveContext, ...]:
    if not isinstance(given, list) or len(given) > MOST_ATTRIBUTES:
        raise UsageError(f"activeContexts is a list of at most {MOST_ATTRIBUTES}: give names with timeToLive")
    found = []
    for one in given:
        name = one.get("name") if isinstance(one, Mapping) else None
        lives = one.get("timeToLive", {}) if isinstance(one, Mapping) else {}
        turns = lives.get("turnsToLive", 5) if isinstance(lives, Mapping) else None
        seconds = lives.get("timeToLiveInSeconds", 90) if isinstance(lives, Mapping) else None
        if not isinstance(name, str) or not 0 < len(name) <= 100 or type(turns) is not int or type(seconds) is not int:
            raise UsageError("an active context is a name with turnsToLive and timeToLiveInSeconds: give them so")
        found.append(ActiveContext(name, min(max(turns, 0), 100), at + min(max(seconds, 0), 86_400)))
    return tuple(found)


def read_messages(given: Any) -> tuple[str, ...]:
    """Return what a hook says. Raises `UsageError` for what is not messages."""
    if given is None:
        return ()
    if not isinstance(given, list) or len(given) > MOST_MESSAGES:
        raise UsageError(f"messages are a list of at most {MOST_MESSAGES}: give each a content")
    found = [one.get("content") if isinstance(one, Mapping) else None for one in given]
    if not all(isinstance(text, str) and len(text) <= LONGEST_ATTRIBUTE for text in found):
        raise UsageError(f"a message has no content of at most {LONGEST_ATTRIBUTE:,} characters: give one")
    return tuple(str(text) for text in found)
