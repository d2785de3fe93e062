"""Data that a page sends, piece by piece, into a folder that was stated; and what sources a training may name."""

import os
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, final

from statewise import registry
from statewise.errors import UsageError
from statewise.run.files import make_folder, saving
from statewise.server.errors import CONFLICT, NOT_FOUND, TOO_LARGE, ApiError
from statewise.shown import in_line
from statewise.store import new_id

PIECE_BYTES = 512 << 10
"So much of a file is sent at once."
MOST_UPLOADS, MOST_LISTED = 8, 1000
LONGEST_NAME = 200
"Bytes of a name."
NAME = re.compile(r"[^/\\\x00-\x1f\x7f.][^/\\\x00-\x1f\x7f]{0,149}")
PATTERN = re.compile(r"[*?\[\]]")


class Upload:
    """A file under way: where it will lie, how large it will be, and how much of it is there."""

    def __init__(self, path: Path, size: int, part: Path) -> None:
        self.path, self.size, self.part, self.here = path, size, part, 0
        self.lock = threading.Lock()


@final
class DataFolders:
    """The folders that data may lie in; what is uploaded goes into the first one, and nothing else is ever named."""

    def __init__(self, folders: Sequence[Path], most_bytes: int) -> None:
        if not folders:
            raise UsageError("no folder for data was given: give --data DIR")
        self.folders, self.most_bytes = list(folders), most_bytes
        self._uploads: dict[str, Upload] = {}

    def listing(self) -> Iterator[dict[str, Any]]:
        """Yield each file of the folders: how a training names it, and its size."""
        count = 0
        for folder in self.folders:
            for path in sorted(folder.rglob("*")) if folder.is_dir() else []:
                with suppress(OSError):
                    if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts):
                        yield {"source": str(path), "bytes": path.stat().st_size}
                        count += 1
                if count >= MOST_LISTED:
                    return

    def source(self, given: str) -> str:
        """Return a source as a training may read it: a corpus, what lies in these folders, or a name of no file.

        Raises `UsageError` for any other place, and for what would be imported or matched elsewhere.
        """
        if given in registry.names("corpora"):
            return given
        if (inside := self._inside(given)) is not None:
            return inside
        is_word = not given.startswith("-") and given not in (".", "..")
        is_plain = is_word and not (set(given) & set("/\\:~")) and not PATTERN.search(given)
        if is_plain and not Path(given).exists():
            return given
        folders = ", ".join(str(folder) for folder in self.folders)
        raise UsageError(f"{in_line(given, 100)} does not lie in {folders}: upload it, put it there, or name a corpus")

    def text(self, name: str, given: str) -> str:
        """Return a setting that is text. Raises `UsageError` for a path that leads out of these folders."""
        is_path = "/" in given or given.startswith("~") or given in (".", "..") or Path(given).exists()
        if is_path and self._inside(given) is None:
            raise UsageError(f"{name} names a place outside the folders of data: put the file there")
        return given

    def _inside(self, given: str) -> str | None:
        for folder in self.folders:
            for path in (folder / given, Path(given)):
                try:
                    real = path.resolve()
                    is_inside = real.is_relative_to(folder.resolve())
                    is_there = path.exists() or (PATTERN.search(path.name) and path.parent.is_dir())
                except (OSError, ValueError):
                    continue
                if is_inside and is_there:
                    return str(path)
        return None

    def begin(self, name: str, size: int) -> str:
        """Begin an upload and return its id. Raises `UsageError` for a bad name, `ApiError` for one that is too large
        or taken.
        """
        if not NAME.fullmatch(name) or not name.isprintable() or len(name.encode()) > LONGEST_NAME:
            raise UsageError("a file cannot be named so: give a plain name without folders, that does not begin with .")
        if size > self.most_bytes:
            raise ApiError(
                TOO_LARGE, f"{in_line(name, 80)} has {size:,} bytes: at most {self.most_bytes:,} can be uploaded"
            )
        if len(self._uploads) >= MOST_UPLOADS:
            self._drop(next(iter(self._uploads)))
        path = self.folders[0] / name
        if path.exists():
            raise ApiError(CONFLICT, f"there is a file {in_line(name, 80)} already: rename yours")
        id = new_id()
        part = self.folders[0] / f".{id}.part"
        with saving(str(path), "free some space and try again"):
            make_folder(self.folders[0])
            part.touch(mode=0o600)
        self._uploads[id] = Upload(path, size, part)
        return id

    def add(self, id: str, at: int, piece: bytes) -> dict[str, Any]:
        """Add a piece, and put the file in its place after the last one; a piece that is there already is passed over.

        Raises `ApiError` for an upload that is not under way, and for a piece that does not follow.
        """
        upload = self._uploads.get(id)
        if upload is None:
            raise ApiError(NOT_FOUND, "this upload is not under way any more: begin it again")
        with upload.lock:
            return self._add(id, upload, at, piece)

    def _add(self, id: str, upload: Upload, at: int, piece: bytes) -> dict[str, Any]:
        if at + len(piece) <= upload.here and piece:
            return {"here": upload.here, "done": False}
        if at != upload.here or at + len(piece) > upload.size:
            raise ApiError(CONFLICT, f"{upload.here} bytes are here: go on from there", here=upload.here)
        with saving(str(upload.path), "free some space and try again"), upload.part.open("r+b") as file:
            file.seek(at)
            file.write(piece)
            upload.here += len(piece)
            if upload.here == upload.size:
                file.flush()
                os.fsync(file.fileno())
        if upload.here < upload.size:
            return {"here": upload.here, "done": False}
        return self._finish(id, upload)

    def _finish(self, id: str, upload: Upload) -> dict[str, Any]:
        if upload.part.stat().st_size != upload.size:
            self._drop(id)
            raise ApiError(CONFLICT, "what came is not as long as it was said to be: send it again")
        try:
            os.link(upload.part, upload.path)  # which never takes the place of another file
        except FileExistsError:
            raise ApiError(CONFLICT, "a file of that name came meanwhile: rename yours") from None
        finally:
            self._drop(id)
        return {"here": upload.here, "done": True, "source": str(upload.path)}

    def _drop(self, id: str) -> None:
        upload = self._uploads.pop(id, None)
        if upload is not None:
            upload.part.unlink(missing_ok=True)

    def close(self) -> None:
        """Remove what was not sent whole."""
        for id in list(self._uploads):
            self._drop(id)
