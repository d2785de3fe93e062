"""Movements in arrays: `.npz` and `.npy` files, and folders of them by class, as programs with MediaPipe keep them."""

import io
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from statewise.data.archives import BROKEN
from statewise.data.movement.recording import FilmLike, Movement, MovementReading, NotRead, as_numbers_array
from statewise.data.video.film import Film, Look, VideoFrame, as_picture, video_library
from statewise.disk.reading import read_file
from statewise.errors import DataError

LARGEST = 1 << 30
UNREADABLE: tuple[type[Exception], ...] = (*BROKEN, MemoryError)
"What is raised at arrays that are damaged, or claim to be larger than memory."
SEQUENCES = ("x", "X", "data", "sequences", "values", "frames")
LABELS, LENGTHS = ("label", "labels", "y", "Y"), ("length", "lengths")
PEOPLE, PARTS = ("person", "subject", "user", "participant"), ("part", "split")
TIMES = ("time", "times")


def load_npy(path: Path) -> Any:
    """Return the array of an `.npy` file. Raises `DataError` where it is none, or holds objects."""
    try:
        return np.load(io.BytesIO(read_file(path, LARGEST, DataError)), allow_pickle=False)
    except UNREADABLE as error:
        raise DataError(f"{path} is not an array of numbers ({_why(error)}): save it without pickling") from None


def recordings_of_npz(path: Path, reading: MovementReading) -> Iterator[Movement | NotRead]:
    """Yield the recordings of an `.npz`: sequences `x` `[N, T, D]` or films `[N, T, H, W]`, with `label` `[N]`.

    It may also have `length` `[N]`, `person` `[N]`, `part` `[N]` and `time` `[N, T]`. Raises `DataError` otherwise.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(info.file_size for info in archive.infolist()) > LARGEST:
                raise DataError(f"{path} unpacks to more than {LARGEST:,} bytes: give it in parts")
        with np.load(path, allow_pickle=False) as opened:
            found = {name: opened[name] for name in opened.files}
    except UNREADABLE as error:
        raise DataError(f"{path} cannot be read ({_why(error)}): save numbers and words, without pickling") from None
    sequences, labels = (_one_of(found, names) for names in (SEQUENCES, LABELS))
    is_sound = sequences is not None and sequences.ndim >= 3 and sequences.size > 0
    if not is_sound or labels is None or labels.shape != sequences.shape[:1]:
        raise DataError(
            f"{path} holds {', '.join(sorted(found))[:200]}: give x [N, T, D] or [N, T, H, W] with label [N]"
        )
    lengths, people, parts, times = others = [_one_of(found, names) for names in (LENGTHS, PEOPLE, PARTS, TIMES)]
    shapes = [sequences.shape[:1]] * 3 + [sequences.shape[:2]]
    numbers = [one for one in (lengths, times) if one is not None]
    if any(one is not None and one.shape != shape for one, shape in zip(others, shapes, strict=True)) or not all(
        one.dtype.kind in "fiu" for one in numbers
    ):
        raise DataError(
            f"{path}: give length, person and part as [N], and time as [N, T], lengths and times as numbers"
        )
    for number, sequence in enumerate(sequences):
        name = f"{path.name} {number}"
        length = len(sequence) if lengths is None else int(np.nan_to_num(lengths[number]))
        if not 0 < length <= len(sequence):
            yield NotRead("without a sample", name)
            continue
        yield _recording(
            name,
            sequence[:length],
            None if times is None else np.asarray(times[number][:length], np.float64),
            str(labels[number]),
            None if people is None or reading.person is None else str(people[number]),
            None if parts is None else _part(str(parts[number])),
        )


def _recording(name: str, samples: Any, times: Any, label: str, person: str | None, part: Any) -> Movement | NotRead:
    if samples.ndim in (3, 4) and samples.dtype == np.uint8:
        pictures = samples if samples.ndim == 4 else samples[..., None]
        return Movement(name, film_of(name, pictures, times), None, label, person=person, part=part)
    try:
        return Movement(name, as_numbers_array(samples, name), times, label, person=person, part=part)
    except ValueError as error:
        return NotRead(str(error), name)


def film_of(title: str, pictures: Any, times: Any = None, rate: float | None = None) -> FilmLike:
    """Return pictures `[T, H, W, C]` in memory as a film; without times `rate` of them a second, 25 where not said."""

    def frames(look: Look) -> Iterator[VideoFrame]:
        av = video_library()
        for number, picture in enumerate(pictures):
            channels = picture.shape[-1]
            if channels not in (1, 3):
                raise DataError(f"{title} has pictures of {channels} channels: give grey or red, green, blue")
            given = np.ascontiguousarray(picture[..., 0] if channels == 1 else picture)
            frame = av.VideoFrame.from_ndarray(given, format="gray" if channels == 1 else "rgb24")
            yield VideoFrame(
                number / (rate or 25.0) if times is None else float(times[number]), as_picture(frame, look)
            )

    return FilmLike(title, frames, len(pictures) / (rate or 25.0) if times is None else None)


def recordings_in_array_folders(
    root: Path, files: Sequence[Path], reading: MovementReading
) -> Iterator[Movement | NotRead]:
    """Yield the recordings of a folder of `.npy` files by class.

    `CLASS/NAME.npy` holds a sequence `[T, D]`; where `CLASS/NAME/` holds vectors `0.npy`, `1.npy` ..., they are its
    samples, as programs write them that record landmarks.
    """
    from statewise.data.video.frame_folder import in_number_order

    by_folder: dict[Path, list[Path]] = {}
    for path in files:
        by_folder.setdefault(path.parent, []).append(path)
    for folder, own in sorted(by_folder.items()):
        depth = len(folder.relative_to(root).parts)
        if depth == 0:
            yield from (NotRead("outside the folder of a class", str(path)) for path in own)
        elif depth == 1 or not all(path.stem.isdigit() for path in own):
            for path in in_number_order(own):
                yield _of_file(root, path, [path], reading)
        else:
            yield _of_file(root, folder, in_number_order(own), reading)


def _of_file(root: Path, named: Path, parts: Iterable[Path], reading: MovementReading) -> Movement | NotRead:
    try:
        arrays = [load_npy(path) for path in parts]
        if len(arrays) > 1 or arrays[0].ndim == 1:
            arrays = [np.stack([np.ravel(one) for one in arrays])]
        values = as_numbers_array(arrays[0], str(named))
    except (DataError, ValueError) as error:
        return NotRead("that is no array of samples", f"{named}: {error}")
    names = named.relative_to(root).parts
    return Movement(str(named.relative_to(root)), values, None, names[0], person=person_in(names, reading.person))


def person_in(names: Sequence[str], how: str | None) -> str | None:
    """Return the name of the person, by the names of folders and file: see `MovementReading`.

    >>> person_in(("wave", "ann_3.mp4"), "name"), person_in(("wave", "ann", "3.mp4"), "folder")
    ('ann', 'ann')
    """
    if how == "folder":
        return names[1] if len(names) > 2 else None
    if how == "name":
        return names[-1].replace("-", "_").partition("_")[0]
    return None


def _one_of(found: dict[str, Any], names: Sequence[str]) -> Any:
    return next((found[name] for name in names if name in found), None)


def _part(name: str) -> Any:
    known = {"train": "training", "training": "training", "valid": "validation", "validation": "validation"}
    return {**known, "val": "validation", "test": "held_out", "held_out": "held_out"}.get(name.lower())


def _why(error: BaseException) -> str:
    return " ".join(str(error).split())[:80]


def film_recording(name: str, film: Film, label: str, person: str | None, part: Any = None) -> Movement:
    """Return a film as a recording."""
    return Movement(name, FilmLike(film.title, film.frames), None, label, person=person, part=part)
