"""One pair of texts, and how texts are cleaned."""

from typing import NamedTuple

from statewise.data.composing import compose

LONGEST_TEXT = 20_000
"Characters of one side of a pair: a longer one is no sentence."
MARKS = "\ufdd0\ufdd1\ufdd2"
"Three code points that no text has (Unicode keeps them free): what is unknown, the beginning and the end of a text."
SPACE = "\u2581"
"What stands for a space among subwords."
HALVES = range(0xD800, 0xE000)
"Halves of pairs of code points, which no text has: JSON may name one without the other."
FORBIDDEN = dict.fromkeys([*map(ord, MARKS), 0, *HALVES], "\ufffd") | {ord(SPACE): "_"}


class Pair(NamedTuple):
    """A text and its translation, and the file that they stand in."""

    source: str
    target: str
    file: str


def cleaned(text: str) -> str:
    r"""Return a text as it is learned: composed (NFC), with single spaces, and without marks that have a meaning here.

    >>> cleaned("  e\u0301\u202f ! ")
    'é !'
    >>> cleaned("half " + chr(0xD800) + " a pair") == "half " + chr(0xFFFD) + " a pair"
    True
    """
    return " ".join(compose(text).translate(FORBIDDEN).split())
