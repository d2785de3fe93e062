"""Files as they are on the disk: plain ones only, of a size that is bounded, and never written through a link."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from statewise.disk.system import PLAIN_READING
from statewise.errors import RunError, StatewiseError

SMALLEST_WITH_HOLES = 1 << 20
"A smaller file takes no memory to speak of, whatever it is full of."
PIECE_BYTES = 1 << 16


def read_file(path: Path, most_bytes: int, kind: type[StatewiseError] = RunError) -> bytes:
    """Return what a plain file holds.

    Raises `kind` where it is missing, cannot be read, is a pipe, a device or a folder, or has more than `most_bytes`.
    """
    with open_file(path, kind) as file:
        content = file.read(min(os.fstat(file.fileno()).st_size, most_bytes) + 1)
        while len(content) <= most_bytes and (more := file.read(PIECE_BYTES)):  # it grows, or tells no size
            content += more
    if len(content) > most_bytes:
        raise kind(f"{path} is larger than the {most_bytes:,} bytes that it may have: it is damaged, or something else")
    return content


def refuse_unwritable(folder: Path, advice: str, kind: type[StatewiseError]) -> None:
    """Make a folder where it is missing. Raises `kind`, with advice, where nothing can be written into it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        why = "" if os.access(folder, os.W_OK | os.X_OK) else "permission denied, or a disk that is only read"
    except OSError as error:
        why = (error.strerror or str(error)).lower()
    if why:
        raise kind(f"{folder} cannot be written ({why}): {advice}")


@contextmanager
def open_file(path: Path, kind: type[StatewiseError] = RunError) -> Iterator[BinaryIO]:
    """Open a plain file for reading; a pipe or a device, which may have no end, raises `kind`, as does an error."""
    try:
        try:
            handle = os.open(path, PLAIN_READING)
        except ValueError:  # a zero byte in a path
            raise kind(f"{path} cannot be the name of a file: give another") from None
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise kind(f"{path} is not a plain file: give one that is")
            yield file
    except OSError as error:
        raise kind(f"cannot read {path} ({error.strerror or error}): check the path and its permissions") from None


def file_size(path: Path, kind: type[StatewiseError] = RunError) -> int:
    """Return the size of a plain file, no link. Raises `kind` for anything else, and where it cannot be read."""
    try:
        seen = path.lstat()
    except OSError as error:
        raise kind(f"cannot read {path} ({error.strerror or error})") from None
    if not stat.S_ISREG(seen.st_mode):
        raise kind(f"{path} is not a plain file")
    return seen.st_size


def is_mostly_holes(path: Path) -> bool:
    """Say whether a large file takes less than half of its size on the disk: what was never written reads as zeros."""
    seen = path.lstat()
    return seen.st_size > SMALLEST_WITH_HOLES and 2 * 512 * getattr(seen, "st_blocks", seen.st_size) < seen.st_size


def refuse_links(*places: Path) -> None:
    """Raise `RunError` where one of these places is a link: what is written there would land elsewhere."""
    for place in places:
        if place.is_symlink():
            raise RunError(
                f"{place} is a link, and writing there would change what it leads to: put a copy in its place"
            )
