"""Pictures of every form are read upright, in colour, on white; what is none is refused in one line."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from statewise.data.pictures.measured import measured
from statewise.data.pictures.picture_file import read_picture
from statewise.errors import DataError

RED, BLUE = (200, 30, 30), (30, 60, 200)
ORIENTATION = 0x0112


def saved(image: Any, form: str, **how: Any) -> bytes:
    into = io.BytesIO()
    image.save(into, form, **how)
    return into.getvalue()


def red_over_blue(mode: str = "RGB", width: int = 6, height: int = 10) -> Any:
    image = Image.new("RGB", (width, height), BLUE)
    image.paste(RED, (0, 0, width, height // 2))
    return image.convert(mode)


def top_and_bottom(content: bytes) -> tuple[tuple[int, ...], tuple[int, ...]]:
    pixels = np.asarray(read_picture(content).image)
    return tuple(pixels[0, 0].tolist()), tuple(pixels[-1, -1].tolist())


def is_near(one: tuple[int, ...], other: tuple[int, ...], by: int = 40) -> bool:
    return all(abs(a - b) <= by for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP", "PPM"])
def test_every_form_is_read(form: str) -> None:
    top, bottom = top_and_bottom(saved(red_over_blue(width=32, height=32), form))
    assert is_near(top, RED)
    assert is_near(bottom, BLUE)


def test_a_photograph_is_turned_as_its_camera_says() -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6  # to be turned by a quarter, clockwise
    found = read_picture(saved(red_over_blue(width=32, height=64), "JPEG", exif=exif, quality=95))
    assert (found.width, found.height) == found.image.size == (64, 32)
    assert is_near(found.image.getpixel((63, 16)), RED)
    assert is_near(found.image.getpixel((0, 16)), BLUE)


def test_what_is_transparent_is_white() -> None:
    image = Image.new("RGBA", (4, 4), (*RED, 255))
    image.putpixel((0, 0), (0, 0, 0, 0))
    found = read_picture(saved(image, "PNG"))
    assert found.is_cut_out
    assert found.image.getpixel((0, 0)) == (255, 255, 255)
    assert found.image.getpixel((1, 1)) == RED


def test_a_palette_with_a_transparent_colour_is_white_there() -> None:
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, *RED])
    image.putpixel((0, 0), 0)
    found = read_picture(saved(image, "PNG", transparency=0))
    assert found.is_cut_out
    assert found.image.getpixel((0, 0)) == (255, 255, 255)
    assert found.image.getpixel((1, 1)) == RED


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "LA"])
def test_every_mode_becomes_red_green_and_blue(mode: str) -> None:
    form = "TIFF" if mode == "CMYK" else "PNG"
    found = read_picture(saved(red_over_blue(mode), form))
    assert found.image.mode == "RGB"
    assert not found.is_cut_out


def test_cmyk_of_a_jpeg_keeps_its_colours() -> None:
    top, bottom = top_and_bottom(saved(red_over_blue("CMYK", 32, 32), "JPEG", quality=95))
    assert is_near(top, RED)
    assert is_near(bottom, BLUE)


def test_sixteen_bits_are_made_eight_by_their_size_and_not_cut_off() -> None:
    values = np.array([[0, 32768, 65535]], np.uint16)
    found = read_picture(saved(Image.fromarray(values), "PNG"))
    assert np.asarray(found.image)[0, :, 0].tolist() == [0, 128, 255]


def test_real_numbers_are_made_eight_bits_by_their_range() -> None:
    values = np.array([[-1.0, 0.0, 3.0]], np.float32)
    found = read_picture(saved(Image.fromarray(values), "TIFF"))
    assert np.asarray(found.image)[0, :, 0].tolist() == [0, 64, 255]


@pytest.mark.parametrize("size", [(1, 1), (20_000, 1), (1, 20_000)])
def test_odd_sizes_are_read_and_measured(size: tuple[int, int]) -> None:
    found = read_picture(saved(Image.new("RGB", size, RED), "PNG"))
    assert (found.width, found.height) == size
    assert found.sized(16).shape == (16, 16, 3)
    assert "red" in str(measured(found))


def test_of_an_animation_the_first_picture_is_seen() -> None:
    frames = [Image.new("RGB", (8, 8), RED), Image.new("RGB", (8, 8), BLUE)]
    found = read_picture(saved(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    assert found.frames == 2
    assert is_near(found.image.getpixel((0, 0)), RED)
    assert str(measured(found)).endswith("moving")


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "TIFF", "GIF"])
def test_a_picture_that_is_cut_short_is_refused_in_one_line(form: str) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
    content = saved(noise, form)
    with pytest.raises(DataError, match=r"cut short|cannot be read|not a picture") as caught:
        read_picture(content[: len(content) // 2], "cut.png")
    assert "cut.png" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_text_that_is_called_a_picture_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_text("this is no photograph")
    with pytest.raises(DataError, match=r"photo\.jpg is a text, not a picture"):
        read_picture(path)


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(DataError, match="is empty"):
        read_picture(b"")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\0\0\0\x18ftypheic" + bytes(40), "HEIC.*convert it to JPEG"),
        (b"\0\0\0\x18ftypavif" + bytes(40), "AVIF"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG: save it as PNG"),
        (b"%PDF-1.7 \0\1\2", "PDF"),
        (bytes(range(256)), "not a picture that is known"),
    ],
)
def test_other_forms_are_named_with_what_to_do(content: bytes, said: str) -> None:
    with pytest.raises(DataError, match=said):
        read_picture(content)


@pytest.mark.parametrize("side", [9_000, 40_000])
def test_a_bomb_is_refused_before_it_is_unpacked(side: int) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(99)))
    with pytest.raises(DataError, match="is refused"):
        read_picture(content + chunk(b"IEND", b""))


def test_a_large_photograph_is_read_smaller_and_told_as_large_as_it_is() -> None:
    found = read_picture(saved(Image.new("RGB", (4096, 3000), RED), "JPEG"))
    assert (found.width, found.height) == (4096, 3000)
    assert found.image.size[0] < 4096


def test_metadata_that_cannot_be_read_hide_no_picture() -> None:
    found = read_picture(saved(Image.new("RGB", (8, 8), RED), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff"))
    assert is_near(found.image.getpixel((0, 0)), RED)


def test_a_drawing_is_told_from_a_photograph() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    assert measured(read_picture(saved(Image.fromarray(noise), "PNG"))).looks == "a photograph"
    assert measured(read_picture(saved(red_over_blue(), "PNG"))).looks == "a drawing"
