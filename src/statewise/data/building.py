"""What takes long to make is made once, beside where it will lie, by one process at a time."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BUILDING = ".building-"


@contextmanager
def building(cache: Path) -> Iterator[Path]:
    """Give a folder inside a cache to build in, once no other process does; what killed ones left is removed.

    Who waited should look whether the other has made the same.
    """
    cache.mkdir(parents=True, exist_ok=True)
    with _alone(cache, fcntl.LOCK_EX) as is_alone:
        _remove_left(cache, is_alone)
        with tempfile.TemporaryDirectory(dir=cache, prefix=BUILDING) as temporary:
            yield Path(temporary)


def sweep_cache(cache: Path) -> None:
    """Remove what processes that were killed had begun to build, unless one is building now."""
    if any(cache.glob(f"{BUILDING}*")):
        with _alone(cache, fcntl.LOCK_EX | fcntl.LOCK_NB) as is_alone:
            _remove_left(cache, is_alone)


def sync(path: Path) -> None:
    """Wait until the disk has a file: else a loss of power may leave its name without what was in it."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove_left(cache: Path, is_alone: bool) -> None:
    for left in cache.glob(f"{BUILDING}*") if is_alone else ():
        shutil.rmtree(left, ignore_errors=True)


@contextmanager
def _alone(cache: Path, how: int) -> Iterator[bool]:
    """Hold the lock of a folder, which the system lets go when a process ends; say whether it was to be had."""
    handle = os.open(cache, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, how)
            is_alone = True
        except OSError:  # another process has it, or the disk knows no locks
            is_alone = False
        yield is_alone
    finally:
        os.close(handle)
