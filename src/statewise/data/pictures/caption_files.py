"""Captions out of files, whatever their form: JSON of COCO and of Karpathy, Flickr's tokens, tables, texts by name."""

import csv
import io
import re
from collections.abc import Container, Iterator, Sequence
from pathlib import Path
from typing import Any

from statewise.data.left_out import LeftOutCount
from statewise.data.pictures.captioned import LONGEST_CAPTION, MOST_CAPTIONS, Captioned, CaptionPart, plain_caption
from statewise.data.pictures.picture_file import ENDINGS
from statewise.disk.reading import read_file
from statewise.errors import DataError
from statewise.plain.strict_json import read_json

LARGEST_LIST = 1 << 29
MOST_VALUES = 1 << 25
TABLES = (".csv", ".tsv")
TOKENS = re.compile(r"^(\S.*?)#(\d+)\t(.*)$")
"A line of Flickr8k.token.txt: a picture, the number of the caption, and the caption."
TRANSLATION = re.compile(r"^[a-z]{2,3}(_[A-Z]{2})?(@\w+)?\.utf8=")
"A line with the caption in another language, as those of tuxpaint's stamps."
PARTS: dict[str, CaptionPart] = {
    "train": "training",
    "training": "training",
    "restval": "training",
    "val": "validation",
    "validation": "validation",
    "valid": "validation",
    "dev": "validation",
    "test": "held_out",
    "held_out": "held_out",
}
"What lists call their parts. The rest of COCO's validation pictures, `restval`, is learned from, as is usual."
PICTURE_COLUMNS = ("image", "picture", "filename", "file_name", "file", "path", "image_name")
CAPTION_COLUMNS = ("caption", "captions", "text", "comment", "sentence", "alt")
MOST_ROWS = 20_000_000
WRITTEN, SURENESS = "captions.csv", "sureness"
"""The table that statewise writes into a folder of pictures, by a column that no other has: what a model said is not a
list to learn from."""

Row = tuple[str, str | None, CaptionPart | None]
"The name of a picture, a caption of it, and its part."


def read_captioned(
    files: Sequence[Path],
    pictures: Path | None,
    left_out: LeftOutCount,
    *,
    capitals: bool = False,
    seen_elsewhere: Container[str] = (),
) -> list[Captioned]:
    """Return the pictures of some files that have captions, in the order in which they are first named.

    Files are lists (`.json`, `.csv`, `.tsv`, tokens), pictures, and texts next to pictures, `NAME.txt` of `NAME.jpg`;
    where there is a list, texts next to pictures are not read. `pictures` is the folder of the pictures that lists
    name; without it they are looked for near the list. Those `seen_elsewhere` need no file. What is left out is
    counted: a picture without a caption, a caption of a picture that is not there. Raises `DataError` for a list that
    cannot be read.
    """
    lists = [path for path in files if is_list(path)]
    if not lists:
        return _with_texts(files, left_out, capitals=capitals)
    found: list[Captioned] = []
    for path in lists:
        found += _of_list(path, _Places(path, pictures, files, seen_elsewhere), left_out, capitals=capitals)
    return found


def is_list(path: Path) -> bool:
    """Tell whether a file lists pictures with their captions, by its ending or, where that is .txt, its first line."""
    ending = path.suffix.lower()
    if ending in (".json", *TABLES):
        return not (ending in TABLES and path.name == WRITTEN and SURENESS in _text(path).partition("\n")[0].split(","))
    if ending not in (".txt", "") or "token" not in path.name.lower():
        return False
    return any(TOKENS.match(line) for line in _text(path).splitlines()[:1])


def _of_list(path: Path, places: "_Places", left_out: LeftOutCount, *, capitals: bool) -> list[Captioned]:
    captions: dict[str, list[str]] = {}
    parts: dict[str, CaptionPart | None] = {}
    for number, (name, caption, part) in enumerate(_rows(path, left_out)):
        if number >= MOST_ROWS:
            raise DataError(f"{path} has more than {MOST_ROWS:,} captions: give fewer")
        parts.setdefault(name, part)
        kept = captions.setdefault(name, [])
        if caption is not None:
            _add(kept, caption, f"{name} in {path.name}", left_out, capitals=capitals)
    found = []
    for name, kept in captions.items():
        place = places.of(name)
        if place is None:
            left_out.add("named in a list, but not there", f"{name} in {path.name}")
        elif not kept:
            left_out.add("without a caption", f"{name} in {path.name}")
        else:
            found.append(Captioned(place, name, tuple(kept), parts[name]))
    return found


def _add(kept: list[str], caption: str, where: str, left_out: LeftOutCount, *, capitals: bool) -> None:
    clean = plain_caption(caption[: LONGEST_CAPTION + 1], capitals=capitals)
    if clean and len(caption) <= LONGEST_CAPTION and clean not in kept and len(kept) < MOST_CAPTIONS:
        kept.append(clean)
    elif len(caption) > LONGEST_CAPTION:
        left_out.add(f"a caption longer than {LONGEST_CAPTION:,} characters", where)


class _Places:
    """Where the pictures lie that a list names: in the folder that was given, or near the list."""

    def __init__(
        self, listed: Path, pictures: Path | None, files: Sequence[Path], seen_elsewhere: Container[str]
    ) -> None:
        if pictures is not None and not pictures.is_dir():
            raise DataError(f"{pictures} is not a folder: give the folder of the pictures")
        near, self.seen_elsewhere = listed.parent, seen_elsewhere
        self.folders = [pictures] if pictures is not None else [near, near / "images", near / "pictures"]
        shown = [path for path in files if path.suffix.lower() in ENDINGS]
        self.files = {path.name: path for path in shown} | {str(path): path for path in shown}

    def of(self, name: str) -> Path | None:
        """Return where a picture is, never outside of the folders; None where it is not there."""
        inner = Path(name)
        if name in self.seen_elsewhere:
            return inner
        if name in self.files:
            return self.files[name]
        if not name or "\0" in name or inner.is_absolute() or ".." in inner.parts:
            return None
        places = [folder / inner for folder in self.folders] + [folder / inner.name for folder in self.folders]
        try:
            found = next((place for place in places if place.is_file()), None)
        except OSError:  # a name that no file can have
            return None
        return found or self.files.get(inner.name)


def _rows(path: Path, left_out: LeftOutCount) -> Iterator[Row]:
    ending = path.suffix.lower()
    if ending == ".json":
        yield from _of_json(path)
    elif ending in TABLES:
        yield from _of_table(path, left_out)
    else:
        for number, line in enumerate(_text(path).splitlines(), start=1):
            if found := TOKENS.match(line):
                yield found[1], found[3], None
            elif line.strip():
                left_out.add("a line that is not PICTURE#NUMBER<tab>CAPTION", f"line {number} of {path.name}")


def _of_json(path: Path) -> Iterator[Row]:
    try:
        told = read_json(read_file(path, LARGEST_LIST, DataError), any_number=True, most_values=MOST_VALUES)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is not JSON ({' '.join(str(error).split())[:80]}): give captions as JSON") from None
    try:
        if isinstance(told, list):
            yield from _of_objects(told)
        else:
            yield from _of_coco(told) if "annotations" in told else _of_karpathy(told)
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path} does not hold captions as COCO, Karpathy's splits or a list of objects have them "
            f"({' '.join(str(error).split())[:40]}): check it"
        ) from None


def _of_coco(told: Any) -> Iterator[Row]:
    names = {image["id"]: str(image["file_name"]) for image in told["images"]}
    if len(names) < len(told["images"]):
        raise KeyError("two images have the same id")
    for name in names.values():
        yield name, None, None
    for one in told["annotations"]:
        yield names.get(one["image_id"], f"picture {one['image_id']}"), str(one["caption"]), None


def _of_karpathy(told: Any) -> Iterator[Row]:
    for image in told["images"]:
        folder = str(image.get("filepath", ""))
        name = f"{folder}/{image['filename']}" if folder else str(image["filename"])
        part = _part(image.get("split"))
        yield name, None, part
        for sentence in image.get("sentences", ()):
            yield name, str(sentence["raw"] if "raw" in sentence else " ".join(sentence["tokens"])), part


def _of_objects(told: Any) -> Iterator[Row]:
    for one in told:
        name = next((str(one[key]) for key in PICTURE_COLUMNS if key in one), None)
        if name is None:
            raise KeyError("image")
        given: Any = next((one[key] for key in CAPTION_COLUMNS if key in one), [])
        part = _part(one.get("split", one.get("part")))
        yield name, None, part
        for caption in [given] if isinstance(given, str) else given:
            yield name, str(caption), part


def _part(named: Any) -> CaptionPart | None:
    return None if named is None else PARTS.get(str(named).strip().lower(), "training")


def _of_table(path: Path, left_out: LeftOutCount) -> Iterator[Row]:
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    rows = csv.reader(io.StringIO(_text(path)), delimiter=delimiter)
    try:
        head = [cell.strip().lower() for cell in next(rows, [])]
        picture = next((head.index(name) for name in PICTURE_COLUMNS if name in head), None)
        caption = next((head.index(name) for name in CAPTION_COLUMNS if name in head), None)
        if picture is None or caption is None:
            raise DataError(f"{path} has no columns image and caption: name them so in its first line")
        part = next((head.index(name) for name in ("split", "part") if name in head), None)
        for row in rows:
            if len(row) <= max(picture, caption):
                if row:
                    left_out.add("a row with too few cells", f"line {rows.line_num} of {path.name}")
                continue
            own = _part(row[part]) if part is not None and part < len(row) and row[part].strip() else None
            yield row[picture].strip(), row[caption], own
    except csv.Error as error:
        raise DataError(f"line {rows.line_num} of {path} is not a row of a table ({error}): mend it") from None


def _with_texts(files: Sequence[Path], left_out: LeftOutCount, *, capitals: bool) -> list[Captioned]:
    """Return pictures that have a text of the same name next to them."""
    texts = {path.with_suffix(""): path for path in files if path.suffix.lower() == ".txt"}
    taken: set[Path] = set()
    found = []
    for path in files:
        if path.suffix.lower() not in ENDINGS:
            continue
        told = texts.get(path.with_suffix(""))
        kept: list[str] = []
        if told is not None:
            for line in _text(told).splitlines():
                if line.strip() and not TRANSLATION.match(line):
                    _add(kept, line, str(told), left_out, capitals=capitals)
        if not kept:
            left_out.add("without a caption", str(path))
        elif path.with_suffix("") in taken:
            left_out.add("with the text of another picture", str(path))
        else:
            taken.add(path.with_suffix(""))
            found.append(Captioned(path, path.name, tuple(kept)))
    return found


def _text(path: Path) -> str:
    content = read_file(path, LARGEST_LIST, DataError)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 at byte {error.start}: save it as UTF-8") from None
    return text.replace("\0", "")
