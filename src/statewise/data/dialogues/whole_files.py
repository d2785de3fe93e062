"""Files of conversations as bytes, out of xz where they are packed, and their lines."""

import lzma
from collections.abc import Iterator
from pathlib import Path

from statewise.disk.reading import read_file
from statewise.errors import DataError

LARGEST_FILE = 1 << 29
LARGEST_WINDOW = 1 << 27
"Bytes that xz may take to unpack."
XZ = b"\xfd7zXZ\x00"


def content_of(path: Path) -> bytes:
    """Return what a file holds, unpacked where it is xz. Raises `DataError` where it is damaged or too large."""
    content = read_file(path, LARGEST_FILE, DataError)
    if not content.strip():
        raise DataError(f"{path} is empty: give a file with something to learn from")
    if not content.startswith(XZ):
        return content
    unpacker = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=LARGEST_WINDOW)
    try:
        found = unpacker.decompress(content, max_length=LARGEST_FILE)
    except lzma.LZMAError as error:
        raise DataError(f"{path} cannot be unpacked ({error}): it is damaged, fetch it again") from None
    if not unpacker.eof:
        why = "is cut short" if len(found) < LARGEST_FILE else f"holds more than {LARGEST_FILE:,} bytes"
        raise DataError(f"{path} {why}: give whole files, of at most that size")
    return found


def numbered_lines(content: bytes, path: Path) -> Iterator[tuple[int, str]]:
    """Yield each line in UTF-8 with its number, from 1; files that are not UTF-8 at all are read as Latin-1.

    Raises `DataError`, naming the line, where some of a file is UTF-8 and some is not.
    """
    lines = content.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    try:
        content.decode()
        encoding = "utf-8"
    except UnicodeDecodeError:
        encoding = "latin-1" if _is_latin(content) else "utf-8"
    for number, line in enumerate(lines, start=1):
        try:
            text = line.decode(encoding)
        except UnicodeDecodeError:
            raise DataError(f"line {number} of {path} is not UTF-8: save it as UTF-8") from None
        yield number, text.rstrip("\r")


def _is_latin(content: bytes) -> bool:
    """Tell whether no line with letters beyond ASCII is UTF-8."""
    return not any(_is_utf8(line) for line in content.split(b"\n") if not line.isascii())


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True
