"""Ink in XML: InkML of the W3C, and the files of IAM-OnDB, both of its kinds."""

from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

from statewise.bounds import shown
from statewise.data.strokes.drawing import Drawing, LeftOut, drawing_of
from statewise.data.strokes.xml_tree import LARGEST_XML, read_xml
from statewise.disk.reading import read_file
from statewise.errors import DataError

Points = list[list[float]]
SECONDS = {"s": 1.0, "ms": 1e-3, None: 1e-3}
MOST_CHANNELS = 100
"What one pen tells at each point: each trace costs as many numbers, even one without a point."
TRUTHS = ("truth", "text", "label", "transcription")
"Kinds of annotations of an ink that say what was written."


def read_xml_ink(path: Path) -> Iterator[Drawing | LeftOut]:
    """Yield what a file of ink holds: one drawing of InkML, or the lines of IAM-OnDB."""
    root = read_xml(read_file(path, LARGEST_XML, DataError), str(path))
    if root.tag == "ink":
        yield inkml_drawing(root, str(path))
    elif root.tag == "WhiteboardCaptureSession":
        from statewise.data.strokes.iam import read_session

        yield from read_session(root, path)
    else:
        raise DataError(f"{path} is XML of <{root.tag[:40]}>: give SVG, InkML, or files of IAM-OnDB")


def inkml_drawing(root: Element, where: str) -> Drawing | LeftOut:
    """Return the traces of an InkML document, in order, each a stroke.

    Channels X, Y and T are read, by the document's trace format; differences to the point before, written with `'` or
    `\"`, are followed. Raises `DataError` for what is neither.
    """
    channels = list(root.iter("channel"))
    names = [channel.get("name", "") for channel in channels] or ["X", "Y"]
    if "X" not in names or "Y" not in names:
        raise DataError(f"{where} has no channels X and Y: give ink that has")
    if len(names) > MOST_CHANNELS:
        raise DataError(f"{where} has {len(names):,} channels: give ink of at most {MOST_CHANNELS}")
    time = names.index("T") if "T" in names else None
    unit = next((channel.get("units") for channel in channels if channel.get("name") == "T"), None)
    strokes: list[Points] = []
    for number, trace in enumerate(root.iter("trace"), start=1):
        points = _trace(trace.text or "", len(names), f"trace {number} of {where}")
        order = [names.index("X"), names.index("Y"), *([] if time is None else [time])]
        strokes.append([[point[at] for at in order] for point in points])
    words = {kind.lower(): (note.text or "").strip() for note in root.iter("annotation") if (kind := note.get("type"))}
    text = next((words[kind] for kind in TRUTHS if words.get(kind)), None)
    found = drawing_of(strokes, where, seconds=SECONDS.get(unit, 1e-3), text=text, writer=words.get("writer") or None)
    return found if found.points else LeftOut("without a point")


def _trace(text: str, channels: int, where: str) -> Points:
    """Return the points of one trace, as numbers of each channel."""
    points: Points = []
    order = [0] * channels  # 0 plain, 1 a difference to the point before, 2 a difference of differences
    speed = [0.0] * channels
    for written in filter(None, (part.strip() for part in text.split(","))):
        values = _values(written, where)
        if len(values) < channels:
            raise DataError(f"{where} has a point {shown(written)} where {channels} numbers are wanted")
        before = points[-1] if points else [0.0] * channels
        point = []
        for at, (mark, value) in enumerate(values[:channels]):
            order[at] = {"!": 0, "'": 1, '"': 2, "": order[at]}[mark]
            speed[at] = value + (speed[at] if order[at] == 2 else 0.0) if order[at] else value - before[at]
            point.append(value if not order[at] else before[at] + speed[at])
        points.append(point)
    return points


def _values(written: str, where: str) -> list[tuple[str, float]]:
    """Return the numbers of a point, each with the mark before it, which may stand without a space between."""
    values, mark = [], ""
    for mark_or_number in (
        written.replace("'", " ' ").replace('"', ' " ').replace("!", " ! ").replace("-", " -").split()
    ):
        if mark_or_number in ("'", '"', "!"):
            mark = mark_or_number
            continue
        try:
            values.append((mark, float(mark_or_number)))
        except ValueError:
            raise DataError(f"{where} has {shown(mark_or_number)} where a number should be: check it") from None
        mark = ""
    return values
