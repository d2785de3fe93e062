"""One turn of a conversation as a function: what is known and what was said to what is known then and what is done.

Nothing here reads a clock, asks a network or calls anything: the same inputs give the same turn.
"""

import re
from dataclasses import dataclass, replace
from typing import Literal

from statewise.data.utterances.bot import BUILT_IN, Bot, BotIntent, BotSlot, Hook
from statewise.data.utterances.templates import PLACE
from statewise.tasks.dialogue.built_in import Resolved
from statewise.tasks.dialogue.dialogue_state import (
    MOST_PUT_OFF,
    ActiveContext,
    DialogueState,
    FilledSlot,
    PutOff,
)
from statewise.tasks.dialogue.phrases import (
    AFFIRMED,
    CANCELLED,
    CHANGES,
    FEW_WORDS,
    NO,
    REPEATED,
    STARTED_OVER,
    YES,
    is_short,
    plain_words,
)
from statewise.tasks.dialogue.resolving import Resolver
from statewise.tasks.dialogue.slot_finding import SlotFinder, for_asked, is_listed
from statewise.tasks.dialogue.understanding import Understood

Action = Literal["ElicitSlot", "ElicitIntent", "ConfirmIntent", "Delegate", "Close"]
Purpose = Literal["DialogCodeHook", "FulfillmentCodeHook"]
SWITCHES = 0.6
"An intent that is so sure is gone to while another is under way."
NOT_HEARD = "Sorry, I did not hear anything."


@dataclass(frozen=True)
class HookCall:
    """What is to be asked of a hook before the turn is over: to check values, or to do what was asked."""

    hook: Hook
    purpose: Purpose


@dataclass(frozen=True)
class Turn:
    """What is known after a turn, what the client is to do, what is said, and what is to be called, if anything."""

    state: DialogueState
    action: Action
    messages: tuple[str, ...]
    call: HookCall | None = None


@dataclass(frozen=True)
class Turning:
    """What a turn is made with: the bot, what words mean, and the moment in seconds."""

    bot: Bot
    resolver: Resolver
    seconds: float

    @property
    def slots(self) -> SlotFinder:
        """What finds slots in what was said."""
        return SlotFinder(self.bot, self.resolver)

    def turn(self, state: DialogueState, heard: Understood) -> Turn:
        """Return what follows from something said, or from silence."""
        known = self._on_time(state)
        plain = plain_words(heard.text)
        if not plain and not heard.text.strip():
            return self._silence(known)
        if plain in REPEATED and known.is_under_way:
            return self._asked_again(known)
        if plain in STARTED_OVER:
            return self._start_over(known)
        if plain in CANCELLED and known.is_under_way:
            return self._given_up(known, _own(self.bot, known).declined)
        if known.phase == "confirm" and known.intent is not None:
            return self._confirming(known, heard, plain)
        if known.phase == "slot" and known.asked is not None:
            return self._filling(known, heard, plain)
        return self._beginning(known, heard)

    def _on_time(self, state: DialogueState) -> DialogueState:
        """Return the state at this moment: a new one after a long pause, without contexts that hold no longer."""
        if state.turns and self.seconds - state.at > self.bot.seconds:
            state = DialogueState()
        contexts = tuple(
            replace(one, turns=one.turns - 1) for one in state.contexts if one.until >= self.seconds and one.turns > 0
        )
        return replace(state, contexts=contexts, turns=state.turns + 1, at=self.seconds)

    # what was said

    def _silence(self, state: DialogueState) -> Turn:
        if state.is_under_way:
            return self._not_understood(state, NOT_HEARD)
        return Turn(replace(state, phase="intent"), "ElicitIntent", (NOT_HEARD,))

    def _asked_again(self, state: DialogueState) -> Turn:
        own = _own(self.bot, state)
        if state.phase == "confirm":
            return Turn(state, "ConfirmIntent", (self._told(own.confirm or "", state),))
        slot = own.slot(state.asked or "")
        return Turn(state, "ElicitSlot", (self._prompt(slot, state, 0),) if slot else ())

    def _start_over(self, state: DialogueState) -> Turn:
        if state.intent is None or not state.is_under_way:
            return Turn(_free(state), "ElicitIntent", (self.bot.fallback,))
        return self._advance(replace(state, slots=(), tries=0, asked=None, confirmation="None"), ())

    def _beginning(self, state: DialogueState, heard: Understood) -> Turn:
        answers_nothing = set(plain_words(heard.text).split()) <= YES | NO
        name = None if answers_nothing else self._allowed(state, heard)
        if name is None:
            return Turn(replace(_free(state), status=state.status, intent=None), "ElicitIntent", (self.bot.fallback,))
        return self._begin(replace(state, put_off=()), name, heard)

    def _allowed(self, state: DialogueState, heard: Understood) -> str | None:
        """Return the likeliest intent of those whose contexts hold; None where none is understood."""
        if not heard.is_known:
            return None
        active = {context.name for context in state.contexts}
        for name, sure in ((heard.intent, heard.confidence), *heard.alternatives):
            own = self.bot.intent(name)
            if own is not None and active.issuperset(own.needs) and sure >= min(heard.threshold, heard.confidence):
                return name
        return None

    def _begin(self, state: DialogueState, name: str, heard: Understood) -> Turn:
        begun = replace(
            state, intent=name, slots=(), phase="slot", asked=None, tries=0, status="InProgress", confirmation="None"
        )
        own = _own(self.bot, begun)
        filled, refused = self.slots.found(own, heard)
        more = {**self.slots.listed(heard, own, filled), **self.slots.counted(heard, own, filled, is_named=True)}
        known = {name for name, _ in refused}
        more = {name: value for name, value in more.items() if name not in known}
        return self._advance(begun.with_slots({**more, **filled}), refused)

    def _filling(self, state: DialogueState, heard: Understood, plain: str) -> Turn:
        own = _own(self.bot, state)
        slot = own.slot(state.asked or "")
        assert slot is not None
        heard = for_asked(heard, slot, own)
        filled, refused = self.slots.found(own, heard, state.asked)
        other = self._other_intent(state, heard)
        if other is None:
            named = self.slots.counted(heard, own, filled, is_named=True)
            filled = {**self.slots.listed(heard, own, filled, first=slot), **named, **filled}
        if slot.name not in filled and not any(name == slot.name for name, _ in refused):
            direct = None if filled and not is_listed(self.bot, slot) else self.slots.direct(slot, heard, plain, other)
            if direct is not None and (other is None or is_short(plain) or not heard.slots):
                said = FilledSlot.of(heard.text.strip(), direct)
                wrong = self.slots.wrong(slot, said)
                filled = {**filled, slot.name: said} if wrong is None else filled
                refused = refused if wrong is None else [*refused, (slot.name, wrong)]
                other = None
        if other is not None and slot.name not in filled:
            return self._go_to(state, other, heard)
        if filled or refused:
            tries = state.tries if slot.name not in filled else 0
            return self._advance(replace(state.with_slots(filled), tries=tries), refused)
        return self._not_understood(state)

    def _confirming(self, state: DialogueState, heard: Understood, plain: str) -> Turn:
        words = plain.split()
        own = _own(self.bot, state)
        filled, refused = self.slots.found(own, heard, state.asked)
        filled = {**self.slots.listed(heard, own, filled), **self.slots.counted(heard, own, filled), **filled}
        says_no = bool(words) and (words[0] in NO or plain.startswith(("i do not", "i don t", "don t", "do not")))
        says_yes = bool(words) and not says_no and (words[0] in YES or plain in AFFIRMED)
        changed = {name: value for name, value in filled.items() if state.slot(name) != value}
        if changed or refused:
            again = replace(state.with_slots(changed), confirmation="None", tries=0)
            return self._advance(again, refused)
        if says_yes:
            return self._fulfil(replace(state, confirmation="Confirmed", tries=0))
        other = self._other_intent(state, heard)
        if says_no and (len(words) <= FEW_WORDS or other is None):
            return self._given_up(replace(state, confirmation="Denied"), own.declined)
        if other is not None:
            return self._go_to(state, other, heard)
        return self._not_understood(state)

    def _other_intent(self, state: DialogueState, heard: Understood) -> str | None:
        name = self._allowed(state, heard)
        if name is None or name == state.intent or heard.confidence < max(SWITCHES, heard.threshold):
            return None
        return name

    def _go_to(self, state: DialogueState, name: str, heard: Understood) -> Turn:
        """Go to another intent; the one under way waits, unless it was said that the other is wanted in its place."""
        waits = () if CHANGES.search(heard.text) or state.intent is None else (PutOff(state.intent, state.slots),)
        put_off = tuple(one for one in (*state.put_off, *waits) if one.intent != name)[-MOST_PUT_OFF:]
        return self._begin(replace(state, put_off=put_off), name, heard)

    # what is done

    def _advance(self, state: DialogueState, refused: object) -> Turn:
        """Ask for what is missing, let a hook check what there is, or have it confirmed or done."""
        own = _own(self.bot, state)
        wrong = dict(refused) if refused else {}  # type: ignore[call-overload]
        for slot in own.slots:
            if slot.name in wrong:
                is_same = state.asked == slot.name
                asked = replace(state.with_slots({slot.name: None}), asked=slot.name, phase="slot")
                return self._not_understood(replace(asked, tries=state.tries if is_same else 0), wrong[slot.name])
        state = self._with_defaults(state, own)
        if own.check is not None and own.check.kind != "return":
            return Turn(state, "Delegate", (), HookCall(own.check, "DialogCodeHook"))
        return self.ask_on(state)

    def _with_defaults(self, state: DialogueState, own: BotIntent) -> DialogueState:
        filled: dict[str, FilledSlot | None] = {}
        for slot in own.slots:
            if slot.default is not None and state.slot(slot.name) is None:
                resolved = self.resolver.resolved(slot.type, slot.default)
                filled[slot.name] = FilledSlot.of(
                    slot.default, resolved if resolved.value else Resolved.of(slot.default)
                )
        return state.with_slots(filled) if filled else state

    def ask_on(self, state: DialogueState) -> Turn:
        """Ask for the first required slot that is not known, or have all confirmed or done."""
        own = _own(self.bot, state)
        missing = next((slot for slot in own.slots if slot.required and state.slot(slot.name) is None), None)
        if missing is not None:
            tries = state.tries if state.asked == missing.name else 0
            asked = replace(state, phase="slot", asked=missing.name, tries=tries)
            return Turn(asked, "ElicitSlot", (self._prompt(missing, asked, tries),))
        if own.confirm is not None and state.confirmation != "Confirmed":
            confirming = replace(state, phase="confirm", asked=None, tries=0)
            return Turn(confirming, "ConfirmIntent", (self._told(own.confirm, confirming),))
        return self._fulfil(state)

    def _fulfil(self, state: DialogueState) -> Turn:
        own = _own(self.bot, state)
        ready = replace(state, phase="closed", asked=None, tries=0, status="ReadyForFulfillment")
        if own.fulfil.kind != "return":
            return Turn(ready, "Delegate", (), HookCall(own.fulfil, "FulfillmentCodeHook"))
        return self._closed(ready, own)

    def fulfilled(self, state: DialogueState, messages: tuple[str, ...] = ()) -> Turn:
        """Return what follows once a hook has done what was asked."""
        own = _own(self.bot, state)
        return self._closed(replace(state, status="Fulfilled", phase="closed", asked=None), own, messages)

    def failed(self, state: DialogueState, messages: tuple[str, ...] = ()) -> Turn:
        """Return what follows once something cannot be done."""
        return self._given_up(state, *(messages or (_own(self.bot, state).failed,)))

    def _closed(self, state: DialogueState, own: BotIntent, messages: tuple[str, ...] = ()) -> Turn:
        set_now = tuple(ActiveContext(one.name, one.turns, self.seconds + one.seconds) for one in own.sets)
        kept = tuple(one for one in state.contexts if one.name not in {new.name for new in set_now})
        closed = replace(state, contexts=(*kept, *set_now))
        said = messages or ((self._told(own.closing, closed),) if own.closing else ())
        return self._return_to(closed, said)

    def _given_up(self, state: DialogueState, *messages: str) -> Turn:
        told = tuple(self._told(message, state) for message in messages if message)
        given_up = replace(state, phase="closed", asked=None, tries=0, status="Failed")
        return self._return_to(given_up, told)

    def _return_to(self, state: DialogueState, messages: tuple[str, ...]) -> Turn:
        """Close, or go back to the intent that waits."""
        if not state.put_off:
            return Turn(state, "Close", messages)
        waiting = state.put_off[-1]
        back = replace(
            state,
            intent=waiting.intent,
            slots=waiting.slots,
            put_off=state.put_off[:-1],
            phase="slot",
            asked=None,
            tries=0,
            status="InProgress",
            confirmation="None",
        )
        turn = self.ask_on(back)
        return replace(turn, messages=(*messages, *turn.messages))

    def _not_understood(self, state: DialogueState, message: str = "") -> Turn:
        """Ask once more, or give up after as many tries as the slot allows: one message, and it counts."""
        own = _own(self.bot, state)
        slot = own.slot(state.asked or "")
        allowed = slot.retries if slot is not None else 2
        if state.tries >= allowed:
            return self._given_up(replace(state, tries=state.tries + 1), own.failed)
        again = replace(state, tries=state.tries + 1)
        if state.phase == "confirm" or slot is None:
            return Turn(again, "ConfirmIntent", (message or self._told(own.confirm or "", again),))
        said = self._told(message, again) if message else self._prompt(slot, again, again.tries)
        return Turn(again, "ElicitSlot", (said,))

    def _prompt(self, slot: BotSlot, state: DialogueState, tries: int) -> str:
        prompts = slot.prompts or (f"{slot.name}?",)
        return self._told(prompts[min(tries, len(prompts) - 1)], state)

    def _told(self, message: str, state: DialogueState) -> str:
        """Return a message with what is known in the places of slots."""
        own = _own(self.bot, state) if state.intent is not None else None

        def known(place: re.Match[str]) -> str:
            value = state.slot(place[1])
            if value is None:
                return ""
            slot = own.slot(place[1]) if own else None
            shown = value.original if slot is not None and slot.type in BUILT_IN else value.value
            first, _, rest = shown.partition(" ")
            before = message[: place.start()].split()
            return rest if rest and before and before[-1].casefold() == first.casefold() else shown  # not "at at eight"

        return " ".join(PLACE.sub(known, message).split())


def _own(bot: Bot, state: DialogueState) -> BotIntent:
    own = bot.intent(state.intent or "")
    assert own is not None
    return own


def _free(state: DialogueState) -> DialogueState:
    """Return the state with no intent under way."""
    return replace(
        state,
        intent=None,
        slots=(),
        phase="intent",
        asked=None,
        tries=0,
        status="InProgress",
        confirmation="None",
        put_off=(),
    )
