"""What can be measured in a picture: how large it is, its colours, and whether it looks drawn or photographed."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from statewise.data.pictures.picture_file import Picture

SIDE = 96
"Points of a side at which colours are counted."
LOOKED = 384
"Points of a side, at most, in the middle of a picture, at which neighbours are compared."
MOST_COLOURS = 3
LEAST_SHARE = 0.08
"A colour with a smaller share of a picture is not told."
FLAT = 0.3
"Where more than this share of neighbouring points are the same, a picture is drawn; in photographs there is noise."
BETWEEN = 0.12
"Below this share it is a photograph; between the two nothing is said."
COLOURS: dict[str, tuple[int, int, int]] = {
    "black": (15, 15, 15),
    "dark grey": (75, 75, 75),
    "grey": (140, 140, 140),
    "light grey": (205, 205, 205),
    "white": (250, 250, 250),
    "red": (205, 30, 35),
    "dark red": (110, 20, 25),
    "pink": (245, 165, 185),
    "orange": (240, 135, 30),
    "brown": (120, 75, 40),
    "beige": (220, 195, 155),
    "yellow": (245, 225, 60),
    "green": (50, 155, 55),
    "dark green": (25, 75, 35),
    "light green": (165, 220, 130),
    "turquoise": (60, 190, 185),
    "blue": (40, 95, 205),
    "dark blue": (20, 35, 105),
    "light blue": (150, 195, 240),
    "purple": (120, 50, 150),
}
Look = Literal["a drawing", "a photograph", "a picture"]


@dataclass(frozen=True)
class Measured:
    """What was measured: the size in points, the commonest colours with their shares, and how it looks.

    `is_cut_out` tells whether parts of it are transparent, `frames` how many pictures follow one another in it.
    """

    width: int
    height: int
    looks: Look
    colours: tuple[tuple[str, float], ...]
    is_cut_out: bool
    frames: int

    def __str__(self) -> str:
        named = " and ".join(name for name, _ in self.colours)
        told = f"{self.looks}, {self.width:,} x {self.height:,}, mostly {named}" if named else self.looks
        cut = ", cut out" if self.is_cut_out else ""
        return f"{told}{cut}{', moving' if self.frames > 1 else ''}"

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {**asdict(self), "colours": dict(self.colours)}


def measured(picture: Picture) -> Measured:
    """Return what can be measured in a picture.

    >>> from PIL import Image
    >>> print(measured(Picture(Image.new("RGB", (40, 30), (200, 30, 30)), 40, 30, "PNG", 1, False)))
    a drawing, 40 x 30, mostly red
    """
    shares = _shares(picture.sized(SIDE))
    told = tuple((name, round(share, 3)) for name, share in shares[:MOST_COLOURS] if share >= LEAST_SHARE)
    moves = picture.frames if picture.form in ("GIF", "PNG", "WEBP") else 1
    return Measured(picture.width, picture.height, _looks(picture.image), told, picture.is_cut_out, moves)


def _shares(pixels: NDArray[np.uint8]) -> list[tuple[str, float]]:
    """Return the shares of the colours that have names, the largest first."""
    flat = pixels.reshape(-1, 3).astype(np.int32)
    known = np.array(list(COLOURS.values()), np.int32)
    nearest = ((flat[:, None] - known) ** 2).sum(axis=2).argmin(axis=1)
    counts = np.bincount(nearest, minlength=len(COLOURS)) / len(flat)
    return sorted(zip(COLOURS, counts.tolist(), strict=True), key=lambda one: -one[1])


def flatness(image: Any) -> float:
    """Return the share of neighbouring points, in the middle of an image, that have the same colour."""
    width, height = image.size
    left, top = max(0, (width - LOOKED) // 2), max(0, (height - LOOKED) // 2)
    pixels = np.asarray(image.crop((left, top, min(width, left + LOOKED), min(height, top + LOOKED))), np.int16)
    across = (pixels[:, 1:] == pixels[:, :-1]).all(axis=2)
    down = (pixels[1:] == pixels[:-1]).all(axis=2)
    count = across.size + down.size
    return float((across.sum() + down.sum()) / count) if count else 1.0


def _looks(image: Any) -> Look:
    flat = flatness(image)
    return "a drawing" if flat > FLAT else "a photograph" if flat < BETWEEN else "a picture"
