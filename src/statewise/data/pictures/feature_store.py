"""What a frozen network sees in pictures, kept by what they hold: each picture is looked at once, whoever asks."""

import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from statewise.disk.reading import read_file
from statewise.errors import DataError

Seen = NDArray[np.float32]
"What is seen in one picture: vectors of its places, `[S, F]`."
FOLDER = "features"
HALF = np.float16
LARGEST_SEEN = float(np.finfo(HALF).max)


@dataclass(frozen=True)
class FeatureStore:
    """A folder of one network's features, a file for each picture, under the sha256 of what the picture's file holds.

    Numbers are kept in 16 bits, after a digest of them. Files are written whole or not at all, so that several
    trainings may fill one folder, and one that was stopped goes on where it was.
    """

    folder: Path
    places: int
    features: int

    @classmethod
    def of(cls, cache: Path, identity: str, places: int, features: int) -> "FeatureStore":
        """Return the store of what a network of that identity sees."""
        name = hashlib.sha256(f"{identity} {places} {features}".encode()).hexdigest()[:16]
        return cls(cache / FOLDER / name, places, features)

    def path(self, picture: str) -> Path:
        """Return where the features of a picture lie, whose digest is given."""
        return self.folder / picture[:2] / picture

    @property
    def size(self) -> int:
        """How many bytes each file has."""
        return 32 + 2 * self.places * self.features

    def has(self, picture: str) -> bool:
        """Tell whether the features of a picture are there, and whole."""
        path = self.path(picture)
        if not path.is_file() or path.stat().st_size != self.size:
            return False
        content = path.read_bytes()
        return hashlib.sha256(content[32:]).digest() == content[:32]

    def read(self, picture: str) -> Seen:
        """Return the features of a picture. Raises `DataError` where they are not what was written."""
        path = self.path(picture)
        content = read_file(path, self.size, DataError)
        if len(content) != self.size:
            raise DataError(f"{path} is damaged: remove it, and its picture is looked at again")
        return np.frombuffer(content, HALF, offset=32).astype(np.float32).reshape(self.places, self.features)

    def write(self, picture: str, seen: Seen) -> None:
        """Keep the features of a picture. Raises `DataError` where the disk does not take them."""
        kept = np.clip(seen, -LARGEST_SEEN, LARGEST_SEEN).astype(HALF).tobytes()
        path = self.path(picture)
        fresh = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_bytes(hashlib.sha256(kept).digest() + kept)
            fresh.replace(path)
        except OSError as error:
            raise DataError(f"cannot keep what is seen in pictures ({error.strerror or error}): make room") from None
        finally:
            with suppress(OSError):
                fresh.unlink(missing_ok=True)

    def digest(self, picture: str) -> str:
        """Return the digest of a picture's features: pictures that look the same to the network have the same."""
        with self.path(picture).open("rb") as file:
            return file.read(32).hex()
