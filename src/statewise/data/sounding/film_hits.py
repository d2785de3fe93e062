"""What is struck in a film, when, how hard and of what: tables that lie next to it."""

import csv
import io
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from statewise.disk.reading import read_file
from statewise.errors import DataError

LARGEST_TABLE = 1 << 26
TIME, STRENGTH, MATERIAL = ("seconds", "time", "start"), ("strength", "velocity"), ("material", "label", "class")
TIMES_SUFFIX = "_times.txt"
"What the lists of the Greatest Hits end in: a line is a time, a material, what was done, and what came of it."
UNKNOWN = ("none", "unknown", "null", "")
"Words for a material that is not known."


class FilmHit(NamedTuple):
    """Something is struck: after so many seconds, how strongly from 0 to 1 (None: as loud as it is), of what material.

    A material of "" is not known.
    """

    seconds: float
    strength: float | None = None
    material: str = ""


def read_hits(path: Path) -> list[FilmHit]:
    """Return what a table says is struck, in the order of time.

    It is CSV with a column `seconds`, and where known `strength` and `material`, or a list in the layout of the
    Greatest Hits. Raises `DataError`, naming the line, for anything else.
    """
    try:
        text = read_file(path, LARGEST_TABLE, DataError).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 at byte {error.start}: save it as UTF-8") from None
    found = _of_times(path, text) if path.name.endswith(TIMES_SUFFIX) else _of_table(path, text)
    return sorted(found, key=lambda hit: hit.seconds)


def _of_times(path: Path, text: str) -> list[FilmHit]:
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split()
        if words:
            material = words[1].lower() if len(words) > 1 else ""
            found.append(FilmHit(_number(path, number, words[0]), None, "" if material in UNKNOWN else material))
    return found


def _of_table(path: Path, text: str) -> list[FilmHit]:
    rows = csv.reader(io.StringIO(text, newline=""))
    head = [name.strip().lower() for name in next(rows, [])]
    time, strength, material = (next((head.index(n) for n in names if n in head), None) for names in COLUMNS)
    if time is None:
        raise DataError(f"{path} has no column seconds, time or start: give when something is struck")
    found = []
    for number, row in enumerate(rows, start=2):
        if not any(cell.strip() for cell in row):
            continue
        cells = [*row, *[""] * (len(head) - len(row))]
        strong = cells[strength].strip() if strength is not None else ""
        what = cells[material].strip().lower() if material is not None else ""
        how = _number(path, number, strong) if strong else None
        if how is not None and not 0 <= how <= 1:
            raise DataError(f"{path} line {number} has a strength of {how:g}: give 0 to 1")
        found.append(FilmHit(_number(path, number, cells[time]), how, "" if what in UNKNOWN else what))
    return found


COLUMNS: Sequence[Sequence[str]] = (TIME, STRENGTH, MATERIAL)


def _number(path: Path, line: int, cell: str) -> float:
    try:
        found = float(cell)
    except ValueError:
        found = math.nan
    if not abs(found) <= 1e7:
        raise DataError(f"{path} line {line} has {cell.strip()[:20]!r} where a number is wanted: mend it")
    return found


def hits_table(hits: Iterable[FilmHit]) -> str:
    """Return what is struck as CSV, which `read_hits` reads.

    >>> hits_table([FilmHit(0.5, 0.25, "wood")]).splitlines()
    ['seconds,strength,material', '0.5000,0.250,wood']
    """
    out = io.StringIO()
    write = csv.writer(out, lineterminator="\n")
    write.writerow(["seconds", "strength", "material"])
    for hit in hits:
        write.writerow([f"{hit.seconds:.4f}", "" if hit.strength is None else f"{hit.strength:.3f}", hit.material])
    return out.getvalue()
