"""Archives read a piece at a time, with bounds on all that they may claim: nothing in one is executed or trusted.

A tar, plain or in gzip, and a zip. What an archive says of itself is held to bounds before it is believed: its own
size, how many members it has, how much is read to learn of one, and how much it unpacks to. Links, devices and files
with holes are not members.
"""

import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple, cast

from statewise.errors import DataError

LARGEST_BYTES = 1 << 30
"Of an archive."
LARGEST_UNPACKED = 1 << 32
"Of a tar once it is unpacked, of which most may be passed over."
LARGEST_HEADERS = 1 << 20
"So much is read to learn of one member of a tar."
LARGEST_DIRECTORY = 1 << 24
"Of the list of members that stands at the end of a zip."
MOST_MEMBERS = 100_000
LONGEST_PART, LONGEST_NAME = 255, 1024
"Bytes in a part of a name, which is what file systems take, and in a name."
PIECE = 1 << 20
BLOCK = 512

GZIP, USTAR, UNNAMED = b"\x1f\x8b", b"ustar", bytes(5)
END_MARK, LARGE_MARK = b"PK\5\6", b"PK\6\7"
END = struct.Struct("<4s4H2LH")
"The record at the end of a zip: its mark, four counts, the bytes of the list of members, its place, a comment."
LONGEST_COMMENT, POINTER_BYTES = 0xFFFF, 20
METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
ENCRYPTED = 1

BROKEN: tuple[type[Exception], ...] = (OSError, EOFError, ValueError, ArithmeticError, LookupError, RuntimeError)
BROKEN += (struct.error, tarfile.TarError, zipfile.BadZipFile, zlib.error)
"What Python's own readers raise at archives that are cut, damaged, or made as they do not know."

Read = Callable[[int], bytes]


class Member(NamedTuple):
    """A file in an archive: its name, and its content, a piece at a time, while the archive stands at it.

    `claimed` is how many bytes the archive says that it unpacks to.
    """

    name: str
    pieces: Callable[[], Iterator[bytes]]
    claimed: int


@contextmanager
def _reading(title: str) -> Iterator[None]:
    """Let whatever a damaged archive makes of its readers be a `DataError`, in one line."""
    try:
        yield
    except BROKEN as error:
        raise DataError(f"{title} cannot be unpacked: {error or type(error).__name__}") from None


def unpack(members: Iterable[Member], title: str, folder: Path, most_bytes: int) -> None:
    """Write members into a folder, a piece at a time.

    Raises `DataError` for more than `most_bytes` of them, and for a name that no file of ours may have.
    """
    left = most_bytes
    for member in members:
        with _making(title, folder, member.name) as out:
            for piece in member.pieces():
                left -= len(piece)
                if left < 0:
                    raise DataError(f"{title} is refused: its members are larger than {most_bytes} bytes")
                out.write(piece)


@contextmanager
def _making(title: str, folder: Path, name: str) -> Iterator[IO[bytes]]:
    """Give the file of a member to write to. Raises `DataError` for a name that no file of ours may have."""
    place = folder / name
    parts = PurePosixPath(name).parts
    is_long = len(name.encode()) > LONGEST_NAME or any(len(part.encode()) > LONGEST_PART for part in parts)
    if is_long or not name.isprintable():
        raise DataError(f"{title} is refused: the name of its member {name[:80]!r} cannot be that of a file")
    if not parts or ".." in parts or not place.resolve().is_relative_to(folder.resolve()):
        raise DataError(f"{title} is refused: its member {name} would be written outside of its folder")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        out = place.open("wb")
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        raise DataError(f"{title} is refused: its member {name} is a file and a folder at once") from None
    with out:
        yield out


def check_size(archive: Path) -> None:
    """Raise `DataError` for an archive that is not a plain file, or larger than one may be."""
    if not archive.is_file() or archive.stat().st_size > LARGEST_BYTES:
        raise DataError(f"{archive.name} is refused: it is not a file of at most {LARGEST_BYTES:,} bytes")


def members_of_zip(archive: Path) -> Iterator[Member]:
    """Yield the files of a zip. Raises `DataError` where it is damaged or lists too many."""
    with _reading(archive.name):
        _check_directory(archive)
        with zipfile.ZipFile(archive) as opened:
            listed = opened.infolist()
            if len(listed) > MOST_MEMBERS:
                raise DataError(f"{archive.name} is refused: it has more than {MOST_MEMBERS:,} members")
            for info in listed:
                if not info.is_dir():
                    yield Member(info.filename, partial(_unzipped, opened, info, archive.name), info.file_size)


def _check_directory(archive: Path) -> None:
    """Refuse a list of members that is larger than a list can be, before it is read into memory."""
    size = archive.stat().st_size
    tail_bytes = min(size, END.size + LONGEST_COMMENT + POINTER_BYTES)
    with archive.open("rb") as file:
        file.seek(size - tail_bytes)
        tail = file.read(tail_bytes)
    place = tail.rfind(END_MARK)
    if place < 0 or len(tail) - place < END.size:
        raise zipfile.BadZipFile("it is not a zip, or was cut")
    if LARGE_MARK in tail[:place][-POINTER_BYTES:] or END.unpack_from(tail, place)[5] > LARGEST_DIRECTORY:
        raise DataError(f"{archive.name} is refused: its list of members is larger than {LARGEST_DIRECTORY:,} bytes")


def _unzipped(opened: zipfile.ZipFile, info: zipfile.ZipInfo, title: str) -> Iterator[bytes]:
    if info.flag_bits & ENCRYPTED:
        raise DataError(f"{title} is refused: a member of it is encrypted")
    if info.compress_type not in METHODS:
        raise DataError(f"{title} is refused: a member of it is packed by method {info.compress_type}, not by deflate")
    with _reading(title), opened.open(info) as content:
        while piece := content.read(PIECE):
            yield piece


def members_of_tar(raw: IO[bytes], title: str) -> Iterator[Member]:
    """Yield the files of a tar, plain or in gzip, as they come: no more than a piece of it is in memory.

    Raises `DataError` where it is damaged, or claims more than is read of one.
    """
    with _reading(title):
        stream = _Forwards(_unpacked(raw), title)
        with tarfile.open(fileobj=cast(Any, stream), mode="r:") as opened:
            for _ in range(MOST_MEMBERS):
                stream.allowed = LARGEST_HEADERS
                info = opened.next()
                if info is None:
                    return
                cast(Any, opened).members.clear()  # it would keep them all
                if info.isreg() and not info.issparse():
                    yield Member(info.name.removeprefix("./"), partial(_untarred, stream, info, title), info.size)
    raise DataError(f"{title} is refused: it has more than {MOST_MEMBERS:,} members")


def _untarred(stream: "_Forwards", info: tarfile.TarInfo, title: str) -> Iterator[bytes]:
    with _reading(title):
        left = info.size
        while left:
            stream.allowed = min(PIECE, left)
            piece = stream.read(stream.allowed)
            if not piece:
                raise EOFError("it was cut in the middle of a member")
            left -= len(piece)
            yield piece


def _unpacked(raw: IO[bytes]) -> Read:
    first = raw.read(BLOCK)
    if first.startswith(GZIP):
        return _Gunzipped(first, raw.read).read
    if len(first) == BLOCK and first[257:262] in (USTAR, UNNAMED):
        held = [first]
        return lambda count: held.pop() if held else raw.read(count)
    raise tarfile.ReadError("it is neither a tar nor one in gzip")


class _Gunzipped:
    """What gzip packed, a piece at a time; several parts in a row are one."""

    def __init__(self, first: bytes, more: Read) -> None:
        self.packed, self.more, self.unzip = first, more, zlib.decompressobj(wbits=31)

    def read(self, count: int) -> bytes:
        """Return at most so many bytes; none at the end."""
        while True:
            if self.unzip.eof:
                self.packed = self.unzip.unused_data.lstrip(b"\0") or self.more(PIECE).lstrip(b"\0")
                if not self.packed:
                    return b""
                self.unzip = zlib.decompressobj(wbits=31)
            piece = self.unzip.decompress(self.packed, count)
            self.packed = self.unzip.unconsumed_tail
            if piece:
                return piece
            if not self.packed and not self.unzip.eof:
                self.packed = self.more(PIECE)
                if not self.packed:
                    raise EOFError("it was cut before its end")


class _Forwards:
    """A stream as tarfile reads it: it goes forwards, or back by what is still held, and no header makes it read more.

    `allowed` is how many bytes may be read until it is set again; what is only passed over does not count.
    """

    def __init__(self, more: Read, title: str) -> None:
        self.more, self.title, self.allowed = more, title, LARGEST_HEADERS
        self.held, self.begin, self.place = b"", 0, 0

    def tell(self) -> int:
        """Return where the next byte lies."""
        return self.place

    def seek(self, place: int) -> int:
        """Go to a place, letting go what lies before it; no further than the end."""
        if place < self.begin:
            raise ValueError("it would have to be read twice")
        while place > self.begin + len(self.held) and self._hold_next():
            pass
        self.place = min(place, self.begin + len(self.held))
        return self.place

    def read(self, count: int) -> bytes:
        """Return so many bytes, fewer only at the end."""
        if not 0 <= count <= self.allowed:
            raise DataError(f"{self.title} is refused: what it says of one member is {count:,} bytes long")
        self.allowed -= count
        pieces: list[bytes] = []
        while count:
            at = self.place - self.begin
            piece = self.held[at : at + count]
            pieces.append(piece)
            self.place, count = self.place + len(piece), count - len(piece)
            if count and not self._hold_next():
                break
        return b"".join(pieces)

    def _hold_next(self) -> bool:
        piece = self.more(PIECE)
        last = self.held[-1:]  # tarfile reads the byte before a member again
        self.begin, self.held = self.begin + len(self.held) - len(last), last + piece
        if self.begin > LARGEST_UNPACKED:
            raise DataError(f"{self.title} is refused: it unpacks to more than {LARGEST_UNPACKED:,} bytes")
        return bool(piece)
