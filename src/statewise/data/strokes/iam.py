"""IAM-OnDB: handwriting from a whiteboard, as lines with their text and as whole pages."""

import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

from statewise.bounds import shown
from statewise.data.strokes.drawing import Drawing, LeftOut, drawing_of
from statewise.disk.reading import read_file
from statewise.errors import DataError

LARGEST_TEXT = 1 << 20
MARK = "CSR:"
"The lines of a text follow it in the corpus's ASCII files, as they were written."
LINE_NUMBER = re.compile(r"-(\d+)$")
LEAST_POINTS_A_LETTER, MOST_POINTS_A_LETTER = 2, 150
"A line whose ink has fewer or more points a letter was cut, or belongs to another text."
MISMATCHED = "whose ink and text disagree"


def read_session(root: Element, path: Path) -> Iterator[Drawing | LeftOut]:
    """Yield the ink of a `WhiteboardCaptureSession`: one line of `lineStrokes`, or a page of `original`.

    The text of a line is that of the same number in the ASCII file of its form, which lies in a folder `ascii` next to
    `lineStrokes`, in the same folders and under the name without the number; a page has its own. A line without its
    text, or whose ink and text disagree, is left out and counted.
    """
    strokes, origin = [], None
    for stroke in root.iter("Stroke"):
        points = []
        for point in stroke.iter("Point"):
            x, y, time = (_number(point.get(name), name, path) for name in ("x", "y", "time"))
            origin = time if origin is None else origin
            points.append([x, y, time - origin])
        strokes.append(points)
    writer = next((form.get("writerID") for form in root.iter("Form") if form.get("writerID")), None)
    line = LINE_NUMBER.search(path.stem)
    is_line = line is not None and root.find("Transcription") is None
    text = _line_of(path, int(line[1])) if line is not None and is_line else _page_of(root)
    if writer is None and is_line:
        writer = (
            path.stem[: line.start()].rstrip("abcdefghijklmnopqrstuvwxyz") if line else None
        )  # a form is of one hand
    drawing = drawing_of(strokes, str(path), text=text, writer=writer)
    if not drawing.points:
        yield LeftOut("without a point")
    elif text is None:
        yield LeftOut("without its text") if is_line else drawing
    elif not LEAST_POINTS_A_LETTER * len(text) <= drawing.points <= MOST_POINTS_A_LETTER * len(text):
        yield LeftOut(MISMATCHED)
    else:
        yield drawing


def _number(value: str | None, name: str, path: Path) -> float:
    try:
        return float(value if value is not None else "")
    except ValueError:
        raise DataError(f"{path} has a point whose {name} is {shown(value)}: a number is wanted") from None


def _page_of(root: Element) -> str | None:
    """Return the text of a page, where it says it."""
    lines = [line.get("text", "") for line in root.iter("TextLine")]
    if any(lines):
        return "\n".join(lines)
    text = root.findtext(".//Transcription/Text")
    return text.strip() if text and text.strip() else None


def _line_of(path: Path, number: int) -> str | None:
    """Return the text of a line of ink, None where there is no ASCII file, or no such line in it."""
    parts = list(path.parts)
    if "lineStrokes" not in parts:
        return None
    parts[len(parts) - 1 - parts[::-1].index("lineStrokes")] = "ascii"
    ascii_file = Path(*parts).with_name(LINE_NUMBER.sub("", path.stem) + ".txt")
    if not ascii_file.is_file():
        return None
    told = read_file(ascii_file, LARGEST_TEXT, DataError).decode("latin1")
    _, mark, behind = told.partition(MARK)
    lines = [line.strip() for line in behind.splitlines() if line.strip()]
    return lines[number - 1] if mark and 0 < number <= len(lines) else None
