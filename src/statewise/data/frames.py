"""Tables in memory: frames of pandas and polars, single series, and NumPy arrays, as named columns."""

import csv
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from statewise.data.cache import building
from statewise.disk.system import sync
from statewise.errors import DataError

KEPT = "frame-"
KEPT_NAME = re.compile(f"{KEPT}[0-9a-f]{{16}}\\.csv")
MISSING = frozenset({"<NA>", "NaT", "None"})
"How pandas writes a cell in which there is nothing."


def columns_of(frame: Any) -> dict[str, Sequence[Any]]:
    """Return the columns of a frame, series, array or mapping, by name; an index with times or names comes first.

    Columns of a plain array are called `value`, or `value_1`, `value_2` and so on where there are several.
    Raises `DataError` for what is not a table.

    >>> columns_of(np.array([[1.5, 2.0], [2.5, 3.0]]))
    {'value_1': array([1.5, 2.5]), 'value_2': array([2., 3.])}
    """
    if isinstance(frame, np.ndarray):
        return _columns_of_array(_plain_array(frame))
    if isinstance(frame, Mapping):
        return _columns_of_mapping(frame)
    if hasattr(frame, "to_frame") and not hasattr(frame, "columns"):
        frame = frame.to_frame(getattr(frame, "name", None) or "value")
    if hasattr(frame, "collect"):
        raise DataError(f"a {type(frame).__name__} has no values yet: give what its collect() returns")
    if not hasattr(frame, "columns"):
        raise DataError(
            f"a {type(frame).__name__} is not a table: give a path, a frame of pandas or polars, or a NumPy array"
        )
    index = getattr(frame, "index", None)  # pandas keeps the time there, often
    if getattr(index, "nlevels", 1) > 1:
        frame = frame.reset_index()
        index = None
    names = _named(list(frame.columns))
    columns = {own: frame[name].to_numpy() for own, name in zip(names, frame.columns, strict=True)}
    if index is not None and index.dtype.kind not in "iu":
        columns = {str(index.name or "time"): index.to_numpy(), **columns}
    return columns


def keep(frame: Any, cache: Path) -> Path:
    """Write a table in memory as CSV into a cache, so that a run can go on from it, and return where it lies.

    Its name is by its contents: the same table is written once. Numbers are written with all their digits.
    Raises `DataError` for what is not a table, or an empty one.
    """
    columns = columns_of(frame)
    if not columns or not len(next(iter(columns.values()))):
        raise DataError(f"the {type(frame).__name__} is empty: give a table with a column and a row at least")

    def write(path: Path) -> None:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            writer.writerows(zip(*map(_written, columns.values()), strict=True))

    return keep_written(cache, KEPT, ".csv", write)


def keep_written(cache: Path, name: str, ending: str, write: Callable[[Path], None]) -> Path:
    """Let `write` make a file, put it into a cache under a name by its contents, and return where it lies."""
    with building(cache) as folder:
        fresh = folder / f"fresh{ending}"
        try:
            write(fresh)
        except UnicodeEncodeError as error:
            raise DataError(f"{error.object[:40]!r} holds half a character at {error.start}: mend the text") from None
        sync(fresh)
        path = cache / f"{name}{_digest(fresh)[:16]}{ending}"
        fresh.replace(path)
    return path


def is_kept(path: Path) -> bool:
    """Tell by its name a file into which a table in memory was written.

    >>> is_kept(Path("runs/.data/frame-0123456789abcdef.csv")), is_kept(Path("frame-2.csv"))
    (True, False)
    """
    return KEPT_NAME.fullmatch(path.name) is not None


def _columns_of_array(array: Any) -> dict[str, Sequence[Any]]:
    if array.dtype.names:
        return {name: array[name] for name in array.dtype.names}
    if array.ndim not in (1, 2) or array.dtype.kind not in "fiub":
        raise DataError(
            f"an array {array.dtype} {list(array.shape)} is not a table: give numbers [steps] or [steps, series]"
        )
    if array.ndim == 1:
        return {"value": array}
    return {f"value_{i}": array[:, i - 1] for i in range(1, array.shape[1] + 1)}


def _plain_array(array: Any) -> Any:
    """Return an array without a mask, whose values are missing, and of numbers in place of true and false."""
    if isinstance(array, np.ma.MaskedArray) and array.dtype.kind in "fiub":
        array = np.ma.filled(array.astype(np.float64), np.nan)
    plain = np.asarray(array)
    return plain.astype(np.uint8) if plain.dtype.kind == "b" else plain


def _named(names: list[Any]) -> list[str]:
    """Return what columns are called: those that are only numbered `value_0` and so on, since a table names its own."""
    if all(isinstance(name, int) for name in names):
        names = [f"value_{name}" for name in names]
    called = [str(name) for name in names]
    if twice := next((name for name in called if called.count(name) > 1), None):
        raise DataError(f"{called.count(twice)} columns are called '{twice[:80]}': rename them")
    return called


def _columns_of_mapping(given: Mapping[Any, Any]) -> dict[str, Sequence[Any]]:
    columns: dict[str, Any] = {str(name): np.asarray(column) for name, column in given.items()}
    if not columns or {column.shape for column in columns.values()} != {next(iter(columns.values())).shape[:1]}:
        shapes = ", ".join(f"{name} {list(column.shape)}" for name, column in columns.items()) or "no column"
        raise DataError(f"a table in memory has columns of equal length, this one {shapes[:200]}: give them so")
    return columns


def _written(column: Sequence[Any]) -> list[str]:
    return ["" if (text := str(cell)) in MISSING else text for cell in column]


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
