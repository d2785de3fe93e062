"""Which process trains a run at this moment, found without taking its lock."""

import os
import platform
import re
from contextlib import suppress
from pathlib import Path

from statewise.disk.system import is_running
from statewise.run.directory import LOCK

HOLDER = re.compile(r"process (\d+) on ([\w.-]+)")
LOCKS = Path("/proc/locks")
"Where Linux lists every lock: its kind, the process, and the file as `major:minor:inode`."
MOST_READ = 100


def trainer_of(run: Path) -> int | None:
    """Return the number of the process on this machine that trains a run; None where there is none.

    The lock itself is never tried, since a training that begins in that moment would find it taken.
    """
    lock = run / LOCK
    try:
        with lock.open(encoding="utf-8", errors="replace") as file:
            inode, found = os.fstat(file.fileno()).st_ino, HOLDER.match(file.read(MOST_READ))
    except OSError:
        return None
    if found is None or found[2] != platform.node():
        return None
    process = int(found[1])
    return process if _holds(process, inode) else None


def _holds(process: int, inode: int) -> bool:
    with suppress(OSError):
        rows = [line.split() for line in LOCKS.read_text().splitlines()]
        held = {(row[-4], row[-3].rsplit(":", 1)[-1]) for row in rows if "FLOCK" in row and "->" not in row}
        return (str(process), str(inode)) in held
    return is_running(process)  # a system without that list
