"""Checkpoints that are written whole or not at all, and are verified before they are used.

A checkpoint is a folder of files with a manifest of their sizes and digests. It is written under a temporary name,
each file made durable, the manifest last; then renamed, and that made durable; only then are older ones removed.
"""

import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from statewise.disk.manifest import MANIFEST, Entry, manifest_of, read_manifest
from statewise.disk.reading import file_size, is_mostly_holes, read_file, refuse_links
from statewise.errors import RunError
from statewise.run.files import make_folder, saving, sync_folder, write_synced

KEPT = 2
TRIES = 100
"So often a checkpoint is looked for that no training replaces while it is read."
ASIDE = ".old.tmp"
NUMBER = re.compile(r"[0-9]{6,16}")
"What a checkpoint is called: how many updates it is of."


class Checkpoint(NamedTuple):
    """The verified files of one checkpoint, and a notice about newer ones that were damaged."""

    path: Path
    files: dict[str, bytes]
    notice: str | None


def save_checkpoint(folder: Path, update: int, files: Mapping[str, bytes], *, advice: str = "free some space") -> Path:
    """Write a checkpoint of so many updates and return its path; it and the last whole one before it are kept.

    Raises `TrainingError` where the disk does not take it; the checkpoints before it stay as they were.
    """
    final, temporary = folder / f"{update:06d}", folder / f".{update:06d}.tmp"
    with saving(f"checkpoint {final}", advice):
        refuse_links(folder)
        try:
            make_folder(folder)
            if not saved_checkpoints(folder):  # a process killed before may have made it, and no more
                sync_folder(folder.parent)
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir()
            for name, content in files.items():
                write_synced(temporary / name, content)
            write_synced(temporary / MANIFEST, manifest_of(files))
            sync_folder(temporary)
            _put(temporary, final)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
    _prune(folder, final)
    return final


def saved_checkpoints(folder: Path) -> list[Path]:
    """Return the finished checkpoints in a folder, the oldest first; none where there is no such folder yet.

    Raises `RunError` where something else has its name, or it cannot be read.
    """
    if not folder.is_dir() and os.path.lexists(folder):
        raise RunError(f"{folder} is not a folder, and holds no checkpoints: the run is damaged")
    try:
        found = [path for path in folder.iterdir() if NUMBER.fullmatch(path.name)] if folder.is_dir() else []
    except OSError as error:
        raise RunError(f"cannot read {folder} ({error.strerror}): check its permissions") from None
    return sorted(found, key=lambda path: int(path.name))


def load_checkpoint(folder: Path, needed: Callable[[Iterable[str]], Iterable[str]] | None = None) -> Checkpoint:
    """Return the newest checkpoint whose files are what its manifest says; nothing in it is executed.

    `needed` may choose among the names of the files: the others are not read, nor of any matter, and those it chooses
    may have no holes, as a file has that claims to be large. A damaged checkpoint is passed over for the one before it,
    and the notice says so. Raises `RunError` where none is left.
    """
    for _ in range(TRIES):
        found = _newest_good(folder, needed)
        if found:
            return found
    raise RunError(f"{folder} changes faster than it can be read: stop the training, or try again")


def _newest_good(folder: Path, needed: Callable[[Iterable[str]], Iterable[str]] | None) -> Checkpoint | None:
    """Return the newest good checkpoint, or None where a training replaced one while it was read."""
    damage: list[str] = []
    for path in reversed(saved_checkpoints(folder)):
        seen = _identity(path)
        try:
            entries = read_manifest(path)
            if needed is not None:
                entries = {name: entry for name in needed(entries) if (entry := entries.get(name))}
            files = dict(_verified(path, entries, may_have_holes=needed is None))
        except RunError as error:
            if _identity(path) != seen or seen is None:
                return None
            damage.append(str(error))
            continue
        used = f"; checkpoint {path.name} is used instead" if damage else ""
        return Checkpoint(path, files, "; ".join(damage) + used if damage else None)
    reason = "; ".join(damage) if damage else f"there is no checkpoint in {folder} yet"
    raise RunError(f"{reason}: train it again, or use another run")


def _identity(path: Path) -> int | None:
    """Return what tells a folder from another of its name, or None where there is none."""
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


def sweep(folder: Path) -> None:
    """Remove the files of an interrupted save; a whole checkpoint that only stood aside is put back where needed.

    One stands aside for a moment while another of its number takes its place: where the save ended just then, it may
    be the newest there is, or the only one.
    """
    if not folder.is_dir():
        return
    for aside in sorted(folder.glob(f".*{ASIDE}"), reverse=True):
        final = folder / aside.name.removesuffix(ASIDE).removeprefix(".")
        if (
            NUMBER.fullmatch(final.name)
            and not final.exists()
            and _is_needed(folder, int(final.name))
            and _is_whole(aside)
        ):
            aside.rename(final)
            sync_folder(folder)
    for orphan in folder.glob(".*.tmp"):
        shutil.rmtree(orphan, ignore_errors=True)


def _is_needed(folder: Path, update: int) -> bool:
    updates = [int(path.name) for path in saved_checkpoints(folder)]
    return len(updates) < KEPT or update > updates[-1]


def _is_whole(path: Path) -> bool:
    try:
        for _ in _verified(path, read_manifest(path)):
            pass
    except RunError:
        return False
    return True


def _prune(folder: Path, newest: Path) -> None:
    """Remove what is older than two whole checkpoints, of which the one just saved is one; damaged ones do not count.

    One that cannot be removed does no harm, and the next save tries again.
    """
    whole = 0
    for path in reversed(saved_checkpoints(folder)):
        if whole < KEPT:
            whole += path == newest or _is_whole(path)
        elif path != newest:  # where newer ones are damaged, it may be the oldest
            with suppress(OSError):
                shutil.rmtree(_hide(path), ignore_errors=True)


def _put(temporary: Path, final: Path) -> None:
    """Give a checkpoint its name, durably, and only then remove one that had it.

    A folder with files in it cannot be renamed over: one of the same number steps aside, and back where that fails.
    Were it removed before the names are on the disk, a loss of power could leave its name without its files.
    """
    aside = _hide(final) if final.exists() else None
    try:
        temporary.rename(final)
        sync_folder(final.parent)
    except BaseException:
        if aside:
            if final.exists():
                final.rename(temporary)
            aside.rename(final)
        raise
    if aside:
        shutil.rmtree(aside, ignore_errors=True)


def _hide(path: Path) -> Path:
    # Renamed before it is removed, so that a checkpoint is never seen with only some of its files.
    hidden = path.with_name(f".{path.name}{ASIDE}")
    shutil.rmtree(hidden, ignore_errors=True)
    return path.rename(hidden)


def _verified(path: Path, entries: Mapping[str, Entry], *, may_have_holes: bool = True) -> Iterator[tuple[str, bytes]]:
    """Yield the names and contents of some of a checkpoint's files, each once it is proved to be what was saved."""
    for name, entry in entries.items():
        place = path / name
        if (size := file_size(place)) != entry.size:
            raise RunError(f"{place} is {size:,} bytes where {entry.size:,} were saved")
        if not may_have_holes and is_mostly_holes(place):
            raise RunError(f"{place} is mostly holes, which are not weights")
        content = read_file(place, entry.size)
        if Entry.of(content) != entry:
            raise RunError(f"{place} is damaged: its sha256 is not the one that was saved")
        yield name, content
