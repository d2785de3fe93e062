"""What is shown of an understood utterance: its intent, further ones, and slots with what they mean."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from statewise.data.left_out import LeftOutCount
from statewise.data.texts import find_files
from statewise.data.utterances.bot import Bot
from statewise.data.utterances.bot_writing import bot_as_plain
from statewise.data.utterances.conversation_log import as_table, missed_in
from statewise.data.utterances.lex_export import write_lex_zip
from statewise.data.utterances.sample_utterance import LONGEST_UTTERANCE
from statewise.data.utterances.spoken_sentences import spoken_sentences
from statewise.data.utterances.utterance_files import read_utterances
from statewise.data.utterances.utterances_codec import UtterancesCodec
from statewise.data.utterances.value_lists import ValueLists
from statewise.errors import UsageError
from statewise.plain.strict_yaml import write_yaml
from statewise.run.files import saving, write_whole
from statewise.task import Answer
from statewise.tasks.dialogue.built_in import Resolved
from statewise.tasks.dialogue.conversation import BotConversation
from statewise.tasks.dialogue.resolving import Resolver, clock_now, moment_of
from statewise.tasks.dialogue.understanding import SlotFound, Understood
from statewise.tasks.shared.conversing import lines_typed


@dataclass(frozen=True)
class UnderstoodAnswer:
    """What is understood of a text, and of each slot its type and what it means."""

    understood: Understood
    slots: tuple[tuple[SlotFound, str, Resolved], ...]

    def __str__(self) -> str:
        lines = [f"{self.understood.intent} ({self.understood.confidence:.0%})"]
        for found, _, resolved in self.slots:
            meant = f" = {resolved.value}" if resolved.value not in (None, found.text) else ""
            lines.append(f"  {found.span.slot}: {found.text}{meant} ({found.confidence:.0%})")
        lines += [f"  or {name} ({sure:.0%})" for name, sure in self.understood.alternatives if sure >= 0.01]
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values; places are in characters of the text."""
        return {
            "text": self.understood.text,
            "intent": self.understood.intent,
            "confidence": self.understood.confidence,
            "alternatives": [{"intent": name, "confidence": sure} for name, sure in self.understood.alternatives],
            "slots": [
                {
                    "slot": found.span.slot,
                    "type": kind,
                    "begin": found.span.begin,
                    "end": found.span.end,
                    "original": found.text,
                    "value": resolved.value,
                    "values": list(resolved.values),
                    "confidence": found.confidence,
                }
                for found, kind, resolved in self.slots
            ],
        }


def type_of(codec: UtterancesCodec, intent: str, slot: str) -> str:
    """Return the type of a slot, as its intent has it or, where that has it not, as another one has."""
    own = codec.bot.intent(intent)
    for one in (*([own] if own else []), *codec.bot.intents):
        if (found := one.slot(slot)) is not None:
            return found.type
    return slot


def answer_of(understood: Understood, resolver: Resolver) -> UnderstoodAnswer:
    """Return what is understood with what its slots mean."""
    slots = []
    for found in understood.slots:
        kind = type_of(resolver.codec, understood.intents[0][0], found.span.slot)
        slots.append((found, kind, resolver.resolved(kind, found.text)))
    return UnderstoodAnswer(understood, tuple(slots))


def read_values(codec: UtterancesCodec, values: str | Sequence[str]) -> dict[str, list[str]]:
    """Return further values by type, given as `Size=huge,tiny`. Raises `UsageError` for another form or type."""
    found: dict[str, list[str]] = {}
    for given in (values,) if isinstance(values, str) else values:
        kind, mark, words = given.partition("=")
        some = [word.strip() for word in words.split(",") if word.strip()]
        if not mark or not some or len(given) > 100 * LONGEST_UTTERANCE:
            raise UsageError(f"values '{given[:60]}' are not of the form TYPE=value,value: give that")
        if kind.strip() not in {one.name for one in codec.bot.types}:
            known = ", ".join(one.name for one in codec.bot.types[:9]) or "none"
            raise UsageError(f"the bot has no slot type '{kind.strip()[:60]}' ({known}): give one of its own")
        found.setdefault(kind.strip(), []).extend(some)
    return found


def lists_with(codec: UtterancesCodec, values: str | Sequence[str]) -> ValueLists:
    """Return the lists of a codec with further values."""
    return codec.lists.with_values(read_values(codec, values)) if values else codec.lists


def resolver_of(
    codec: UtterancesCodec, now: str | None, zone: str, region: str, values: str | Sequence[str] = ()
) -> Resolver:
    """Return what says what values mean, at a time and in a zone, which may be told."""
    moment = clock_now(zone) if now is None else moment_of(now, zone)
    return Resolver(codec, moment, zone, region, read_values(codec, values) if values else {})


def talk_with(conversation: BotConversation) -> Iterator[str]:
    """Answer each line that is typed; what cannot be answered is said, and changes nothing."""
    with closing(lines_typed()) as lines:
        for line in lines:
            try:
                replied = conversation.push(line.rstrip("\n"))
            except UsageError as error:
                print(error.with_flags, file=sys.stderr, flush=True)
                continue
            for problem in replied.problems:
                print(problem, file=sys.stderr, flush=True)
            yield f"{replied}\n"


def missed_table(log: str) -> Answer:
    """Return what was not understood in a log, as a table whose column `intent` is to be filled in."""
    found = missed_in(Path(log))
    return Answer(as_table(found), lambda: {"missed": [one._asdict() for one in found]}, end="")


def no_single_object() -> dict[str, Any]:
    """Raise `UsageError`: a conversation is not a single object."""
    raise UsageError("--interactive contradicts --json: give one of them")


def _as_yaml(bot: Bot) -> bytes:
    return write_yaml(bot_as_plain(bot)).encode()


def _as_sentences(bot: Bot) -> bytes:
    return "".join(f"{line}\n" for line in spoken_sentences(bot)).encode()


WRITERS: dict[str, Callable[[Bot], bytes]] = {
    ".yaml": _as_yaml,
    ".yml": _as_yaml,
    ".zip": write_lex_zip,
    ".txt": _as_sentences,
}


def bot_written(sources: Sequence[str], path: str) -> Answer:
    """Write the bot that some sources describe, or what may be said to it, whole or not at all, and say so.

    Raises `UsageError` for a name that ends neither in .yaml nor in .zip or .txt.
    """
    kind = Path(path).suffix.lower()
    if kind not in WRITERS:
        raise UsageError(
            f"a bot is written as .yaml or .zip, what is said to it as .txt, and {path} is neither: rename it"
        )
    files = find_files(sources, "utterances")
    if Path(path).resolve() in {file.resolve() for file in files}:
        raise UsageError(f"{path} is what the bot is read from: name another file")
    bot, _ = read_utterances(files, LeftOutCount("utterance"))
    content = WRITERS[kind](bot)
    with saving(path, "give another place"):
        write_whole(Path(path), content)
    held = "what may be said to the bot" if kind == ".txt" else "the bot"
    return Answer(iter([f"{path} holds {held}\n"]), lambda: {"bot": path}, end="")
