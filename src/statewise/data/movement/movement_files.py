"""Which recordings lie in files and folders of any form that is known."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from statewise.data.movement.clip_folders import clips_by_class, clips_of_list, is_clip_list
from statewise.data.movement.movement_arrays import recordings_in_array_folders, recordings_of_npz
from statewise.data.movement.movement_tables import (
    NAMES_NEXT_TO,
    is_headless,
    names_next_to,
    recordings_of_rows,
    recordings_of_table,
)
from statewise.data.movement.recording import Movement, MovementReading, NotRead
from statewise.data.movement.time_series_files import recordings_of_arff, recordings_of_ts
from statewise.data.naming import path_of
from statewise.data.texts import find_files
from statewise.data.video.film import ENDINGS
from statewise.data.video.frame_folder import PICTURES
from statewise.errors import DataError

TABLES = frozenset({".csv", ".tsv", ".txt", ".parquet", ".gz", ".zip"})
WANTED = "give folders of clips or arrays by class, a table, .npz, .ts, .arff or a list of clips"


def movement_files(sources: Sequence[str]) -> list[Path]:
    """Return all files that sources stand for. Raises what `find_files` does."""
    return find_files(sources, "movements")


def files_read(sources: Sequence[str]) -> list[Path]:
    """Return all files that recordings come from: those next to a list or a table that it is read with, too."""
    files = movement_files(sources)
    tables = [path for path in files if path.suffix.lower() in (".csv", ".txt")]
    names = [found for path in tables if (found := names_next_to(path)) is not None]
    folders = [str(path.parent) for path in tables if path.suffix.lower() == ".csv" and is_clip_list(path)]
    return sorted({*files, *names, *(movement_files(folders) if folders else ())})


def read_recordings(sources: Sequence[str], reading: MovementReading) -> Iterator[Movement | NotRead]:
    """Yield the recordings of sources, in order; what is none is yielded as such, to be counted."""
    for source in sources:
        files, path = movement_files([source]), path_of(source)
        yield from _of_folder(path, files, reading) if path.is_dir() else _of_files(files, reading)


def _of_folder(root: Path, files: Sequence[Path], reading: MovementReading) -> Iterator[Movement | NotRead]:
    lists = [path for path in files if path.parent == root and path.suffix.lower() == ".csv" and is_clip_list(path)]
    if lists:
        for path in lists:
            yield from clips_of_list(path, reading)
        return
    clips = [path for path in files if path.suffix.lower() in ENDINGS | PICTURES]
    arrays = [path for path in files if path.suffix.lower() == ".npy"]
    if clips and arrays:
        raise DataError(f"{root} holds films and arrays: give one of them")
    if clips:
        yield from clips_by_class(root, clips, reading)
    elif arrays:
        yield from recordings_in_array_folders(root, arrays, reading)
    else:
        yield from _of_files(files, reading)


def _of_files(files: Sequence[Path], reading: MovementReading) -> Iterator[Movement | NotRead]:
    for path in files:
        ending = path.suffix.lower()
        if ending == ".npz":
            yield from recordings_of_npz(path, reading)
        elif ending == ".ts":
            yield from recordings_of_ts(path, reading)
        elif ending == ".arff":
            yield from recordings_of_arff(path, reading)
        elif path.name.endswith(NAMES_NEXT_TO):
            continue
        elif ending in TABLES:
            yield from _of_table(path, reading)
        elif ending in ENDINGS or ending == ".npy":
            raise DataError(
                f"{path} is one recording and says no class: put it into a folder CLASS/, and give the outer one"
            )
        else:
            yield NotRead("of a form that is not read", str(path))


def _of_table(path: Path, reading: MovementReading) -> Iterator[Movement | NotRead]:
    plain = path.suffix.lower() in (".csv", ".txt")
    if plain and is_clip_list(path):
        yield from clips_of_list(path, reading)
    elif plain and is_headless(path):
        yield from recordings_of_rows(path, reading)
    else:
        yield from recordings_of_table(path, reading)
