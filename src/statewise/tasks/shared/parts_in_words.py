"""How much there is to learn from, for checks and held out, in words."""

from collections.abc import Callable, Mapping
from typing import Any

NAMED = {"training": "to learn", "validation": "for checks", "held_out": "held out"}


def parts_in_words(facts: Mapping[str, Any], amount: Callable[[str], str]) -> str:
    """Return the amount of each part that there is, as `amount` says it, and what the part is for.

    >>> facts = {"training": 90, "held_out": 10}
    >>> parts_in_words(facts, lambda part: f"{facts[part]} lines")
    '90 lines to learn, 10 lines held out'
    """
    return ", ".join(f"{amount(part)} {words}" for part, words in NAMED.items() if part in facts)


def minutes_of(facts: Mapping[str, Any], part: str, count: int, one: str, several: str) -> str:
    """Return the minutes of a part, and of how many people they are where that is known.

    >>> minutes_of({"training_seconds": 90}, "training", 2, "speaker", "speakers")
    '1.5 min, 2 speakers'
    """
    of_people = f", {count:,} {several if count > 1 else one}" if count else ""
    return f"{facts[f'{part}_seconds'] / 60:.1f} min{of_people}"
