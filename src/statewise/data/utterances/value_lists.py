"""Lists of words that are known for types of slots, and where in a text they stand: features of words."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from statewise.data.utterances.bot import Bot
from statewise.data.utterances.sample_utterance import SampleUtterance, words_of_utterance

LONGEST_VALUE = 8
"Words of a value that is looked for."
SEEN_TWICE = 2
"A value of training is listed once so many utterances have it: one's own label must not tell it."
MOST_LISTS = 200
_NUMBERS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million half dozen"
)
_DATES = (
    "today tomorrow yesterday monday tuesday wednesday thursday friday saturday sunday january february march april "
    "may june july august september october november december week weekend month year day next"
)
COMMON_WORDS: Mapping[str, str] = {
    "number": _NUMBERS,
    "ordinal": "first second third fourth fifth sixth seventh eighth ninth tenth last st nd rd th",
    "date": _DATES,
    "time": "am pm noon midnight morning afternoon evening night tonight clock half quarter past",
    "duration": "second seconds minute minutes hour hours day days week weeks month months night nights",
    "money": "dollar dollars euro euros pound pounds cent cents usd eur gbp $ € £",
}
"Words of built-in types, in English."
DIGITS = "digits"


@dataclass(frozen=True)
class ValueLists:
    """Values of some types, as words in small letters; each type is two marks of a word: a value begins, or goes on."""

    names: tuple[str, ...]
    values: Mapping[str, tuple[str, ...]]
    _found: dict[tuple[str, ...], list[int]] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        for number, name in enumerate(self.names):
            for value in self.values.get(name, ()):
                words = folded(value)
                if 0 < len(words) <= LONGEST_VALUE:
                    kinds = self._found.setdefault(words, [])
                    if number not in kinds:
                        kinds.append(number)

    @property
    def marks(self) -> int:
        """How many marks a word has."""
        return 2 * len(self.names)

    def with_values(self, more: Mapping[str, Iterable[str]]) -> "ValueLists":
        """Return the lists with further values, which need no training."""
        values = {name: (*self.values.get(name, ()), *more.get(name, ())) for name in self.names}
        return ValueLists(self.names, values)

    def marks_of(self, words: Sequence[str]) -> list[list[int]]:
        """Return the marks of each word: of each type the longest values that do not overlap.

        >>> ValueLists(("size",), {"size": ("very large",)}).marks_of(["a", "very", "large", "one"])
        [[0, 0], [1, 0], [0, 1], [0, 0]]
        """
        small = [word.casefold() for word in words]
        marks = [[0] * self.marks for _ in words]
        ends = [0] * len(self.names)
        for begin in range(len(small)):
            for length in range(min(LONGEST_VALUE, len(small) - begin), 0, -1):
                for kind in self._found.get(tuple(small[begin : begin + length]), ()):
                    if begin < ends[kind]:
                        continue
                    ends[kind] = begin + length
                    marks[begin][2 * kind] = 1
                    for at in range(begin + 1, begin + length):
                        marks[at][2 * kind + 1] = 1
        return marks

    def as_json(self) -> dict[str, Any]:
        """Return them as plain values."""
        return {"names": list(self.names), "values": {name: list(self.values.get(name, ())) for name in self.names}}

    @classmethod
    def of(cls, bot: Bot, training: Iterable[SampleUtterance]) -> "ValueLists":
        """Return the lists of a bot: of its types, of built-in ones that it has, and of what training says often."""
        kinds = {slot.name: slot.type for intent in bot.intents for slot in intent.slots}
        values: dict[str, dict[str, None]] = {
            one.name: dict.fromkeys(word for value in one.values for word in (value.value, *value.synonyms))
            for one in bot.types
        }
        for kind in sorted({kind for kind in kinds.values() if kind in COMMON_WORDS}):
            values[kind] = dict.fromkeys(COMMON_WORDS[kind].split())
        counts: Counter[tuple[str, str]] = Counter()
        for one in training:
            said = {(kinds.get(span.slot, span.slot), one.text[span.begin : span.end].casefold()) for span in one.slots}
            counts.update(said)
        for (kind, text), count in sorted(counts.items()):
            if count >= SEEN_TWICE and kind in values and kind not in COMMON_WORDS:
                values[kind][text] = None
        names = tuple(sorted(values)[:MOST_LISTS])
        return cls(names, {name: tuple(values[name]) for name in names})


def folded(text: str) -> tuple[str, ...]:
    """Return the words of a text in small letters.

    >>> folded("New York-City")
    ('new', 'york', '-', 'city')
    """
    return tuple(word.text.casefold() for word in words_of_utterance(text))
