"""All that may be said to a bot, as sentences that a run of speech listens for."""

import re
from collections.abc import Iterator

from statewise.data.utterances.bot import Bot

ONES = (
    *("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen"),
    *("fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
NUMBER = re.compile(r"(?<![\d.,:])\d{1,2}(?![\d.,:])")
STEERING = (
    "yes",
    "yes please",
    "no",
    "no thanks",
    "cancel",
    "stop",
    "never mind",
    "start over",
    "say that again",
    "what",
)


def numbers(most: int = 99) -> list[str]:
    """Return the names of numbers from one on.

    >>> numbers(21)[-2:]
    ['twenty', 'twenty one']
    """
    named = [*ONES, *(f"{tens} {one}".strip() for tens in TENS for one in ("", *ONES[:9]))]
    return named[:most]


def _spelled(number: re.Match[str]) -> str:
    return numbers()[int(number[0]) - 1] if int(number[0]) else "zero"


def values_of(kind: str, bot: Bot) -> Iterator[str]:
    """Yield how values of a type of slots may be said; of built-in types the usual ones, of free text nothing."""
    if (own := bot.type(kind)) is not None:
        yield from (word for value in own.values for word in (value.value, *value.synonyms))
    elif kind == "number":
        yield from numbers(30)
    elif kind == "date":
        yield from ("today", "tomorrow", *DAYS, *(f"next {day}" for day in DAYS))
    elif kind == "time":
        hours = ONES[:12]
        yield from (
            f"{before}{hour}" for before in ("at ", "half past ", "quarter past ", "quarter to ") for hour in hours
        )
        yield from (f"at {hour} {half}" for hour in hours for half in ("in the morning", "in the evening"))
        yield from ("at noon", "at midnight")


def spoken_sentences(bot: Bot) -> list[str]:
    """Return what may be said to a bot, each once: its utterances, values of its slots, and yes, no, cancel.

    Of an utterance with values those stand that it was written or filled with; numbers up to 99 are spelled.
    """
    found = dict.fromkeys(NUMBER.sub(_spelled, one.text.casefold()) for one in bot.utterances)
    kinds = dict.fromkeys(slot.type for intent in bot.intents for slot in intent.slots)
    for kind in kinds:
        for value in values_of(kind, bot):
            found |= dict.fromkeys((value.casefold(), f"no {value.casefold()}"))
    found |= dict.fromkeys(STEERING)
    return list(found)
