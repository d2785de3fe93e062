"""Bots as Lex V2 exports them: a zip of JSON files, read with bounds on what it may claim, nothing of it unpacked."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from statewise.data.archives import LARGEST_BYTES, members_of_zip
from statewise.data.pairs.pair import cleaned
from statewise.data.utterances.bot import (
    USUAL_FALLBACK,
    USUAL_RETRIES,
    Bot,
    BotContext,
    BotIntent,
    BotSlot,
    Hook,
    SlotType,
    SlotValue,
)
from statewise.data.utterances.bot_reading import BotReader
from statewise.data.utterances.bot_writing import bot_as_plain
from statewise.data.utterances.sample_utterance import SampleUtterance
from statewise.data.utterances.templates import PLACE, filled
from statewise.disk.reading import file_size
from statewise.errors import DataError
from statewise.plain.lined_yaml import lined
from statewise.plain.strict_json import read_json
from statewise.shown import in_line

MOST_FILES = 10_000
LARGEST_JSON = 1 << 24
LARGEST_EXPORT = 1 << 27
"Bytes that all files of an export unpack to."
BUILT_IN_OF_LEX = {
    "AMAZON.Number": "number",
    "AMAZON.Date": "date",
    "AMAZON.Time": "time",
    "AMAZON.Duration": "duration",
    "AMAZON.PhoneNumber": "phone",
    "AMAZON.EmailAddress": "email",
    "AMAZON.FreeFormInput": "text",
    "AMAZON.AlphaNumeric": "text",
}
LEX_OF_BUILT_IN = {ours: theirs for theirs, ours in reversed(BUILT_IN_OF_LEX.items())}
FALLBACK = "FallbackIntent"
OBFUSCATED = "DefaultObfuscation"
"What Lex says of a slot whose values stand in no log."
Files = Mapping[PurePosixPath, Any]


def read_lex_zip(path: Path) -> tuple[Bot, list[str]]:
    """Return the bot of an export, in its first language by name, and what was left out of it.

    Raises `DataError` for a zip without Manifest.json or Bot.json, with names that lead outside, or that unpacks to
    more than a bot can be.
    """
    if file_size(path, DataError) > LARGEST_BYTES:
        raise DataError(f"{path.name} is larger than {LARGEST_BYTES:,} bytes: it is not an export of a bot")
    files = dict(_files(path))
    top = next((name for name in files if name.name.lower() == "manifest.json"), None)
    if top is None:
        raise DataError(f"{path.name} has no Manifest.json: give a zip as Lex V2 exports it")
    bots = [name for name in files if name.name == "Bot.json"]
    if len(bots) != 1:
        raise DataError(f"{path.name} has {len(bots)} files Bot.json where one is wanted: give the export of one bot")
    try:
        return _bot(path.name, files, bots[0].parent)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        why = f"'{error.args[0]}' is missing" if isinstance(error, KeyError) else in_line(error, 80)
        raise DataError(f"{path.name} is not as Lex V2 exports a bot ({why}): export it again") from None


def _files(path: Path) -> Iterator[tuple[PurePosixPath, Any]]:
    total = 0
    for count, member in enumerate(members_of_zip(path), start=1):
        name = PurePosixPath(member.name)
        if name.is_absolute() or ".." in name.parts or "\\" in member.name or ":" in member.name:
            raise DataError(f"{path.name} is refused: '{in_line(member.name, 60)}' leads outside of it")
        if count > MOST_FILES or member.claimed > LARGEST_JSON:
            raise DataError(
                f"{path.name} is refused: a bot has at most {MOST_FILES:,} files, of {LARGEST_JSON:,} bytes each"
            )
        if name.suffix.lower() != ".json":
            continue
        content = b""
        for piece in member.pieces():
            content += piece
            total += len(piece)
            if len(content) > LARGEST_JSON or total > LARGEST_EXPORT:
                raise DataError(f"{path.name} is refused: it unpacks to more than {LARGEST_EXPORT:,} bytes")
        try:
            yield name, read_json(content)
        except ValueError as error:
            raise DataError(f"{path.name}: {in_line(member.name, 80)} is not JSON ({in_line(error, 80)})") from None


def _bot(title: str, files: Files, root: PurePosixPath) -> tuple[Bot, list[str]]:
    locales = sorted(name for name in files if name.name == "BotLocale.json" and root in name.parents)
    if not locales:
        raise DataError(f"{title} has no language: export one with the bot")
    home, locale = locales[0].parent, files[locales[0]]
    notices = (
        [f"read in {home.name}; also there: {', '.join(one.parent.name for one in locales[1:])}"] if locales[1:] else []
    )
    types = [
        one
        for name, told in sorted(files.items())
        if name.name == "SlotType.json" and home in name.parents and (one := _type(told))
    ]
    known = {one.name for one in types}
    intents: list[BotIntent] = []
    fallback = ""
    for name, told in sorted(files.items()):
        if name.name != "Intent.json" or home not in name.parents:
            continue
        if str(told["name"]) == FALLBACK or "FallbackIntent" in str(told.get("parentIntentSignature") or ""):
            fallback = (
                _first_message(told.get("intentClosingSetting", {}).get("closingResponse"))
                if told.get("intentClosingSetting")
                else ""
            )
            continue
        slots = [
            each for other, each in sorted(files.items()) if other.name == "Slot.json" and name.parent in other.parents
        ]
        intents.append(_intent(told, slots, types, known, f"{title}: {name}", notices))
    if not intents:
        raise DataError(f"{title} has no intent in {home.name}: export the bot with its intents")
    threshold = float(locale.get("nluConfidenceThreshold") or 0.4)
    bot = files[root / "Bot.json"]
    found = Bot(
        re.sub(r"[^\w.\-]", "_", str(bot["name"])),
        tuple(intents),
        tuple(types),
        home.name.split("_")[0].lower(),
        threshold,
        fallback or USUAL_FALLBACK,
        float(bot.get("idleSessionTTLInSeconds") or 300),
    )
    # what it says is held to what any bot is
    checked = BotReader(title).bot(lined(bot_as_plain(found)))
    return checked, notices


def _type(told: Mapping[str, Any]) -> SlotType | None:
    setting = told.get("valueSelectionSetting") or {}
    is_open = setting.get("resolutionStrategy", "ORIGINAL_VALUE") in ("ORIGINAL_VALUE", "OriginalValue")
    values: dict[str, tuple[str, ...]] = {}
    for one in told.get("slotTypeValues") or ():
        value = cleaned(str(one["sampleValue"]["value"]))
        words = [cleaned(str(word["value"])) for word in one.get("synonyms") or ()]
        values.setdefault(value, tuple(dict.fromkeys(word for word in words if word and word != value)))
    return SlotType(str(told["name"]), tuple(SlotValue(*pair) for pair in values.items()), is_open)


def _intent(
    told: Mapping[str, Any],
    slots: Sequence[Mapping[str, Any]],
    types: Sequence[SlotType],
    known: set[str],
    where: str,
    notices: list[str],
) -> BotIntent:
    name = str(told["name"])
    order = {str(one["slotName"]): int(one["priority"]) for one in told.get("slotPriorities") or ()}
    own = [_slot(one, known, notices) for one in sorted(slots, key=lambda one: order.get(str(one["name"]), 1 << 30))]
    declared = {
        slot.name: (
            slot.type,
            [w for t in types if t.name == slot.type for v in t.values for w in (v.value, *v.synonyms)],
        )
        for slot in own
    }
    utterances: dict[str, SampleUtterance] = {}
    for one in told.get("sampleUtterances") or ():
        text = cleaned(str(one["utterance"]))
        if unknown := [place for place in PLACE.findall(text) if place not in declared]:
            raise DataError(
                f"{where}: '{in_line(text, 60)}' uses slot '{unknown[0]}', which is not there: export it again"
            )
        made = filled(text, declared, where) if PLACE.search(text) else [(text, ())]
        for said, spans in made:
            utterances.setdefault(said, SampleUtterance(said, name, spans, where))
    confirm = told.get("intentConfirmationSetting") or {}
    closing = told.get("intentClosingSetting") or {}
    return BotIntent(
        name,
        tuple(utterances.values()),
        tuple(own),
        _first_message(confirm.get("promptSpecification")) or None,
        _first_message(confirm.get("declinationResponse")) or BotIntent(name).declined,
        _first_message(closing.get("closingResponse")) or None,
        fulfil=Hook(),
        check=Hook() if (told.get("dialogCodeHook") or {}).get("enabled") else None,
        needs=tuple(str(one["name"]) for one in told.get("inputContexts") or ()),
        sets=tuple(
            BotContext(str(one["name"]), int(one.get("turnsToLive") or 5), float(one.get("timeToLiveInSeconds") or 90))
            for one in told.get("outputContexts") or ()
        ),
    )


def _slot(told: Mapping[str, Any], known: set[str], notices: list[str]) -> BotSlot:
    name, kind = str(told["name"]), str(told["slotTypeName"])
    setting = told.get("valueElicitationSetting") or told
    if kind in BUILT_IN_OF_LEX:
        ours = BUILT_IN_OF_LEX[kind]
    elif kind in known:
        ours = kind
    else:
        notices.append(f"slot '{name}' has type {kind}, which is not known here: it takes any text")
        ours = "text"
    prompt = setting.get("promptSpecification") or {}
    defaults = (setting.get("defaultValueSpecification") or {}).get("defaultValueList") or ()
    default = next(
        (str(one["defaultValue"]) for one in defaults if not str(one["defaultValue"]).startswith(("#", "["))), None
    )
    required = str(setting.get("slotConstraint", "Optional")).lower() == "required"
    prompts = tuple(_messages(prompt))
    if required and not prompts and default is None:
        prompts = (f"{name}?",)
    tries = min(int(prompt.get("maxRetries") or USUAL_RETRIES), 20)
    hides = (told.get("obfuscationSetting") or {}).get("obfuscationSettingType") == OBFUSCATED
    return BotSlot(name, ours, prompts, required, tries, default, private=hides)


def _messages(told: Any) -> Iterator[str]:
    for group in (told or {}).get("messageGroups") or (told or {}).get("messageGroupsList") or ():
        for message in (group.get("message"), *(group.get("variations") or ())):
            text = ((message or {}).get("plainTextMessage") or {}).get("value")
            if isinstance(text, str) and cleaned(text):
                yield cleaned(text)


def _first_message(told: Any) -> str:
    return next(_messages(told), "")
