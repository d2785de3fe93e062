"""Text in Unicode's composed form (NFC), a piece at a time, in a time that grows as the text."""

import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache

CANONICAL_PAIR = 2
FEW = 1000
"So many marks in a row are in order at once; Python sorts them in a time that grows as the square of their number."
JAMO = *range(0x1161, 0x1176), *range(0x11A8, 0x11C3)
"The vowels and last consonants of Korean, which join what stands before them by a rule and not by a table."


def composed(texts: Iterable[str]) -> Iterator[str]:
    """Bring text to NFC; a piece ends before a character that never joins what stands before it.

    >>> list(composed(["e", "\\u0301t", "\\u0301e"]))
    ['é', 't́', 'e']
    """
    held: list[str] = []
    for text in texts:
        cut = next((at for at in range(len(text) - 1, -1, -1) if begins(text[at])), -1)
        if cut < 0:
            held.append(text)
            continue
        whole = "".join((*held, text[:cut]))
        if whole:
            yield compose(whole)
        held = [text[cut:]]
    if whole := "".join(held):
        yield compose(whole)


def compose(text: str) -> str:
    """Return a text in NFC, however many marks stand on one letter.

    >>> compose("e\u0301")
    'é'
    """
    if len(text) > FEW and not text.isascii():
        text = _long_runs().sub(lambda run: _in_order(run[0]), text)
    return unicodedata.normalize("NFC", text)


def _in_order(marks: str) -> str:
    """Return marks as they are in NFD: by their class, those of one class as they stood."""
    apart = "".join(unicodedata.normalize("NFD", mark) for mark in marks)
    return "".join(sorted(apart, key=unicodedata.combining))


@cache
def _long_runs() -> re.Pattern[str]:
    marks = "".join(filter(unicodedata.combining, map(chr, range(sys.maxunicode + 1))))
    return re.compile(f"[{re.escape(marks)}]{{{FEW},}}")


def begins(character: str) -> bool:
    """Tell whether a character never joins what stands before it, nor lets what follows it do so.

    >>> begins("e"), begins("\\u0301"), begins("\\N{HANGUL JUNGSEONG A}"), begins("\\N{HIRAGANA LETTER KA}")
    (True, False, False, True)
    """
    if character.isascii():
        return True
    first = unicodedata.normalize("NFD", character)[0]
    return not unicodedata.combining(first) and first not in _joining()


@cache
def _joining() -> frozenset[str]:
    """Return every character that a composition ends with: a tenth of a second, for texts without ASCII alone."""
    found = set(map(chr, JAMO))
    for point in range(sys.maxunicode + 1):
        parts = unicodedata.decomposition(chr(point)).split()
        if len(parts) == CANONICAL_PAIR and not parts[0].startswith("<"):
            found.add(chr(int(parts[1], 16)))
    return frozenset(found)
