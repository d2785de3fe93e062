"""Utterances with places for values, such as "a {size} pizza", filled with what may stand there."""

import re
from collections.abc import Mapping, Sequence

from statewise.data.utterances.sample_utterance import INLINE, SlotSpan, read_inline

PLACE = re.compile(r"\{([^\W\d][\w.\-]*)\}")
MOST_FILLED = 8
"So many utterances are made of one with places."
SAID: Mapping[str, Sequence[str]] = {
    "number": ("two", "5", "12", "three", "one", "20", "four", "7"),
    "ordinal": ("first", "second", "3rd", "last", "fifth", "2nd", "third", "fourth"),
    "date": ("tomorrow", "today", "next monday", "on friday", "may 5", "the 3rd of june", "saturday", "in two days"),
    "time": ("at eight", "8 pm", "noon", "half past six", "7:30", "tonight at 9", "10 in the morning", "midnight"),
    "duration": ("two hours", "30 minutes", "three days", "a week", "an hour", "10 minutes", "two weeks", "one night"),
    "money": ("20 dollars", "$15", "ten euros", "100 pounds", "5 dollars", "30 euros", "$9.99", "two dollars"),
    "phone": ("555 123 4567", "+1 202 555 0143", "0171 1234567", "(415) 555 2671"),
    "email": ("ann@example.com", "bob.lee@example.org", "info@example.net", "jo99@example.com"),
    "text": ("something nice", "hello there", "the blue one", "call me back", "no onions", "as soon as possible"),
}
"What stands in the place of a built-in type."


def filled(
    text: str, slots: Mapping[str, tuple[str, Sequence[str]]], where: str
) -> list[tuple[str, tuple[SlotSpan, ...]]]:
    """Return utterances with values in the places of slots, each by its type and that type's values.

    As many are made as the place with most values has, eight at most, so that values of several places meet in turn.

    >>> filled("a {size} pizza", {"size": ("Size", ["large", "small"])}, "line 1")[0]
    ('a large pizza', (SlotSpan(begin=2, end=7, slot='size', value=None),))
    """
    used = PLACE.findall(INLINE.sub("", text))
    values = {name: list(slots[name][1]) or list(SAID.get(slots[name][0], SAID["text"])) for name in used}
    count = min(MOST_FILLED, max(len(some) for some in values.values()))
    found = []
    for number in range(count):
        turn = dict.fromkeys(used, 0)

        def written(place: re.Match[str], number: int = number, turn: dict[str, int] = turn) -> str:
            some = values[place[1]]
            turn[place[1]] += 1
            at = number + sorted(turn).index(place[1]) * (number // len(some)) + turn[place[1]] - 1
            return f"[{some[at % len(some)]}]({place[1]})"

        found.append(read_inline(PLACE.sub(written, text), where))
    return found
