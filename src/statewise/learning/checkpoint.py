"""Checkpoints that are whole or not there, and are proved to be what was saved before they are used.

A checkpoint is a folder of files with a manifest of their sizes and digests. It is written under a temporary name,
each file made durable, the manifest last; then renamed; only then are older ones removed.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from statewise.errors import RunError
from statewise.run.files import saving, sync_folder, write_synced

MANIFEST = "MANIFEST.json"
KEPT = 2
ASIDE = ".old.tmp"
LARGEST_MANIFEST_BYTES = 1 << 20


class Entry(NamedTuple):
    """What the manifest says of one file."""

    size: int
    sha256: str

    @classmethod
    def of(cls, content: bytes) -> "Entry":
        """Measure some content."""
        return cls(len(content), hashlib.sha256(content).hexdigest())


class Checkpoint(NamedTuple):
    """The verified files of one checkpoint, and what had to be said about newer ones."""

    path: Path
    files: dict[str, bytes]
    notice: str | None


def save_checkpoint(folder: Path, update: int, files: Mapping[str, bytes], *, advice: str = "free some space") -> Path:
    """Write a checkpoint of so many updates and return its path; the last two are kept.

    Raises `TrainingError` where the disk does not take it; the checkpoints before it stay as they were.
    """
    final, temporary = folder / f"{update:06d}", folder / f".{update:06d}.tmp"
    with saving(f"checkpoint {final}", advice):
        try:
            folder.mkdir(exist_ok=True)
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir()
            for name, content in files.items():
                write_synced(temporary / name, content)
            write_synced(temporary / MANIFEST, _manifest(files))
            sync_folder(temporary)
            _put(temporary, final)
            sync_folder(folder)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
    for old in saved_checkpoints(folder)[:-KEPT]:
        if old != final:  # where newer ones are damaged, it may be the oldest
            with suppress(OSError):  # one too many does no harm, and the next save tries again
                shutil.rmtree(_hide(old), ignore_errors=True)
    return final


def saved_checkpoints(folder: Path) -> list[Path]:
    """Return the finished checkpoints in a folder, the oldest first."""
    if not folder.is_dir():
        return []
    return sorted((path for path in folder.iterdir() if path.name.isdigit()), key=lambda path: int(path.name))


def load_checkpoint(folder: Path) -> Checkpoint:
    """Return the newest checkpoint whose files are what its manifest says; nothing in it is executed.

    A damaged one is passed over for the one before it, and the notice says so.
    Raises `RunError` where none is left.
    """
    damage: list[str] = []
    for path in reversed(saved_checkpoints(folder)):
        try:
            files = _verified(path)
        except RunError as error:
            damage.append(str(error))
            continue
        used = f"; checkpoint {path.name} is used instead" if damage else ""
        return Checkpoint(path, files, "; ".join(damage) + used if damage else None)
    reason = "; ".join(damage) if damage else f"there is no checkpoint in {folder} yet"
    raise RunError(f"{reason}: train it again, or use another run")


def sweep(folder: Path) -> None:
    """Remove what an interrupted save left behind; a whole checkpoint that only stood aside is put back where needed.

    One stands aside for a moment while another of its number takes its place: where the save ended just then, it may
    be the only one there is.
    """
    if not folder.is_dir():
        return
    for aside in sorted(folder.glob(f".*{ASIDE}"), reverse=True):
        final = folder / aside.name.removesuffix(ASIDE).removeprefix(".")
        if len(saved_checkpoints(folder)) < KEPT and final.name.isdigit() and not final.exists() and _is_whole(aside):
            aside.rename(final)
            sync_folder(folder)
    for orphan in folder.glob(".*.tmp"):
        shutil.rmtree(orphan, ignore_errors=True)


def _is_whole(path: Path) -> bool:
    try:
        _verified(path)
    except RunError:
        return False
    return True


def _put(temporary: Path, final: Path) -> None:
    # A folder with files in it cannot be renamed over: one of the same number steps aside, and back where that fails.
    aside = _hide(final) if final.exists() else None
    try:
        temporary.rename(final)
    except OSError:
        if aside:
            aside.rename(final)
        raise
    if aside:
        shutil.rmtree(aside, ignore_errors=True)


def _hide(path: Path) -> Path:
    # Renamed before it is removed, so that a checkpoint is never seen with only some of its files.
    hidden = path.with_name(f".{path.name}{ASIDE}")
    shutil.rmtree(hidden, ignore_errors=True)
    return path.rename(hidden)


def _manifest(files: Mapping[str, bytes]) -> bytes:
    entries = {name: Entry.of(content)._asdict() for name, content in files.items()}
    return json.dumps(entries, indent=1).encode()


def _verified(path: Path) -> dict[str, bytes]:
    files = {}
    for name, entry in _read_manifest(path).items():
        place = path / name
        try:
            if place.stat().st_size != entry.size:
                raise RunError(f"{place} is {place.stat().st_size:,} bytes where {entry.size:,} were saved")
            files[name] = place.read_bytes()
        except OSError as error:
            raise RunError(f"{place} cannot be read ({error.strerror})") from None
        if Entry.of(files[name]) != entry:
            raise RunError(f"{place} is damaged: its sha256 is not the one that was saved")
    return files


def _read_manifest(path: Path) -> dict[str, Entry]:
    place = path / MANIFEST
    try:
        with place.open("rb") as file:
            manifest = json.loads(file.read(LARGEST_MANIFEST_BYTES).decode())
        entries = {
            str(name): Entry(int(entry.pop("size")), str(entry.pop("sha256"))) for name, entry in manifest.items()
        }
    except (OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        raise RunError(f"{place} is missing or damaged") from None
    if any(manifest.values()):
        raise RunError(f"{place} is damaged: it says more of a file than its size and sha256")
    if not entries or any(Path(name).name != name or not name.isprintable() for name in entries):
        raise RunError(f"{place} is damaged: it names no files, or files elsewhere")
    return entries
