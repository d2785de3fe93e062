"""sketch-rnn's `.npz` files: for each part an array of drawings, each of them offsets with a pen that lifts."""

import ast
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from statewise.data.archives import check_size, members_of_zip
from statewise.data.strokes.drawing import LARGEST, MOST_POINTS, Drawing, Floats, LeftOut, Part, drawing_of
from statewise.data.strokes.object_arrays import read_object_array
from statewise.errors import DataError

LARGEST_MEMBER = 1 << 28
HEAD, LONGEST_HEAD = b"\x93NUMPY", 10_000
PARTS: dict[str, Part] = {"train.npy": "training", "valid.npy": "validation", "test.npy": "held_out"}


def read_npz(path: Path) -> Iterator[Drawing | LeftOut]:
    """Yield the drawings of a `.npz` file, of class and part as the file says; its name is the class.

    A row is `dx, dy, lift`: go so far, drawing if the pen is down, and lift it there where `lift` is 1; see
    `strokes_of_offsets`. Raises `DataError` for anything but arrays of numbers: nothing in the file is executed.
    """
    check_size(path)
    label, known = path.stem, False
    for member in members_of_zip(path):
        part = PARTS.get(member.name)
        if part is None:
            continue
        known = True
        where, content = f"{member.name} in {path}", bytearray()
        _check_claim(member.claimed, where)
        for piece in member.pieces():
            content += piece
            _check_claim(len(content), where)
        for number, rows in enumerate(_arrays(content, where), start=1):
            yield _drawing(rows, f"drawing {number} of {where}", label, part)
    if not known:
        raise DataError(f"{path} has no train.npy, valid.npy or test.npy: it is no file of drawings of sketch-rnn")


def _check_claim(size: int, where: str) -> None:
    if size > LARGEST_MEMBER:
        raise DataError(f"{where} unpacks to more than {LARGEST_MEMBER:,} bytes: it is refused")


def strokes_of_offsets(rows: NDArray[Any]) -> list[Floats]:
    """Return strokes `[n, 2]` out of rows of `dx, dy, lift`.

    The pen is down at the origin, which is the first point and is not written, as in the files of sketch-rnn; a first
    row of zeros is that origin, written after all.

    >>> [stroke.tolist() for stroke in strokes_of_offsets(np.array([[3, 4, 0], [1, 0, 1], [2, 0, 0], [0, 5, 1]]))]
    [[[0.0, 0.0], [3.0, 4.0], [4.0, 4.0]], [[6.0, 4.0], [6.0, 9.0]]]
    """
    moves = np.asarray(rows, np.float64)
    points = np.concatenate([np.zeros((1, 2)), moves[:, :2].cumsum(axis=0)])
    if len(moves) > 1 and not moves[0].any():
        points, moves = points[1:], moves[1:]
    lifts = np.flatnonzero(moves[:, 2] > 0) + 2
    return [stroke for stroke in np.split(points, lifts) if len(stroke)]


def _arrays(content: bytearray, where: str) -> Iterator[NDArray[Any]]:
    """Yield the inner arrays of a `.npy` file: an array of arrays, or one of numbers, `[drawings, rows, 3]`.

    What is large is not copied.
    """
    head, begin = _head(content, where)
    if head.get("descr") == "|O":
        yield from read_object_array(content, where, begin)
        return
    try:
        number, shape = np.dtype(head["descr"]), tuple(map(int, head["shape"]))
        is_sound = number.kind in "iuf" and min(shape) >= 0
        is_sound = is_sound and begin + prod(shape) * number.itemsize <= len(content)
    except (ValueError, KeyError, TypeError):
        is_sound = False
    if not is_sound:
        raise DataError(f"{where} is no array of drawings: it is damaged, or something else")
    numbers = np.frombuffer(content, number, prod(shape), begin)
    yield from numbers.reshape(shape, order="F" if head.get("fortran_order") else "C")


def _head(content: bytearray, where: str) -> tuple[dict[str, Any], int]:
    """Return what a file says of its array, and where the content of that begins."""
    wide = 2 if content[6:7] == b"\1" else 4
    start = 8 + wide
    length = int.from_bytes(content[8:start], "little")
    try:
        head = ast.literal_eval(content[start : start + min(length, LONGEST_HEAD)].decode("latin1").strip())
        is_array = content.startswith(HEAD) and "descr" in head
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        is_array = False
    if not is_array:
        raise DataError(f"{where} is no array that NumPy wrote: it is damaged, or something else")
    return head, start + length


def _drawing(rows: NDArray[Any], where: str, label: str, part: Part) -> Drawing | LeftOut:
    if rows.ndim != 2 or rows.shape[1] != 3:
        raise DataError(f"{where} has the shape {list(rows.shape)}: rows of dx, dy, lift are wanted")
    if not len(rows):
        return LeftOut("without a point")
    if len(rows) > MOST_POINTS:
        raise DataError(f"{where} has more than {MOST_POINTS:,} points: give drawings of fewer")
    if not np.isfinite(rows).all() or np.abs(rows.astype(np.float64)).max() * len(rows) > LARGEST:
        raise DataError(f"{where} has a number that is not finite, or too far out: check it")
    return drawing_of(strokes_of_offsets(rows), where, label=label, part=part)
