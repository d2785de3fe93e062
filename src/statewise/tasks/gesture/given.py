"""What was given to be recognised: a path, a table, a film or an array, read as recordings, some samples at a time."""

import base64
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from statewise.data.movement.clip_folders import is_clip_list
from statewise.data.movement.movement_arrays import load_npy
from statewise.data.movement.movement_codec import MovementCodec
from statewise.data.movement.movement_tables import TIME, is_headless, seconds_of, sequences_of_rows
from statewise.data.movement.recording import MovementReading, Seconds, as_numbers_array
from statewise.data.naming import path_of
from statewise.data.tables.columns import numbers as as_numbers
from statewise.data.tables.tables import column_names, read_table, title_of
from statewise.data.video.film import ENDINGS
from statewise.errors import DataError, UsageError
from statewise.shown import in_line
from statewise.tasks.shared.films import film_given

LARGEST_SENT = 1 << 25
PIECE = 64
"Samples that are read at once."

Pieces = Iterator[tuple[Seconds, Any]]


def pieces_of(given: Any, codec: MovementCodec, reading: MovementReading, times: Any = None) -> Pieces:
    """Yield the samples of one recording with their times, some at a time: a path, bytes of a film, or an array.

    Raises `DataError` for what cannot be read, or has other numbers than the run was trained on.
    """
    if isinstance(given, bytes) or (codec.is_film and not hasattr(given, "columns") and not isinstance(given, Mapping)):
        yield from _of_film(given, codec, times)
    elif isinstance(given, str | Path):
        yield from _of_path(path_of(given), codec, reading)
    elif hasattr(given, "columns") or isinstance(given, Mapping):
        yield from _of_table(given, codec, reading)
    else:
        yield from _of_array(given, codec, times)


def recordings_of(given: Any, codec: MovementCodec, reading: MovementReading, times: Any = None) -> Iterator[Pieces]:
    """Yield the recordings that were given: one, or those of a table without names, of which each row is one."""
    path = path_of(given) if isinstance(given, str | Path) else None
    if path is None or codec.is_film or not _is_rows(path):
        yield pieces_of(given, codec, reading, times)
        return
    for values in sequences_of_rows(path, len(codec.columns)):
        yield _of_array(values, codec, None)


def _is_rows(path: Path) -> bool:
    return path.suffix.lower() in (".csv", ".txt") and path.is_file() and is_headless(path)


def _of_film(given: Any, codec: MovementCodec, times: Any) -> Pieces:
    if not codec.is_film:
        raise UsageError("a film was given, and this run reads numbers: give a table or an array")
    for frame in film_given(given, codec, times).frames(codec.look):
        yield np.array([frame.seconds]), frame.picture[None]


def _of_array(given: Any, codec: MovementCodec, times: Any) -> Pieces:
    try:
        found = np.asarray(given)
        values = as_numbers_array(found, "the array") if found.size else np.zeros((0, 0), np.float32)
    except (ValueError, TypeError) as error:
        raise DataError(f"what was given cannot be read ({error}): give an array, or the path of a recording") from None
    seconds = np.arange(len(values)) / codec.untimed if times is None else np.asarray(times, np.float64)
    if seconds.shape != (len(values),):
        raise UsageError(f"{len(values):,} samples were given with {len(np.ravel(seconds)):,} times: give one for each")
    yield from _pieces(seconds, _fitting(values, codec))


def _fitting(values: Any, codec: MovementCodec) -> Any:
    if not len(values):
        raise DataError("the recording has no sample: give one or more")
    if values.shape[1] != len(codec.columns):
        raise DataError(
            f"the recording has {values.shape[1]:,} numbers in a sample, and this run reads {len(codec.columns):,}: "
            "give what it was trained on"
        )
    return values


def _pieces(seconds: Any, values: Any) -> Pieces:
    is_timed = np.isfinite(seconds)
    if not is_timed.any():
        raise DataError("the recording has no time at any sample: mend the column, or take it out")
    seconds, values = seconds[is_timed], values[is_timed]
    for start in range(0, len(values), PIECE):
        yield seconds[start : start + PIECE], values[start : start + PIECE]


def _of_path(path: Path, codec: MovementCodec, reading: MovementReading) -> Pieces:
    if path.suffix.lower() in ENDINGS:
        raise DataError(
            f"{path} is a film, and this run reads {len(codec.columns):,} numbers: give a table or an array"
        )
    if path.suffix.lower() == ".npy":
        yield from _of_array(load_npy(path), codec, None)
        return
    if path.suffix.lower() in (".csv", ".txt") and path.is_file() and is_clip_list(path):
        raise DataError(f"{path} has no names of columns: give a table that has, or one recording as .npy")
    yield from _of_table(path, codec, reading)


def _of_table(table: Any, codec: MovementCodec, reading: MovementReading) -> Pieces:
    """Yield the samples of a table, on the disk or in memory, by the names of its columns."""
    title = title_of(table)
    if codec.is_film:
        raise UsageError(f"{title} is a table, and this run watches films: give a clip")
    names = column_names(table)
    if missing := [name for name in codec.columns if name not in names]:
        raise DataError(
            f"{title} has no column {missing[0]}, which this run was trained on ({len(missing)} are missing): "
            f"it reads {in_line(', '.join(codec.columns))}"
        )
    time = reading.time or next((name for name in names if name.strip().lower() in TIME), None)
    wanted: dict[str, Any] = dict.fromkeys(codec.columns, as_numbers)
    if time is not None:
        wanted[time] = seconds_of
    columns = read_table(table, wanted).columns
    if not len(columns[codec.columns[0]]):
        raise DataError("the recording has no sample: give one or more")
    values = as_numbers_array(np.stack([columns[name] for name in codec.columns], axis=1), title)
    seconds = columns[time] if time is not None else np.arange(len(values)) / codec.untimed
    yield from _pieces(seconds, _fitting(values, codec))


def one_of(recording: Any, table: Any, film: str | None) -> Any:
    """Return what was given: a recording, a table, or a film in base 64. Raises `UsageError` for none or several."""
    given = [one for one in (recording, table, film) if one is not None]
    if len(given) != 1:
        raise UsageError("give one recording: a path, a table, or a film in base 64")
    if film is None:
        return given[0]
    if len(film) > LARGEST_SENT:
        raise UsageError(
            f"the film of {len(film):,} characters is too long: give at most {LARGEST_SENT:,}, or a stream"
        )
    try:
        return base64.b64decode(film, validate=True)
    except ValueError:
        raise UsageError("the film is not base 64: give the bytes of a film in it") from None
