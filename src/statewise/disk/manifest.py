"""What says of some files that they are whole, and what was written: a list of their sizes and digests."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple, cast

from statewise.disk.reading import file_size, open_file, read_file
from statewise.errors import RunError, StatewiseError
from statewise.plain.strict_json import read_json

MANIFEST = "MANIFEST.json"
LARGEST_MANIFEST_BYTES = 1 << 20


class Entry(NamedTuple):
    """What the manifest says of one file."""

    size: int
    sha256: str

    @classmethod
    def of(cls, content: bytes) -> "Entry":
        """Measure some content."""
        return cls(len(content), hashlib.sha256(content).hexdigest())

    @classmethod
    def of_file(cls, path: Path, kind: type[StatewiseError] = RunError) -> "Entry":
        """Measure a file of any size, a piece at a time. Raises `kind` where it cannot be read."""
        with open_file(path, kind) as file:
            digest = hashlib.file_digest(cast(BufferedReader, file), "sha256").hexdigest()
            return cls(file.tell(), digest)


def manifest_of(files: Mapping[str, bytes]) -> bytes:
    """Return the manifest of some files."""
    return written({name: Entry.of(content) for name, content in files.items()})


def written(entries: Mapping[str, Entry]) -> bytes:
    """Return a manifest as it is written."""
    return json.dumps({name: entry._asdict() for name, entry in entries.items()}, indent=1).encode()


def read_manifest(folder: Path, kind: type[StatewiseError] = RunError) -> dict[str, Entry]:
    """Return what the manifest in a folder says. Raises `kind` where it is missing or damaged."""
    place = folder / MANIFEST
    file_size(place, kind)  # no link, either
    content = read_file(place, LARGEST_MANIFEST_BYTES, kind)
    try:
        manifest = read_json(content)
        entries = {
            str(name): Entry(int(entry.pop("size")), str(entry.pop("sha256"))) for name, entry in manifest.items()
        }
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        raise kind(f"{place} is damaged: it is not a list of files, sizes and digests") from None
    if any(manifest.values()):
        raise kind(f"{place} is damaged: it says more of a file than its size and sha256")
    if not entries or any(Path(name).name != name or not name.isprintable() for name in entries):
        raise kind(f"{place} is damaged: it names no files, or files elsewhere")
    return entries


def check_files(folder: Path, names: Iterable[str], seen: set[tuple[int, ...]], kind: type[StatewiseError]) -> None:
    """Raise `kind` where files in a folder are not what its manifest says; what was `seen` is only looked at again.

    First all sizes, which costs nothing, then the digests of files that were changed since they were last seen.
    """
    entries = read_manifest(folder, kind)
    for name in names:
        place = folder / name
        if name not in entries:
            raise kind(f"{folder / MANIFEST} is damaged: it says nothing of {name}")
        if (size := file_size(place, kind)) != entries[name].size:
            raise kind(f"{place} is {size:,} bytes where {entries[name].size:,} were written")
    for name in names:
        place = folder / name
        stat = place.lstat()
        now = stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns
        if now not in seen and Entry.of_file(place, kind) != entries[name]:
            raise kind(f"{place} is damaged: its sha256 is not the one that was written")
        seen.add(now)
