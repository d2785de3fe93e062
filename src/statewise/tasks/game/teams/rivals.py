"""Policies that were trained to be compared with, kept where the figures of the baselines are, to be played against."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from statewise.data.cache import building
from statewise.disk.reading import read_file
from statewise.disk.system import sync
from statewise.errors import DataError, RunError
from statewise.model import Model
from statewise.state import read_tensors, write_tensors
from statewise.tasks.game.teams.pool import copied, restored

MOST_BYTES = 1 << 30


def keep_rival(cache: Path, key: str, name: str, model: Model[Any]) -> None:
    """Keep the weights of a policy, whole or not at all; where the disk takes none it is not played against."""
    content = write_tensors(copied(model))
    try:
        with building(cache) as folder:
            fresh = folder / "rival"
            fresh.write_bytes(content)
            sync(fresh)
            fresh.replace(_path(cache, key, name))
    except (OSError, DataError):
        return


def kept_rival(cache: Path, key: str, name: str, make_model: Callable[[], Model[Any]]) -> Model[Any] | None:
    """Return a policy that was kept; None where it is not there, or is not what was written."""
    try:
        weights, _ = read_tensors(read_file(_path(cache, key, name), MOST_BYTES, DataError))
        return restored(make_model, weights)
    except (OSError, DataError, RunError):
        return None


def _path(cache: Path, key: str, name: str) -> Path:
    return cache / f"rival-{key}-{name.split(',', maxsplit=1)[0].replace(' ', '-')}.safetensors"
