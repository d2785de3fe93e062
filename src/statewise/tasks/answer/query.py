"""A query of one table, as a value: checked against the table, shown in its words, and run by SQLite exactly."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from statewise.errors import UsageError
from statewise.tasks.answer.asked_table import AskedTable, Value

Aggregate = Literal["list", "count", "sum", "avg", "min", "max"]
Operator = Literal["=", "!=", ">", ">=", "<", "<="]
Order = Literal["", "asc", "desc"]
Period = Literal["", "day", "month", "year", "month of any year"]

AGGREGATES: tuple[Aggregate, ...] = ("list", "count", "sum", "avg", "min", "max")
OPERATORS: tuple[Operator, ...] = ("=", "!=", ">", ">=", "<", "<=")
ORDERS: tuple[Order, ...] = ("", "asc", "desc")
CUTS: dict[Period, str] = {"": "{}", "day": "{}", "month": "substr({}, 1, 7)", "year": "substr({}, 1, 4)"}
CUTS["month of any year"] = "substr({}, 6, 2)"
MOST_LISTED = 1000
"So many rows of a list are told at most."


class Condition(NamedTuple):
    """What the rows that are counted have in a column; a date may be compared by its month or year."""

    column: int
    operator: Operator
    value: Value
    period: Period = ""


@dataclass(frozen=True)
class Query:
    """What is asked of a table. Columns are numbers of its columns; a list has each value once.

    Where `order` is given, the first `limit` are told: of groups by their number, else by `order_column`.
    """

    aggregate: Aggregate
    column: int | None = None
    conditions: tuple[Condition, ...] = ()
    group: int | None = None
    period: Period = ""
    order: Order = ""
    order_column: int | None = None
    limit: int | None = None

    def check(self, table: AskedTable) -> "Query":
        """Return the query. Raises `UsageError` where the table cannot answer it."""
        named = [self.column, self.group, self.order_column, *(one.column for one in self.conditions)]
        if any(place is not None and not 0 <= place < len(table.columns) for place in named):
            raise UsageError("the query is of another table: ask again")
        kind = None if self.column is None else table.columns[self.column].kind
        if self.aggregate in ("sum", "avg") and kind != "number":
            what = "no column" if self.column is None else f"column '{table.columns[self.column].name}'"
            raise UsageError(f"a sum or a mean of {what} was asked for: name a column of numbers")
        if self.aggregate in ("list", "min", "max") and self.column is None:
            raise UsageError("no column of the table is asked for: name one")
        if self.aggregate in ("min", "max") and kind == "text":
            name = table.columns[self.column or 0].name
            raise UsageError(f"column '{name}' holds texts, of which none is the largest: name one of numbers or dates")
        if self.order and self.group is None and self.order_column is not None:
            by = table.columns[self.order_column]
            if by.kind == "text":
                raise UsageError(f"column '{by.name}' holds texts to order by: name a column of numbers or dates")
        if self.period and self.group is not None and table.columns[self.group].kind != "date":
            raise UsageError(f"column '{table.columns[self.group].name}' holds no dates to group by {self.period}")
        if self.order and self.group is None and self.order_column is None:
            raise UsageError("it is not said by which column to order: name one")
        return self

    def statement(self) -> tuple[str, list[Value]]:
        """Return the SQL that is run, and its values; columns are `c0`, `c1` and so on."""
        values = [one.value for some in self._alternatives() for one in some]
        return self._written(lambda place: f"c{place}", lambda value: "?"), values

    def shown(self, table: AskedTable) -> str:
        """Return the query as a person reads it, with the table's own names and values."""
        return self._written(lambda place: _quoted(table.columns[place].name, '"'), _literal)

    def _written(self, named: Callable[[int], str], told: Callable[[Value], str]) -> str:
        what = "COUNT(*)" if self.aggregate == "count" else named(self.column or 0)
        if self.aggregate not in ("list", "count"):
            what = f"{self.aggregate.upper()}({what})"
        by = None if self.group is None else CUTS[self.period].format(named(self.group))
        parts = [f"SELECT {what} FROM t"]
        if self.aggregate == "list":
            parts = [f"SELECT {'' if self.order else 'DISTINCT '}{what} FROM t"]
        elif by is not None:
            parts = [f"SELECT {by}, {what} FROM t"]
        clauses = [self._clause(some, named, told) for some in self._alternatives()]
        if self.aggregate == "list" or by is not None:
            clauses.append(f"{what if by is None else by} IS NOT NULL")
        if self.order and by is None and self.order_column is not None:
            clauses.append(f"{named(self.order_column)} IS NOT NULL")
        parts += [f"WHERE {' AND '.join(clauses)}"] if clauses else []
        parts += [f"GROUP BY {by}"] if by is not None else []
        if self.order:
            parts.append(f"ORDER BY {what if by is not None else named(self.order_column or 0)} {self.order.upper()}")
        elif by is not None:
            parts.append(f"ORDER BY {by}")
        parts.append(f"LIMIT {min(self.limit or MOST_LISTED, MOST_LISTED)}")
        return " ".join(parts)

    def _alternatives(self) -> list[list[Condition]]:
        """Return the conditions, those together of which one is to hold: no cell equals two values."""
        found: dict[object, list[Condition]] = {}
        for number, one in enumerate(self.conditions):
            found.setdefault((one.column, one.period) if one.operator == "=" else number, []).append(one)
        return list(found.values())

    @staticmethod
    def _clause(some: Sequence[Condition], named: Callable[[int], str], told: Callable[[Value], str]) -> str:
        parts = [f"{CUTS[one.period].format(named(one.column))} {one.operator} {told(one.value)}" for one in some]
        return parts[0] if len(parts) == 1 else f"({' OR '.join(parts)})"

    def run(self, table: AskedTable) -> list[tuple[Value, ...]]:
        """Return the rows of the answer. Raises `UsageError` where the table cannot answer it."""
        return table.run(*self.check(table).statement())


def _quoted(text: str, mark: str) -> str:
    return mark + text.replace(mark, 2 * mark) + mark


def _literal(value: Value) -> str:
    return repr(value) if isinstance(value, int | float) else _quoted(str(value), "'")


def same_rows(one: Sequence[Sequence[Value]], other: Sequence[Sequence[Value]]) -> bool:
    """Say whether two answers hold the same rows, in any order, numbers to the sixth digit.

    >>> same_rows([("a", 1.0)], [["a", 1.0000000001]])
    True
    """
    return sorted(map(_rounded, one)) == sorted(map(_rounded, other))


def _rounded(row: Sequence[Value]) -> tuple[tuple[str, str], ...]:
    return tuple(("", f"{v:.6g}") if isinstance(v, float | int) else ("text", str(v)) for v in row)
