"""Bots written as Lex V2 imports them: a zip of JSON files, the same bytes for the same bot."""

import io
import json
import re
import zipfile
from collections.abc import Iterator
from typing import Any

from statewise.data.utterances.bot import BUILT_IN, Bot, BotIntent, BotSlot, Hook, SlotType
from statewise.data.utterances.lex_import import FALLBACK, LEX_OF_BUILT_IN, OBFUSCATED
from statewise.data.utterances.sample_utterance import SampleUtterance
from statewise.errors import UsageError

EARLIEST = (1980, 1, 1, 0, 0, 0)
"The time of each file in the zip: it says nothing of when the bot was written."
LOCALES = {"en": "en_US", "de": "de_DE", "fr": "fr_FR", "es": "es_ES", "it": "it_IT", "pt": "pt_BR", "ja": "ja_JP"}
FREE_TEXT = "AMAZON.FreeFormInput"


def write_lex_zip(bot: Bot) -> bytes:
    """Return a bot as a zip that Lex V2 imports.

    Hooks, rules of values, and what is out of scope have no place there, and are left out. Raises `UsageError` for a
    name that Lex does not take.
    """
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as written:
        for name, told in _files(bot):
            info = zipfile.ZipInfo(name, EARLIEST)
            info.compress_type = zipfile.ZIP_DEFLATED
            written.writestr(info, json.dumps(told, indent=2, ensure_ascii=False, sort_keys=True) + "\n")
    return file.getvalue()


def _files(bot: Bot) -> Iterator[tuple[str, Any]]:
    locale = LOCALES.get(bot.language, bot.language)
    home = f"{bot.name}/BotLocales/{locale}"
    yield "Manifest.json", {"metaData": {"schemaVersion": "1", "fileFormat": "LexJson", "resourceType": "Bot"}}
    privacy = {"childDirected": False}
    seconds = min(max(int(bot.seconds), 60), 86_400)
    yield (
        f"{bot.name}/Bot.json",
        {
            "name": bot.name,
            "version": "DRAFT",
            "identifier": "STATEWISE",
            "dataPrivacy": privacy,
            "idleSessionTTLInSeconds": seconds,
        },
    )
    yield (
        f"{home}/BotLocale.json",
        {"name": locale, "identifier": locale, "version": "DRAFT", "nluConfidenceThreshold": bot.threshold},
    )
    for one in bot.types:
        yield f"{home}/SlotTypes/{_named(one.name)}/SlotType.json", _type(one)
    for intent in bot.intents:
        folder = f"{home}/Intents/{_named(intent.name)}"
        yield f"{folder}/Intent.json", _intent(intent)
        for slot in intent.slots:
            yield f"{folder}/Slots/{_named(slot.name)}/Slot.json", _slot(slot, bot)
    yield (
        f"{home}/Intents/{FALLBACK}/Intent.json",
        {
            "name": FALLBACK,
            "identifier": "FALLBCKINT",
            "parentIntentSignature": "AMAZON.FallbackIntent",
            "intentClosingSetting": {"closingResponse": _messages([bot.fallback]), "isActive": True},
            "sampleUtterances": None,
        },
    )


def _named(name: str) -> str:
    if not re.fullmatch(r"[0-9a-zA-Z][\w\-]{0,99}", name, re.ASCII):
        raise UsageError(f"Lex takes names of letters, digits, _ and -, and '{name}' has others: give another name")
    return name


def _type(one: SlotType) -> dict[str, Any]:
    values = [
        {
            "sampleValue": {"value": value.value},
            "synonyms": [{"value": word} for word in value.synonyms] or None,
        }
        for value in one.values
    ]
    strategy = "ORIGINAL_VALUE" if one.open else "TOP_RESOLUTION"
    return {
        "name": one.name,
        "identifier": one.name[:10],
        "slotTypeValues": values,
        "valueSelectionSetting": {"resolutionStrategy": strategy},
    }


def _intent(intent: BotIntent) -> dict[str, Any]:
    said = dict.fromkeys(placed(one) for one in intent.utterances)
    told: dict[str, Any] = {
        "name": intent.name,
        "identifier": intent.name[:10],
        "sampleUtterances": [{"utterance": text} for text in said],
        "slotPriorities": [{"priority": n, "slotName": slot.name} for n, slot in enumerate(intent.slots, start=1)],
        "fulfillmentCodeHook": {"enabled": intent.fulfil != Hook()},
        "dialogCodeHook": {"enabled": intent.check is not None},
        "inputContexts": [{"name": name} for name in intent.needs] or None,
        "outputContexts": [
            {"name": one.name, "turnsToLive": one.turns, "timeToLiveInSeconds": int(one.seconds)} for one in intent.sets
        ]
        or None,
    }
    if intent.confirm is not None:
        told["intentConfirmationSetting"] = {
            "promptSpecification": {**_messages([intent.confirm]), "maxRetries": 2},
            "declinationResponse": _messages([intent.declined]),
        }
    if intent.closing is not None:
        told["intentClosingSetting"] = {"closingResponse": _messages([intent.closing]), "isActive": True}
    return told


def placed(one: SampleUtterance) -> str:
    """Return an utterance with names of slots in the places of their words, as Lex has them.

    >>> from statewise.data.utterances.sample_utterance import SlotSpan
    >>> placed(SampleUtterance("a large pizza", "order", (SlotSpan(2, 7, "size"),)))
    'a {size} pizza'
    """
    written, at = "", 0
    for begin, end, slot, _ in one.slots:
        written += one.text[at:begin].replace("{", "(").replace("}", ")") + f"{{{slot}}}"
        at = end
    return written + one.text[at:].replace("{", "(").replace("}", ")")


def _slot(slot: BotSlot, bot: Bot) -> dict[str, Any]:
    kind = LEX_OF_BUILT_IN.get(slot.type, FREE_TEXT) if slot.type in BUILT_IN else slot.type
    setting: dict[str, Any] = {
        "slotConstraint": "Required" if slot.required else "Optional",
        "promptSpecification": {**_messages(slot.prompts or (f"{slot.name}?",)), "maxRetries": min(slot.retries, 5)},
    }
    if slot.default is not None:
        setting["defaultValueSpecification"] = {"defaultValueList": [{"defaultValue": slot.default}]}
    told = {"name": slot.name, "identifier": slot.name[:10], "slotTypeName": kind, "valueElicitationSetting": setting}
    return {**told, "obfuscationSetting": {"obfuscationSettingType": OBFUSCATED}} if slot.private else told


def _messages(texts: Any) -> dict[str, Any]:
    groups = [{"message": {"plainTextMessage": {"value": text}}, "variations": None} for text in texts]
    return {"messageGroups": groups, "allowInterrupt": True}
