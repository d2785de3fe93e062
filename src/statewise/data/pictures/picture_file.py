"""Pictures out of files, whatever their form: read safely, upright, in red, green and blue, on white."""

import struct
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from statewise.bounds import shown
from statewise.disk.reading import read_file
from statewise.errors import DataError, MissingExtra
from statewise.shown import in_line

Pixels = NDArray[np.uint8]

LARGEST_FILE = 1 << 28
MOST_PIXELS = 64_000_000
"Pixels that are held in memory; a larger JPEG is read at a half, a quarter or an eighth of its size."
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"Forms that are read. Pillow knows more, of which some start other programs."
ENDINGS = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp")
ENOUGH = 512
"A JPEG may be read smaller as long as its shorter side keeps so many pixels."
BROKEN = (OSError, ValueError, TypeError, ArithmeticError, LookupError, RuntimeError, SyntaxError, struct.error)
"What Pillow raises where a file is not what it says."
TELLTALES = {
    b"ftypheic": "HEIC, as phones write it",
    b"ftypheix": "HEIC, as phones write it",
    b"ftyphevc": "HEIC, as phones write it",
    b"ftypmif1": "HEIF, as phones write it",
    b"ftypmsf1": "HEIF, as phones write it",
    b"ftypavif": "AVIF",
}
SVG_BEGINNINGS = (b"<svg", b"<?xml", b"<!--", b"<!DOCTYPE")


@final
@dataclass(frozen=True)
class Picture:
    """A picture as it is seen: `image` is an RGB image of Pillow, upright, on white where it was transparent.

    `width` and `height` are those of the file, upright; `frames` are more than one where it moves, of which the first
    is seen; `is_cut_out` tells whether parts of it were transparent.
    """

    image: Any
    width: int
    height: int
    form: str
    frames: int
    is_cut_out: bool

    def sized(self, side: int) -> Pixels:
        """Return the whole picture as a square, `[side, side, 3]`: what is wide is made narrower."""
        from PIL import Image

        found = self.image.resize((side, side), Image.Resampling.BICUBIC, reducing_gap=3.0)
        return np.array(found, np.uint8)


def read_picture(given: Path | bytes, name: str | None = None) -> Picture:
    """Return a picture out of a file, or the bytes of one; of an animation the first frame.

    Raises `DataError`, in one line, where it is none, is damaged or cut short, or is larger than 64 million pixels;
    `MissingExtra` where Pillow is not installed.
    """
    told = in_line(name or (str(given) if isinstance(given, Path) else "the picture"))
    content = given if isinstance(given, bytes) else read_file(given, LARGEST_FILE, DataError)
    if len(content) > LARGEST_FILE:
        raise DataError(f"{told} has {len(content):,} bytes, and a picture may have {LARGEST_FILE:,}: make it smaller")
    if not content:
        raise DataError(f"{told} is empty: give a picture")
    image = _opened(content, told)
    width, height = image.size
    _made_small(image, told)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd metadata, which is not looked at
            frames = int(getattr(image, "n_frames", 1))
            image.load()
            upright = _upright(image)
            seen, is_cut_out = _on_white(upright)
    except BROKEN as error:
        why = " ".join(str(error).split())[:80]
        raise DataError(f"{told} is cut short or damaged ({why}): save it again, or leave it out") from None
    if upright.size != image.size and upright.size == image.size[::-1]:
        width, height = height, width
    return Picture(seen, width, height, str(image.format), frames, is_cut_out)


def _opened(content: bytes, told: str) -> Any:
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        raise MissingExtra("pictures need Pillow: pip install 'statewise[caption]'") from None
    import io

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Image.open(io.BytesIO(content), formats=FORMATS)
    except UnidentifiedImageError:
        raise DataError(f"{told} {_what_it_is(content)}") from None
    except Image.DecompressionBombError:
        raise DataError(f"{told} is refused: it unpacks to more than {MOST_PIXELS:,} pixels; make it smaller") from None
    except BROKEN as error:
        why = " ".join(str(error).split())[:80]
        raise DataError(f"{told} cannot be read ({why}): save it again as JPEG or PNG") from None


def _what_it_is(content: bytes) -> str:
    """Say what a file is that is not a picture of a known form, and what to do."""
    if kind := TELLTALES.get(content[4:12]):
        return f"is {kind}: convert it to JPEG first, as `heif-convert` or `magick FILE.heic FILE.jpg` does"
    begun = content[:512].lstrip()
    if begun.startswith(SVG_BEGINNINGS) and b"<svg" in content[:4096]:
        return "is a drawing in SVG: save it as PNG first, as `rsvg-convert FILE.svg -o FILE.png` does"
    if content.startswith((b"%PDF", b"%!PS")):
        return "is a page of PDF or PostScript: save its pictures as PNG or JPEG"
    if b"\0" not in content[:512] and _is_text(content[:512]):
        return f"is a text, not a picture (it begins with {shown(begun[:20].decode(errors='replace'))}): check the name"
    return "is not a picture that is known: give JPEG, PNG, WebP, GIF, TIFF or BMP"


def _is_text(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError as error:
        return error.start > len(content) - 4  # a letter is cut in two
    return True


def _made_small(image: Any, told: str) -> None:
    """Let a JPEG be read smaller. Raises `DataError` for a picture that would have too many pixels all the same."""
    if image.format in ("JPEG", "MPO"):
        shorter = max(1, min(image.size))
        scale = max((s for s in (1, 2, 4, 8) if shorter / s >= ENOUGH), default=1)
        image.draft("RGB" if image.mode in ("RGB", "YCbCr") else image.mode, [max(1, n // scale) for n in image.size])
    width, height = image.size
    if width * height > MOST_PIXELS:
        raise DataError(
            f"{told} is refused: {width:,} x {height:,} are more than {MOST_PIXELS:,} pixels; make it smaller"
        )


def _upright(image: Any) -> Any:
    """Return an image turned as its camera says; as it is where what the camera says cannot be read."""
    from PIL import ImageOps

    try:
        return ImageOps.exif_transpose(image)
    except BROKEN:
        return image


def _on_white(image: Any) -> tuple[Any, bool]:
    """Return an image in red, green and blue, what is transparent as white, and whether something was."""
    from PIL import Image

    if image.mode.startswith(("I", "F")):
        return _eight_bits(image), False
    if "A" not in image.getbands() and image.mode != "La" and "transparency" not in image.info:
        return image.convert("RGB"), False
    layer = image.convert("RGBA")
    is_cut_out = layer.getextrema()[3][0] < 255
    ground = Image.new("RGBA", layer.size, "white")
    return Image.alpha_composite(ground, layer).convert("RGB"), is_cut_out


def _eight_bits(image: Any) -> Any:
    """Return an image of 16 or more bits as one of 8: whole numbers up to 65,535 by their size, others by their range.

    Pillow itself would cut off all that is above 255.
    """
    from PIL import Image

    values = np.asarray(image).astype(np.float64)
    values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    if image.mode.startswith("I") and low >= 0 and high <= 65535:
        low, high = 0.0, 65535.0 if high > 255 or image.mode != "I" else 255.0
    span = high - low
    scaled = (values - low) * (255 / span) if span > 0 else np.zeros_like(values)
    return Image.fromarray(scaled.round().astype(np.uint8)).convert("RGB")
