"""Which slots a text fills: those the network marked, those on a list or counted, and what breaks a rule."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from statewise.data.utterances.bot import Bot, BotIntent, BotSlot, SlotRule
from statewise.tasks.dialogue.built_in import Resolved
from statewise.tasks.dialogue.dialogue_state import FilledSlot
from statewise.tasks.dialogue.phrases import CHANGES, FEW_WORDS, letters_of, plain_words, refuses
from statewise.tasks.dialogue.resolving import Resolver
from statewise.tasks.dialogue.understanding import Understood

SURE_SLOT = 0.4
"A slot that is less sure is not taken, unless it is asked for."
MOST_WORDS_OF_VALUE = 5
"A value of an open type that is on no list has at most so many words."
ANYTHING = ("text",)
CORRECTED = ("number", "date", "time", "duration", "money", "phone", "email")


@dataclass(frozen=True)
class SlotFinder:
    """Finds slots of an intent in what was said, by the bot and by what words mean."""

    bot: Bot
    resolver: Resolver

    def found(
        self, own: BotIntent, heard: Understood, asked: str | None = None
    ) -> tuple[dict[str, FilledSlot], list[tuple[str, str]]]:
        """Return the slots that were said and may be, and those that may not, with what is to be said of it."""
        filled, refused = dict[str, FilledSlot](), list[tuple[str, str]]()
        for found in heard.slots:
            slot = own.slot(found.span.slot)
            if slot is None or (found.confidence < SURE_SLOT and slot.name != asked):
                continue
            resolved = self.resolver.resolved(slot.type, found.text)
            if resolved.value is None and (other := self._meant_for(own, found.text)) is not None:
                slot, resolved = other
            if resolved.value is None:
                if slot.name == asked or slot.name not in filled:
                    refused.append((slot.name, ""))
                continue
            said = FilledSlot.of(found.text, resolved)
            wrong = self.wrong(slot, said)
            if wrong is None:
                filled[slot.name] = said
            else:
                refused.append((slot.name, wrong))
        return filled, [one for one in refused if one[0] not in filled]

    def _meant_for(self, own: BotIntent, text: str) -> tuple[BotSlot, Resolved] | None:
        """Return the only slot of a built-in type for which words mean something that the marked slot cannot mean."""
        ways = [
            (slot, resolved)
            for slot in own.slots
            if slot.type in CORRECTED and (resolved := self.resolver.resolved(slot.type, text)).value is not None
        ]
        return ways[0] if len(ways) == 1 else None

    def listed(
        self, heard: Understood, own: BotIntent, filled: Mapping[str, FilledSlot], first: BotSlot | None = None
    ) -> dict[str, FilledSlot]:
        """Return slots whose values stand on a list and in what was said, though the network did not mark them."""
        found: dict[str, FilledSlot] = {}
        for slot in sorted(own.slots, key=lambda one: one is not first):
            value = None if slot.name in filled else self.resolver.listed(slot.type, heard.text)
            if value is not None and value not in {one.value for one in (*filled.values(), *found.values())}:
                said = FilledSlot(value, value, (value,))
                if self.wrong(slot, said) is None:
                    found[slot.name] = said
        return found

    def counted(
        self, heard: Understood, own: BotIntent, filled: Mapping[str, FilledSlot], *, is_named: bool = False
    ) -> dict[str, FilledSlot]:
        """Return slots of built-in types whose name is said, or where that need not be, the only one of a type."""
        found: dict[str, FilledSlot] = {}
        plain = plain_words(heard.text)
        kinds = [slot.type for slot in own.slots]
        for slot in own.slots:
            says_name = re.search(rf"\b{re.escape(slot.name.casefold().rstrip('s'))}s?\b", plain) is not None
            if (
                slot.type not in CORRECTED
                or slot.name in filled
                or not (says_name or (not is_named and kinds.count(slot.type) == 1))
            ):
                continue
            resolved = self.resolver.resolved(slot.type, heard.text)
            said = None if resolved.value is None else FilledSlot(resolved.value, resolved.value, resolved.values)
            if said is not None and self.wrong(slot, said) is None:
                found[slot.name] = said
        return found

    def wrong(self, slot: BotSlot, said: FilledSlot) -> str | None:
        """Return what is to be said of a value that breaks a rule, maybe nothing; None where it breaks none."""
        for rule in slot.rules:
            if not self._keeps(rule, said):
                return rule.message
        return None

    def _keeps(self, rule: SlotRule, said: FilledSlot) -> bool:
        number = re.match(r"-?\d+(?:\.\d+)?", said.value)
        value = float(number[0]) if number else None
        if rule.at_least is not None and (value is None or value < rule.at_least):
            return False
        if rule.at_most is not None and (value is None or value > rule.at_most):
            return False
        if rule.one_of and said.value.casefold() not in {one.casefold() for one in rule.one_of}:
            return False
        if rule.pattern is not None and re.fullmatch(rule.pattern, said.value[:200]) is None:
            return False
        return not (rule.not_past and said.value < self.resolver.now.date().isoformat())

    def direct(self, slot: BotSlot, heard: Understood, plain: str, other: str | None) -> Resolved | None:
        """Return what the whole of a text means as the slot that is asked for; None where it means nothing."""
        if slot.spelled and (spelled := letters_of(heard.text)):
            return Resolved.of(spelled)
        own = self.bot.type(slot.type)
        takes_anything = slot.type in ANYTHING or (own is not None and own.open)
        resolved = self.resolver.resolved(slot.type, heard.text.strip())
        if resolved.value is None:
            return None
        on_list = own is not None and resolved.value in {value.value for value in own.values}
        is_long = slot.type not in ANYTHING and len(plain.split()) > MOST_WORDS_OF_VALUE
        says_else = other is not None or refuses(plain) or bool(CHANGES.search(plain)) or is_long
        if takes_anything and not on_list and (says_else or not any(map(str.isalnum, plain))):
            return None
        return resolved


def for_asked(heard: Understood, slot: BotSlot, own: BotIntent) -> Understood:
    """Return what was heard, the only value of the type that is asked for as that of the slot which is asked for."""
    alike = [one for one in heard.slots if (known := own.slot(one.span.slot)) is not None and known.type == slot.type]
    if len(alike) != 1 or (slot.type == "number" and len(heard.text.split()) > FEW_WORDS):
        return heard
    meant = alike[0]._replace(span=alike[0].span._replace(slot=slot.name))
    return replace(heard, slots=tuple(meant if one is alike[0] else one for one in heard.slots))


def is_listed(bot: Bot, slot: BotSlot) -> bool:
    """Say whether a slot takes values of a list alone, or of a built-in type that is not free text."""
    own = bot.type(slot.type)
    return not own.open if own is not None else slot.type not in ANYTHING
