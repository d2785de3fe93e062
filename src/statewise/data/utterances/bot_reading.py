"""Bots out of YAML, checked with the line of what is wrong."""

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from statewise.data.utterances.bot import (
    BUILT_IN,
    USUAL_FALLBACK,
    USUAL_RETRIES,
    USUAL_THRESHOLD,
    Bot,
    BotContext,
    BotIntent,
    BotSlot,
    Hook,
    SlotRule,
    SlotType,
    SlotValue,
)
from statewise.data.utterances.bot_checks import check_contexts, check_said_once
from statewise.data.utterances.lined_reader import LinedReader
from statewise.data.utterances.sample_utterance import (
    OUT_OF_SCOPE,
    SampleUtterance,
    checked_slots,
    read_inline,
)
from statewise.data.utterances.templates import PLACE, filled
from statewise.errors import DataError
from statewise.plain.lined_yaml import Lined, read_lined_yaml
from statewise.shown import in_line

LONGEST_PATTERN = 200


class BotReader(LinedReader):
    """Reads a bot out of lined values. One that is `bare` has no utterances."""

    def __init__(self, title: str, *, bare: bool = False) -> None:
        super().__init__(title)
        self.is_bare = bare

    def bot(self, at: Lined) -> Bot:
        """Return the bot."""
        known = ("intents", "slot_types", "name", "language", "threshold", "fallback", "seconds", OUT_OF_SCOPE)
        fields = self.fields(at, known, "the bot")
        if "intents" not in fields:
            self.wrong(at, "the bot has no intents: give intents, each with utterances")
        types = tuple(
            self.slot_type(name, value)
            for name, value in (
                self.mapping(fields["slot_types"], "slot_types") if "slot_types" in fields else {}
            ).items()
        )
        intents = tuple(
            self.intent(name, value, types) for name, value in self.mapping(fields["intents"], "intents").items()
        )
        if not intents:
            self.wrong(fields["intents"], "the bot has no intents: give one or more, each with utterances")
        others = fields.get(OUT_OF_SCOPE)
        unused = [] if others is None else [self.plain_utterance(one) for one in self.each(others, OUT_OF_SCOPE)]
        found = Bot(
            self.name(at, self.text(fields["name"], "name"), "the bot") if "name" in fields else "bot",
            intents,
            types,
            self.text(fields["language"], "language") if "language" in fields else "en",
            self.number(fields["threshold"], "threshold", 0, 1) if "threshold" in fields else USUAL_THRESHOLD,
            self.text(fields["fallback"], "fallback") if "fallback" in fields else USUAL_FALLBACK,
            self.number(fields["seconds"], "seconds", 1, 86_400 * 365) if "seconds" in fields else 300.0,
            unused=tuple(unused),
        )
        check_said_once(found)
        check_contexts(found, fields["intents"], self.wrong)
        return found

    def plain_utterance(self, at: Lined) -> SampleUtterance:
        """Return what the bot is not for."""
        return SampleUtterance(self.text(at, OUT_OF_SCOPE), OUT_OF_SCOPE, (), f"{self.title} line {at.line}")

    def slot_type(self, name: str, at: Lined) -> SlotType:
        """Return a type of slots."""
        self.name(at, name, "a slot type")
        if name in BUILT_IN:
            self.wrong(at, f"slot type '{name}' is built in: give yours another name")
        fields = self.fields(at, ("values", "open"), f"slot type '{name}'")
        values = (
            tuple(self.slot_value(one, name) for one in self.each(fields["values"], "values"))
            if "values" in fields
            else ()
        )
        seen: dict[str, str] = {}
        for value in values:
            for word in (value.value, *value.synonyms):
                other = seen.setdefault(word.casefold(), value.value)
                if other != value.value:
                    self.wrong(at, f"slot type '{name}' has '{word}' for '{other}' and for '{value.value}': keep one")
        return SlotType(name, values, self.truth(fields["open"], "open") if "open" in fields else True)

    def slot_value(self, at: Lined, name: str) -> SlotValue:
        """Return a value, alone or as a mapping of it to its synonyms."""
        if isinstance(at.value, dict):
            if len(at.value) != 1:
                self.wrong(
                    at, f"a value of slot type '{name}' has {len(at.value)} names: write each as `value: [words]`"
                )
            ((value, synonyms),) = at.value.items()
            own = self.text(Lined(value, at.line), "a value")
            return SlotValue(own, () if synonyms.value is None else self.texts(synonyms, "a synonym"))
        return SlotValue(self.text(at, f"a value of slot type '{name}'"))

    def intent(self, name: str, at: Lined, types: Sequence[SlotType]) -> BotIntent:
        """Return an intent."""
        self.name(at, name, "an intent")
        if name == OUT_OF_SCOPE:
            self.wrong(at, f"'{OUT_OF_SCOPE}' is what no intent is for: write its utterances under `{OUT_OF_SCOPE}`")
        known = ("utterances", "slots", "confirm", "declined", "closing", "failed", "fulfil", "check", "needs", "sets")
        fields = self.fields(at, known, f"intent '{name}'")
        slots = tuple(
            self.slot(one, value, types, name)
            for one, value in (self.mapping(fields["slots"], "slots") if "slots" in fields else {}).items()
        )
        if "utterances" not in fields and not self.is_bare:
            self.wrong(at, f"intent '{name}' has no utterances: give some of what people say")
        lines = self.each(fields["utterances"], "utterances") if "utterances" in fields else []
        utterances = [said for one in lines for said in self.utterances(one, name, slots, types)]
        if not utterances and not self.is_bare:
            self.wrong(fields["utterances"], f"intent '{name}' has no utterances: give some of what people say")
        told: dict[str, Any] = {
            key: self.text(fields[key], key) for key in ("confirm", "declined", "closing", "failed") if key in fields
        }
        for key, text in told.items():
            self.check_places(fields[key], text, slots, name)
        return BotIntent(
            name,
            tuple(utterances),
            slots,
            fulfil=self.hook(fields["fulfil"]) if "fulfil" in fields else Hook(),
            check=self.hook(fields["check"]) if "check" in fields else None,
            needs=self.texts(fields["needs"], "needs") if "needs" in fields else (),
            sets=tuple(self.context(one) for one in self.each(fields["sets"], "sets")) if "sets" in fields else (),
            **told,
        )

    def utterances(
        self, at: Lined, intent: str, slots: Sequence[BotSlot], types: Sequence[SlotType]
    ) -> list[SampleUtterance]:
        """Return an utterance, or several where it has places for values."""
        where = f"{self.title} line {at.line}" if at.line else self.title
        text = self.text(at, "an utterance")
        declared = {slot.name: slot.type for slot in slots}
        plain, spans = read_inline(text, where)
        for used in [*(span.slot for span in spans), *PLACE.findall(plain)]:
            if used not in declared:
                self.wrong(
                    at, f"an utterance of intent '{intent}' uses slot '{used}', which the intent has not: declare it"
                )
        if not PLACE.search(plain):
            return [SampleUtterance(plain, intent, checked_slots(spans, plain, where), where)]
        values = {one.name: [word for value in one.values for word in (value.value, *value.synonyms)] for one in types}
        return [
            SampleUtterance(said, intent, found, where)
            for said, found in filled(text, {n: (t, values.get(t, [])) for n, t in declared.items()}, where)
        ]

    def check_places(self, at: Lined, text: str, slots: Sequence[BotSlot], intent: str) -> None:
        """Refuse a message that tells a slot which the intent has not."""
        for used in PLACE.findall(text):
            if used not in {slot.name for slot in slots}:
                self.wrong(
                    at, f"a message of intent '{intent}' tells slot '{used}', which the intent has not: declare it"
                )

    def slot(self, name: str, at: Lined, types: Sequence[SlotType], intent: str) -> BotSlot:
        """Return a slot."""
        self.name(at, name, "a slot")
        known = ("type", "prompt", "required", "retries", "default", "rules", "spelled", "private")
        fields = self.fields(at, known, f"slot '{name}'")
        if "type" not in fields:
            self.wrong(at, f"slot '{name}' has no type: give one of {', '.join(BUILT_IN)}, or one of slot_types")
        kind = self.text(fields["type"], "type")
        if kind not in (*BUILT_IN, *(one.name for one in types)):
            self.wrong(
                fields["type"],
                f"slot '{name}' has type '{kind}', which is neither built in nor in slot_types: declare it",
            )
        required = self.truth(fields["required"], "required") if "required" in fields else True
        prompts = self.texts(fields["prompt"], "prompt") if "prompt" in fields else ()
        default = self.text(fields["default"], "default") if "default" in fields else None
        if required and not prompts and default is None:
            self.wrong(at, f"slot '{name}' of intent '{intent}' is required and has no prompt: give one, or a default")
        return BotSlot(
            name,
            kind,
            prompts,
            required,
            int(self.number(fields["retries"], "retries", 0, 20)) if "retries" in fields else USUAL_RETRIES,
            default,
            tuple(self.rule(one) for one in self.each(fields["rules"], "rules")) if "rules" in fields else (),
            self.truth(fields["spelled"], "spelled") if "spelled" in fields else False,
            self.truth(fields["private"], "private") if "private" in fields else False,
        )

    def rule(self, at: Lined) -> SlotRule:
        """Return a rule of validation."""
        fields = self.fields(at, ("at_least", "at_most", "one_of", "pattern", "not_past", "message"), "a rule")
        pattern = self.text(fields["pattern"], "pattern") if "pattern" in fields else None
        if pattern is not None:
            try:
                re.compile(pattern[:LONGEST_PATTERN])
            except re.error as error:
                self.wrong(fields["pattern"], f"pattern '{in_line(pattern, 40)}' cannot be read ({error})")
            if len(pattern) > LONGEST_PATTERN:
                self.wrong(
                    fields["pattern"], f"a pattern of {len(pattern)} characters is too long: give {LONGEST_PATTERN}"
                )
        return SlotRule(
            self.number(fields["at_least"], "at_least", -1e15, 1e15) if "at_least" in fields else None,
            self.number(fields["at_most"], "at_most", -1e15, 1e15) if "at_most" in fields else None,
            self.texts(fields["one_of"], "one_of") if "one_of" in fields else (),
            pattern,
            self.truth(fields["not_past"], "not_past") if "not_past" in fields else False,
            self.text(fields["message"], "message") if "message" in fields else "",
        )

    def hook(self, at: Lined) -> Hook:
        """Return what decides or does: `return`, an address, or the name of a function."""
        if at.value == "return":
            return Hook()
        fields = self.fields(at, ("http", "python", "seconds", "retries"), "a hook")
        kinds = [kind for kind in ("http", "python") if kind in fields]
        if len(kinds) != 1:
            self.wrong(at, "a hook is `return`, or has one of http: ADDRESS and python: NAME")
        target = self.text(fields[kinds[0]], "a hook")
        if kinds[0] == "http" and not _is_address(target):
            self.wrong(
                fields["http"],
                f"'{in_line(target, 60)}' is not an address: give http(s)://HOST/PATH without a password",
            )
        if kinds[0] == "python":
            self.name(fields["python"], target, "a function")
        return Hook(
            "http" if kinds[0] == "http" else "python",
            target,
            self.number(fields["seconds"], "seconds", 0.05, 60) if "seconds" in fields else 3.0,
            int(self.number(fields["retries"], "retries", 0, 5)) if "retries" in fields else 1,
        )

    def context(self, at: Lined) -> BotContext:
        """Return a context, alone or with how long it holds."""
        if isinstance(at.value, str):
            return BotContext(self.name(at, at.value, "a context"))
        fields = self.fields(at, ("name", "turns", "seconds"), "a context")
        if "name" not in fields:
            self.wrong(at, "a context has no name: give one")
        return BotContext(
            self.name(at, self.text(fields["name"], "name"), "a context"),
            int(self.number(fields["turns"], "turns", 1, 100)) if "turns" in fields else 5,
            self.number(fields["seconds"], "seconds", 1, 86_400) if "seconds" in fields else 90.0,
        )


def _is_address(target: str) -> bool:
    try:
        parts = urlsplit(target)
        _ = parts.port
    except ValueError:
        return False
    is_plain = not parts.username and not parts.password and not any(map(str.isspace, target))
    return parts.scheme in ("http", "https") and bool(parts.hostname) and is_plain


def read_bot(content: bytes, title: str) -> Bot:
    """Return a bot out of YAML. Raises `DataError`, with the line, for whatever is wrong with it."""
    try:
        documents = read_lined_yaml(content)
    except ValueError as error:
        raise DataError(f"{title} cannot be read: {error}") from None
    if len(documents) != 1:
        raise DataError(f"{title} has {len(documents)} documents where a bot is one: give one")
    return BotReader(title).bot(documents[0])
