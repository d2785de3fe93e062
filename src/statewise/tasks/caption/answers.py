"""What a captioner answers: captions of a picture, of a folder as a table, with maps of where it looked."""

import base64
import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from statewise.data.archives import BROKEN
from statewise.data.naming import path_of
from statewise.data.pictures.caption_codec import CaptionCodec
from statewise.data.pictures.caption_files import SURENESS, WRITTEN
from statewise.data.pictures.feature_store import Seen
from statewise.data.pictures.measured import Measured, measured
from statewise.data.pictures.picture_file import ENDINGS, Picture, read_picture
from statewise.disk.reading import read_file
from statewise.errors import DataError, UsageError
from statewise.run.files import saving, write_whole
from statewise.shown import in_cell, in_line
from statewise.task import Answer
from statewise.tasks.caption.attention_maps import SIDE, draw_maps
from statewise.tasks.caption.captioner import Captioner, PictureCaptioned
from statewise.tasks.caption.seeing import Eyes, checked

LARGEST_SENT = 1 << 25
LARGEST_ARRAY = 1 << 26
COLUMNS = ("image", "caption", SURENESS, "log_probability", "is_sure")
TOGETHER = 16
"Pictures of a folder that are captioned together."


class GivenPicture(NamedTuple):
    """What is to be captioned: what is seen in it, and where it is a picture, the picture and what is measured."""

    name: str
    seen: Seen
    picture: Picture | None = None
    measured: Measured | None = None


def given_picture(given: Any, codec: CaptionCodec, eyes: Eyes | None) -> GivenPicture:
    """Return a picture that was given as a path or as the bytes of a file, or what was seen in one.

    Raises `UsageError` for anything else, `DataError` where it cannot be read.
    """
    if eyes is None:
        return GivenPicture(in_line(str(given)[:60]), features_given(given, codec))
    if isinstance(given, bytes):
        name, picture = "the picture", read_picture(given)
    elif isinstance(given, str | Path):
        path = path_of(given)
        name, picture = str(path), read_picture(path)
    else:
        raise UsageError("the picture was not given: give a path, or the bytes of a file")
    return GivenPicture(name, eyes.sees(picture), picture, measured(picture))


def features_given(given: Any, codec: CaptionCodec) -> Seen:
    """Return what another program saw in a picture: an array `[S, F]`, or an `.npy` file of one."""
    sight, found = codec.sight, given
    if isinstance(given, str | Path):
        path = path_of(given)
        try:
            found = np.load(io.BytesIO(read_file(path, LARGEST_ARRAY, DataError)), allow_pickle=False)
        except BROKEN as error:
            why = " ".join(str(error).split())[:80]
            raise DataError(f"{path} is not an array ({why}): this run reads features, give them as .npy") from None
    if isinstance(found, np.ndarray) and found.ndim == 1:
        found = found[None]
    wanted = (sight.places, sight.features)
    if not isinstance(found, np.ndarray) or found.shape != wanted or found.dtype.kind not in "fiu":
        raise DataError(f"this run reads features {list(wanted)} of another program: give such an array, or an .npy")
    return checked(found, "the array")


def sent_picture(image: str) -> bytes:
    """Return the bytes of a file that came in base 64. Raises `UsageError` where it is none."""
    if len(image) > LARGEST_SENT:
        raise UsageError(f"an image of {len(image):,} characters is too long: give at most {LARGEST_SENT:,}")
    try:
        return base64.b64decode(image, validate=True)
    except ValueError:
        raise UsageError("the image is not base 64: give the bytes of a picture's file in it") from None


def pictures_in(folder: Path) -> list[Path]:
    """Return the pictures of a folder and those in it, by path. Raises `DataError` where there is none."""
    found = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in ENDINGS and path.is_file() and not path.name.startswith(".")
    )
    if not found:
        raise DataError(f"{folder} has no picture ({', '.join(ENDINGS)}): give another folder")
    return found


def captioned(captioner: Captioner, given: Sequence[GivenPicture], least: float) -> list[PictureCaptioned]:
    """Return pictures with their captions."""
    found = captioner.captions([one.seen for one in given])
    return [
        PictureCaptioned(one.name, candidates, least, one.measured)
        for one, candidates in zip(given, found, strict=True)
    ]


def captioned_paths(
    captioner: Captioner, paths: Sequence[Path], eyes: Eyes | None, least: float
) -> Iterator[PictureCaptioned | DataError]:
    """Yield pictures with their captions in their order, or why one cannot be read."""
    for begin in range(0, len(paths), TOGETHER):
        each: list[GivenPicture | DataError] = []
        for path in paths[begin : begin + TOGETHER]:
            try:
                each.append(given_picture(path, captioner.codec, eyes))
            except (DataError, UsageError) as error:  # a name that is none is one picture's fault, not the folder's
                each.append(DataError(str(error)))
        found = iter(captioned(captioner, [one for one in each if isinstance(one, GivenPicture)], least))
        for one in each:
            yield one if isinstance(one, DataError) else next(found)


def folder_answer(captioner: Captioner, folder: Path, eyes: Eyes | None, least: float, output: str | None) -> Answer:
    """Write the captions of a folder's pictures to a table, and tell them as they come."""
    into = Path(output) if output else folder / WRITTEN
    refuse_foreign_table(into)
    paths = pictures_in(folder)
    rows: list[list[str]] = []
    told: list[dict[str, Any]] = []
    unread: list[str] = []

    def lines() -> Iterator[str]:
        for path, one in zip(paths, captioned_paths(captioner, paths, eyes, least), strict=True):
            if isinstance(one, DataError):
                unread.append(str(one))
                yield f"left out: {one}\n"
                continue
            best, name = one.candidates[0], path.relative_to(folder).as_posix()
            rows.append(
                [
                    name,
                    one.text,
                    f"{best.sureness:.4f}",
                    f"{best.log_probability:.4f}",
                    str(one.is_sure) if one.least else "",
                ]
            )
            told.append(one.as_json())
            yield f"{in_line(name)}\t{in_line(one.text)}\n"
        write_table(into, COLUMNS, rows)
        yield f"{into} holds {len(rows):,} captions; {len(unread):,} pictures could not be read\n"

    def as_json() -> dict[str, Any]:
        for _ in lines():
            pass
        return {"answer": told, "left_out": unread, "table": str(into)}

    return Answer(lines(), as_json, end="")


def refuse_foreign_table(path: Path) -> None:
    """Raise `UsageError` where a table is there that was not written here, as captions of a person's own."""
    if not path.is_file():
        return
    with path.open("rb") as file:
        head = file.readline(1000)
    if head.strip() and SURENESS.encode() not in head:
        raise UsageError(f"{path} is a table of other captions: name another with --output")


def write_table(path: Path, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a table as CSV, whole or not at all. What begins like a formula is not one when a spreadsheet opens it."""
    into = io.StringIO()
    writer = csv.writer(into, lineterminator="\n")
    writer.writerow(head)
    writer.writerows([in_cell(cell) for cell in row] for row in rows)
    with saving(str(path), "give another place"):
        write_whole(path, into.getvalue().encode(errors="surrogateescape"))


def answer_of(found: Sequence[PictureCaptioned], notices: Sequence[str] = ()) -> Answer:
    """Return captions to be shown."""
    return Answer(
        (f"{one}\n" for one in found), lambda: {"answer": [one.as_json() for one in found]}, end="", notices=notices
    )


def draw_words(path: str, captioner: Captioner, given: GivenPicture, found: PictureCaptioned) -> str:
    """Draw where it looked for each word of the best caption, and say so."""
    looked = captioner.looked_at(given.seen, found.candidates[0].codes)
    if looked is None or not looked.words:
        raise UsageError("this run looks at no places of a picture: train with --look places to see where it looks")
    sight = captioner.codec.sight
    blank = np.full((SIDE, SIDE, 3), 127, np.uint8)
    draw_maps(path, blank if given.picture is None else given.picture.sized(SIDE), looked)
    return f"{path} shows where it looked for each word, {sight.rows} x {sight.columns} places"
