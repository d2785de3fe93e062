"""Sources in memory: tables, texts, records, arrays and functions, each written down as a file that a task reads.

A run goes on from what is written, so it can be resumed and scored where the object is gone.
"""

import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from statewise.data.frames import columns_of, keep, keep_written
from statewise.data.source_forms import WANTED, Form, InMemory
from statewise.errors import DataError, UsageError


def named_source(source: Any, takes: InMemory, task: str, cache: Path) -> str:
    """Return the name of a source: one in memory is written into a cache, in the first form that it has.

    Raises `UsageError` where a task takes nothing like it, and `DataError` for a table that is none.
    """
    if isinstance(source, str | PurePath):
        return str(source)
    for form in takes.forms:
        if (found := WRITERS[form](source, takes, cache)) is not None:
            return str(found)
    if takes.forms == ("table",):
        return str(keep(source, cache))  # which says what a table is
    wanted = "".join(f", or {WANTED[form]}" for form in takes.forms)
    raise UsageError(f"{task} reads no {type(source).__name__}: give a path, or the name of a corpus{wanted}")


def _texts(source: Any, takes: InMemory, cache: Path) -> Path | None:
    column = _only_column(source)
    if column is None or not len(column) or not all(isinstance(one, str) for one in column):
        return None

    def write(path: Path) -> None:
        with path.open("w", newline="", encoding="utf-8") as file:
            file.writelines(text if text.endswith("\n") else f"{text}\n" for text in column)

    return keep_written(cache, "texts-", ".txt", write)


def _only_column(source: Any) -> Sequence[Any] | None:
    if isinstance(source, np.ndarray):
        return source.tolist() if source.ndim == 1 and source.dtype.kind in "UOT" else None
    if not _is_table(source):
        return None
    columns = columns_of(source)
    return np.asarray(next(iter(columns.values()))).tolist() if len(columns) == 1 else None


def _records(source: Any, takes: InMemory, cache: Path) -> Path | None:
    rows = _rows(source, takes)
    if not rows:
        return None
    lines = [json.dumps(_plain(row), ensure_ascii=False, allow_nan=False) for row in rows]
    return keep_written(cache, "records-", ".jsonl", lambda path: _write_lines(path, lines))


def _write_lines(path: Path, lines: Sequence[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _rows(source: Any, takes: InMemory) -> list[dict[str, Any]] | None:
    """Return a source as rows by name, the paths in them absolute; None where it has none."""
    if _is_table(source):
        columns = {name: np.asarray(column).tolist() for name, column in columns_of(source).items()}
        rows = [dict(zip(columns, cells)) for cells in zip(*columns.values())]
    elif isinstance(source, list | tuple):
        rows = [row for one in source if (row := _row(one, takes)) is not None]
        if len(rows) < len(source):
            return None
    else:
        return None
    return [{name: _path(cell) if name in takes.paths else cell for name, cell in row.items()} for row in rows]


def _row(one: Any, takes: InMemory) -> dict[str, Any] | None:
    if isinstance(one, Mapping):
        return {str(name): cell for name, cell in one.items()}
    if len(takes.names) == 1:
        return {takes.names[0]: one}
    is_row = isinstance(one, list | tuple) and 0 < len(one) <= len(takes.names)
    return dict(zip(takes.names, one)) if is_row else None


def _table(source: Any, takes: InMemory, cache: Path) -> Path | None:
    if not isinstance(source, list | tuple) and not takes.paths:
        return keep(source, cache) if _is_table(source) else None
    rows = _rows(source, takes)
    if not rows:
        return None
    names = list(dict.fromkeys(name for row in rows for name in row))
    return keep({name: np.array([row.get(name, "") for row in rows], object) for name in names}, cache)


def _arrays(source: Any, takes: InMemory, cache: Path) -> Path | None:
    arrays = {str(name): np.asarray(one) for name, one in source.items()} if isinstance(source, Mapping) else {}
    if not any(one.ndim > 1 for one in arrays.values()):
        return None
    if objects := [name for name, one in arrays.items() if one.dtype.hasobject]:
        raise DataError(f"the array {objects[0]} holds objects: give numbers, or words as an array of strings")
    return keep_written(cache, "arrays-", ".npz", lambda path: _write_arrays(path, arrays))


def _write_arrays(path: Path, arrays: Mapping[str, Any]) -> None:
    with path.open("wb") as file:
        np.savez(file, **arrays)


def _function(source: Any, takes: InMemory, cache: Path) -> str | None:
    """Return a function as `module:name`, by which every later process finds it."""
    module, name = getattr(source, "__module__", None), getattr(source, "__qualname__", None)
    if not callable(source) or module is None or name is None:
        return None
    if module == "__main__" or getattr(sys.modules.get(module), name, None) is not source:
        raise UsageError(
            f"a run finds {name} again by its module: define it at the top of a module other than __main__"
        )
    return f"{module}:{name}"


def _is_table(source: Any) -> bool:
    is_frame = hasattr(source, "collect") or hasattr(source, "columns") or hasattr(source, "to_frame")
    return is_frame or isinstance(source, np.ndarray | Mapping)


def _path(cell: Any) -> Any:
    return str(Path(cell).expanduser().absolute()) if isinstance(cell, str | PurePath) else cell


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        if math.isnan(value):
            return None  # as frames say that there is nothing
        raise DataError("a row holds a number that is infinite: mend it, or leave it out")
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise DataError(f"a row holds a {type(value).__name__}: give text, numbers, or lists of them")


WRITERS: dict[Form, Callable[[Any, InMemory, Path], Path | str | None]] = {
    "table": _table,
    "texts": _texts,
    "records": _records,
    "arrays": _arrays,
    "function": _function,
}
