"""Collections of labelled series, as the archives of time series classification have them: `.ts` and `.arff`."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from statewise.data.movement.recording import Movement, MovementReading, NotRead, as_numbers_array
from statewise.disk.reading import open_file
from statewise.errors import DataError

LONGEST_LINE = 1 << 26
PART_OF_NAME = re.compile(r"_(TRAIN|TEST)$", re.IGNORECASE)


def recordings_of_ts(path: Path, reading: MovementReading) -> Iterator[Movement | NotRead]:
    """Yield the series of a `.ts` file: dimensions between colons, numbers between commas, the class at the end."""
    for where, line in _data_lines(path, "@timestamps true"):
        *dimensions, label = line.split(":")
        yield _series(where, [_numbers(one) for one in dimensions], label.strip(), path)


def recordings_of_arff(path: Path, reading: MovementReading) -> Iterator[Movement | NotRead]:
    r"""Yield the series of an `.arff` file: of one dimension, or in quotes of several, a `\n` between them."""
    for where, line in _data_lines(path, "@attribute never"):
        if line[0] in "'\"":
            inside, _, label = line[1:].rpartition(line[0])
            dimensions = re.split(r"\\n|\n", inside)
        else:
            body, _, label = line.rpartition(",")
            dimensions = [body]
        yield _series(where, [_numbers(one) for one in dimensions], label.strip(" ,'\""), path)


def _data_lines(path: Path, refused: str) -> Iterator[tuple[str, str]]:
    begun = False
    with open_file(path, DataError) as file:
        number = 0
        while raw := file.readline(LONGEST_LINE):
            number += 1
            if not raw.endswith(b"\n") and len(raw) == LONGEST_LINE:
                raise DataError(f"{path} has a line of more than {LONGEST_LINE:,} bytes: give .ts or .arff")
            try:
                line = raw.decode().strip()
            except UnicodeDecodeError as error:
                raise DataError(f"{path} is not UTF-8 text (byte {error.start}): save it so") from None
            if begun and line and line[0] not in "%#":
                yield f"{path} line {number}", line
            elif line.lower().startswith(refused):
                raise DataError(f"{path} has a time at each number: give series at even times, or a table")
            begun = begun or line.lower() == "@data"
    if not begun:
        raise DataError(f"{path} has no line @data: give .ts or .arff")


def _numbers(text: str) -> list[float]:
    try:
        return [float("nan") if cell.strip() in ("?", "") else float(cell) for cell in text.split(",")]
    except ValueError:
        return []


def _series(where: str, dimensions: list[list[float]], label: str, path: Path) -> Movement | NotRead:
    longest = max(map(len, dimensions), default=0)
    if not longest or not all(dimensions):
        return NotRead("with a cell that is no number", where)
    values = np.full((longest, len(dimensions)), np.nan)
    for number, one in enumerate(dimensions):
        values[: len(one), number] = one
    seen = np.flatnonzero(np.isfinite(values).any(axis=1))
    if not len(seen):
        return NotRead("without a number", where)
    named = PART_OF_NAME.search(path.stem)
    part = {"train": "training", "test": "held_out"}[named[1].lower()] if named else None
    try:
        samples = as_numbers_array(values[: seen[-1] + 1], where)  # the ends of shorter series are missing, not numbers
    except ValueError as error:
        return NotRead(str(error), where)
    return Movement(where, samples, None, label, part=part)  # type: ignore[arg-type]
