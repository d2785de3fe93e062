"""Pairs as lines: a table with tabs, two files line by line (Moses), and lines of JSON."""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from statewise.data.left_out import LeftOutCount
from statewise.data.pairs.pair import LONGEST_TEXT, Pair
from statewise.disk.reading import open_file
from statewise.errors import DataError
from statewise.plain.strict_json import read_json

LONGEST_LINE = 1 << 20
SIDES = ("source", "target")


def lines_of(path: Path) -> Iterator[str]:
    """Yield the lines of a file in UTF-8, without their ends. Raises `DataError`, naming the line, where it is not."""
    with open_file(path, DataError) as file:
        number = 0
        while line := file.readline(LONGEST_LINE + 1):
            number += 1
            if len(line) > LONGEST_LINE:
                raise DataError(f"line {number} of {path} has more than {LONGEST_LINE:,} bytes: it is not a sentence")
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError:
                raise DataError(f"line {number} of {path} is not UTF-8: save it as UTF-8") from None
            yield text.rstrip("\r\n")


def read_tabs(path: Path, languages: tuple[str, str], left_out: LeftOutCount) -> Iterator[tuple[str, Pair]]:
    """Yield the pairs of a table whose first two columns are the two languages, or whose first line names them.

    Lines without a tab are left out and counted. Raises `DataError` where there are no others.
    """
    columns, found, number = (0, 1), False, 0
    for number, line in enumerate(lines_of(path), start=1):
        cells = line.split("\t")
        if number == 1 and (named := _columns(cells, languages)):
            columns = named
            continue
        where = f"line {number} of {path.name}"
        if len(cells) <= max(columns):
            left_out.add("without a tab between two texts" if line.strip() else "an empty line", where)
            continue
        found = True
        yield where, Pair(cells[columns[0]], cells[columns[1]], path.name)
    if not found:
        raise DataError(
            f"{path} has {number:,} lines and none with a tab between two texts: give SOURCE<tab>TARGET lines, two "
            "files, TMX or JSON lines"
        )


def _columns(cells: Sequence[str], languages: tuple[str, str]) -> tuple[int, int] | None:
    """Return which columns the first line of a table names, if it does."""
    names = [cell.strip().lower() for cell in cells]
    for wanted in (languages, SIDES):
        if all(name in names for name in wanted):
            return names.index(wanted[0]), names.index(wanted[1])
    return None


def read_two_files(source: Path, target: Path, left_out: LeftOutCount) -> Iterator[tuple[str, Pair]]:
    """Yield the pairs of two files, line by line. Raises `DataError` where one has more lines than the other."""
    counts = [0, 0]
    for number, sides in enumerate(zip_longest(lines_of(source), lines_of(target)), start=1):
        if None in sides:
            longer = sides.index(None) ^ 1
            counts[longer] = number + sum(1 for _ in _rest((source, target)[longer], number))
            counts[longer ^ 1] = number - 1
            raise DataError(
                f"{source} has {counts[0]:,} lines and {target} {counts[1]:,}: they must be as many; line {number} of "
                f"{(source, target)[longer].name} has no other"
            )
        where = f"line {number} of {source.name}"
        if not any(side.strip() for side in sides):
            left_out.add("an empty line", where)
        else:
            yield where, Pair(*sides, source.name)


def _rest(path: Path, after: int) -> Iterator[str]:
    lines = lines_of(path)
    for _ in range(after):
        next(lines, None)
    return lines


def read_json_pairs(path: Path, languages: tuple[str, str]) -> Iterator[tuple[str, Pair]]:
    """Yield the pairs of lines of JSON: `{"en": ..., "fr": ...}`, also within "translation", or source and target.

    A `file` names where a pair comes from, by which parts may be split.

    Raises `DataError`, naming the line, for anything else.
    """
    for number, line in enumerate(lines_of(path), start=1):
        if not line.strip():
            continue
        where = f"line {number} of {path.name}"
        try:
            told: Any = read_json(line.encode(), most_values=LONGEST_TEXT)
        except ValueError as error:
            raise DataError(f"{where} is not JSON ({error}): give one pair a line") from None
        inner = told.get("translation", told) if isinstance(told, dict) else None
        for names in (languages, SIDES):
            sides = [inner.get(name) for name in names] if isinstance(inner, dict) else []
            texts = [side for side in sides if isinstance(side, str)]
            if len(texts) == len(names):
                file = inner.get("file") if isinstance(inner, dict) else None
                yield where, Pair(texts[0], texts[1], file if isinstance(file, str) else path.name)
                break
        else:
            form = f'{{"{languages[0]}": "...", "{languages[1]}": "..."}}'
            lacking = next(
                (name for name in languages if not isinstance(inner, dict) or name not in inner), "each side"
            )
            raise DataError(f"{where} has no text for {lacking}: give one pair a line, such as {form}")
