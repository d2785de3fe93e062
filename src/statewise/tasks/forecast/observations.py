"""One observation as it is written in a line, or given from Python: its cells, its values, its time."""

import csv
import json
from collections.abc import Mapping
from numbers import Real as Number
from typing import Any, final

import numpy as np

from statewise.data.series.frequency import DAY, Frequency
from statewise.data.series.series_columns import ROW, joined_time
from statewise.data.series.series_rows import LARGEST
from statewise.data.tables.clocks import from_clocks
from statewise.data.tables.columns import Unreadable, is_nothing, is_number, numbers
from statewise.data.tables.table_format import TableFormat
from statewise.data.tables.times import TimeReader
from statewise.errors import DataError, UsageError
from statewise.inputs import Inputs
from statewise.registry import unknown
from statewise.shown import counted
from statewise.tasks.forecast.features import SeriesCodec

Cells = dict[str, Any]

SHOWN = 60
MOST_LEFT_OUT = 10_000
MOST_DAYS_LEFT_OUT = 27
"Fewer than any month has, so that a mistyped month is refused, as a mistyped year is."
LEAST_LEFT_OUT = 3


def usual_longest_gap(frequency: Frequency) -> int:
    """Return how many steps may lie between two observations where nothing else was said.

    >>> usual_longest_gap(Frequency("s", 3600)), usual_longest_gap(Frequency("mo", 1))
    (648, 3)
    """
    days = {"s": frequency.count / DAY, "mo": 30 * frequency.count, "b": 1.4 * frequency.count}.get(frequency.unit)
    return MOST_LEFT_OUT if days is None else max(LEAST_LEFT_OUT, min(MOST_LEFT_OUT, int(MOST_DAYS_LEFT_OUT / days)))


@final
class Observations:
    """Reads observations as the table of a codec was written. All that cannot be read is a `DataError` in one line."""

    def __init__(self, codec: SeriesCodec, how: TableFormat) -> None:
        self.codec, self.how = codec, how
        columns = codec.columns
        self.covariates = [*columns.known, *columns.past]
        has_time = not (columns.time == ROW and codec.clock.is_steps)
        named = [columns.series] if columns.series else []
        self.order = [*(columns.of_time if has_time else ()), *named, *columns.targets]
        self.names = {*self.order, *self.covariates, *columns.static}

    def cells(self, given: Any) -> Cells:
        """Return an observation by the names of columns: a mapping, a list of cells, or a line of either."""
        if isinstance(given, Mapping):
            return self._by_name(given)
        if isinstance(given, list | tuple):
            return self._in_order([*given], given)
        line = str(given)  # a number reads as its digits
        if not line.lstrip().startswith("{"):
            return self._in_order(self._split(line), line)
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            raise DataError(f"{line[:SHOWN]!r} is not a JSON object: mend it") from None
        return self._by_name(found)

    def inputs(self, series: str, time: str, value: float) -> Inputs:
        """Return what an observation may be, with that of a series at a time as an example."""
        columns = self.codec.columns
        target = next((name for name in columns.targets if series == name or series.endswith(f" {name}")), None)
        target, several = target or columns.targets[0], len(columns.targets) > 1
        said: Cells = {columns.time: time, target: value}
        if columns.series is not None:
            said[columns.series] = series.removesuffix(f" {target}") if several else series
        example = {name: said[name] for name in self.order if name in said}
        words = f"an observation, as an object with {', '.join(self.order)}, or as their cells in a list or a line"
        if len(columns.targets) == 1 and columns.series is None:
            return Inputs(f"{words}, or the value alone", ("object", "array", "string", "number"), example)
        return Inputs(words, ("object", "array", "string"), example)

    def targets(self, cells: Cells) -> list[tuple[str, float]]:
        """Return the value of each target that is there, by the name of its series; NaN where nothing came."""
        columns = self.codec.columns
        series = str(cells.get(columns.series, "")) if columns.series else ""
        found = []
        for target in columns.targets:
            if target in cells:
                name = f"{series} {target}" if series and len(columns.targets) > 1 else series or target
                found.append((name, self.value(target, cells[target])))
        if not found:
            raise DataError(f"there is no value of {', '.join(columns.targets)}: give one")
        return found

    def value(self, name: str, cell: Any) -> float:
        """Return a cell as a number, NaN where there is nothing."""
        if is_nothing(cell):
            return float("nan")
        try:
            if isinstance(cell, bool) or not isinstance(cell, str | Number):
                raise DataError(f"column '{name}' holds {str(cell)[:SHOWN]!r}, which is not a number: give one")
            found = float(numbers([cell], how=self.how)[0]) if isinstance(cell, str) else float(cell)
        except Unreadable as bad:
            raise DataError(f"column '{name}' {bad.words}") from None
        except OverflowError:
            found = float("inf")
        if abs(found) > LARGEST:
            what = "is infinite" if np.isinf(found) else f"holds {found:g}, beyond {LARGEST:g}"
            raise DataError(f"column '{name}' {what}: leave the value empty where there is none")
        return found

    def time(self, cells: Cells, expected: np.datetime64) -> np.datetime64 | None:
        """Return when it was, None where that is not said; of what clocks showed twice the first from `expected` on."""
        name, parts = self.codec.columns.time, [cells.get(part) for part in self.codec.columns.of_time]
        if all(part is None or not str(part).strip() for part in parts):
            return None
        cell = joined_time(self.codec.columns.of_time, parts) if len(parts) > 1 else parts[0]
        reader, clock = TimeReader(self.how, day_first=self.codec.day_first), self.codec.clock
        try:
            found = reader([str(cell)])
        except Unreadable as bad:
            raise DataError(f"column '{name}' {bad.words}") from None
        if (reader.kind == "numbers") != clock.is_steps or found[0] != found[0].astype("datetime64[s]"):
            wanted = "the number of a step" if clock.is_steps else "a time in whole seconds"
            raise DataError(f"column '{name}' holds {str(cell)[:SHOWN]!r}: give {wanted}")
        when = found.astype("datetime64[s]")
        return when[0] if clock.zone is None or reader.has_offsets else _on_clock(when[0], clock.zone, expected)

    @property
    def _mark(self) -> str:
        """What separates the cells of a line."""
        return ";" if self.how.decimal == "," else ","

    def _split(self, line: str) -> list[str]:
        try:
            return next(csv.reader([line], delimiter=self._mark), [])
        except csv.Error as error:
            raise DataError(f"{line[:SHOWN]!r} cannot be read ({error}): mend it") from None

    def _in_order(self, cells: list[Any], given: Any) -> Cells:
        columns, order = self.codec.columns, [*self.order, *self.covariates]
        wanted = f"{self._mark} ".join(order)
        if len(cells) == 1 and len(columns.targets) == 1 and columns.series is None:
            if isinstance(given, str) and not (is_nothing(cells[0]) or is_number(cells[0], self.how)):
                raise DataError(f"{given[:SHOWN]!r} is not a number: give a value, or {wanted}")
            return {columns.targets[0]: cells[0]}
        if not len(self.order) <= len(cells) <= len(order):
            count = counted(len(cells), "cell")
            raise DataError(f"{str(given)[:SHOWN]!r} has {count}: give {wanted}")
        return dict(zip(order, cells))

    def _by_name(self, given: Any) -> Cells:
        if not isinstance(given, Mapping):
            raise DataError(f"{str(given)[:SHOWN]!r} is not a JSON object: mend it")
        for name in given:
            if name not in self.names:
                raise UsageError(unknown("column", str(name)[:SHOWN], sorted(self.names)))
        return dict(given)


def _on_clock(shown: np.datetime64, zone: str, expected: np.datetime64) -> np.datetime64:
    for later in (False, True):
        found = from_clocks(np.array([shown]), zone, np.array([later]))
        if found.never[0]:
            raise DataError(f"clocks of {zone} never showed {shown}, for they were put forward then: mend it")
        if found.utc[0] >= expected:
            break
    return np.datetime64(found.utc[0])
