"""Drawings as lines of JSON: Google's QuickDraw, raw and simplified, and this package's own form."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from statewise.bounds import shown
from statewise.data.strokes.drawing import Drawing, LeftOut, Part, drawing_of
from statewise.disk.reading import open_file
from statewise.errors import DataError
from statewise.plain.strict_json import read_json

LONGEST_LINE = 1 << 24
MOST_VALUES = 1 << 20
MILLISECOND = 1e-3
LONGEST_WORD = 200
FORM = '{"strokes": [[[x, y], ...], ...]}'


def read_json_lines(path: Path, *, only_recognized: bool = True) -> Iterator[Drawing | LeftOut]:
    """Yield the drawing of each line of a file; empty lines are passed over.

    QuickDraw's lines have a `word`, which is the class, and a `drawing` of strokes `[xs, ys]` or `[xs, ys, ms]`; those
    that Google's recogniser did not take for their word are left out. A line of our own has `strokes` of points
    `[x, y]` or `[x, y, seconds]`, and may have `class`, `text`, `writer`, and the `part` it is kept for: `training`,
    `validation` or `held_out`. Raises `DataError`, naming the line, for one that is neither.
    """
    with open_file(path, DataError) as file:
        number = 0
        while line := file.readline(LONGEST_LINE + 1):
            number += 1
            if len(line) > LONGEST_LINE:
                raise DataError(f"line {number} of {path} is longer than {LONGEST_LINE:,} bytes: it is no drawing")
            if line.strip():
                yield read_line(line, f"line {number} of {path}", only_recognized=only_recognized)


def read_line(line: bytes, where: str, *, only_recognized: bool = True) -> Drawing | LeftOut:
    """Return the drawing of one line of JSON. Raises `DataError` for anything else."""
    try:
        told = read_json(line, most_values=MOST_VALUES)
    except ValueError as error:
        raise DataError(f"{where} is no JSON ({error}): give one drawing a line, such as {FORM}") from None
    return drawing_of_object(told, where, only_recognized=only_recognized)


def drawing_of_object(told: Any, where: str, *, only_recognized: bool = True) -> Drawing | LeftOut:
    """Return the drawing that plain values say. Raises `DataError` where they say none."""
    if isinstance(told, dict) and isinstance(told.get("drawing"), list):
        if only_recognized and told.get("recognized") is False:
            return LeftOut("not recognized by Google")
        return _quickdraw(told, where)
    if not isinstance(told, dict) or not isinstance(told.get("strokes"), list):
        raise DataError(f"{where} has no strokes: give one drawing a line, such as {FORM}")
    words = {name: _word(told.get(name), name, where) for name in ("class", "text", "writer")}
    part = _part(told.get("part"), where)
    found = drawing_of(
        told["strokes"], where, label=words["class"], text=words["text"], writer=words["writer"], part=part
    )
    return found if found.points else LeftOut("without a point")


def _quickdraw(told: dict[str, Any], where: str) -> Drawing | LeftOut:
    strokes, times = [], []
    for stroke in told["drawing"]:
        if not isinstance(stroke, list) or len(stroke) not in (2, 3) or not all(isinstance(n, list) for n in stroke):
            raise DataError(f"{where} has a stroke {shown(stroke)}: [[x, ...], [y, ...]] of equal lengths is wanted")
        if len({len(numbers) for numbers in stroke}) > 1:
            raise DataError(f"{where} has a stroke of {len(stroke[0])} x and {len(stroke[1])} y: as many are wanted")
        strokes.append([*zip(stroke[0], stroke[1], strict=True)])
        times += [stroke[2]] if len(stroke) == 3 else []
    label, part = _word(told.get("word"), "word", where), _part(told.get("part"), where)
    found = drawing_of(strokes, where, times=times or None, seconds=MILLISECOND, label=label, part=part)
    return found if found.points else LeftOut("without a point")


def _word(value: Any, name: str, where: str) -> str | None:
    if value is not None and (not isinstance(value, str) or len(value) > LONGEST_WORD * (100 if name == "text" else 1)):
        raise DataError(f"the {name} of {where} is {shown(value)}: a short text is wanted")
    return value or None


def _part(value: Any, where: str) -> Part | None:
    for part in get_args(Part):
        if value == part:
            return part  # type: ignore[no-any-return]  # one of the three that the type names
    if value is None:
        return None
    raise DataError(f"the part of {where} is {shown(value)}: {', '.join(get_args(Part))}, or none, is wanted")
