"""Bots as plain values, as they are written in YAML."""

from typing import Any

from statewise.data.utterances.bot import (
    USUAL_FALLBACK,
    USUAL_THRESHOLD,
    Bot,
    BotIntent,
    BotSlot,
    Hook,
)
from statewise.data.utterances.sample_utterance import OUT_OF_SCOPE, write_inline


def bot_as_plain(bot: Bot) -> dict[str, Any]:
    """Return a bot as plain values, as `read_bot` reads them out of YAML; what is usual is left out."""
    told: dict[str, Any] = {"name": bot.name, "language": bot.language}
    usual: dict[str, Any] = {"threshold": USUAL_THRESHOLD, "fallback": USUAL_FALLBACK, "seconds": 300.0}
    told |= {key: getattr(bot, key) for key, value in usual.items() if getattr(bot, key) != value}
    if bot.types:
        told["slot_types"] = {
            one.name: {
                "values": [
                    {value.value: list(value.synonyms)} if value.synonyms else value.value for value in one.values
                ],
                **({} if one.open else {"open": False}),
            }
            for one in bot.types
        }
    told["intents"] = {intent.name: _intent_as_plain(intent) for intent in bot.intents}
    if bot.unused:
        told[OUT_OF_SCOPE] = [one.text for one in bot.unused]
    return told


def _intent_as_plain(intent: BotIntent) -> dict[str, Any]:
    usual = BotIntent(intent.name)
    told: dict[str, Any] = {"utterances": [write_inline(one) for one in intent.utterances]} if intent.utterances else {}
    if intent.slots:
        told["slots"] = {slot.name: _slot_as_plain(slot) for slot in intent.slots}
    keys = ("confirm", "declined", "closing", "failed")
    told |= {key: getattr(intent, key) for key in keys if getattr(intent, key) != getattr(usual, key)}
    told |= {
        key: _hook_as_plain(hook)
        for key, hook in (("fulfil", intent.fulfil), ("check", intent.check))
        if hook not in (None, Hook()) and hook
    }
    if intent.check == Hook():
        told["check"] = "return"
    if intent.needs:
        told["needs"] = list(intent.needs)
    if intent.sets:
        told["sets"] = [context._asdict() for context in intent.sets]
    return told


def _slot_as_plain(slot: BotSlot) -> dict[str, Any]:
    told: dict[str, Any] = {"type": slot.type}
    if slot.prompts:
        told["prompt"] = list(slot.prompts)
    usual = BotSlot(slot.name, slot.type)
    told |= {
        key: getattr(slot, key)
        for key in ("required", "retries", "default", "spelled", "private")
        if getattr(slot, key) != getattr(usual, key)
    }
    if slot.rules:
        told["rules"] = [
            {
                key: list(value) if isinstance(value, tuple) else value
                for key, value in vars(rule).items()
                if value not in (None, (), False, "")
            }
            for rule in slot.rules
        ]
    return told


def _hook_as_plain(hook: Hook) -> Any:
    return {hook.kind: hook.target, "seconds": hook.seconds, "retries": hook.retries}
