"""Icons as Iconify publishes them: one JSON file of a collection, each icon the body of an SVG."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from statewise.data.strokes.drawing import Drawing, LeftOut
from statewise.data.strokes.svg import svg_drawing
from statewise.disk.reading import read_file
from statewise.errors import DataError
from statewise.plain.strict_json import read_json
from statewise.shown import in_line

LARGEST_COLLECTION = 1 << 27
FILLED = "without a stroked line"


def read_icons(path: Path) -> Iterator[Drawing | LeftOut]:
    """Yield each icon of a collection that is made of lines, with its name as its text.

    Icons that are filled are left out and counted. Raises `DataError` for JSON that is no collection.
    """
    try:
        told = read_json(read_file(path, LARGEST_COLLECTION, DataError))
    except ValueError as error:
        raise DataError(f"{path} is no JSON ({error}): give a collection of icons, or drawings as .jsonl") from None
    icons = told.get("icons") if isinstance(told, dict) else None
    if not isinstance(icons, dict):
        raise DataError(f"{path} is no collection of icons: give drawings a line each, and call the file .jsonl")
    for name, icon in icons.items():
        yield _drawing(name, icon, f"icon {in_line(name, 40)} of {path}")


def _drawing(name: str, icon: Any, where: str) -> Drawing | LeftOut:
    body = icon.get("body") if isinstance(icon, dict) else None
    if not isinstance(body, str):
        raise DataError(f"{where} has no body: it is no icon")
    if "stroke=" not in body:
        return LeftOut(FILLED)
    content = f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">{body}</svg>'
    return svg_drawing(content.encode(), where, text=name)
