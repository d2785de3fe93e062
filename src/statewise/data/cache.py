"""A cache of data that take long to make: one process makes them, and they are checked before use."""

import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from statewise.disk.manifest import MANIFEST, Entry, check_files, written
from statewise.disk.reading import refuse_unwritable
from statewise.disk.system import lock, open_to_lock, sync
from statewise.errors import DataError, StatewiseError

BUILDING = ".building-"
MISFIT = (StatewiseError, LookupError, ValueError, TypeError, AttributeError)
"What reading a file raises that is not what was written."
Value = TypeVar("Value")

_seen: set[tuple[int, ...]] = set()  # files whose digest this process has found to be right


@contextmanager
def building(cache: Path) -> Iterator[Path]:
    """Give a folder inside a cache to build in, once no other process does; what killed ones left is removed.

    A process that waited should look whether the other has made the same.
    """
    refuse_unwritable(cache, "data are made ready there; copy the run, or give another --run", DataError)
    with _alone(cache, wait=True) as is_alone:
        _remove_left(cache, is_alone)
        with tempfile.TemporaryDirectory(dir=cache, prefix=BUILDING) as temporary:
            yield Path(temporary)


def kept(
    cache: Path,
    key: str,
    names: Collection[str],
    make: Callable[[Path], None],
    read: Callable[[Path], Value],
) -> tuple[Value, str | None]:
    """Return what is read of a folder in a cache, and a line where it had to be made again.

    `make` writes files of some `names` into a new folder; where one is there whose sizes and digests are what was
    written, and of which `read` makes sense, it is not called.
    """
    folder = cache / key
    sweep_cache(cache)
    found, misfit = _read(folder, names, read)
    if found is None:
        with building(cache) as temporary:
            found, _ = _read(folder, names, read)  # another process may have been building it
            if found is None:
                _make(temporary / key, names, make)
                _put(temporary / key, folder)
    (value,) = found or [read(folder)]
    again = f"what was kept of the data is not what was written ({misfit}): it was made again" if misfit else None
    return value, again


def _read(folder: Path, names: Collection[str], read: Callable[[Path], Value]) -> tuple[list[Value] | None, str | None]:
    """Return what is read of a folder, if it is as it was written, and why not where there is one that is not."""
    if not os.path.lexists(folder):
        return None, None
    try:
        check_files(folder, names, _seen, DataError)
        return [read(folder)], None
    except MISFIT as error:
        return None, str(error) or type(error).__name__


def _make(fresh: Path, names: Collection[str], make: Callable[[Path], None]) -> None:
    fresh.mkdir()
    make(fresh)
    entries = {}
    for name in names:
        sync(fresh / name)
        entries[name] = Entry.of_file(fresh / name, DataError)
    (fresh / MANIFEST).write_bytes(written(entries))
    sync(fresh / MANIFEST)


def _put(fresh: Path, folder: Path) -> None:
    if folder.is_dir() and not folder.is_symlink():
        shutil.rmtree(folder, ignore_errors=True)
    else:
        folder.unlink(missing_ok=True)
    fresh.rename(folder)


def sweep_cache(cache: Path) -> None:
    """Remove what processes that were killed had begun to build, unless one is building now."""
    if any(cache.glob(f"{BUILDING}*")):
        with _alone(cache) as is_alone:
            _remove_left(cache, is_alone)


def _remove_left(cache: Path, is_alone: bool) -> None:
    for left in cache.glob(f"{BUILDING}*") if is_alone else ():
        shutil.rmtree(left, ignore_errors=True)


@contextmanager
def _alone(cache: Path, *, wait: bool = False) -> Iterator[bool]:
    """Hold the lock of a folder, which the system lets go when a process ends; say whether it was to be had."""
    handle = open_to_lock(cache)
    try:
        try:
            lock(handle, wait=wait)
            is_alone = True
        except OSError:  # another process has it, or the disk knows no locks
            is_alone = False
        yield is_alone
    finally:
        os.close(handle)
