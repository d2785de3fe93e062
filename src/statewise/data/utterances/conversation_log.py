"""A log of conversations with a bot, a line of JSON a turn, without what is private, and what was missed in it."""

import csv
import io
import json
import os
import re
import stat
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, final

from statewise.data.utterances.bot import Bot
from statewise.data.utterances.sample_utterance import LONGEST_UTTERANCE, OUT_OF_SCOPE
from statewise.data.utterances.templates import PLACE
from statewise.disk.reading import file_size
from statewise.errors import DataError
from statewise.plain.strict_json import read_json
from statewise.shown import in_cell, in_line

GUARDED_TURNS, MOST_GUARDED = 3, 10_000
"After an intent with private slots so many turns are guarded, of so many conversations at most."
LARGEST_LOG = 1 << 30
LONGEST_LINE = 1 << 20
MAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@.]+")
LONG_NUMBER = re.compile(r"\d(?:[\s().-]*\d){4,}")
"Five digits or more, as telephones, cards and accounts have them: they are not written, whatever they were taken for."
PRIVATE_TEXT = "(private)"
HIDDEN_TEXT = re.compile(r"\((?:private|number|mail)\)")
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

    Values of private slots, of telephones and of e-mail addresses are left out, and so is any long number. `guarded`
    says for how many turns more what is heard in a conversation may tell a private value.
    """

    path: Path
    guarded: OrderedDict[str, int] = field(default_factory=OrderedDict, compare=False, repr=False)

    def add(self, told: Mapping[str, Any], bot: Bot, conversation: str) -> None:
        """Append a turn, in the shape of Lex V2. Raises `DataError` where it cannot be written."""
        with _WRITING:
            guarded = self.guarded.get(conversation, 0)
            logged = turn_logged(told, bot, is_guarded=guarded > 0)
            left = GUARDED_TURNS if _private_of(told, bot) else max(0, guarded - 1)
            self.guarded[conversation] = left
            self.guarded.move_to_end(conversation)
            while len(self.guarded) > MOST_GUARDED:
                self.guarded.popitem(last=False)
            line = json.dumps({"conversation": conversation, **logged}, ensure_ascii=False) + "\n"
            try:
                _append(self.path, line.encode(errors="replace"))
            except OSError as error:
                why = error.strerror or str(error)
                raise DataError(f"{self.path} cannot be written ({why}): give another file as log") from None


def _append(path: Path, line: bytes) -> None:
    """Append a line to a plain file, whole or not at all; one that was torn before it ends first."""
    extra = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | extra, 0o600)
    try:
        seen = os.fstat(file)
        if not stat.S_ISREG(seen.st_mode):
            raise OSError("it is not a plain file")
        if seen.st_size and os.pread(file, 1, seen.st_size - 1) != b"\n":
            line = b"\n" + line
        if os.write(file, line) < len(line):
            os.ftruncate(file, seen.st_size)
            raise OSError("there is no room")
    finally:
        os.close(file)


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


def _private_of(told: Mapping[str, Any], bot: Bot) -> set[str]:
    """Return the private slots of the intent that is under way, or was last."""
    own = bot.intent((told["sessionState"].get("intent") or {}).get("name") or "")
    return {slot.name for slot in (own.slots if own else ()) if slot.is_private}


def turn_logged(told: Mapping[str, Any], bot: Bot, *, is_guarded: bool = False) -> dict[str, Any]:
    """Return what is kept of a turn: what was heard and said without what is private, and what was understood.

    Where an intent with private slots is under way, or was shortly before (`is_guarded`), only a text that is
    understood as that, or as another intent, is kept, and none with digits: any other may be a private value.
    """
    state = told["sessionState"]
    intent = state.get("intent") or {}
    private = _private_of(told, bot)
    filled = {name: slot["value"] for name, slot in (intent.get("slots") or {}).items() if slot is not None}
    hidden = {name: _words_of(value) for name, value in filled.items() if name in private}
    best, heard = told["interpretations"][0], _without(told["inputTranscript"], hidden)
    is_understood = best["intent"]["name"] == intent.get("name") and bot.threshold <= best["nluConfidence"]["score"]
    has_taken = any(f"({name})" in heard for name in private)
    if (private or is_guarded) and not (is_understood and (has_taken or not any(map(str.isdigit, heard)))):
        heard = PRIVATE_TEXT
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
            pattern = r"[\W_]*".join(map(re.escape, re.sub(r"[\W_]+", "", word))) or re.escape(word)
            text = re.sub(pattern, lambda _, name=name: f"({name})", text, flags=re.IGNORECASE)  # type: ignore[misc]
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
        if is_missed and any(map(str.isalpha, HIDDEN_TEXT.sub("", key))):
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
        csv.writer(file, lineterminator="\n").writerow([in_cell(in_line(cell)) for cell in row])
        yield file.getvalue()
