"""A turn is a function: the same inputs give the same turn, and a state can be saved and gone on from anywhere."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_bots import BOT

pytest.importorskip("text_to_num")
from statewise.data.utterances.bot import Bot
from statewise.data.utterances.bot_reading import read_bot
from statewise.data.utterances.sample_utterance import OUT_OF_SCOPE, SampleUtterance, SlotSpan
from statewise.data.utterances.utterances_codec import UtterancesCodec
from statewise.errors import DataError
from statewise.tasks.dialogue.dialogue_state import DialogueState, state_as_text
from statewise.tasks.dialogue.resolving import Resolver
from statewise.tasks.dialogue.turning import Turn, Turning
from statewise.tasks.dialogue.understanding import SlotFound, Understood

NOW = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
HOOKED = """
    fulfil: {python: make}
"""


def bot_of(text: str = BOT) -> Bot:
    return read_bot(text.encode(), "bot.yaml")


def turning_of(bot: Bot, seconds: float = 0.0) -> Turning:
    codec = UtterancesCodec.of(bot, bot.utterances, [], True)
    return Turning(codec.bot, Resolver(codec, NOW), NOW.timestamp() + seconds)


def heard(text: str, intent: str = OUT_OF_SCOPE, sure: float = 0.9, /, **slots: str) -> Understood:
    found = []
    for name, words in slots.items():
        begin = text.index(words)
        found.append(SlotFound(SlotSpan(begin, begin + len(words), name), words, 0.9))
    return Understood(text, ((intent, sure), ("other", 1 - sure)), tuple(found), 0.4)


TURNING = turning_of(bot_of())
SAID = [
    heard("i want a pizza", "OrderPizza"),
    heard("a large one", "OrderPizza", size="large"),
    heard("ham"),
    heard("two hundred", count="two hundred"),
    heard("yes"),
    heard("no"),
    heard(""),
    heard("when are you open", "OpeningHours"),
    heard("a room please", "BookRoom"),
    heard("double", room="double"),
    heard("tomorrow", day="tomorrow"),
    heard("cancel"),
    heard("what"),
    heard("start over"),
    heard("blah blah"),
    heard("where is it", "TrackOrder"),
    heard("instead a room", "BookRoom"),
    heard("😀"),
]


@given(st.lists(st.integers(0, len(SAID) - 1), max_size=12), st.integers(0, 12))
@settings(max_examples=150, deadline=None)
def test_any_conversation_repeats_and_goes_on_from_any_state_that_was_saved(which: list[int], saved_at: int) -> None:
    state, other = DialogueState(), DialogueState()
    for number, one in enumerate(which):
        turn = TURNING.turn(state, SAID[one])
        assert turn == TURNING.turn(other, SAID[one])
        assert turn.state.fits(TURNING.bot)
        assert turn.action == "Delegate" or turn.messages or turn.state.phase == "closed"
        assert len(turn.state.put_off) <= 3
        assert state_as_text(turn.state) == state_as_text(DialogueState.read(turn.state.as_json(), TURNING.bot))
        state = turn.state
        other = state if number != saved_at else DialogueState.read(json.loads(state_as_text(state)), TURNING.bot)


def test_retries_of_a_slot_end_in_failure_and_are_seen_in_the_state() -> None:
    state = TURNING.turn(DialogueState(), heard("i want a pizza", "OrderPizza")).state
    seen = []
    for _ in range(3):
        turn = TURNING.turn(state, heard("blah blah"))
        state = turn.state
        seen.append((turn.action, state.tries, len(turn.messages)))
    assert seen == [("ElicitSlot", 1, 1), ("ElicitSlot", 2, 1), ("Close", 0, 1)]
    assert state.status == "Failed"


def test_a_slot_that_comes_before_it_is_asked_for_is_checked_too() -> None:
    turn = TURNING.turn(DialogueState(), heard("50 pizzas", "OrderPizza", count="50"))
    assert turn.messages == ("I can take 1 to 20 pizzas. How many?",)
    assert turn.state.slot("count") is None


def test_a_long_pause_begins_a_new_conversation() -> None:
    state = TURNING.turn(DialogueState(), heard("i want a pizza", "OrderPizza")).state
    soon, late = turning_of(bot_of(), 299), turning_of(bot_of(), 301)
    assert soon.turn(state, heard("large", size="large")).state.intent == "OrderPizza"
    assert late.turn(state, heard("large", size="large")).state.intent is None


def test_a_context_holds_for_its_turns() -> None:
    state = TURNING.turn(DialogueState(), heard("large ham", "OrderPizza", size="large", topping="ham")).state
    state = TURNING.turn(state, heard("yes")).state
    assert [context.name for context in state.contexts] == ["ordered"]
    for _ in range(4):
        assert TURNING.turn(state, heard("where", "TrackOrder")).messages == ("It arrives in half an hour.",)
        state = TURNING.turn(state, heard("blah")).state
    state = TURNING.turn(state, heard("blah")).state
    assert TURNING.turn(state, heard("where", "TrackOrder")).action == "ElicitIntent"


def test_a_hook_is_asked_when_all_is_confirmed_and_its_end_is_told() -> None:
    bot = bot_of(
        BOT.replace(
            "    closing: Your room is booked.\n", "    closing: Your room is booked.\n    fulfil: {python: make}\n"
        )
    )
    turning = turning_of(bot)
    state = turning.turn(
        DialogueState(), heard("a double room tomorrow 2", "BookRoom", room="double", day="tomorrow", nights="2")
    ).state
    turn = turning.turn(state, heard("yes"))
    assert turn.call is not None
    assert (turn.call.purpose, turn.call.hook.target, turn.action) == ("FulfillmentCodeHook", "make", "Delegate")
    assert turning.fulfilled(turn.state).messages == ("Your room is booked.",)
    assert turning.failed(turn.state).state.status == "Failed"


@pytest.mark.parametrize(
    "change",
    [
        {"intent": "Nothing"},
        {"slots": {"colour": ["red", "red", []]}},
        {"phase": "dance"},
        {"asked": "colour"},
        {"tries": -1},
        {"at": float("nan")},
        {"attributes": {"a": 1}},
        {"put_off": [["Nothing", {}]]},
        {"turns": True},
    ],
)
def test_a_state_that_the_bot_cannot_be_in_is_refused(change: Mapping[str, Any]) -> None:
    told = TURNING.turn(DialogueState(), heard("i want a pizza", "OrderPizza")).state.as_json()
    with pytest.raises(DataError, match="the saved conversation is damaged"):
        DialogueState.read({**told, **change}, TURNING.bot)


def test_one_message_is_said_for_an_invalid_value() -> None:
    turn: Turn = TURNING.turn(DialogueState(), heard("i want a pizza", "OrderPizza"))
    for said in ("blah", "enormous"):
        turn = TURNING.turn(turn.state, heard(said, size=said))
        assert turn.messages == ("Small, medium or large?",)


def test_an_utterance_of_the_bot_is_not_needed_in_its_codec() -> None:
    bot = bot_of()
    codec = UtterancesCodec.of(bot, [SampleUtterance("a", "OrderPizza")], [], True)
    again = UtterancesCodec.read(json.loads(json.dumps(codec.as_json())))
    assert json.dumps(again.as_json()) == json.dumps(codec.as_json())


def test_a_word_that_a_message_and_a_value_both_have_is_said_once() -> None:
    called = """
intents:
  Call:
    utterances: [wake me]
    slots: {hour: {type: time, prompt: When?}}
    closing: I will call at {hour}.
"""
    turning = turning_of(bot_of(called))
    asked = turning.turn(DialogueState(), heard("wake me", "Call"))
    assert turning.turn(asked.state, heard("at eight", hour="at eight")).messages == ("I will call at eight.",)
    assert turning.turn(asked.state, heard("eight", hour="eight")).messages == ("I will call at eight.",)
