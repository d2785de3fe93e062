"""UNIPEN: ink between pen-downs and pen-ups, with marks of what it stands for."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from statewise.bounds import shown
from statewise.data.strokes.drawing import Drawing, LeftOut, drawing_of
from statewise.disk.reading import read_file
from statewise.errors import DataError

LARGEST_UNIPEN = 1 << 28
MOST_SEGMENTS = 100_000
MILLISECOND = 1e-3
SEGMENT = re.compile(r"^\s*(\S+)\s+(\S+)(?:\s+(\S+))?(?:\s+(.*))?$")


def read_unipen(path: Path) -> Iterator[Drawing | LeftOut]:
    """Yield the segments of a UNIPEN file, or all of its ink where it has none.

    UNIPEN counts y upwards, so it is turned. A `.SEGMENT` names the strokes that belong together, counted from 0, such
    as `0-3` or `4,6`, and its label is what is written there; that of a character is the class. What a file takes in
    by `.INCLUDE` is looked for in the folder `include` of any folder that it lies in, as in the published collection.
    Raises `DataError` where that is missing, the ink is no numbers, a segment names strokes that there are not, or
    there is no ink at all.
    """
    strokes, segments, writer = _ink(_with_included(path), str(path))
    if not strokes:
        raise DataError(f"{path} has no ink between .PEN_DOWN and .PEN_UP: it is no file of UNIPEN")
    for kind, wanted, label in segments or [("", [*range(len(strokes))], None)]:
        where = f"segment {label!r} of {path}" if label else str(path)
        found = drawing_of(
            [strokes[number] for number in wanted],
            where,
            seconds=MILLISECOND,
            label=label if kind == "CHARACTER" else None,
            text=label,
            writer=writer,
        )
        yield found if found.points else LeftOut("without a point")


def _with_included(path: Path) -> str:
    """Return the text of a file, with that of the files it includes in their places; those may include no others."""
    lines = []
    for line in read_file(path, LARGEST_UNIPEN, DataError).decode("latin1").splitlines():
        keyword, _, name = line.partition(" ")
        lines += _included(path, Path(name.strip())) if keyword == ".INCLUDE" else [line]
    return "\n".join(lines)


def _included(path: Path, name: Path) -> list[str]:
    if name.is_absolute() or ".." in name.parts:
        raise DataError(f"{path} includes {shown(str(name))}, which may lie anywhere: it is refused")
    for folder in path.absolute().parents:
        if (found := folder / "include" / name).is_file():
            return read_file(found, LARGEST_UNIPEN, DataError).decode("latin1").splitlines()
    if name.suffix == ".doc":  # notes on writers and places: no ink
        return []
    raise DataError(f"{path} includes {shown(str(name))}, and there is none in a folder include: keep them together")


def _ink(text: str, where: str) -> tuple[list[list[list[float]]], list[tuple[str, list[int], str | None]], str | None]:
    strokes: list[list[list[float]]] = []
    segments: list[tuple[str, list[int], str | None]] = []
    told: list[str] = []
    names, writer, is_down, said = ["X", "Y"], None, False, ""
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.startswith("."):
            if is_down and line.strip():
                strokes[-1].append(_point(line.split(), names, f"line {number} of {where}"))
            continue
        keyword, _, said = line[1:].partition(" ")
        if keyword == "PEN_DOWN":
            strokes.append([])
        is_down = keyword == "PEN_DOWN" or (is_down and keyword not in ("PEN_UP", "SEGMENT"))
        if keyword == "COORD":
            names = said.split()
            if "X" not in names or "Y" not in names:
                raise DataError(f"line {number} of {where} names no X and Y among its coordinates: give ink that has")
        elif keyword == "WRITER_ID":
            writer = said.strip() or None
        elif keyword == "SEGMENT":
            told.append(said)
    if len(told) > MOST_SEGMENTS:
        raise DataError(f"{where} has more than {MOST_SEGMENTS:,} segments: give fewer")
    kinds = [
        kind for kind in ("CHARACTER", "WORD", "TEXT", "PAGE") if any(one.strip().startswith(kind) for one in told)
    ]
    for one in told:  # of the longest kind but pages alone: a word is drawn once, not again by its letters
        if (segment := SEGMENT.match(one)) and segment[1] == _kind_to_take(kinds):
            label = _label(segment[4] or segment[3] or "")
            segments.append((segment[1], _numbers(segment[2], len(strokes), where), label))
    return strokes, segments, writer


def _kind_to_take(kinds: list[str]) -> str:
    return next((kind for kind in ("TEXT", "WORD", "CHARACTER", "PAGE") if kind in kinds), "")


def _point(values: list[str], names: list[str], where: str) -> list[float]:
    try:
        numbers = {name: float(value) for name, value in zip(names, values, strict=False)}
        return [numbers["X"], -numbers["Y"], *([numbers["T"]] if "T" in names else [])]
    except (ValueError, KeyError):
        raise DataError(f"{where} is {shown(' '.join(values))}: numbers {' '.join(names)[:40]} are wanted") from None


def _numbers(written: str, strokes: int, where: str) -> list[int]:
    """Return which strokes a segment names."""
    found: list[int] = []
    for part in written.split(","):
        # a place may be STROKE:POINT; a stroke is taken whole
        ends = [end.partition(":")[0] for end in part.split("-")]
        if not all(end.isdecimal() and len(end) < 10 for end in ends) or not 1 <= len(ends) <= 2:
            raise DataError(f"a segment of {where} names the strokes {shown(written)}: as 0-3 or 4,6 they are wanted")
        first, last = int(ends[0]), int(ends[-1])
        if not first <= last < strokes:
            raise DataError(f"a segment of {where} names strokes {shown(written)}, and there are {strokes}: check it")
        found += range(first, last + 1)
        if len(found) > 10 * strokes:
            raise DataError(f"a segment of {where} names strokes more than once: check it")
    return found


def _label(written: str) -> str | None:
    try:
        words = shlex.split(written)
    except ValueError:
        words = [written.strip('" ')]
    quoted = re.findall(r'"([^"]*)"', written)
    return (quoted[-1] if quoted else words[-1] if words else "") or None
