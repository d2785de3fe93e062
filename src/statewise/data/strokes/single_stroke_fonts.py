"""Single-stroke fonts in SVG, whose letters are lines of a pen, and synthetic writers made from them."""

import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from statewise.bounds import shown
from statewise.data.strokes.drawing import drawing_of
from statewise.data.strokes.hands import Glyph, Hand
from statewise.data.strokes.xml_tree import LARGEST_XML, read_xml
from statewise.disk.reading import read_file
from statewise.errors import DataError

FONT_MARK = b"<font-face"
SIGNS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,!?'-:;()\"&")
"What synthetic writers write: the fonts have more, of which few would be seen often."
TOKEN = re.compile(r"[A-Za-df-z]|[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
LARGEST_UNIT = 1e6


def is_font(path: Path) -> bool:
    """Tell whether a file is a font in SVG."""
    return path.suffix.lower() == ".svg" and FONT_MARK in read_file(path, LARGEST_XML, DataError)


def letters_of_font(path: Path) -> dict[str, Glyph]:
    """Return the letters of a font that are made of straight lines, small letters 1 high; of others none is read.

    Raises `DataError` where there is none, or the font does not say how high its letters are.
    """
    root = read_xml(read_file(path, LARGEST_XML, DataError), str(path))
    face = next(root.iter("font-face"), None)
    if face is None:
        raise DataError(f"{path} has no <font-face>: it is no font in SVG")
    height = _number(face.get("x-height") or face.get("cap-height"), f"the x-height of {path}")
    if not height > 0:
        raise DataError(f"{path} says that its letters are {height:g} high: give a font of another height")
    usual = next((font.get("horiz-adv-x") for font in root.iter("font")), None)
    found = {}
    for glyph in root.iter("glyph"):
        letter = glyph.get("unicode", "")
        if letter in SIGNS and (read := _glyph(glyph, height, usual, f"{shown(letter)} of {path}")) is not None:
            found[letter] = read
    if not found:
        raise DataError(f"{path} has no letter made of lines: give a single-stroke font")
    return found


def synthetic_hands(path: Path, count: int, seed: int) -> Iterator[Hand]:
    """Yield so many writers that are no people: a font, with a slant, a width and a tremor of each one's own."""
    letters = letters_of_font(path)
    name = path.stem
    for number in range(1, count + 1):
        draw = np.random.default_rng([seed, number, *name.encode()])
        yield Hand(
            f"{name} {number}",
            letters,
            slant=float(draw.uniform(-0.1, 0.3)),
            wide=float(draw.uniform(0.8, 1.15)),
            gap=float(draw.uniform(0.0, 0.12)),
            varies=float(draw.uniform(0.015, 0.05)),
            trembles=float(draw.uniform(0.01, 0.04)),
            joins=0.15,
        )


def _glyph(glyph: Element, height: float, usual: str | None, where: str) -> Glyph | None:
    """Return a letter, or None where it has curves or no line."""
    strokes: list[list[tuple[float, float]]] = []
    tokens = TOKEN.findall(glyph.get("d", ""))
    for command in filter(str.isalpha, tokens):
        if command not in "ML":
            return None
    command, numbers = "", list[float]()
    for token in tokens:
        if token.isalpha():
            command = token
            if command == "M":
                strokes.append([])
            continue
        numbers.append(_number(token, where) / height)
        if len(numbers) == 2 and strokes:
            strokes[-1].append((numbers[0], -numbers[1]))
            numbers = []
    found = drawing_of([stroke for stroke in strokes if len(stroke) > 1], where)
    width = _number(glyph.get("horiz-adv-x") or usual, f"the width of {where}") / height
    return Glyph(found.strokes, width) if found.points else None


def _number(written: str | None, what: str) -> float:
    try:
        found = float(written if written is not None else "")
    except ValueError:
        found = float("nan")
    if not abs(found) <= LARGEST_UNIT:
        raise DataError(f"{what} is {shown(written)}: a number is wanted")
    return found
