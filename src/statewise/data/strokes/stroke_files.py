"""Drawings out of files, whatever their form: QuickDraw, sketch-rnn, SVG, InkML, IAM-OnDB, UNIPEN, JSON lines."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from statewise.data.strokes.drawing import Drawing, LeftOut
from statewise.data.strokes.icons import read_icons
from statewise.data.strokes.ink import read_xml_ink
from statewise.data.strokes.json_lines import read_json_lines
from statewise.data.strokes.quickdraw_binary import read_binary
from statewise.data.strokes.stroke3 import read_npz
from statewise.data.strokes.svg import read_svg
from statewise.data.strokes.unipen import read_unipen
from statewise.disk.reading import open_file
from statewise.errors import DataError

RASTERS = {b"\x89PNG": "PNG", b"\xff\xd8\xff": "JPEG", b"GIF8": "GIF", b"RIFF": "WebP", b"BM": "BMP", b"II*\0": "TIFF"}
FORMS = "SVG, QuickDraw (.ndjson, .bin), sketch-rnn (.npz), InkML, IAM-OnDB (.xml), UNIPEN (.unp, .dat) or JSON lines"
ENDINGS: dict[str, Callable[[Path], Iterator[Drawing | LeftOut] | Drawing]] = {
    ".ndjson": read_json_lines,
    ".jsonl": read_json_lines,
    ".npz": read_npz,
    ".bin": read_binary,
    ".svg": read_svg,
    ".inkml": read_xml_ink,
    ".xml": read_xml_ink,
    ".unp": read_unipen,
    ".unipen": read_unipen,
    ".dat": read_unipen,
    ".json": read_icons,
}
BESIDE = {".txt", ".md", ".html", ".csv", ""}
"Endings of other files in a folder of drawings, such as a licence: they are skipped without an error."


def read_file_of_drawings(path: Path) -> Iterator[Drawing | LeftOut]:
    """Yield the drawings of one file, in order, by what its name ends in.

    Raises `DataError` for a picture made of pixels, an unknown ending, and a file that is not what its name says.
    """
    with open_file(path, DataError) as file:
        head = file.read(8)
    if not head:
        raise DataError(f"{path} is empty: give {FORMS}")
    for mark, kind in RASTERS.items():
        if head.startswith(mark) and path.suffix.lower() != ".bin":
            raise DataError(f"{path} is a raster image ({kind}), which has no lines: give SVG or strokes")
    read = ENDINGS.get(path.suffix.lower())
    if read is None:
        raise DataError(f"{path} ends in no known form: give {FORMS}")
    found = read(path)
    if isinstance(found, Drawing):
        yield found
    else:
        yield from found


def read_drawings(files: Iterable[Path], left_out: Counter[str] | None = None) -> Iterator[Drawing]:
    """Yield the drawings of files, in order, counting in `left_out` those that are not taken, by their reasons.

    Of the files in a folder, those of forms that are no drawings, such as a licence, are counted too.
    """
    counted = Counter[str]() if left_out is None else left_out
    files = [*files]
    for path in files:
        if len(files) > 1 and path.suffix.lower() in BESIDE:
            counted[f"files of another kind ({path.suffix.lower() or 'without an ending'})"] += 1
            continue
        for found in read_file_of_drawings(path):
            if isinstance(found, LeftOut):
                counted[found.reason] += 1
            else:
                yield found


def read_one(path: Path) -> Drawing:
    """Return the one drawing of a file. Raises `DataError` where there is none, or more than one."""
    left_out = Counter[str]()
    drawings = read_drawings([path], left_out)
    first = next(drawings, None)
    if first is None:
        why = next(iter(left_out), "")
        raise DataError(f"{path} holds no drawing{f' but one {why}' if why else ''}: give one with a line")
    if next(drawings, None) is not None:
        raise DataError(f"{path} holds more than one drawing: give a file of one, such as an SVG")
    return first
