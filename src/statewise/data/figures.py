"""Figures that take long to find, kept in a cache under the hash of what they were found from."""

import hashlib
import json
import math
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import Any

from statewise.data.cache import building
from statewise.disk.reading import read_file
from statewise.disk.system import sync
from statewise.errors import DataError
from statewise.plain.strict_json import read_json

FORMAT = 1
MOST_BYTES = 1 << 20

Found = dict[str, dict[str, float]]
Finding = Generator[float, None, Found]
"A search under way: it yields how much is done, from 0 to 1, and returns figures by name of method and of figure."


def key_of(parts: Iterable[bytes | str]) -> str:
    """Return a name for figures out of all that they depend on.

    >>> key_of(["n-grams", b"codes"]) == key_of(["n-gramsc", b"odes"])
    False
    """
    total = hashlib.sha256()
    for part in parts:
        content = part.encode() if isinstance(part, str) else part
        total.update(len(content).to_bytes(8, "little"))
        total.update(content)
    return total.hexdigest()[:32]


def find_once(
    cache: Path, key: str, find: Callable[[], Generator[float, None, Found]]
) -> Generator[float, None, Found]:
    """Return the figures that are kept under a key, or find and keep them, yielding how much is done."""
    kept = kept_figures(cache, key)
    if kept is None:
        kept = yield from find()
        keep_figures(cache, key, kept)
    return kept


def kept_figures(cache: Path, key: str) -> Found | None:
    """Return the figures that are kept under a key; None where there are none, or their file is not what was written.

    A file that was cut short or changed is found out by a digest, and what it held is found again.
    """
    try:
        written = read_json(read_file(_path(cache, key), MOST_BYTES, DataError), any_number=True)
        figures: Found = written["figures"]
        if written["format"] != FORMAT or written["sha256"] != _digest(key, figures) or not _are_numbers(figures):
            return None
    except (DataError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return figures


def keep_figures(cache: Path, key: str, figures: Found) -> None:
    """Keep figures under a key, whole or not at all; where the disk takes none they are found again another time."""
    written = {"format": FORMAT, "figures": figures, "sha256": _digest(key, figures)}
    try:
        with building(cache) as folder:
            fresh = folder / "figures.json"
            fresh.write_text(json.dumps(written))
            sync(fresh)
            fresh.replace(_path(cache, key))
    except (OSError, DataError):
        return


def _path(cache: Path, key: str) -> Path:
    return cache / f"baselines-{key}.json"


def _digest(key: str, figures: Any) -> str:
    return hashlib.sha256((key + json.dumps(figures, sort_keys=True)).encode()).hexdigest()


def _are_numbers(figures: Any) -> bool:
    return all(
        isinstance(value, int | float) and not math.isnan(value) for of in figures.values() for value in of.values()
    )
