"""Films of gestures: folders of clips by class, and lists of folders of frames such as Jester's."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from statewise.data.movement.movement_arrays import film_recording, person_in
from statewise.data.movement.recording import FilmLike, Movement, MovementReading, NotRead
from statewise.data.video.film import ENDINGS, Film
from statewise.data.video.frame_folder import PICTURES, FrameFolder
from statewise.data.video.part_folders import PART_OF_FOLDER, say_parts
from statewise.disk.reading import open_file
from statewise.errors import DataError

LARGEST_LISTED = 1 << 20


def clips_by_class(root: Path, files: Sequence[Path], reading: MovementReading) -> Iterator[Movement | NotRead]:
    """Yield the clips of a folder: `CLASS/CLIP.mp4`, or `CLASS/CLIP/` with pictures; people or parts may lie around.

    Folders called train, validation and test, where all of the outermost are, say the part; then the class follows.
    """
    films = [path for path in files if path.suffix.lower() in ENDINGS]
    folders = sorted({path.parent for path in files if path.suffix.lower() in PICTURES})
    outermost = {path.relative_to(root).parts[0] for path in [*films, *folders] if path != root}
    has_parts = say_parts(outermost)
    for path in [*films, *folders]:
        names = path.relative_to(root).parts
        part = PART_OF_FOLDER[names[0]] if has_parts else None
        names = names[1:] if has_parts else names
        if len(names) < 2:
            yield NotRead("outside the folder of a class", str(path))
            continue
        name, person = "/".join(names), person_in(names, reading.person)
        if path.suffix.lower() in ENDINGS and path.is_file():
            yield film_recording(name, Film(path), names[0], person, part)
        else:
            folder = FrameFolder(path, reading.rate)
            yield Movement(name, FilmLike(str(path), folder.frames), None, names[0], person=person, part=part)


def is_clip_list(path: Path) -> bool:
    """Say whether a file lists clips and their classes with a `;` between them, as Jester does."""
    with open_file(path, DataError) as file:
        line = file.readline(LARGEST_LISTED).decode("utf-8-sig", "replace").strip()
    name, mark, label = line.partition(";")
    return bool(mark and name and label) and "," not in name and name.lower() not in ("time", "id", "recording")


def clips_of_list(path: Path, reading: MovementReading) -> Iterator[Movement | NotRead]:
    """Yield the clips of a list `ID;CLASS`: a folder of frames or a film called ID, next to it or one folder down.

    A list whose name says train, validation or test says the part; what only has checks is scored on them.
    """
    stem = path.stem.lower().replace("_", "-").split("-")
    part: Any = next((PART_OF_FOLDER[word] for word in stem if word in PART_OF_FOLDER), None)
    part = "held_out" if part == "validation" else part  # the labels of Jester's own test part are not known
    places = [path.parent, *sorted(folder for folder in path.parent.iterdir() if folder.is_dir())]
    with path.open(encoding="utf-8-sig", newline="") as file:
        for number, row in enumerate(csv.reader(file, delimiter=";"), start=1):
            if len(row) < 2 or not row[0].strip() or not row[1].strip():
                yield NotRead("without a class", f"{path} line {number}")
                continue
            found = _clip_at(places, row[0].strip(), reading)
            if found is None:
                yield NotRead("whose frames are missing", f"{path} line {number}")
            else:
                yield Movement(row[0].strip(), found, None, row[1].strip(), part=part)


def _clip_at(places: Sequence[Path], name: str, reading: MovementReading) -> FilmLike | None:
    if "/" in name or name in (".", ".."):
        return None
    for place in places:
        if (place / name).is_dir():
            folder = FrameFolder(place / name, reading.rate)
            return FilmLike(folder.title, folder.frames)
        for ending in sorted(ENDINGS):
            path = place / f"{name}{ending}"
            if path.is_file():
                return FilmLike(str(path), Film(path).frames)
    return None
