"""One thing that people say, with its intent and its slots, and how it is cut into words."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from statewise.errors import DataError

LONGEST_UTTERANCE = 1000
"Characters; what is longer is not one thing said."
MOST_WORDS = 200
WORD = re.compile(r"[^\W\d_]+|\d+|[^\w\s]|_")
"Letters in a row, digits in a row, or a single mark."
INLINE = re.compile(r"\[([^\[\]]+)\]\(([^()\s]+)\)")
"Words of a slot, and its name: `[large](size)`."
OUT_OF_SCOPE = "out_of_scope"
"The intent of what a bot is not for."


class SlotSpan(NamedTuple):
    """Where in a text the words of a slot stand, in characters; `value` where a file says what they mean."""

    begin: int
    end: int
    slot: str
    value: str | None = None


class SpokenWord(NamedTuple):
    """A word, and where it stands in its text, in characters."""

    text: str
    begin: int
    end: int


@dataclass(frozen=True)
class SampleUtterance:
    """A text, what is wanted by it, its slots in order, and where it is written; `part` where a file says which."""

    text: str
    intent: str
    slots: tuple[SlotSpan, ...] = ()
    where: str = ""
    part: str | None = None


def words_of_utterance(text: str) -> list[SpokenWord]:
    """Return the words of a text: letters, digits and marks apart, so that a slot can end between them.

    >>> [word.text for word in words_of_utterance("at 8pm, tomorrow's!")]
    ['at', '8', 'pm', ',', 'tomorrow', "'", 's', '!']
    """
    return [SpokenWord(found[0], found.start(), found.end()) for found in WORD.finditer(text)]


def read_inline(text: str, where: str) -> tuple[str, tuple[SlotSpan, ...]]:
    """Return a text whose slots are written in it, without the marks, and its slots.

    Raises `DataError` for marks that are not closed.

    >>> read_inline("a [large](size) pizza", "line 1")
    ('a large pizza', (SlotSpan(begin=2, end=7, slot='size', value=None),))
    """
    plain, slots, at = "", list[SlotSpan](), 0
    for found in INLINE.finditer(text):
        plain += text[at : found.start()]
        slots.append(SlotSpan(len(plain), len(plain) + len(found[1]), found[2]))
        plain, at = plain + found[1], found.end()
    plain += text[at:]
    if "](" in plain:
        raise DataError(f"{where}: slots are written as [words](slot), without brackets in the words: check the marks")
    return plain, tuple(slots)


def write_inline(utterance: SampleUtterance) -> str:
    """Return the text with its slots written in it.

    >>> write_inline(SampleUtterance("a large pizza", "order", (SlotSpan(2, 7, "size"),)))
    'a [large](size) pizza'
    """
    written, at = "", 0
    for begin, end, slot, _ in utterance.slots:
        written += f"{utterance.text[at:begin]}[{utterance.text[begin:end]}]({slot})"
        at = end
    return written + utterance.text[at:]


def checked_slots(slots: Sequence[SlotSpan], text: str, where: str) -> tuple[SlotSpan, ...]:
    """Return slots in order. Raises `DataError` where one lies outside of the text, is empty, or overlaps another."""
    found = tuple(sorted(slots))
    end = 0
    for span in found:
        if not 0 <= span.begin < span.end <= len(text):
            raise DataError(
                f"{where}: slot '{span.slot}' stands at characters {span.begin} to {span.end} of a text of "
                f"{len(text)}: check its place"
            )
        if span.begin < end:
            raise DataError(f"{where}: slot '{span.slot}' overlaps the slot before it: mark each word once")
        end = span.end
    return found


def labels_of(utterance: SampleUtterance, slots: Sequence[str]) -> tuple[list[int], bool]:
    """Return the label of each word, as `statewise.heads.CRF` has them, and whether slots end between words.

    >>> labels_of(SampleUtterance("a very large pizza", "order", (SlotSpan(2, 12, "size"),)), ["size"])
    ([0, 1, 2, 0], True)
    """
    words = words_of_utterance(utterance.text)
    labels, fits = [0] * len(words), True
    for begin, end, slot, _ in utterance.slots:
        inside = [n for n, word in enumerate(words) if word.begin < end and word.end > begin]
        if not inside:
            fits = False
            continue
        fits = fits and words[inside[0]].begin >= begin and words[inside[-1]].end <= end
        code = slots.index(slot)
        for n in inside:
            labels[n] = 2 * code + 2
        labels[inside[0]] = 2 * code + 1
    return labels, fits


def spans_of(labels: Sequence[int], words: Sequence[SpokenWord], slots: Sequence[str]) -> Iterator[SlotSpan]:
    """Yield the slots that some labels say, by characters.

    >>> words = words_of_utterance("a very large pizza")
    >>> list(spans_of([0, 1, 2, 0], words, ["size"]))
    [SlotSpan(begin=2, end=12, slot='size', value=None)]
    """
    at = 0
    while at < len(labels):
        label = labels[at]
        if not label:
            at += 1
            continue
        last = at
        while last + 1 < len(labels) and labels[last + 1] == label + label % 2:
            last += 1
        yield SlotSpan(words[at].begin, words[last].end, slots[(label - 1) // 2])
        at = last + 1
