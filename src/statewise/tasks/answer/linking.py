"""Which words of a question name columns and values of a table: a network sees what they are, not what they say."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from statewise.tasks.answer.asked_table import AskedTable, Value, name_words
from statewise.tasks.answer.question_words import ROW_NOUNS, deeds
from statewise.tasks.shared.month_names import MONTHS

TOKEN = re.compile(r"\d{4}-\d{2}-\d{2}|\d+(?:\.\d+)?|[^\W\d_]+(?:['’][^\W\d_]+)?|\d+")
LONGEST_NAME = 8
"Words of a value or the name of a column that are looked for."
MOST_VALUES = 200_000
SPELLED = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
PERIODS = {"day": "day", "daily": "day", "month": "month", "monthly": "month", "year": "year", "yearly": "year"}
LEAST_YEAR, LAST_YEAR = 1900, 2100

NUMBER, TEXT, DATE = "<number column>", "<text column>", "<date column>"
VALUE, AMOUNT, YEAR, MONTH, DAY, PERIOD = "<value>", "<number>", "<year>", "<month>", "<day>", "<period>"
MOST, LEAST, MORE, LESS = "<most>", "<least>", "<more>", "<less>"
END, ORDER = "<aggregate>", "<order>"
SLOTS = (NUMBER, TEXT, DATE, VALUE, AMOUNT, YEAR, MONTH, DAY, PERIOD, MOST, LEAST, MORE, LESS)
COLUMNS = {"number": NUMBER, "text": TEXT, "date": DATE}

OTHER_WORDS: dict[str, tuple[str, ...]] = {
    "price": ("cost", "costs", "paid"),
    "salary": ("earn", "earns", "paid", "wage", "wages", "pay"),
    "age": ("old",),
    "name": (),
    "city": ("town", "towns"),
    "country": ("nation", "nations"),
    "quantity": ("units", "pieces"),
    "minutes": ("length", "duration", "long"),
}
"Words by which people name a column of such a name."
COMPARED: tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...] = (
    ("cheaper", "cheapest", (("price", LESS), ("cost", LESS))),
    ("dearer", "dearest", (("price", MORE), ("cost", MORE))),
    ("older", "oldest", (("age", MORE), ("year", LESS), ("date", LESS))),
    ("younger", "youngest", (("age", LESS), ("year", MORE), ("date", MORE))),
    ("newer", "newest", (("year", MORE), ("date", MORE))),
    ("later", "latest", (("date", MORE), ("year", MORE))),
    ("earlier", "earliest", (("date", LESS), ("year", LESS))),
    ("longer", "longest", (("length", MORE), ("duration", MORE), ("minutes", MORE), ("hours", MORE))),
    (
        "shorter",
        "shortest",
        (("length", LESS), ("duration", LESS), ("minutes", LESS), ("hours", LESS), ("height", LESS)),
    ),
    ("taller", "tallest", (("height", MORE),)),
    ("heavier", "heaviest", (("weight", MORE),)),
    ("lighter", "lightest", (("weight", LESS),)),
    ("faster", "fastest", (("speed", MORE), ("time", LESS))),
    ("slower", "slowest", (("speed", LESS), ("time", MORE))),
)
"Comparatives and superlatives, and the columns that they compare, the first of those that a table has."
COMPARISONS = frozenset(word for comparative, superlative, _ in COMPARED for word in (comparative, superlative))
EXPENSIVE = {("more", "expensive"): MORE, ("most", "expensive"): MOST, ("less", "expensive"): LESS}
EXPENSIVE |= {("least", "expensive"): LEAST}


def stem(word: str) -> str:
    """Return what a word has in common with its plural.

    >>> [stem(word) for word in ("shoes", "shoe", "cities", "city", "scarves", "glass")]
    ['sho', 'sho', 'city', 'city', 'scarf', 'glass']
    """
    word = word.lower()
    if len(word) > 3 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith("ves"):
        return word[:-3] + "f"
    if len(word) > 2 and word.endswith("s") and not word.endswith("ss"):
        word = word[:-1]
    return word[:-1] if len(word) > 3 and word.endswith("e") else word


@dataclass(frozen=True)
class Linked:
    """A word of a question, or several that name one thing: what it is, and which column or value of the table.

    `kind` is one of `SLOTS`, or the word itself. `others` are further columns that have the same value.
    """

    kind: str
    text: str
    column: int | None = None
    value: Value = None
    others: tuple[tuple[int, Value], ...] = field(default=())


@dataclass(frozen=True, eq=False)
class Linker:
    """Finds the columns and values of one table in questions."""

    table: AskedTable

    @cached_property
    def names(self) -> dict[tuple[str, ...], int]:
        """The column of each name, whole, by its last word, and by other words for it; the whole names first."""
        found: dict[tuple[str, ...], int] = {}
        words = [[stem(word) for word in column.words] for column in self.table.columns]
        for place, name in enumerate(words):
            found.setdefault(tuple(name), place)
        for place, name in enumerate(words):
            found.setdefault((name[-1],), place)
        for place, column in enumerate(self.table.columns):
            for other in (*OTHER_WORDS.get(column.words[-1], ()), *deeds(column.words[-1])):
                found.setdefault((stem(other),), place)
        return found

    @cached_property
    def row_nouns(self) -> frozenset[str]:
        """What the rows may be called: by the name of the table, by words of its columns, and in any table."""
        of_columns = (word for column in self.table.columns for word in column.words)
        return frozenset(map(stem, (*ROW_NOUNS, *name_words(Path(self.table.title).stem), *of_columns)))

    @cached_property
    def values(self) -> dict[tuple[str, ...], list[tuple[int, Value]]]:
        """The columns that have each value of text, by its words."""
        found: dict[tuple[str, ...], list[tuple[int, Value]]] = {}
        for place, column in enumerate(self.table.columns):
            if column.kind == "text":
                for value in sorted({str(cell) for cell in column.cells if cell is not None})[:MOST_VALUES]:
                    words = tuple(map(stem, TOKEN.findall(value)))
                    if words and len(words) <= LONGEST_NAME:
                        found.setdefault(words, []).append((place, value))
        return found

    @cached_property
    def compared(self) -> dict[str, tuple[int, str]]:
        """The column and direction of each comparative and superlative."""
        found: dict[str, tuple[int, str]] = {}
        of = {stem(column.words[-1]): place for place, column in reversed([*enumerate(self.table.columns)])}
        for comparative, superlative, columns in COMPARED:
            for name, direction in columns:
                if (place := of.get(stem(name))) is not None:
                    found[comparative] = place, direction
                    found[superlative] = place, MOST if direction == MORE else LEAST
                    break
        return found

    def linked(self, question: str) -> list[Linked]:
        """Return a question with its columns, values, numbers and times found."""
        words = TOKEN.findall(question)
        stems, found, at = [stem(word) for word in words], [], 0
        while at < len(words):
            one, used = self._next(words, stems, at)
            found.append(one)
            at += used
        return found

    @cached_property
    def longest(self) -> int:
        """Words of the longest name or value."""
        return max(map(len, (*self.names, *self.values)))

    def _next(self, words: Sequence[str], stems: Sequence[str], at: int) -> tuple[Linked, int]:
        for size in range(min(self.longest, len(words) - at), 0, -1):
            some = tuple(stems[at : at + size])
            if (place := self.names.get(some)) is not None and (size > 1 or not self._is_period(words[at])):
                return Linked(COLUMNS[self.table.columns[place].kind], " ".join(words[at : at + size]), place), size
            if (held := self.values.get(some)) is not None:
                return Linked(VALUE, " ".join(words[at : at + size]), *held[0], tuple(held[1:])), size
        return self._of_time(words, at) or self._of_comparison(words, at) or (self._single(words[at]), 1)

    def _is_period(self, word: str) -> bool:
        """Say whether a word is a period of a table's dates, and no column of it is called so."""
        has_column = any(column.words == [word.lower()] for column in self.table.columns)
        return word.lower() in PERIODS and self.table.dates is not None and not has_column

    def _of_time(self, words: Sequence[str], at: int) -> tuple[Linked, int] | None:
        word, dates = words[at].lower(), self.table.dates
        if word in MONTHS and dates is not None and not (word == "may" and at == 0):
            month = f"{MONTHS.index(word) + 1:02d}"
            if at + 1 < len(words) and is_year(words[at + 1]):
                return Linked(MONTH, f"{words[at]} {words[at + 1]}", dates, f"{words[at + 1]}-{month}"), 2
            return Linked(MONTH, words[at], dates, month), 1
        if self._is_period(word):
            return Linked(PERIOD, words[at], dates, PERIODS[word]), 1
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", word):
            return Linked(DAY, word, dates, word), 1
        if is_year(word):
            years = self.names.get((stem("year"),))
            if years is not None and self.table.columns[years].kind == "number":
                return Linked(YEAR, word, years, int(word)), 1
            if dates is not None:
                return Linked(YEAR, word, dates, word), 1
        return None

    def _of_comparison(self, words: Sequence[str], at: int) -> tuple[Linked, int] | None:
        word = words[at].lower()
        if word in self.compared:
            place, kind = self.compared[word]
            return Linked(kind, words[at], place), 1
        price = self.names.get((stem("price"),), self.names.get((stem("cost"),)))
        pair = (word, words[at + 1].lower()) if at + 1 < len(words) else ("", "")
        if price is not None and pair in EXPENSIVE:
            return Linked(EXPENSIVE[pair], " ".join(words[at : at + 2]), price), 2
        return None

    @staticmethod
    def _single(word: str) -> Linked:
        if word[0].isdigit():
            return Linked(AMOUNT, word, None, float(word) if "." in word else int(word[:18]))
        if word.lower() in SPELLED:
            return Linked(AMOUNT, word, None, SPELLED.index(word.lower()) + 1)
        return Linked(word.lower(), word)


def is_year(word: str) -> bool:
    """Say whether a word is a year.

    >>> is_year("2023"), is_year("12")
    (True, False)
    """
    return len(word) == 4 and word.isdigit() and LEAST_YEAR <= int(word) <= LAST_YEAR


def kinds_of(linked: Sequence[Linked]) -> Iterator[str]:
    """Yield what the network reads of a question: its words, with kinds in place of what was found, and two ends."""
    yield from (one.kind for one in linked)
    yield from (END, ORDER)
