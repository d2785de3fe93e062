"""Files that are either whole or not there, whatever happens while they are written."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from statewise.disk.system import sync
from statewise.errors import TrainingError, UsageError

DOTS_PER_INCH = 120
PICTURES = (".png", ".svg", ".pdf")


def sync_folder(folder: Path) -> None:
    """Make sure that what was created, renamed or removed in a folder stays so after a loss of power."""
    sync(folder)


def make_folder(path: Path) -> None:
    """Make a folder, and those above it, so that they stay after a loss of power; nothing happens where it is there."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for folder in missing:
        sync_folder(folder.parent)


def write_synced(path: Path, content: bytes) -> None:
    """Write a file and wait until the disk has it."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    try:
        left = memoryview(content)
        while left:
            left = left[os.write(handle, left) :]  # a disk nearly full takes only a part
        os.fsync(handle)
    finally:
        os.close(handle)


def write_whole(path: Path, content: bytes) -> None:
    """Make a file hold this content, at once or not at all. A device or a pipe is written to, and stays what it is.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> write_whole(folder / "note", b"kept")
    >>> [p.name for p in folder.iterdir()]
    ['note']
    """
    if path.is_char_device() or path.is_fifo():
        with path.open("wb") as stream:
            stream.write(content)
        return
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        write_synced(temporary, content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def write_figure(path: Path, figure: Any) -> None:
    """Write a figure of Matplotlib as what its name says, whole or not at all, in a folder made where need be.

    Raises `UsageError` where that is not a kind of picture, `TrainingError` where the disk does not take it.
    """
    if path.suffix not in PICTURES:
        raise UsageError(f"{path} does not end in {', '.join(PICTURES)}: name the picture so")
    content = io.BytesIO()
    figure.savefig(content, format=path.suffix[1:], dpi=DOTS_PER_INCH)
    with saving(str(path), "give another place"):
        make_folder(path.parent)
        write_whole(path, content.getvalue())


@contextmanager
def saving(what: str, advice: str) -> Iterator[None]:
    """Let a disk that cannot take what is written be a `TrainingError`, in one line."""
    try:
        yield
    except OSError as error:
        raise TrainingError(f"cannot save {what} ({error.strerror or error}): {advice}") from error
