"""Bots and labelled utterances out of files, whatever their form."""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from statewise.data.dialogues.whole_files import content_of
from statewise.data.left_out import LeftOutCount
from statewise.data.pairs.pair import cleaned
from statewise.data.utterances.bot import BUILT_IN, Bot, BotIntent, BotSlot, SlotType, SlotValue
from statewise.data.utterances.bot_reading import BotReader, read_bot
from statewise.data.utterances.lex_import import read_lex_zip
from statewise.data.utterances.lined_reader import NAME
from statewise.data.utterances.rasa_yaml import rasa_of_yaml
from statewise.data.utterances.sample_utterance import (
    LONGEST_UTTERANCE,
    OUT_OF_SCOPE,
    SampleUtterance,
    SlotSpan,
    checked_slots,
    read_inline,
    words_of_utterance,
)
from statewise.data.utterances.snips_yaml import snips_of_yaml
from statewise.errors import DataError
from statewise.plain.lined_yaml import Lined, read_lined_yaml
from statewise.plain.strict_json import read_json
from statewise.shown import from_cell, in_line

MOST_UTTERANCES = 2_000_000
MOST_JSON_VALUES = 1 << 23
FORMS = (
    "a bot in YAML, a Lex V2 export (.zip), Rasa NLU or Snips as JSON or YAML, JSON of CLINC150, or CSV with columns "
    "text and intent"
)
OUT_NAMES = ("oos", "out_of_scope", "nlu_fallback", "none")
"Names that files give to what no intent is for."
TEXTS, INTENTS = ("text", "utterance", "query", "sentence"), ("intent", "label", "class", "category")
"Names of columns."
PART, PARTS = "part", ("training", "validation", "held_out")
"A column that says for which part a row is, and what it may say."


@dataclass
class FoundUtterances:
    """What some files hold: utterances, a bot where one is written, and values of types of slots."""

    utterances: list[SampleUtterance] = field(default_factory=list)
    bots: list[Bot] = field(default_factory=list)
    types: dict[str, list[SlotValue]] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)
    others: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    def add_value(self, kind: str, value: str, synonyms: Sequence[str] = ()) -> None:
        """Add a value of a type of slots."""
        self.types.setdefault(kind, []).append(SlotValue(value, tuple(synonyms)))


def read_utterances(files: Sequence[Path], left_out: LeftOutCount) -> tuple[Bot, FoundUtterances]:
    """Return the bot that some files describe, or that their utterances are of, with these, and what was found.

    Utterances that cannot be learned from are counted. Raises `DataError` where nothing is found, or something is
    wrong, with its place.
    """
    found = FoundUtterances()
    for path in files:
        _read_one(path, found, alone=len(files) == 1)
    if len(found.bots) > 1:
        raise DataError(f"{len(found.bots)} bots are described, where one is wanted: give one at a time")
    said = [*(found.bots[0].utterances if found.bots else ()), *found.utterances]
    if len(said) > MOST_UTTERANCES:
        raise DataError(f"there are more than {MOST_UTTERANCES:,} utterances: give fewer")
    kept = list(_usable(said, left_out))
    if not kept:
        names = ", ".join(path.name for path in files[:3])
        raise DataError(f"{names}: no utterance can be learned from{_why(left_out)}: give {FORMS}")
    return _bot_of(kept, found), found


def _why(left_out: LeftOutCount) -> str:
    return "".join(f"; {line}" for line in left_out.told())


def _read_one(path: Path, found: FoundUtterances, *, alone: bool) -> None:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if path.suffix.lower() == ".zip":
        bot, notices = read_lex_zip(path)
        found.bots.append(bot)
        found.notices += notices
        return
    content = content_of(path)
    if ".json" in suffixes:
        _read_json(content, path, found, alone=alone)
    elif ".yaml" in suffixes or ".yml" in suffixes:
        _read_yaml(content, path, found, alone=alone)
    elif ".csv" in suffixes or ".tsv" in suffixes:
        found.utterances += _read_table(content, path)
    elif alone:
        raise DataError(f"{path} is not a file of utterances: give {FORMS}")
    else:
        found.others.append(path.name)


def _text_of(content: bytes) -> str:
    """Return a text in UTF-8, or in Latin-1 where it is not that, as some files of Snips are."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _read_yaml(content: bytes, path: Path, found: FoundUtterances, *, alone: bool) -> None:
    try:
        documents = read_lined_yaml(_text_of(content).encode())
    except ValueError as error:
        raise DataError(f"{path.name} cannot be read: {error}") from None
    fields: list[Mapping[str, Lined]] = [one.value if isinstance(one.value, dict) else {} for one in documents]
    if any("nlu" in one for one in fields):
        for one in documents:
            rasa_of_yaml(one, path.name, found)
    elif fields and all("type" in one for one in fields):
        snips_of_yaml(documents, path.name, found)
    elif len(documents) == 1 and isinstance(fields[0].get("intents", Lined(None, 0)).value, dict):
        found.bots.append(BotReader(path.name).bot(documents[0]))
    elif alone:
        found.bots.append(read_bot(content, path.name))  # which says what is missing
    else:
        found.others.append(path.name)


def _read_json(content: bytes, path: Path, found: FoundUtterances, *, alone: bool) -> None:
    try:
        told = read_json(_text_of(content).encode(), most_values=MOST_JSON_VALUES)
    except ValueError as error:
        raise DataError(f"{path.name} is not JSON that can be read ({in_line(error)}): check it") from None
    try:
        if isinstance(told, dict) and "rasa_nlu_data" in told:
            _rasa_of_json(told["rasa_nlu_data"], path.name, found)
        elif isinstance(told, dict) and isinstance(told.get("intents"), dict) and "entities" in told:
            _snips_of_json(told, path.name, found)
        elif isinstance(told, dict) and told and all(_is_clinc(part) for part in told.values()):
            found.utterances += _clinc(told, path.name)
        elif isinstance(told, dict) and told and all(isinstance(part, list) for part in told.values()):
            for intent, utterances in told.items():
                found.utterances += _snips_utterances(intent, utterances, path.name)
        elif alone:
            raise DataError(f"{path} is not JSON of utterances: give {FORMS}")
        else:
            found.others.append(path.name)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        told_why = f"'{error.args[0]}' is missing" if isinstance(error, KeyError) else in_line(error, 80)
        raise DataError(f"{path.name} has another form than its kind of JSON has ({told_why}): check it") from None


def _is_clinc(part: Any) -> bool:
    return isinstance(part, list) and all(isinstance(one, list) and len(one) == 2 for one in part[:5]) and bool(part)


def _clinc(told: Mapping[str, Any], title: str) -> Iterator[SampleUtterance]:
    """Yield utterances in parts, as `train`, `val`, `test`, and the same with `oos_`."""
    parts = {"train": "training", "val": "validation", "test": "held_out"}
    for name, pairs in told.items():
        part = parts.get(name.removeprefix("oos_"))
        for number, (text, intent) in enumerate(pairs, start=1):
            yield SampleUtterance(str(text), _intent(str(intent)), (), f"number {number} of {name} in {title}", part)


def _intent(name: str) -> str:
    return OUT_OF_SCOPE if name.lower() in OUT_NAMES else name


def _rasa_of_json(told: Any, title: str, found: FoundUtterances) -> None:
    for number, one in enumerate(told["common_examples"], start=1):
        where = f"example {number} of {title}"
        spans = tuple(
            SlotSpan(int(each["start"]), int(each["end"]), str(each["entity"]), _value(each))
            for each in one.get("entities") or ()
        )
        found.utterances.append(SampleUtterance(str(one["text"]), _intent(str(one["intent"])), spans, where))
    for one in told.get("entity_synonyms") or ():
        found.add_value("", str(one["value"]), [str(word) for word in one["synonyms"]])
    for one in told.get("lookup_tables") or ():
        for word in one["elements"] if isinstance(one["elements"], list) else ():
            found.add_value(str(one["name"]), str(word))


def _value(entity: Mapping[str, Any]) -> str | None:
    value = entity.get("value")
    return value if isinstance(value, str) else None


def _snips_of_json(told: Mapping[str, Any], title: str, found: FoundUtterances) -> None:
    for intent, one in told["intents"].items():
        found.utterances += _snips_utterances(intent, one["utterances"], title)
    for name, entity in told["entities"].items():
        for value in entity.get("data") or ():
            found.add_value(name, str(value["value"]), [str(word) for word in value.get("synonyms") or ()])
        if entity.get("automatically_extensible") is False:
            found.closed.add(name)


def _snips_utterances(intent: str, utterances: Any, title: str) -> Iterator[SampleUtterance]:
    for number, one in enumerate(utterances, start=1):
        text, spans = "", list[SlotSpan]()
        for piece in one["data"]:
            slot = piece.get("slot_name") or piece.get("entity")
            if slot:
                spans.append(SlotSpan(len(text), len(text) + len(piece["text"]), str(slot)))
            text += piece["text"]
        yield SampleUtterance(text, _intent(intent), tuple(spans), f"number {number} of {intent} in {title}")


def _read_table(content: bytes, path: Path) -> Iterator[SampleUtterance]:
    """Yield utterances of CSV or TSV: columns text and intent, slots written in the text."""
    text = _text_of(content)
    head = text.split("\n", 1)[0]
    mark = "\t" if "\t" in head else ";" if ";" in head and "," not in head else ","
    try:
        rows = list(csv.reader(io.StringIO(text), delimiter=mark, strict=True))
    except csv.Error as error:
        raise DataError(f"{path.name} cannot be read as a table ({error}): check its quotes") from None
    names = [cell.strip().lower() for cell in rows[0]]
    columns = [next((names.index(name) for name in known if name in names), None) for known in (TEXTS, INTENTS)]
    if None in columns:
        lacks = "text" if columns[0] is None else "intent"
        raise DataError(
            f"{path.name} has no column {lacks}, only {', '.join(names[:6])}: name the columns text and intent"
        )
    said, wanted = columns
    assert said is not None
    assert wanted is not None
    for number, row in enumerate(rows[1:], start=2):
        where = f"row {number} of {path.name}"
        if not any(cell.strip() for cell in row):
            continue
        if len(row) <= max(said, wanted):
            raise DataError(f"{where} has {len(row)} cells where the head has {len(names)}: check its marks")
        plain, spans = read_inline(from_cell(row[said]), where)
        yield SampleUtterance(plain, _intent(row[wanted].strip()), spans, where, _part(row, names, where))


def _part(row: Sequence[str], names: Sequence[str], where: str) -> str | None:
    """Return the part that a row names in a column `part`, if there is one."""
    at = names.index(PART) if PART in names else len(row)
    given = row[at].strip().lower() if at < len(row) else ""
    if given and given not in PARTS:
        raise DataError(f"{where} has part '{in_line(given, 40)}': give {', '.join(PARTS)}, or none")
    return given or None


def _usable(said: Sequence[SampleUtterance], left_out: LeftOutCount) -> Iterator[SampleUtterance]:
    """Yield each text once, composed and with single spaces, its slots where they then stand; the rest is counted."""
    seen: dict[str, str] = {}
    for given in said:
        if not given.intent:
            left_out.add("without an intent", given.where)
            continue
        one = _composed(given)
        if not NAME.fullmatch(one.intent):
            raise DataError(
                f"{one.where} has an intent named '{in_line(one.intent, 40)}': give letters, digits and _ - . / +"
            )
        key = " ".join(word.text for word in words_of_utterance(one.text.casefold()))
        if not key:
            left_out.add("without any word", one.where)
        elif len(one.text) > LONGEST_UTTERANCE:
            left_out.add(f"of more than {LONGEST_UTTERANCE:,} characters", one.where)
        elif key in seen:
            left_out.add(
                "that stood before" if seen[key] == one.intent else "that stood before with another intent", one.where
            )
        else:
            seen[key] = one.intent
            for span in one.slots:
                if not NAME.fullmatch(span.slot):
                    raise DataError(
                        f"{one.where} has a slot named '{in_line(span.slot, 40)}': give letters, digits and _ - . / +"
                    )
            yield one


def _composed(one: SampleUtterance) -> SampleUtterance:
    """Return an utterance as `cleaned` makes its text, each slot where its words then stand."""
    slots = checked_slots(one.slots, one.text, one.where)
    text, spans, at = "", list[SlotSpan](), 0

    def add(piece: str) -> None:
        nonlocal text
        clean = cleaned(piece)
        begins_apart = text and not text.endswith(" ") and piece[:1].isspace()
        text += (" " if begins_apart and clean else "") + clean
        text += " " if piece[-1:].isspace() and text and not text.endswith(" ") else ""

    for span in slots:
        add(one.text[at : span.begin])
        begin = len(text)
        add(one.text[span.begin : span.end].strip())
        if len(text) > begin:
            spans.append(span._replace(begin=begin, end=len(text)))
        at = span.end
        if one.text[span.end - 1].isspace():
            add(" ")
    add(one.text[at:])
    return replace(one, text=text.rstrip(), slots=tuple(spans))


def _bot_of(kept: Sequence[SampleUtterance], found: FoundUtterances) -> Bot:
    """Return the bot of the utterances: the one that is written, or one with an intent for each that they name."""
    given = found.bots[0] if found.bots else None
    by_intent: dict[str, list[SampleUtterance]] = {}
    for one in kept:
        by_intent.setdefault(one.intent, []).append(one)
    unused = tuple(by_intent.pop(OUT_OF_SCOPE, ()))
    if given is not None:
        for name, some in by_intent.items():
            own = given.intent(name)
            for one in some:
                unknown = [span.slot for span in one.slots if own is None or own.slot(span.slot) is None]
                if own is None or unknown:
                    lacks = f"slot '{unknown[0]}'" if own is not None else f"intent '{name}'"
                    raise DataError(f"{one.where} has {lacks}, which the bot has not: declare it")
        intents = tuple(replace(own, utterances=tuple(by_intent.get(own.name, ()))) for own in given.intents)
        return replace(given, intents=intents, unused=unused)
    if not by_intent:
        raise DataError("all utterances are out of scope: give some of what the bot is for")
    named = Counter(span.slot for one in kept for span in one.slots)
    kinds = sorted(set(named) - set(BUILT_IN))
    meant = {word: value for value in found.types.get("", ()) for word in value.synonyms}
    types = tuple(
        SlotType(
            name, tuple(_merged([*found.types.get(name, ()), *_synonyms(name, kept, meant)])), name not in found.closed
        )
        for name in kinds
    )
    intents = tuple(
        BotIntent(
            name,
            tuple(some),
            tuple(
                BotSlot(slot, slot, required=False)
                for slot in sorted({span.slot for one in some for span in one.slots})
            ),
        )
        for name, some in sorted(by_intent.items())
    )
    return Bot("utterances", intents, types, is_given=False, unused=unused)


def _synonyms(name: str, kept: Sequence[SampleUtterance], meant: Mapping[str, SlotValue]) -> Iterator[SlotValue]:
    """Yield what utterances say about values: those that mean another word, and words that are known as synonyms."""
    for one in kept:
        for span in one.slots:
            said = one.text[span.begin : span.end]
            if span.slot != name:
                continue
            if span.value is not None and span.value.casefold() != said.casefold():
                yield SlotValue(span.value, (said,))
            elif said in meant:
                yield SlotValue(meant[said].value, (said,))


def _merged(values: Sequence[SlotValue]) -> Iterator[SlotValue]:
    """Yield each value once with all its synonyms; a word that means two values means the first."""
    found: dict[str, dict[str, None]] = {}
    taken: dict[str, str] = {}
    for value, synonyms in values:
        clean = cleaned(value)
        if not clean or len(clean) > LONGEST_UTTERANCE:
            continue
        own = found.setdefault(clean, {})
        for word in (clean, *map(cleaned, synonyms)):
            if word and taken.setdefault(word.casefold(), clean) == clean and word != clean:
                own[word] = None
    for value, words in found.items():
        if taken.get(value.casefold()) == value:
            yield SlotValue(value, tuple(words))
