"""What a short text asks for, since a network soon knows it by heart: a part for checks, dropout, an end."""

import math
from typing import Any

LONG = 1_000_000
"A text of so many characters is not short: nothing is chosen for it."
MIXED = 2_000_000
"Of a text of so many characters no part is kept for checks, and n-grams are not mixed in: they would take too long."
SHORTEST = 4_000
"Of a text of fewer characters no part can be spared for checks."
MEDIUM = 100_000
CHECKS, PATIENCE = 60, 15
CHECKED = 20_000
"A check scores so many characters at most."
MOST_DROPOUT, HALVED = 0.5, 30_000
"No text has more dropout than a half; it begins to fall at so many characters."
LEAST_EPOCHS, LEAST_UPDATES, READ = 20.0, 1500, 6_000_000
"Without a budget but time a short text is read so often, by so many updates, until so many characters were read."


def usual_validation(length: int) -> float:
    """Return the share of a text that is kept for checks where nothing was said: the less the longer it is.

    >>> [usual_validation(length) for length in (3000, 20_000, 500_000, 1_500_000, 2_000_000)]
    [0.0, 0.1, 0.05, 0.02, 0.0]
    """
    if not SHORTEST <= length < MIXED:
        return 0.0
    return 0.1 if length < MEDIUM else 0.05 if length < LONG else 0.02


def usual_dropout(length: int) -> float:
    """Return the dropout for a text where nothing was said: the less the longer it is, none of a long one.

    >>> [usual_dropout(length) for length in (20_000, 100_000, 500_000, 1_000_000)]
    [0.5, 0.33, 0.1, 0.0]
    """
    share = 1 - math.log(max(length, HALVED) / HALVED) / math.log(LONG / HALVED)
    return round(MOST_DROPOUT * max(0.0, share), 2)


def usual_epochs(length: int, epoch_updates: int) -> float:
    """Return how often a short text is read at most, where time alone is bounded, so that the rate has fallen by then.

    >>> usual_epochs(100_000, 45), usual_epochs(20_000, 8), usual_epochs(900_000, 400)
    (60.0, 187.5, 20.0)
    """
    return max(LEAST_EPOCHS, min(60.0, READ / max(length, 1)), LEAST_UPDATES / max(epoch_updates, 1))


def chosen_words(chosen: dict[str, Any]) -> str:
    """Say in a line what was chosen."""
    named = ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in chosen.items() if name != "keep")
    return f"chosen by the text, the time and this machine: {named}{', best weights kept' * ('keep' in chosen)}"
