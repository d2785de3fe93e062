"""QuickDraw's `.bin` files: drawings of one class, simplified, with coordinates from 0 to 255."""

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from statewise.data.strokes.drawing import MOST_POINTS, MOST_STROKES, Drawing, LeftOut, drawing_of
from statewise.disk.reading import open_file
from statewise.errors import DataError

HEAD = struct.Struct("<Q2sbIH")
"Key, country, whether it was recognized, Unix time, how many strokes."
PREFIX = "full_binary_"


def read_binary(path: Path, *, only_recognized: bool = True) -> Iterator[Drawing | LeftOut]:
    """Yield the drawings of a `.bin` file, whose name is the class, as in `full_binary_cat.bin`.

    After each head come the strokes: how many points, then every x, then every y. Raises `DataError` where the file
    was cut, or is something else.
    """
    label = path.stem.removeprefix(PREFIX)
    with open_file(path, DataError) as file:
        number = 0
        while head := file.read(HEAD.size):
            number += 1
            where = f"drawing {number} of {path}"
            if len(head) < HEAD.size:
                raise _cut(where)
            _, country, is_recognized, _, strokes = HEAD.unpack(head)
            if is_recognized not in (0, 1) or strokes > MOST_STROKES or not country.isascii():
                raise DataError(f"{where} is none: the file is damaged, or no binary file of QuickDraw")
            read, points = [], 0
            for _ in range(strokes):
                length = int.from_bytes(_exactly(file.read(2), 2, where), "little")
                points += length
                if points > MOST_POINTS:
                    raise DataError(f"{where} has more than {MOST_POINTS:,} points: the file is damaged")
                read.append(np.frombuffer(_exactly(file.read(2 * length), 2 * length, where), np.uint8))
            if only_recognized and not is_recognized:
                yield LeftOut("not recognized by Google")
            elif not points:
                yield LeftOut("without a point")
            else:
                yield drawing_of((stroke.reshape(2, -1).T for stroke in read), where, label=label)


def _exactly(content: bytes, count: int, where: str) -> bytes:
    if len(content) < count:
        raise _cut(where)
    return content


def _cut(where: str) -> DataError:
    return DataError(f"{where} was cut: fetch the file again")
