"""A log of conversations with a bot, a line of JSON a turn, without what is private, and what was missed in it."""

import csv
import io
import json
import os
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, final

from statewise.data.utterances.bot import Bot
from statewise.data.utterances.sample_utterance import LONGEST_UTTERANCE, OUT_OF_SCOPE
from statewise.data.utterances.templates import PLACE
from statewise.disk.reading import file_size
from statewise.errors import DataError
from statewise.plain.strict_json import read_json
from statewise.shown import in_line

LARGEST_LOG = 1 << 30
LONGEST_LINE = 1 << 20
MAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@.]+")
LONG_NUMBER = re.compile(r"\d(?:[\s().-]*\d){4,}")
"Five digits or more, as telephones, cards and accounts have them: they are not written, whatever they were taken for."
PRIVATE_TEXT = "(private)"
COLUMNS = ("text", "intent", "guess", "confidence", "times")


class Missed(NamedTuple):
    """Something said that was not understood: the likeliest intent, how sure it was, and how often it was said."""

    text: str
    guess: str
    confidence: float
    times: int


@final
@dataclass(frozen=True)
class ConversationLog:
    """A file to which turns are appended, each as one line, whole or not at all; only its owner may read it.

    Values of private slots, of telephones and of e-mail addresses are left out, and so is any long number.
    """

    path: Path

    def add(self, told: Mapping[str, Any], bot: Bot, conversation: str) -> None:
        """Append a turn, in the shape of Lex V2. Raises `DataError` where it cannot be written."""
        line = json.dumps({"conversation": conversation, **turn_logged(told, bot)}, ensure_ascii=False) + "\n"
        try:
            with _WRITING:
                file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
                try:
                    os.write(file, line.encode())
                finally:
                    os.close(file)
        except OSError as error:
            raise DataError(f"{self.path} cannot be written ({error.strerror}): give another file as log") from None


_WRITING = threading.Lock()


def private_messages(bot: Bot) -> list[tuple[re.Pattern[str], str]]:
    """Return what a bot says that tells a private value, as a pattern and as it is logged.

    A message may tell a value of an intent that was closed since, so that the state does not have it any more.
    """
    found = []
    for intent in bot.intents:
        private = {slot.name for slot in intent.slots if slot.is_private}
        prompts = [text for slot in intent.slots for text in (*slot.prompts, *(rule.message for rule in slot.rules))]
        for text in (intent.confirm, intent.closing, intent.declined, intent.failed, *prompts):
            if text and private.intersection(PLACE.findall(text)):
                pieces = [re.escape(piece) for piece in PLACE.sub("\0", text).split("\0")]
                found.append((re.compile(".*".join(pieces), re.DOTALL), PLACE.sub(r"(\1)", text)))
    return found


def turn_logged(told: Mapping[str, Any], bot: Bot) -> dict[str, Any]:
    """Return what is kept of a turn: what was heard and said without what is private, and what was understood."""
    state = told["sessionState"]
    intent = state.get("intent") or {}
    own = bot.intent(intent.get("name") or "")
    private = {slot.name for slot in (own.slots if own else ()) if slot.is_private}
    filled = {name: slot["value"] for name, slot in (intent.get("slots") or {}).items() if slot is not None}
    hidden = {name: _words_of(value) for name, value in filled.items() if name in private}
    best, heard = told["interpretations"][0], _without(told["inputTranscript"], hidden)
    is_at_risk = state["dialogAction"].get("slotToElicit") in private or (intent.get("state") == "Failed" and private)
    if is_at_risk and (told["missed"] or any(map(str.isdigit, heard))):
        heard = PRIVATE_TEXT  # it may be a value that was not taken
    messages = private_messages(bot)

    def said(text: str) -> str:
        as_logged = next((shown for pattern, shown in messages if pattern.fullmatch(text)), text)
        return _without(as_logged, hidden)

    return {
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "bot": bot.name,
        "heard": heard,
        "missed": told["missed"],
        "intent": best["intent"]["name"],
        "confidence": best["nluConfidence"]["score"],
        "guess": _guess(told["interpretations"]),
        "action": state["dialogAction"]["type"],
        "under_way": intent.get("name"),
        "state": intent.get("state"),
        "slots": {
            name: f"({name})" if name in private else _without(value["interpretedValue"], hidden)
            for name, value in filled.items()
        },
        "said": [said(message["content"]) for message in told["messages"]],
    }


def _guess(interpretations: Sequence[Mapping[str, Any]]) -> str:
    names = (str(one["intent"]["name"]) for one in interpretations)
    return next((name for name in names if name != OUT_OF_SCOPE), "")


def _words_of(value: Mapping[str, Any]) -> list[str]:
    words = {value["originalValue"], value["interpretedValue"], *value["resolvedValues"]}
    return sorted((word for word in words if word), key=len, reverse=True)


def _without(text: str, hidden: Mapping[str, Sequence[str]]) -> str:
    """Return a text with the names of slots in the places of their words."""
    for name, words in hidden.items():
        for word in words:
            text = re.sub(re.escape(word), lambda _, name=name: f"({name})", text, flags=re.IGNORECASE)  # type: ignore[misc]
    return LONG_NUMBER.sub("(number)", MAIL.sub("(mail)", text))


def missed_in(path: Path) -> list[Missed]:
    """Return what was said in a log and not understood, what was said most often first.

    Raises `DataError` for a file that is no such log.
    """
    found: dict[str, Missed] = {}
    for number, turn in enumerate(_turns(path), start=1):
        try:
            text, is_missed, guess, sure = (turn[name] for name in ("heard", "missed", "guess", "confidence"))
            is_sound = isinstance(text, str) and isinstance(guess, str) and type(is_missed) is bool
            is_sound = is_sound and isinstance(sure, int | float) and len(text) <= 2 * LONGEST_UTTERANCE
        except (KeyError, TypeError):
            is_sound = False
        if not is_sound:
            raise DataError(f"{path} line {number:,} is not a turn of a conversation: give a file written with --log")
        key = " ".join(text.casefold().split())
        if is_missed and key and text != PRIVATE_TEXT:
            before = found.get(key)
            found[key] = Missed(text, guess, float(sure), 1 + (before.times if before else 0))
    return sorted(found.values(), key=lambda one: (-one.times, one.text))


def _turns(path: Path) -> Iterator[Any]:
    if file_size(path, DataError) > LARGEST_LOG:
        raise DataError(f"{path} is larger than {LARGEST_LOG:,} bytes: give a part of it")
    with path.open("rb") as file:
        while line := file.readline(LONGEST_LINE + 1):
            if not line.strip():
                continue
            try:
                yield read_json(line) if len(line) <= LONGEST_LINE else None
            except ValueError:
                yield None


def as_table(found: Sequence[Missed]) -> Iterator[str]:
    """Yield the lines of a CSV table in which the column `intent` is left to be filled in."""
    for row in (COLUMNS, *((one.text, "", one.guess, f"{one.confidence:.2f}", one.times) for one in found)):
        file = io.StringIO()
        csv.writer(file, lineterminator="\n").writerow([in_line(cell) for cell in row])
        yield file.getvalue()
