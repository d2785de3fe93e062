"""A table as it is opened: what its columns are called, pieces of them, and which line of the file a row is."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

FIRST_ROW = 2
"Where there are no lines, rows are counted as a spreadsheet shows them: the head is row 1."
MOST_NAMED = 3


class RowNumbers:
    """The number of each row, by its place: the line of a file in which it begins.

    >>> rows = RowNumbers()
    >>> rows.begin(5, at=10)
    >>> rows(0), rows(4), rows(6), rows.named([0, 5, 6, 7])
    (2, 6, 11, '2, 10, 11 and more')
    """

    def __init__(self) -> None:
        self._places, self._shifts = [0], [FIRST_ROW]

    def begin(self, place: int, at: int) -> None:
        """Say in which line a row begins; those after it follow line by line, until another is told."""
        if at - place != self._shifts[-1]:
            if place == self._places[-1]:
                self._shifts[-1] = at - place
            else:
                self._places.append(place)
                self._shifts.append(at - place)

    def __call__(self, place: int) -> int:
        """Return the number of a row."""
        return int(place) + self._shifts[bisect_right(self._places, int(place)) - 1]

    def named(self, places: Iterable[int], most: int = MOST_NAMED) -> str:
        """Name a few rows."""
        found = [str(self(place)) for place in islice(places, most + 1)]
        return ", ".join(found[:most]) + (" and more" if len(found) > most else "")


class OpenTable(NamedTuple):
    """An open table: `chunks` yields the cells of some columns, some rows at a time, and `rows` knows their lines."""

    title: str
    names: list[str]
    chunks: Callable[[list[str]], Iterator[dict[str, Sequence[Any]]]]
    rows: RowNumbers
