"""Generated tables, and what questions about them are made of: conditions, groups, the names of columns."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from statewise.tasks.answer.asked_table import AskedTable, table_of
from statewise.tasks.answer.generated_words import (
    ABOVE,
    ASKS,
    BEFORE,
    BELOW,
    DATES,
    LEAST_OF,
    MOST_OF,
    NUMBERS,
    ROWS,
    SYLLABLES,
    TEXTS,
)
from statewise.tasks.answer.linking import EXPENSIVE, LESS, MORE, Linker
from statewise.tasks.answer.query import Condition
from statewise.tasks.shared.month_names import MONTHS

NOTHING, TARGET, GROUP, BY, LEFT, LIMIT = "-", "target", "group", "by", "left", "limit"
ROW = "row"
"What marks a word for the rows of a table, which a network reads as a word that it does not know."
ROLES = (NOTHING, TARGET, GROUP, BY, LEFT, LIMIT)
"What a word may be besides a value with its operator: the column asked for, that of groups, of order, of a comparison."

Piece = tuple[str, str]
"Words of a question and their role."


@dataclass
class TableGenerator:
    """Generates tables and parts of questions. Even names of columns are for training, odd ones held out."""

    dice: random.Random
    is_held_out: bool = False
    table: AskedTable = field(init=False)
    linker: Linker = field(init=False)

    def _some(self, words: Sequence[str]) -> list[str]:
        return list(words[self.is_held_out :: 2])

    def new_table(self) -> AskedTable:
        """Generate a table with columns of text, of numbers, and perhaps of dates."""
        dice, rows = self.dice, self.dice.randint(12, 40)
        columns: dict[str, list[str]] = {}
        texts = dice.sample(self._some(TEXTS), dice.randint(2, 4))
        for place, name in enumerate(texts):
            distinct = rows if place == 0 and dice.random() < 0.6 else dice.randint(3, 7)
            pool = [self._name() for _ in range(distinct)]
            columns[self._longer(name)] = pool[:rows] if distinct >= rows else [dice.choice(pool) for _ in range(rows)]
        if dice.random() < 0.7:
            first = dice.randint(2000, 2020)
            columns[dice.choice(self._some(DATES))] = [
                f"{first + dice.randint(0, 3)}-{dice.randint(1, 12):02d}-{dice.randint(1, 28):02d}" for _ in range(rows)
            ]
        for name in dice.sample(self._some(NUMBERS), dice.randint(1, 3)):
            largest = dice.choice((10, 100, 5000))
            is_whole = dice.random() < 0.5
            columns[self._longer(name)] = [
                str(dice.randint(0, largest)) if is_whole else f"{dice.uniform(0, largest):.2f}" for _ in range(rows)
            ]
        if dice.random() < 0.2:
            columns["year"] = [str(dice.randint(1950, 2020)) for _ in range(rows)]
        names = dice.sample(sorted(columns), len(columns))
        self.table = table_of(" ".join(ROWS), {name.replace(" ", "_"): columns[name] for name in names})
        self.linker = Linker(self.table)
        return self.table

    def _longer(self, name: str) -> str:
        return f"{self.dice.choice(BEFORE)} {name}" if self.dice.random() < 0.15 else name

    def _name(self) -> str:
        word = "".join(self.dice.choice(SYLLABLES) for _ in range(self.dice.randint(2, 3)))
        return f"{word} {self.dice.choice(SYLLABLES)}o" if self.dice.random() < 0.15 else word

    def _of(self, kind: str) -> int:
        return self.dice.choice([place for place, column in enumerate(self.table.columns) if column.kind == kind])

    def _called(self, column: int) -> str:
        words = self.table.columns[column].words
        text = " ".join(words)
        is_plural = self.dice.random() < 0.35 and self.table.columns[column].kind != "date" and not text.endswith("s")
        return f"{text[:-1]}ies" if is_plural and text.endswith("y") else f"{text}s" if is_plural else text

    def _pick(self, *words: str) -> Piece:
        return self.dice.choice(words), NOTHING

    def _row_word(self) -> Piece:
        word = self.dice.choice(ROWS)
        names = {each for column in self.table.columns for each in column.words}
        return (word, ROW) if word not in names and word.rstrip("s") not in names else ("lines", ROW)

    def _conditions(self, most: int, *, before: bool = False) -> tuple[list[Piece], list[Piece], tuple[Condition, ...]]:
        """Return pieces that stand before a noun, pieces after it, and what they mean."""
        dice = self.dice
        ahead, after, found = list[Piece](), list[Piece](), list[Condition]()
        count = dice.choices(range(most + 1), [3, 4, 2, 1][: most + 1])[0]
        used: set[int] = set()
        for _ in range(count):
            kind = dice.choice(("text", "text", "number", "time"))
            if kind == "text" and before and not ahead and dice.random() < 0.4:
                column = self._of("text")
                if column not in used:
                    ahead, one = self._valued(column, "=")
                    used.add(column)
                    found += one
                continue
            pieces, conditions = {"text": self._of_text, "number": self._of_number, "time": self._of_time}[kind]()
            if conditions and conditions[0].column not in used:
                used.add(conditions[0].column)
                after += pieces
                found += conditions
                if dice.random() < 0.15:
                    after.append(self._pick("and", "which are", "that were", "with"))
        return ahead, after, tuple(found)

    def _valued(self, column: int, operator: Any) -> tuple[list[Piece], list[Condition]]:
        value = self.dice.choice([cell for cell in self.table.columns[column].cells if cell is not None])
        text = f"{value}s" if self.dice.random() < 0.2 and not str(value).endswith("s") else str(value)
        return [(text, operator)], [Condition(column, operator, value)]

    def _of_text(self) -> tuple[list[Piece], list[Condition]]:
        column, dice = self._of("text"), self.dice
        is_not = dice.random() < 0.2
        pieces, found = self._valued(column, "!=" if is_not else "=")
        named = [(self._called(column), NOTHING)]
        if is_not:
            lead = dice.choice(
                [
                    [self._pick("not in", "not from", "not", "except", "without", "other than", "that are not")],
                    [self._pick("where", "whose", "with"), *named, self._pick("is not", "not")],
                ]
            )
        else:
            lead = dice.choice(
                [[self._pick("in", "from", "for", "of", "by", "at", "with", "that are", "to", "sold in", "for the")]]
                * 3
                + [[self._pick("where", "whose", "with", "when"), *named, self._pick("is", "equals", "was", "")]]
                + [[self._pick("in", "of", "for", "from"), *named]]
            )
            if dice.random() < 0.15:
                pieces = [*pieces, *named]
        return [*lead, *pieces], found

    def _of_number(self) -> tuple[list[Piece], list[Condition]]:
        column, dice = self._of("number"), self.dice
        cells = [float(str(cell)) for cell in self.table.columns[column].cells if cell is not None]
        low, high = sorted(round(dice.choice(cells)) for _ in range(2))
        if column == self._year():
            return self._of_time()
        if compared := self._comparing(column, (MORE, LESS)):
            word, kind = dice.choice(compared)
            operator = ">" if kind == MORE else "<"
            lead = self._pick("that are", "", f"{ASKS} are", "which were", "are")
            pieces = [lead, (word, LEFT), self._pick("than"), (str(low), operator)]
            return pieces, [Condition(column, operator, low)]  # type: ignore[arg-type]
        name = (self._called(column), LEFT)
        if dice.random() < 0.15:
            pieces = [self._pick("with", "where", "whose", "with a"), name, self._pick("between", "from", "is between")]
            pieces += [(str(low), ">="), self._pick("and", "to"), (str(high), "<=")]
            return pieces, [Condition(column, ">=", low), Condition(column, "<=", high)]
        operator, words = dice.choice(
            [(">", ABOVE), ("<", BELOW), (">=", LEAST_OF), ("<=", MOST_OF), ("=", ["of", "is"])]
        )
        value = (str(low), operator)
        how_much = self._pick(*words)
        forms: list[list[Piece]] = [
            [
                self._pick("with", "with a", "where", "that have", "whose", "having", "have a", "have"),
                name,
                how_much,
                value,
            ],
            [self._pick("where", "whose", "and", "when"), name, self._pick("is", "was", "are"), how_much, value],
            [self._pick("with", "that have", "have"), how_much, value, name],
            [self._pick("that", "which", ""), name, how_much, value],
        ]
        return dice.choice(forms), [Condition(column, operator, low)]  # type: ignore[arg-type]

    def _comparing(self, column: int, kinds: tuple[str, str]) -> list[tuple[str, str]]:
        """Return words that compare by a column, and their kinds, where it has some, and not always."""
        found = [(word, kind) for word, (at, kind) in self.linker.compared.items() if at == column and kind in kinds]
        if any(name in self.table.columns[column].words for name in ("price", "cost")):
            found += [(" ".join(pair), kind) for pair, kind in EXPENSIVE.items() if kind in kinds]
        return found if self.dice.random() < 0.4 else []

    def _year(self) -> int | None:
        return next((place for place, column in enumerate(self.table.columns) if column.words == ["year"]), None)

    def _of_time(self) -> tuple[list[Piece], list[Condition]]:
        dice, column = self.dice, self.table.dates
        years = self._year()
        if years is not None and self.table.columns[years].kind == "number":
            return self._of_years(years, "", dice.randint(1960, 2010))
        if column is None:
            return self._of_text()
        day = str(dice.choice([cell for cell in self.table.columns[column].cells if cell is not None]))
        kind = dice.choice(("year", "year", "month", "month of year", "day"))
        if kind == "year":
            return self._of_years(column, "year", day[:4])
        month = MONTHS[int(day[5:7]) - 1]
        if kind == "month of year":
            return [self._pick("in", "during", "from", "of", "for"), (month, "=")], [
                Condition(column, "=", day[5:7], "month of any year")
            ]
        text, value, period = (f"{month} {day[:4]}", day[:7], "month") if kind == "month" else (day, day, "")
        operator, words = dice.choice(
            [
                (">", ["after", "later than"]),
                ("<", ["before", "earlier than", "until"]),
                (">=", ["since", "from"]),
                ("=", ["in", "during", "of"] if kind == "month" else ["on", "of", "on the"]),
            ]
        )
        return [self._pick(*words), (text, operator)], [Condition(column, operator, value, period)]  # type: ignore[arg-type]

    def _of_years(self, column: int, period: Any, year: Any) -> tuple[list[Piece], list[Condition]]:
        dice = self.dice
        if dice.random() < 0.15:
            last = type(year)(int(year) + dice.randint(1, 3))
            pieces = [self._pick("between", "from"), (str(year), ">="), self._pick("and", "to"), (str(last), "<=")]
            return pieces, [Condition(column, ">=", year, period), Condition(column, "<=", last, period)]
        operator, words = dice.choice(
            [(">", ["after", "later than"]), ("<", ["before", "earlier than"]), (">=", ["since"])]
            + [("=", ["in", "from", "of", "during", "for", "in the year"])] * 2
        )
        lead = [self._pick(*words)]
        if dice.random() < 0.15:
            lead = [self._pick("that came out", "that began", "made", "started", "which happened"), *lead]
        return [*lead, (str(year), operator)], [Condition(column, operator, year, period)]  # type: ignore[arg-type]

    def _grouped(self, not_columns: set[int]) -> tuple[list[Piece], int | None, Any]:
        """Return pieces that ask for groups, the column and the period; often there are none."""
        dice = self.dice
        if dice.random() < 0.55:
            return [], None, ""
        lead = self._pick("by", "per", "for each", "in each", "grouped by", "by", "for every", "split by", "each")
        if self.table.dates is not None and dice.random() < 0.35 and self._year() is None:
            period = dice.choice(("month", "year", "day"))
            taken = {word for column in self.table.columns if len(column.words) == 1 for word in column.words}
            if period not in taken:
                pieces = [lead, (period, GROUP)]
                if dice.random() < 0.2:
                    pieces += [self._pick("of", "of the"), (self._called(self.table.dates), NOTHING)]
                return pieces, self.table.dates, period
        column = self._of("text")
        return ([], None, "") if column in not_columns else ([lead, (self._called(column), GROUP)], column, "")

    def _lead(self) -> list[Piece]:
        lead = self._pick(
            "show me", "give me", "tell me", "find", "please show", "can you tell me", "i want to know", "show"
        )
        return [lead] if self.dice.random() < 0.2 else []
