"""SVG: paths, lines, polylines, polygons, circles, ellipses and rectangles that are stroked, in their order."""

import io
import math
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np

from statewise.data.strokes.drawing import LARGEST, MOST_POINTS, Drawing, Floats, drawing_of
from statewise.data.strokes.xml_tree import DEEPEST, LARGEST_XML, MOST_ELEMENTS, read_xml
from statewise.disk.reading import read_file
from statewise.errors import DataError, MissingExtra

CURVE_POINTS = 24
"So many points stand for one curve or a quarter of an arc, before a line is simplified."
LONGEST_WORDS = 10_000
"Of styles together and of one attribute, in characters: svgelements takes the square of their length in time."
TAKEN_APART = ("transform", "style", "stroke", "fill", "viewBox")
"The attributes of which this holds; others are as long as a drawing or a picture, or are not looked at."
MOST_INHERITED, FEW = 150, 1000
"""So many characters of transforms an element may be in, on an average of at least so many elements: svgelements reads
them again for each, at a microsecond or more a character, where an element takes some 400 by itself."""
MOST_CLOSED = 100
"So often a path may be closed before it moves: each time svgelements looks back to where it began."
USED = 50_000
"So many elements there may be once each `use` is replaced by what it uses."


def read_svg(path: Path) -> Drawing:
    """Return the strokes of an SVG file, in its own coordinates. Raises what `svg_drawing` raises."""
    return svg_drawing(read_file(path, LARGEST_XML, DataError), str(path), label=path.parent.name or None)


def svg_drawing(content: bytes, where: str, *, label: str | None = None, text: str | None = None) -> Drawing:
    """Return the strokes of an SVG: everything that has a `stroke`, transforms and styles heeded.

    They are in the coordinates of the document itself, that is, of its `viewBox`, however large it is shown. The order
    of the document is the order of the strokes, and each subpath is one. What is filled but not stroked is no
    line of a pen and is passed over. Raises `DataError` for what is no SVG, for text or fills alone, and where it goes
    on for too long; `MissingExtra` where svgelements is not installed.
    """
    try:
        import svgelements
    except ImportError:
        raise MissingExtra("reading SVG needs svgelements: pip install 'statewise[strokes]'") from None
    root = read_xml(content, where)
    if root.tag != "svg":
        raise DataError(f"{where} is XML, but no SVG: its root is <{root.tag[:40]}>")
    _check_lengths(root, where)
    _check_uses(root, where)
    try:
        page = svgelements.SVG.parse(io.BytesIO(content), reify=True, on_error="ignore")
        strokes, filled = _strokes(svgelements, page, where)
    except DataError:
        raise
    except Exception as error:  # svgelements raises whatever a number that it cannot read raises
        raise DataError(f"{where} cannot be read as SVG ({type(error).__name__}): export it again") from None
    if not strokes:
        what = "fills and no strokes" if filled else "no lines, only text or nothing"
        raise DataError(f"{where} has {what}: give lines that are stroked, such as <path stroke='black' d='...'/>")
    return drawing_of(strokes, where, label=label, text=text)


def _strokes(svgelements: Any, page: Any, where: str) -> tuple[list[Floats], int]:
    """Return every stroked line, and how many shapes are only filled."""
    has_box = page.viewbox is not None
    back = ~svgelements.Matrix(page.viewbox_transform) if has_box else svgelements.Matrix()
    strokes: list[Floats] = []
    filled = total = 0
    for element in page.elements():
        if not isinstance(element, svgelements.Shape):
            continue
        if element.stroke is None or element.stroke.value is None or element.values.get("visibility") == "hidden":
            filled += 1
            continue
        for line in _lines(svgelements, abs(svgelements.Path(element) * back), where):
            total += len(line)
            if total > MOST_POINTS:
                raise DataError(f"{where} has more than {MOST_POINTS:,} points: give a drawing of fewer")
            strokes.append(line)
    return strokes, filled


def _lines(svgelements: Any, path: Any, where: str) -> list[Floats]:
    """Return the subpaths of a path as points."""
    lines: list[list[tuple[float, float]]] = []
    for segment in path:
        if isinstance(segment, svgelements.Move):
            lines.append([_point(segment.end, where)])
            continue
        if segment.start is None or segment.end is None:
            continue
        if not lines:
            lines.append([_point(segment.start, where)])
        if isinstance(segment, svgelements.Line | svgelements.Close):
            lines[-1].append(_point(segment.end, where))
            continue
        quarters = 1
        if isinstance(segment, svgelements.Arc):
            quarters = max(1, min(4, math.ceil(abs(float(segment.sweep)) / (math.pi / 2))))
        steps = CURVE_POINTS * quarters
        lines[-1] += [_in_bounds(x, y, where) for x, y in segment.npoint(np.arange(1, steps + 1) / steps)]
        if sum(map(len, lines)) > MOST_POINTS:
            raise DataError(f"{where} has more than {MOST_POINTS:,} points: give a drawing of fewer")
    # a move that nothing follows draws nothing
    return [np.array(line) for line in lines if len(line) > 1]


def _point(point: Any, where: str) -> tuple[float, float]:
    return _in_bounds(point.x, point.y, where)


def _in_bounds(x: Any, y: Any, where: str) -> tuple[float, float]:
    x, y = float(x), float(y)
    if not (abs(x) <= LARGEST and abs(y) <= LARGEST):
        raise DataError(f"{where} has a point that is not finite, or beyond {LARGEST:g}: check its numbers")
    return x, y


def _check_lengths(root: Element, where: str) -> None:
    """Refuse styles, attributes and paths that svgelements would take almost for ever to read."""
    styles = sum(len(text) for element in root.iter("style") for text in element.itertext())
    attributes = (len(one.get(name, "")) for one in root.iter() for name in TAKEN_APART)
    if max(styles, *attributes, 0) > LONGEST_WORDS:
        raise DataError(f"{where} has styles or a transform of more than {LONGEST_WORDS:,} characters: leave them out")
    lines = (line for one in root.iter() for line in one.get("d", "").lower().split("m"))
    if any(line.count("z") > MOST_CLOSED for line in lines):
        raise DataError(f"{where} has a path that is closed more than {MOST_CLOSED} times without a move: mend it")


def _check_uses(root: Element, where: str) -> None:
    """Refuse what grows without bound where each `use` stands for what it uses, which may use others, or itself.

    Transforms grow so too, since each element reads again those of all that it is in.
    """
    by_id = {identity: element for element in root.iter() if (identity := element.get("id")) is not None}
    sizes: dict[int, tuple[int, int]] = {}

    def size(element: Element, depth: int) -> tuple[int, int]:
        """Return how many elements it stands for, itself included, and how many characters of transforms they read."""
        if depth > DEEPEST:
            raise DataError(f"{where} has a <use> that uses itself, or more than {DEEPEST} in each other")
        known = sizes.get(id(element))
        if known is not None:
            return known
        inner = [*element]
        used = by_id.get((element.get("href") or "")[1:]) if element.tag == "use" else None
        within = [size(one, depth + 1) for one in [*inner, *([] if used is None else [used])]]
        total = 1 + sum(count for count, _ in within)
        characters = len(element.get("transform", "")) * total + sum(count for _, count in within)
        if total > MOST_ELEMENTS or (used is not None and total > USED):
            raise DataError(f"{where} draws more than {USED:,} shapes by <use>: write them out")
        if characters > MOST_INHERITED * max(total, FEW):
            raise DataError(f"{where} has long transforms around many shapes: export it with transforms applied")
        sizes[id(element)] = total, characters
        return total, characters

    if size(root, 0)[0] > MOST_ELEMENTS:
        raise DataError(f"{where} has more than {MOST_ELEMENTS:,} elements: give a drawing of fewer")
