"""What POSIX and Windows do otherwise: locks that end with a process, handles of folders, what reaches the disk."""

import os
import sys
from pathlib import Path

PLAIN_READING = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
"How a file is opened so that a pipe does not wait for a writer."
BEYOND = 1 << 30
"Windows locks bytes, not files: one that lies beyond what is written, so that the file can be read."


def lock(handle: int, *, wait: bool = False) -> None:
    """Lock an open file. Raises `BlockingIOError` where another process has it, `OSError` on a disk without locks."""
    if sys.platform == "win32":
        import msvcrt

        place = os.lseek(handle, 0, os.SEEK_CUR)
        os.lseek(handle, BEYOND, os.SEEK_SET)
        try:
            msvcrt.locking(handle, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
        except PermissionError as error:
            raise BlockingIOError(error.errno, error.strerror) from None
        finally:
            os.lseek(handle, place, os.SEEK_SET)
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))


def open_to_lock(folder: Path) -> int:
    """Return a handle of a folder that can be locked: on Windows, which opens no folders, of a file in it."""
    if sys.platform == "win32":
        return os.open(folder / ".lock", os.O_RDWR | os.O_CREAT)
    return os.open(folder, os.O_RDONLY)


def sync(path: Path) -> None:
    """Wait until the disk has a file, or the names in a folder; Windows keeps those by itself."""
    if sys.platform == "win32" and path.is_dir():
        return
    handle = os.open(path, os.O_RDWR if sys.platform == "win32" else os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def is_running(process: int) -> bool:
    """Say whether a process of that number runs, as far as this one may know."""
    if sys.platform == "win32":
        import ctypes

        handle = ctypes.windll.kernel32.OpenProcess(0x1000, False, process)  # PROCESS_QUERY_LIMITED_INFORMATION
        if handle:
            ctypes.windll.kernel32.CloseHandle(handle)
        return bool(handle)
    try:
        os.kill(process, 0)  # on Windows this would end it
    except OSError:
        return False
    return True
