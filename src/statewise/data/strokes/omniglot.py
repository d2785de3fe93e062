"""Omniglot's drawings of letters, as strokes with their times: those of the Latin alphabet, one hand a drawer."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from statewise.bounds import shown
from statewise.data.archives import check_size, members_of_zip
from statewise.data.strokes.drawing import Floats, drawing_of
from statewise.data.strokes.hands import Glyph, Hand
from statewise.disk.reading import read_file
from statewise.errors import DataError

NAME = re.compile(r"(?:^|/)(\w+)/character(\d{1,4})/\d{1,8}_(\d{1,4})\.txt$")
"Alphabet, letter, drawing and drawer, as the corpus names its files."
LARGEST_FILE = 1 << 20
LATIN = "abcdefghijklmnopqrstuvwxyz"
OTHER_ALPHABET = "letters of an alphabet that is not Latin"
ASCENDER, DESCENDER = -1.8, 0.8
TOPS = {**dict.fromkeys("bdfhkl", ASCENDER), "t": -1.5, "i": -1.5, "j": -1.5}
BOTTOMS = dict.fromkeys("gjpqy", DESCENDER)
DOTTED = "ij"
MILLISECOND = 1e-3


def is_letter_file(path: Path) -> bool:
    """Tell whether a file is a drawing of a letter, by its name and folders."""
    return NAME.search(path.as_posix()) is not None


def letters_in_files(files: Iterable[Path]) -> Iterator[tuple[str, bytes]]:
    """Yield the name and content of each file that is a drawing of a letter."""
    for path in files:
        yield path.as_posix(), read_file(path, LARGEST_FILE, DataError)


def letters_in_zip(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the name and content of each drawing of a letter in an archive. Raises `DataError` where it has none."""
    check_size(path)
    some = False
    for member in members_of_zip(path):
        if NAME.search(member.name) is None or member.name.startswith("__MACOSX"):
            continue
        some, content = True, bytearray()
        for piece in member.pieces():
            content += piece
            if len(content) > LARGEST_FILE:
                raise DataError(f"{member.name} in {path} is larger than {LARGEST_FILE:,} bytes: it is no letter")
        yield member.name, bytes(content)
    if not some:
        raise DataError(
            f"{path} holds no letters ALPHABET/characterNN/NNNN_DD.txt, as Omniglot has: give a zip that has"
        )


def hands_of(letters: Iterable[tuple[str, bytes]], left_out: Counter[str]) -> list[Hand]:
    """Return the hand of each drawer of the whole Latin alphabet; all other drawings are counted.

    The corpus keeps letters apart, each as large as its drawer liked. Here each is as high as print has it: small ones
    1, with what reaches above and below.
    """
    drawers: dict[str, dict[str, Glyph]] = {}
    for name, content in letters:
        found = NAME.search(name)
        assert found is not None
        alphabet, number, drawer = found[1], int(found[2]), found[3]
        if alphabet != "Latin" or not 1 <= number <= len(LATIN):
            left_out[OTHER_ALPHABET] += 1
            continue
        letter = LATIN[number - 1]
        drawers.setdefault(drawer, {})[letter] = _glyph(letter, read_letter(content, name))
    hands = []
    for drawer, glyphs in sorted(drawers.items()):
        if missing := set(LATIN) - set(glyphs):
            left_out["letters of a drawer without the whole alphabet"] += len(LATIN) - len(missing)
            continue
        hands.append(Hand(f"drawer {drawer}", glyphs))
    return hands


def read_letter(content: bytes, where: str) -> list[Floats]:
    """Return the strokes of one file: `START`, lines `x,y,milliseconds` with y upwards, each stroke ended by `BREAK`.

    Raises `DataError` for anything else.

    >>> [stroke.tolist() for stroke in read_letter(b"START\\n1,-2,0\\n3,-4,10\\nBREAK\\n", "a test")]
    [[[1.0, 2.0], [3.0, 4.0]]]
    """
    lines = content.decode("ascii", errors="replace").split()
    if not lines or lines[0] != "START":
        raise DataError(f"{where} does not begin with START: it is no drawing of Omniglot")
    strokes: list[list[list[float]]] = [[]]
    for line in lines[1:]:
        if line == "BREAK":
            strokes.append([])
            continue
        try:
            x, y, time = map(float, line.split(","))
        except ValueError:
            raise DataError(f"{where} has the line {shown(line)}: x,y,time is wanted") from None
        strokes[-1].append([x, -y, time])
    found = drawing_of(strokes, where, seconds=MILLISECOND)
    if not found.points:
        raise DataError(f"{where} has no point: it is no drawing of a letter")
    return list(found.strokes)


def _glyph(letter: str, strokes: list[Floats]) -> Glyph:
    """Return a letter as high as print has it, from where its ink begins on."""
    points = np.concatenate(strokes)
    low, high = points.min(axis=0), points.max(axis=0)
    top = -1.0 if letter in DOTTED and len(strokes) == 1 else TOPS.get(letter, -1.0)
    bottom = BOTTOMS.get(letter, 0.0)
    factor = (bottom - top) / max(float(high[1] - low[1]), 1e-6)
    factor = min(factor, 2.0 / max(float(high[0] - low[0]), 1e-6))  # what has no height, such as a lying line
    moved = tuple((stroke - [low[0], high[1]]) * factor + [0.0, bottom] for stroke in strokes)
    return Glyph(moved, float(high[0] - low[0]) * factor)
