"""How a question about a table becomes what a network reads, and what it says of each word becomes a query."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, NamedTuple, final

from statewise.data.codec import Codec
from statewise.errors import DataError
from statewise.tasks.answer import linking
from statewise.tasks.answer.asked_table import AskedColumn, AskedTable, table_of
from statewise.tasks.answer.generated_parts import BY, GROUP, LEFT, LIMIT, NOTHING, ROLES, TARGET
from statewise.tasks.answer.linking import END, ORDER, SLOTS, Linked, kinds_of
from statewise.tasks.answer.query import AGGREGATES, OPERATORS, ORDERS, Condition, Query

UNKNOWN = 0
AHEAD = 5
"How many words are read at each step: a word, and those after it."
MOST_CELLS = 1_000_000
"Cells of a table that a run keeps; a larger one is asked by name."
TAGS = (*ROLES, *OPERATORS, *(f"aggregate {name}" for name in AGGREGATES), *(f"order {name}" for name in ORDERS))
"What the network says of each word, and at the two ends of a question."
FIRST_AGGREGATE = len(ROLES) + len(OPERATORS)
FIRST_ORDER = FIRST_AGGREGATE + len(AGGREGATES)
SAID_OF = {
    linking.NUMBER: (NOTHING, TARGET, GROUP, BY, LEFT),
    linking.TEXT: (NOTHING, TARGET, GROUP),
    linking.DATE: (NOTHING, TARGET, GROUP),
    linking.VALUE: (NOTHING, "=", "!="),
    linking.AMOUNT: (NOTHING, LIMIT, *OPERATORS),
    linking.YEAR: (NOTHING, *OPERATORS),
    linking.MONTH: (NOTHING, *OPERATORS),
    linking.DAY: (NOTHING, *OPERATORS),
    linking.PERIOD: (NOTHING, GROUP),
    linking.MOST: (NOTHING, BY),
    linking.LEAST: (NOTHING, BY),
    linking.MORE: (NOTHING, LEFT),
    linking.LESS: (NOTHING, LEFT),
    END: tuple(TAGS[FIRST_AGGREGATE:FIRST_ORDER]),
    ORDER: tuple(TAGS[FIRST_ORDER:]),
}
"What may be said of each kind of word; of words that training never saw what is said of columns, of others nothing."


class ColumnNotThere(Exception):
    """A question asks for a column that the table does not have: the word for it."""


class QueryReading(NamedTuple):
    """One reading of a question, and how likely it is."""

    query: Query
    probability: float


@final
@dataclass(frozen=True, eq=False)
class TableCodec(Codec):
    """The words that training saw, and the table that a run is about."""

    form: ClassVar[str] = "table"

    words: tuple[str, ...]
    table: AskedTable

    @cached_property
    def codes(self) -> dict[str, int]:
        """The code of each kind of word and of each word."""
        return {word: code for code, word in enumerate((*SLOTS, END, ORDER, *self.words), start=1)}

    @property
    def size(self) -> int:
        """How many codes there are, that of unknown words among them."""
        return len(self.codes) + 1

    @property
    def symbols(self) -> Sequence[str]:
        """What training never saw, called "", the kinds of words and the words."""
        return ("", *self.codes)

    def coded(self, linked: Sequence[Linked]) -> list[list[int]]:
        """Return what is read at each step: the code of a word, and of those after it."""
        return ahead([self.codes.get(kind, UNKNOWN) for kind in kinds_of(linked)])

    def allowed(self, linked: Sequence[Linked]) -> list[tuple[int, ...]]:
        """Return the numbers of the tags that may be said of each word and the two ends."""
        of_unknown = (NOTHING, TARGET, GROUP, BY, LEFT)
        found = [SAID_OF.get(kind, (NOTHING,) if kind in self.codes else of_unknown) for kind in kinds_of(linked)]
        return [tuple(TAGS.index(tag) for tag in tags) for tags in found]

    @property
    def example(self) -> str:
        """A question about the table."""
        numbers = [column for column in self.table.columns if column.kind == "number"]
        if not numbers:
            return "how many rows are there"
        return f"what is the average {' '.join(numbers[0].words)}"

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        columns = {
            column.name: ["" if cell is None else str(cell) for cell in column.cells] for column in self.table.columns
        }
        return {"form": self.form, "words": list(self.words), "title": self.table.title, "columns": columns}

    @classmethod
    def read(cls, written: Any) -> "TableCodec":
        """Return what `as_json` wrote. Raises `DataError` for anything else."""
        try:
            words, title, columns = written["words"], written["title"], written["columns"]
            texts = [*words, title, *columns, *(cell for cells in columns.values() for cell in cells)]
            is_sound = written["form"] == cls.form and all(isinstance(text, str) for text in texts)
            is_sound = (
                is_sound and len({len(cells) for cells in columns.values()}) == 1 and len(texts) <= 2 * MOST_CELLS
            )
            is_sound = (
                is_sound and len(set(words)) == len(words) and all(AskedColumn(n, "text", []).words for n in columns)
            )
            is_sound = is_sound and all(isinstance(cells, list) and cells for cells in columns.values())
        except (KeyError, TypeError, AttributeError):
            is_sound = False
        if not is_sound:
            raise DataError("codec.json is not one of a table: it is damaged, or of another version")
        return cls(tuple(words), table_of(title, columns))


def ahead(codes: Sequence[int]) -> list[list[int]]:
    """Return each code with those after it.

    >>> ahead([7, 8])
    [[7, 8, 0, 0, 0], [8, 0, 0, 0, 0]]
    """
    padded = [*codes, *[UNKNOWN] * AHEAD]
    return [padded[at : at + AHEAD] for at in range(len(codes))]


def query_of(linked: Sequence[Linked], tags: Sequence[str], table: AskedTable) -> Query:
    """Return the query that a question means whose words, and two ends, play these parts.

    Raises `ColumnNotThere` where a word that is no column is asked for as one.
    """
    aggregate: Any = tags[-2].removeprefix("aggregate ")
    order: Any = tags[-1].removeprefix("order ")
    by_role: dict[str, list[Linked]] = {}
    for one, tag in zip(linked, tags, strict=False):
        if tag in (TARGET, GROUP, BY, LEFT) and one.column is None:
            raise ColumnNotThere(one.text)
        by_role.setdefault(tag, []).append(one)
    target = next((one.column for one in by_role.get(TARGET, [])), None)
    by = next((one.column for one in by_role.get(BY, [])), None)
    grouped = next(iter(by_role.get(GROUP, [])), None) if aggregate != "list" else None
    limit = next((int(one.value) for one in by_role.get(LIMIT, []) if isinstance(one.value, int | float)), None)
    if aggregate == "list" and target is None:
        target = table.key if by_role.get(GROUP) is None else by_role[GROUP][0].column
    if aggregate == "count":
        target = None
    if order and by is None and grouped is None:
        by, target = target, table.key
    return Query(
        aggregate,
        target,
        tuple(_conditions(linked, tags, target)),
        None if grouped is None else grouped.column,
        grouped.value if grouped is not None and grouped.kind == linking.PERIOD else "",  # type: ignore[arg-type]
        order,
        by if grouped is None and order else None,
        (limit or 1) if order else None,
    )


def _conditions(linked: Sequence[Linked], tags: Sequence[str], target: int | None) -> Iterable[Condition]:
    for place, (one, tag) in enumerate(zip(linked, tags, strict=False)):
        if tag not in OPERATORS:
            continue
        operator: Any = tag
        if one.kind == linking.AMOUNT:
            column = _compared(linked, tags, place, target)
            if column is None:
                raise ColumnNotThere(one.text)
            yield Condition(column, operator, one.value)
        elif one.column is not None:
            period: Any = ""
            if isinstance(one.value, str) and one.kind in (linking.YEAR, linking.MONTH):
                period = {2: "month of any year", 4: "year", 7: "month"}[len(one.value)]
            yield Condition(one.column, operator, one.value, period)


def _compared(linked: Sequence[Linked], tags: Sequence[str], place: int, target: int | None) -> int | None:
    """Return the column that a number is compared with: the last before it, or the next one, or what is asked for."""
    before = [one.column for one, tag in zip(linked[:place], tags, strict=False) if tag == LEFT]
    after = [one.column for one, tag in zip(linked[place:], tags[place:], strict=False) if tag == LEFT]
    if before:
        return before[-1]
    return after[0] if after else target
