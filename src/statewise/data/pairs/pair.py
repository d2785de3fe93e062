"""One pair of texts, and an account of those that are left out."""

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from statewise.data.composing import compose
from statewise.shown import in_line

LONGEST_TEXT = 20_000
"Characters of one side of a pair: a longer one is no sentence."
MARKS = "\ufdd0\ufdd1\ufdd2"
"Three code points that no text has (Unicode keeps them free): what is unknown, the beginning and the end of a text."
SPACE = "\u2581"
"What stands for a space among subwords."
FORBIDDEN = str.maketrans({**dict.fromkeys(MARKS, "\ufffd"), SPACE: "_", "\0": "\ufffd"})


class Pair(NamedTuple):
    """A text and its translation, and the file that they stand in."""

    source: str
    target: str
    file: str


def cleaned(text: str) -> str:
    """Return a text as it is learned: composed (NFC), with single spaces, and without marks that have a meaning here.

    >>> cleaned("  e\u0301\u202f ! ")
    'é !'
    """
    return " ".join(compose(text).translate(FORBIDDEN).split())


@dataclass
class PairsLeftOut:
    """How many pairs were left out for which reason, and where the first of each stands."""

    counts: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)

    def add(self, why: str, where: str) -> None:
        """Count a pair."""
        self.counts[why] += 1
        self.first.setdefault(why, where)

    def told(self) -> list[str]:
        """Return a line for each reason.

        >>> left_out = PairsLeftOut()
        >>> left_out.add("with an empty side", "line 7 of a.tsv")
        >>> left_out.told()
        ['1 pair left out: with an empty side (the first: line 7 of a.tsv)']
        """
        return [
            f"{count:,} {'pair' if count == 1 else 'pairs'} left out: {why} (the first: {in_line(self.first[why])})"
            for why, count in self.counts.items()
        ]
