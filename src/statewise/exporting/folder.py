"""Folders that hold a model and nothing else: for `statewise.load`, or for ONNX Runtime."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from statewise.errors import RunError
from statewise.run.files import saving, sync_folder, write_synced

ADVICE = "free some space, or give another folder"


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


def as_json(value: object) -> bytes:
    """Return a value as the JSON of a file that people read."""
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()
