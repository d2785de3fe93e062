"""Movements in tables: a row is a sample, with columns for time, recording, label and person; or a whole sequence."""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from statewise.data.movement.landmark_layouts import groups_of
from statewise.data.movement.recording import (
    MOST_COLUMNS,
    Movement,
    MovementReading,
    NotRead,
    Seconds,
    as_numbers_array,
)
from statewise.data.tables.columns import Unreadable, is_number, numbers, words
from statewise.data.tables.tables import column_names, first_cells, read_chunks
from statewise.disk.reading import open_file
from statewise.errors import DataError, UsageError
from statewise.registry import unknown

TIME = ("time", "timestamp", "seconds", "t", "time_s", "time_ms", "ms", "datetime")
LABEL = ("label", "class", "gesture", "activity", "target", "y")
RECORDING = ("recording", "recording_id", "session", "sequence", "sequence_id", "clip", "take", "trial", "id")
LARGEST_LINE = 1 << 20
NAMES_NEXT_TO = ("_classifier_label.csv", "_label.csv", "_labels.csv")
"What stands after a table's name in that of a list of its classes, a name a line."
ABSENT, ENDLESS = ("nan", "na", "null", "none"), ("inf", "infinity")
DIVISORS = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))
"A clock that counts from 1970 in nano-, micro- or milliseconds is known by how large its numbers are."


def is_headless(path: Path) -> bool:
    """Say whether a table has no names of columns: its first row is numbers alone."""
    with open_file(path, DataError) as file:
        line = file.readline(LARGEST_LINE).decode("utf-8-sig", "replace").strip()
    cells = line.split(",")
    return len(cells) > 2 and all(is_number(cell) for cell in cells)


def recordings_of_rows(path: Path, reading: MovementReading) -> Iterator[Movement | NotRead]:
    """Yield the recordings of a table without names: a row is the number of a class, then a whole sequence.

    A row as wide as the landmarks of a hand is one sample, otherwise points of `channels` numbers are one after
    another. A list of names next to the table, such as `NAME_label.csv`, says what the classes are called.
    """
    names, width = _class_names(path), 0
    for where, cells in _rows_of_numbers(path):
        if cells is None:
            yield NotRead("with a cell that is not a number", where)
            continue
        if len(cells) > MOST_COLUMNS or not np.isfinite(cells[0]) or cells[0] != int(cells[0]):
            yield NotRead("without the number of a class", where)
            continue
        width = width or len(cells)
        if len(cells) != width:
            yield NotRead("of another width", where)
            continue
        is_sample = bool(groups_of("auto", width - 1))
        channels = width - 1 if is_sample else reading.channels
        if (width - 1) % channels:
            raise UsageError(f"{path}: {width - 1} numbers in a row are not points of {channels}: give --channels")
        label = names.get(int(cells[0]), str(int(cells[0])))
        yield Movement(where, as_numbers_array(cells[1:].reshape(-1, channels), where), None, label)


def sequences_of_rows(path: Path, columns: int) -> Iterator[NDArray[np.float32]]:
    """Yield the sequences of a table without names, a row each, of samples of so many `columns`.

    The number of a class may stand first, as in a table to train on. Raises `DataError` for a row that has no sequence.
    """
    for where, cells in _rows_of_numbers(path):
        if cells is None:
            raise DataError(f"{where} has a cell that is not a number: mend it")
        first = 0 if columns > 1 and len(cells) % columns == 0 else 1
        if (len(cells) - first) % columns or not 0 < len(cells) - first <= MOST_COLUMNS:
            raise DataError(
                f"{where} has {len(cells):,} numbers, which do not make samples of {columns:,}: "
                "give rows as those that were trained on"
            )
        yield as_numbers_array(cells[first:].reshape(-1, columns), where)


def _rows_of_numbers(path: Path) -> Iterator[tuple[str, NDArray[np.float64] | None]]:
    """Yield where each row stands, with its numbers; None where a cell is not a number."""
    with open_file(path, DataError) as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                cells = np.array(line.decode("utf-8-sig").strip().split(","), np.float64)
            except (ValueError, UnicodeDecodeError):
                yield f"{path} row {number}", None
                continue
            yield f"{path} row {number}", cells


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Raise `DataError`, with the file, for text that is not UTF-8."""
    try:
        yield
    except UnicodeDecodeError:
        raise DataError(f"{path} is not text in UTF-8: save it so") from None


def names_next_to(path: Path) -> Path | None:
    """Return the list of classes that stands next to a table, if there is one."""
    listed = (path.with_name(path.stem + ending) for ending in NAMES_NEXT_TO)
    return next((file for file in listed if file.is_file()), None)


def _class_names(path: Path) -> dict[int, str]:
    listed = names_next_to(path)
    if listed is None:
        return {}
    with listed.open(encoding="utf-8-sig", errors="strict", newline="") as file, named(listed):
        return {n: row[0].strip() for n, row in enumerate(csv.reader(file)) if row and row[0].strip()}


def recordings_of_table(path: Path, reading: MovementReading) -> Iterator[Movement | NotRead]:
    """Yield the recordings of a table with named columns, whose rows lie one recording after another.

    Where a recording has one label it is one gesture, else labels are of samples. Raises `UsageError` for a column that
    is named and is not there, `DataError` where rows of a recording stand apart.
    """
    names = column_names(path)
    picked = {
        "time": _picked(path, names, reading.time, TIME),
        "label": _picked(path, names, reading.label, LABEL),
        "recording": _picked(path, names, reading.recording, RECORDING),
        "person": _picked(path, names, reading.person if reading.person not in ("name", "folder") else None, ()),
    }
    if picked["label"] is None:
        raise UsageError(f"{path} has no column of labels: name it with --label-column ({', '.join(names)[:200]})")
    columns = _columns(path, names, reading, picked)
    yield from _grouped(path, picked, columns)


def _picked(path: Path, names: Sequence[str], said: str | None, usual: Sequence[str]) -> str | None:
    if said is not None:
        if said not in names:
            raise UsageError(f"{path}: {unknown('column', said, names)}")
        return said
    return next((name for name in names if name.strip().lower() in usual), None)


def _columns(path: Path, names: Sequence[str], reading: MovementReading, picked: Mapping[str, str | None]) -> list[str]:
    """Return the names of the columns that are numbers of a sample."""
    if reading.columns:
        for name in reading.columns:
            if name not in names:
                raise UsageError(f"{path}: {unknown('column', name, names)}")
        return list(reading.columns)
    taken = {name for name in picked.values() if name is not None}
    cells = first_cells(path)
    found = [name for name in names if name not in taken and _are_numbers(cells[name])]
    if not found:
        raise DataError(
            f"{path} has no column of numbers besides {', '.join(sorted(taken))}: give sensors or landmarks"
        )
    if len(found) > MOST_COLUMNS:
        raise DataError(f"{path} has {len(found):,} columns of numbers: give at most {MOST_COLUMNS:,}")
    return found


def _are_numbers(cells: Sequence[Any]) -> bool:
    """Say whether most cells of a column that hold something are numbers; a cell that is none is refused later."""
    texts = [text.strip().lower() for cell in cells[:1000] if (text := "" if cell is None else str(cell)).strip()]
    texts = [text for text in texts if text not in ABSENT]
    return 2 * sum(is_number(text) or text.lstrip("+-") in ENDLESS for text in texts) > len(texts)


def _grouped(path: Path, picked: Mapping[str, str | None], columns: Sequence[str]) -> Iterator[Movement | NotRead]:
    wanted: dict[str, Callable[[Sequence[Any]], Any]] = dict.fromkeys(columns, numbers)
    wanted |= {name: words for role, name in picked.items() if name is not None and role != "time"}
    if picked["time"] is not None:
        wanted[picked["time"]] = seconds_of
    held: list[dict[str, Any]] = []
    current, finished = None, set[str]()
    for piece in read_chunks(path, wanted):
        count = len(next(iter(piece.columns.values())))
        own = picked["recording"]
        ids = piece.columns[own] if own is not None else np.full(count, path.stem, object)
        edges = [0, *(np.flatnonzero(ids[1:] != ids[:-1]) + 1).tolist(), count] if count else [0]
        for start, stop in pairwise(edges):
            name = str(ids[start])
            if name != current:
                if held:
                    yield _recording_of(f"{path.name} {current}", held, picked, columns)
                if name in finished:
                    raise DataError(f"{path}: rows of recording '{name}' stand apart: sort the table by recording")
                finished.add(name)
                held, current = [], name
            held.append({column: values[start:stop] for column, values in piece.columns.items()})
    if held:
        yield _recording_of(f"{path.name} {current}", held, picked, columns)


def _recording_of(
    name: str, held: Sequence[Mapping[str, Any]], picked: Mapping[str, str | None], columns: Sequence[str]
) -> Movement | NotRead:
    def joined(role: str) -> Any:
        column = picked[role]
        return None if column is None else np.concatenate([one[column] for one in held])

    values = np.stack([np.concatenate([one[column] for one in held]) for column in columns], axis=1)
    labels = joined("label")
    people = joined("person")
    if people is not None and len(set(people)) > 1:
        return NotRead("in which several people move", name)
    person = None if people is None else str(people[0])
    whole = {str(label) for label in labels}
    label = next(iter(whole)) if len(whole) == 1 else ""
    each = None if len(whole) == 1 else [str(one) for one in labels]
    return Movement(name, as_numbers_array(values, name), joined("time"), label, each, person, None, tuple(columns))


def seconds_of(cells: Sequence[Any]) -> Seconds:
    """Return times as seconds: numbers as they are, clocks since 1970 in finer units divided, dates as such clocks.

    What is missing is NaN. Raises `Unreadable` for anything else.

    >>> seconds_of(["0.5", ""]).tolist(), seconds_of(["1700000000000"]).tolist()
    ([0.5, nan], [1700000000.0])
    """
    try:
        found: NDArray[np.float64] = np.asarray(numbers(cells), np.float64)
    except Unreadable:
        found = np.array([_moment(index, cell) for index, cell in enumerate(cells)], np.float64)
    found[np.isinf(found)] = np.nan
    usual = float(np.nanmedian(np.abs(found))) if np.isfinite(found).any() else 0.0
    for least, divisor in DIVISORS:
        if usual > least:
            return found / divisor
    return found


def _moment(index: int, cell: Any) -> float:
    text = str(cell).strip()
    if not text or text.lower() in ("nan", "nat", "na", "null", "none"):
        return float("nan")
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        told = f"holds {text[:40]!r}, which is not a time: give seconds, or dates as 2026-11-30T09:00:00.5"
        raise Unreadable(index, told) from None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
