"""A folder of numbered pictures, read as a film."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

from statewise.data.video.film import (
    LONGEST_SECONDS,
    USUAL_RATE,
    Film,
    FilmFacts,
    Look,
    TooLongFilm,
    VideoFrame,
)
from statewise.errors import DataError, UsageError

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".pgm", ".ppm", ".tif", ".tiff"})
"What the names of pictures end in."


def in_number_order(paths: list[Path]) -> list[Path]:
    """Return paths by the numbers in their names, as 2 comes before 10.

    >>> [path.name for path in in_number_order([Path("f10.png"), Path("f2.png")])]
    ['f2.png', 'f10.png']
    """

    def key(path: Path) -> list[tuple[int, int, str]]:
        parts = re.split(r"(\d+)", path.name)
        return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts if part]

    return sorted(paths, key=key)


@final
@dataclass
class FrameFolder:
    """A folder whose pictures are the frames of a film, `rate` of them a second.

    `left_out` counts the pictures of the last reading that could not be decoded.
    """

    folder: Path
    rate: float = USUAL_RATE
    left_out: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        if not 0.01 <= self.rate <= 10_000:
            raise UsageError(f"{self.rate:g} frames a second are out of bounds: give 0.01 to 10,000")

    @property
    def title(self) -> str:
        """Its name in messages."""
        return str(self.folder)

    def pictures(self) -> list[Path]:
        """Return the pictures in order."""
        return in_number_order([path for path in self.folder.iterdir() if path.suffix.lower() in PICTURES])

    def facts(self) -> FilmFacts:
        """Return the size of the first picture, the rate and the length."""
        found = self.pictures()
        if not found:
            raise DataError(f"{self.folder} has no picture: give PNG or JPEG files")
        first = Film(found[0]).facts()
        return FilmFacts(first.height, first.width, self.rate, len(found) / self.rate)

    def frames(self, look: Look | None = None, longest: float = LONGEST_SECONDS) -> Iterator[VideoFrame]:
        """Yield the pictures, one at a time in memory. Raises `DataError` where none can be read."""
        self.left_out, shown = 0, 0
        for number, path in enumerate(self.pictures()):
            if number / self.rate > longest:
                raise TooLongFilm(f"{self.folder} is longer than {longest:,.0f} s: give a part of it")
            try:
                picture = next(Film(path).frames(look)).picture
            except DataError:
                self.left_out += 1
                continue
            shown += 1
            yield VideoFrame(number / self.rate, picture)
        if not shown:
            raise DataError(f"{self.folder} has no picture that can be read: give PNG or JPEG files")
