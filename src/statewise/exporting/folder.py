"""Folders that hold a model and nothing else: for `statewise.load`, or for ONNX Runtime."""

import io
import json
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path

from statewise.errors import RunError
from statewise.run.files import make_folder, saving, sync_folder, write_synced, write_whole

ADVICE = "free some space, or give another folder"
UNIX, READABLE, MOST_PACKED = 3, 0o644, 9


def write_folder(path: Path, files: Mapping[str, bytes]) -> None:
    """Write a folder of files, whole or not at all. Raises `RunError` where there is one already.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp()) / "exported"
    >>> write_folder(folder, {"a/b": b"c"})
    >>> (folder / "a" / "b").read_bytes()
    b'c'
    """
    if path.exists():
        raise RunError(f"{path} exists already: give another folder with --to")
    temporary = path.with_name(f".{path.name}.tmp")
    with saving(str(path), ADVICE):
        try:
            shutil.rmtree(temporary, ignore_errors=True)
            for name, content in files.items():
                file = temporary / name
                file.parent.mkdir(parents=True, exist_ok=True)
                write_synced(file, content)
                sync_folder(file.parent)
            temporary.rename(path)
            sync_folder(path.resolve().parent)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise


def write_zip(path: Path, files: Mapping[str, bytes]) -> None:
    """Write files as a zip, whole or not at all: the same files give the same bytes, whenever and wherever.

    Raises `RunError` where there is something already.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> for name in ("one.zip", "other.zip"):
    ...     write_zip(folder / name, {"b": b"c", "a": b"d"})
    >>> (folder / "one.zip").read_bytes() == (folder / "other.zip").read_bytes()
    True
    """
    if path.exists():
        raise RunError(f"{path} exists already: give another file with --to")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as out:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(name)  # of 1980, the first year that a zip knows
            entry.create_system, entry.external_attr, entry.compress_type = UNIX, READABLE << 16, zipfile.ZIP_DEFLATED
            out.writestr(entry, content, compresslevel=MOST_PACKED)
    with saving(str(path), ADVICE):
        make_folder(path.parent)
        write_whole(path, packed.getvalue())


def as_json(value: object) -> bytes:
    """Return a value as the JSON of a file that people read."""
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()
