"""What the columns of a table of series are: told, or guessed from what they are called and hold."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from statewise.data.tables.columns import PLAIN, Unreadable, plain_id, text_of
from statewise.data.tables.moments import is_time
from statewise.data.tables.table_format import TableFormat
from statewise.data.tables.tables import Source, column_names, first_cells, title_of
from statewise.data.tables.times import TimeReader
from statewise.errors import UsageError

ROW = "row"
TIME_NAMES = {"time", "date", "datetime", "timestamp", "ds", "date_time", "datetime_gmt", "month", "day", "year"}
LOOKED_AT = 1000
"So many cells of a first column are looked at to see whether they are times."
PARTS = ("year", "month", "day")
"Columns that say a time together only."
CLOCKS = ("time", "hour")
CLOCK = re.compile(r"\d{1,2}(?:[:.]\d\d){0,2}(?: ?[ap]\.?m\.?)?", re.IGNORECASE)
"Names of a column that holds the time of day, next to a column of dates."


@final
@dataclass(frozen=True)
class SeriesColumns:
    """What the columns of a table are: the time, one or more targets, and what may be known of each series besides.

    A `time` of ROW, where no column is called so, makes each row of a series one step. Where several columns say the
    time together, `together` are these, and `time` is their names joined by +.

    With several targets each is a series of its own, named after its column. `known` are known ahead of time, `past`
    only once they have been seen; `static` are the same throughout a series.
    """

    time: str
    targets: tuple[str, ...]
    series: str | None = None
    known: tuple[str, ...] = ()
    past: tuple[str, ...] = ()
    static: tuple[str, ...] = ()
    together: tuple[str, ...] = ()

    @property
    def of_time(self) -> tuple[str, ...]:
        """The columns that say the time."""
        return self.together or (self.time,)

    @property
    def roles(self) -> dict[str, tuple[str, ...]]:
        """The columns that a table must have, by what they are."""
        of_time = () if self.time == ROW else self.of_time
        roles = {"time": of_time, "series": (self.series,) if self.series else (), "target": self.targets}
        return roles | {"known": self.known, "past": self.past, "static": self.static}

    def as_json(self) -> dict[str, Any]:
        """Return the roles as plain values."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in vars(self).items()}

    @classmethod
    def read(cls, written: Mapping[str, Any]) -> "SeriesColumns":
        """Return roles that were written down."""
        values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in written.items()}
        return cls(**values)


def guess_columns(source: Source, columns: Mapping[str, Any], how: TableFormat = PLAIN) -> SeriesColumns:
    """Return the roles of the columns, where not all of them were given: the time is called so, or comes first.

    Where no column is called so and the first holds no times, each row is a step. Raises `UsageError` where the target
    cannot be guessed.
    """
    names = column_names(source, how)
    time = columns.get("time") or _time_among(source, names, how)
    together = () if time in names else _parts_of(time, names)
    given = {key: tuple(columns.get(key) or ()) for key in ("known", "past", "static")}
    taken = {time, *together, columns.get("series"), *(name for group in given.values() for name in group)}
    targets = tuple(columns.get("targets") or ())
    if not targets:
        by_row = time == ROW and ROW not in names
        left = [name for name in names if name and name not in taken and not (by_row and name.lower() in TIME_NAMES)]
        if not left or (columns.get("series") and len(left) > 1):
            raise UsageError(
                f"{title_of(source)} has columns {', '.join(names)}: name the column to forecast with --target"
            )
        targets = tuple(left)
    twice = [name for name in targets if name in taken]
    if twice:
        raise UsageError(f"column '{twice[0]}' is given both as a target and as something else: give one of them")
    return SeriesColumns(time, targets, columns.get("series"), **given, together=together)


def refuse_others(source: Source, columns: SeriesColumns, how: TableFormat = PLAIN) -> None:
    """Raise `UsageError` where a table lacks columns that a training read, with those it read and those there are."""
    names = column_names(source, how)
    missing = [name for group in columns.roles.values() for name in group if name not in names]
    if missing:
        read = "; ".join(f"{role} {', '.join(map(repr, group))}" for role, group in columns.roles.items() if group)
        raise UsageError(
            f"{title_of(source)} has no column {', '.join(map(repr, missing))}: it has {', '.join(names)}, and the run "
            f"was trained on {read}: rename its columns, or train a run on it"
        )


def joined_time(columns: Sequence[str], cells: Sequence[Any]) -> str:
    """Return the time that cells of several columns say together.

    >>> joined_time(("Year", "Month"), ("2026", "7.0")), joined_time(("date", "hour"), ("2026-11-25", 9))
    ('2026-07', '2026-11-25 9')
    """
    texts = [plain_id(text_of(cell)) for cell in cells]
    if all(name.lower() in PARTS for name in columns):
        return "-".join(text.zfill(2) for text in texts)
    return " ".join(texts)


def _parts_of(time: str, names: Sequence[str]) -> tuple[str, ...]:
    """Return the columns whose names, joined by +, are a name; names may hold a + themselves."""
    if time in names:
        return (time,)
    for name in names:
        if time.startswith(f"{name}+") and (rest := _parts_of(time[len(name) + 1 :], names)):
            return (name, *rest)
    return ()


def _time_among(source: Source, names: Sequence[str], how: TableFormat) -> str:
    called = {name.lower(): name for name in names}
    parts = [called[part] for part in PARTS if part in called]
    found = next((name for name in names if name.lower() in TIME_NAMES), None)
    if found in parts and "year" in called:
        return "+".join(parts)
    first = first_cells(source, how)
    clock = next((called[name] for name in CLOCKS if name in called), None)
    if "date" in called and clock is not None and len(first[clock]):
        return f"{called['date']}+{clock}" if CLOCK.fullmatch(str(first[clock][0]).strip()) else clock
    if found is not None:
        return found
    cells = first[names[0]][:LOOKED_AT]
    reader = TimeReader(how)
    try:
        when = reader(cells)
    except Unreadable:
        return names[0] if len(cells) and is_time(str(cells[0])) else ROW
    counts_up = len(when) > 2 and bool((np.diff(when.astype(np.int64)) == 10**6).all())
    return names[0] if reader.kind == "times" or counts_up else ROW
