"""A log of conversations keeps what was understood and nothing private, and tells what was missed."""

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from statewise.data.utterances.bot_reading import read_bot
from statewise.data.utterances.bot_writing import bot_as_plain
from statewise.data.utterances.conversation_log import (
    ConversationLog,
    Missed,
    as_table,
    missed_in,
    turn_logged,
)
from statewise.data.utterances.lex_export import write_lex_zip
from statewise.data.utterances.lex_import import read_lex_zip
from statewise.errors import DataError
from statewise.plain.strict_yaml import write_yaml

YAML = b"""\
name: bank
intents:
  Pay:
    utterances: [pay a bill, "pay {amount} with {pin}"]
    slots:
      amount: {type: number, prompt: How much?}
      pin: {type: text, prompt: Your pin?, private: true}
      back: {type: phone, prompt: Your number?, required: false}
    confirm: Pay {amount} with {pin}?
    closing: I paid {amount} with {pin}.
  Hours:
    utterances: [when are you open]
    closing: We are open from 9 to 17.
"""
BOT = read_bot(YAML, "bank.yaml")


def value(text: str) -> dict[str, Any]:
    return {"shape": "Scalar", "value": {"originalValue": text, "interpretedValue": text, "resolvedValues": [text]}}


def turn(
    heard: str,
    slots: dict[str, Any] | None = None,
    *said: str,
    asked: str | None = None,
    missed: bool = False,
    state: str = "InProgress",
    intent: str = "Pay",
) -> dict[str, Any]:
    action = {"type": "ElicitSlot", "slotToElicit": asked} if asked else {"type": "Close"}
    return {
        "inputTranscript": heard,
        "missed": missed,
        "messages": [{"content": text, "contentType": "PlainText"} for text in said],
        "sessionState": {"dialogAction": action, "intent": {"name": intent, "state": state, "slots": slots or {}}},
        "interpretations": [
            {"intent": {"name": "out_of_scope" if missed else intent}, "nluConfidence": {"score": 0.81}},
            {"intent": {"name": intent}, "nluConfidence": {"score": 0.3}},
        ],
    }


def test_values_of_private_slots_stand_nowhere_in_a_turn() -> None:
    told = turn("Pay 30 with Rosebud", {"amount": value("30"), "pin": value("rosebud")}, "Pay 30 with rosebud?")
    logged = turn_logged(told, BOT)
    assert "rosebud" not in json.dumps(logged).lower()
    assert logged["heard"] == "Pay 30 with (pin)"
    assert logged["slots"] == {"amount": "30", "pin": "(pin)"}
    assert logged["said"] == ["Pay (amount) with (pin)?"]
    assert (logged["intent"], logged["confidence"], logged["guess"]) == ("Pay", 0.81, "Pay")


def test_a_message_of_an_intent_that_is_over_tells_nothing_private_either() -> None:
    logged = turn_logged(turn("yes", {}, "I paid 30 with rosebud.", "How much?"), BOT)
    assert logged["said"] == ["I paid (amount) with (pin).", "How much?"]


@pytest.mark.parametrize(
    ("heard", "wanted"),
    [
        ("it is 0171 555-1234", "it is (number)"),
        ("write to ann@mail.example.org please", "write to (mail) please"),
        ("pay 1200 for 2 nights", "pay 1200 for 2 nights"),
    ],
)
def test_long_numbers_and_addresses_are_left_out_whatever_they_were_taken_for(heard: str, wanted: str) -> None:
    assert turn_logged(turn(heard, intent="Hours"), BOT)["heard"] == wanted


@pytest.mark.parametrize(
    "told",
    [
        turn("rosebud", asked="pin", missed=True),
        turn("it is 4711", asked="pin"),
        turn("rosebud", missed=True, state="Failed"),
        turn("no make it trombone", missed=True, state="Fulfilled"),
    ],
)
def test_what_may_have_been_a_private_value_is_left_out_whole(told: dict[str, Any]) -> None:
    assert turn_logged(told, BOT)["heard"] == "(private)"


def test_what_was_missed_is_counted_and_told_as_a_table_to_be_labelled(tmp_path: Path) -> None:
    log = ConversationLog(tmp_path / "talk.jsonl")
    for heard in ("settle my debt", "pay a bill", "give money", "Settle  my debt"):
        log.add(turn(heard, missed=heard != "pay a bill", intent="Hours"), BOT, "c1")
    log.add(turn("rosebud", asked="pin", missed=True), BOT, "c2")
    log.add(turn("i meant rosebud", missed=True, intent="Hours"), BOT, "c2")
    for hidden in ("ann@example.org", "0171 555 1234, ann@example.org!"):
        log.add(turn(hidden, missed=True, intent="Hours"), BOT, "c3")
    assert stat.S_IMODE(log.path.stat().st_mode) == 0o600
    found = missed_in(log.path)
    assert [(one.text, one.guess, one.times) for one in found] == [
        ("Settle  my debt", "Hours", 2),
        ("give money", "Hours", 1),
    ]
    assert list(as_table(found)) == [
        "text,intent,guess,confidence,times\n",
        "Settle  my debt,,Hours,0.81,2\n",
        "give money,,Hours,0.81,1\n",
    ]


@pytest.mark.parametrize(
    "content", [b"{}\n", b"[1]\n", b"not json\n", b'{"heard": 1, "missed": true}\n', b"\xff\xfe\n"]
)
def test_a_file_that_is_no_log_is_refused_with_its_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "other.jsonl").write_bytes(b"\n" + content)
    with pytest.raises(DataError, match="line 1 is not a turn of a conversation"):
        missed_in(tmp_path / "other.jsonl")


def test_a_log_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot be written .* give another file as log"):
        ConversationLog(tmp_path / "no" / "talk.jsonl").add(turn("pay a bill"), BOT, "c")


def test_private_slots_stay_private_in_yaml_and_in_an_export_for_lex(tmp_path: Path) -> None:
    (tmp_path / "bank.zip").write_bytes(write_lex_zip(BOT))
    for again in (read_bot(write_yaml(bot_as_plain(BOT)).encode(), "again"), read_lex_zip(tmp_path / "bank.zip")[0]):
        intent = again.intent("Pay")
        assert intent is not None
        assert [slot.name for slot in intent.slots if slot.is_private] == ["pin", "back"]


def test_a_value_is_hidden_however_it_is_spaced_and_a_formula_is_none_in_a_table() -> None:
    told = turn("Pay 30 with Rose-bud", {"amount": value("30"), "pin": value("rosebud")})
    assert turn_logged(told, BOT)["heard"] == "Pay 30 with (pin)"
    assert turn_logged(turn("no, 55 12", {"back": value("5512")}), BOT)["heard"] == "no, (back)"
    (_, row) = as_table([Missed("=cmd|'/c calc'!A0", "Pay", 0.5, 1)])
    assert row.startswith("'=cmd")


def test_a_line_is_whole_or_not_there_and_a_pipe_is_no_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = ConversationLog(tmp_path / "talk.jsonl")
    log.add(turn("when are you open", intent="Hours"), BOT, "c")
    size, write = log.path.stat().st_size, os.write
    monkeypatch.setattr(os, "write", lambda file, line: write(file, line[:20]))
    with pytest.raises(DataError, match="there is no room"):
        log.add(turn("when are you open", intent="Hours"), BOT, "c")
    monkeypatch.undo()
    assert log.path.stat().st_size == size
    with log.path.open("ab") as file:
        file.write(b'{"torn')
    log.add(turn("are you", missed=True, intent="Hours"), BOT, "c")
    assert json.loads(log.path.read_text().splitlines()[-1])["heard"] == "are you"
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="not a plain file"):
        ConversationLog(tmp_path / "pipe").add(turn("when"), BOT, "c")
