"""Archives of people with bad intentions: each is refused in one line, and none takes the memory that it claims."""

import bz2
import gzip
import io
import lzma
import stat
import struct
import sys
import tarfile
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from statewise.data import archives, packages
from statewise.data.archives import members_of_tar, members_of_zip
from statewise.data.packages import CLIENTS, Package
from statewise.errors import DataError

LARGE = 64 << 20
MEGABYTES_MOST = 8


def zipped(members: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def header(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    entry = tarfile.TarInfo(name)
    entry.size, entry.type = size, kind
    return entry.tobuf(tarfile.GNU_FORMAT)


def tarred(**members: bytes) -> bytes:
    return b"".join(header(n, len(c)) + c + bytes(-len(c) % 512) for n, c in members.items()) + bytes(1024)


def pax(records: bytes, name: str = "a.txt") -> bytes:
    return header("pax", len(records), tarfile.XHDTYPE) + records + bytes(-len(records) % 512) + header(name, 0)


def record(key: str, value: str) -> bytes:
    told = f" {key}={value}\n".encode()
    length = next(n for n in range(len(told), len(told) + 9) if len(str(n)) + len(told) == n)
    return str(length).encode() + told


def flagged(archive: bytes, place: int, value: bytes) -> bytes:
    """Change both headers of a zip's one member."""
    local, listed = archive.find(b"PK\3\4"), archive.find(b"PK\1\2")
    changed = bytearray(archive)
    for start, shift in ((local, 0), (listed, 2)):
        changed[start + place + shift : start + place + shift + len(value)] = value
    return bytes(changed)


WHEEL, TAR = zipped({"a": bytes(5000) + b"end"}), tarred(a=b"abc" * 1000)
WHEELS = {
    "empty": b"",
    "no zip": b"<html>",
    "cut in the middle": WHEEL[: len(WHEEL) // 2],
    "cut at the end": WHEEL[:-5],
    "damaged content": WHEEL[:40] + b"\xff\xff\xff" + WHEEL[43:],
    "another checksum": flagged(WHEEL, 14, b"\1\2\3\4"),
    "encrypted": flagged(WHEEL, 6, b"\1\0"),
    "patched data": flagged(WHEEL, 6, b"\x20\0"),
    "unknown method": flagged(WHEEL, 8, b"\x63\0"),
    "imploded": flagged(WHEEL, 8, b"\6\0"),
    "lzma": zipped({"a": b"abc"}, zipfile.ZIP_LZMA),
    "bzip2": zipped({"a": b"abc"}, zipfile.ZIP_BZIP2),
    "of a later version": flagged(WHEEL, 4, b"\xff\0"),
    "another name inside": WHEEL.replace(b"a", b"b", 1),
    "list elsewhere": WHEEL[:-6] + struct.pack("<L", 1 << 31) + WHEEL[-2:],
    "list of 4 GB": WHEEL[:-10] + struct.pack("<L", 0xFFFFFFF0) + WHEEL[-6:],
    "pointer to a larger list": WHEEL[:-22] + b"PK\6\7" + bytes(16) + WHEEL[-22:],
    "end in the comment": WHEEL[:-2] + b"\4\0PK\5\6",
    "an empty name": flagged(WHEEL, 26, b"\0\0\1\0"),
    "a control character": zipped({"a\x1b[2J": b"x"}),
    "a long name": zipped({"a" * 300: b"x"}),
    "upwards": zipped({"a/../../../b": b"x"}),
    "from the root": zipped({"/etc/cron.d/a": b"x"}),
    "file and folder": zipped({"a": b"x", "a/b": b"y"}),
    "folder and file": zipped({"a/b": b"x", "a": b"y"}),
}
TARS = {
    "empty": b"",
    "no tar": b"<html>" * 300,
    "cut gzip": gzip.compress(TAR)[:-30],
    "cut in a member": TAR[:2000],
    "cut in a header": TAR[:300],
    "damaged gzip": gzip.compress(TAR)[:20] + b"\xff\xff\xff" + gzip.compress(TAR)[23:],
    "another checksum": gzip.compress(TAR)[:-8] + bytes(8),
    "behind gzip": gzip.compress(TAR[:1000]) + b"rubbish",
    "xz": lzma.compress(TAR),
    "lzma": lzma.compress(TAR, lzma.FORMAT_ALONE),
    "bzip2": bz2.compress(TAR),
    "no header": b"\1" * 512 + TAR,
    "a size below zero": header("a", 0).replace(b"00000000000", b"-0000000001", 1),
    "pax that is cut": pax(record("size", "many"))[:700],
    "pax of 8 GB": header("pax", 1 << 33, tarfile.XHDTYPE),
    "pax of 8 GB for all": header("pax", 1 << 33, tarfile.XGLTYPE),
    "a name of 8 GB": header("././@LongLink", 1 << 33, tarfile.GNUTYPE_LONGNAME),
    "a link of 8 GB": header("././@LongLink", 1 << 33, tarfile.GNUTYPE_LONGLINK),
    "a member of 8 GB": header("a", 1 << 33) + bytes(5000),
    "no UTF-8 in a name": TAR.replace(b"a\0", b"\xff\0", 1)[:148] + b"        " + TAR[156:],
    "upwards": tarred(**{"a/../../../b": b"x"}),
    "from the root": tarred(**{"/etc/cron.d/a": b"x"}),
    "a long name": pax(record("path", "a" * 300)) + bytes(1024),
    "file and folder": tarred(**{"a": b"x", "a/b": b"y"}),
}


@pytest.fixture
def fetch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes, str], str]:
    """Let a client deliver an archive, and return the line that it is refused with."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def refused(archive: bytes, name: str) -> str:
        (tmp_path / name).write_bytes(archive)
        lines = f"import shutil; shutil.copy({str(tmp_path / name)!r}, '.')"
        monkeypatch.setitem(CLIENTS, "pypi", replace(CLIENTS["pypi"], command=(sys.executable, "-c", lines)))
        with pytest.raises(DataError) as caught:
            Package("pypi", "poems", "1.0", members="*", digest="0" * 64).fetch()
        assert {path.name for path in tmp_path.iterdir()} <= {"cache", "poems.whl", "poems.tgz"}
        return str(caught.value)

    return refused


@pytest.mark.parametrize("kind", WHEELS)
def test_a_hostile_zip_is_refused_in_one_line(kind: str, fetch: Callable[[bytes, str], str]) -> None:
    assert fetch(WHEELS[kind], "poems.whl").startswith(("poems.whl cannot be unpacked: ", "poems.whl is refused: "))


@pytest.mark.parametrize("kind", TARS)
def test_a_hostile_tar_is_refused_in_one_line(kind: str, fetch: Callable[[bytes, str], str]) -> None:
    assert fetch(TARS[kind], "poems.tgz").startswith(("poems.tgz cannot be unpacked: ", "poems.tgz is refused: "))


def test_an_archive_as_it_should_be_is_told_by_its_digest_alone(fetch: Callable[[bytes, str], str]) -> None:
    for archive, name in ((WHEEL, "poems.whl"), (TAR, "poems.tgz"), (gzip.compress(TAR), "poems.tgz")):
        assert " should have digest 000000" in fetch(archive, name)
    assert " should have digest 000000" in fetch(gzip.compress(TAR[:1000]) + gzip.compress(TAR[1000:]), "poems.tgz")


def test_links_devices_and_files_with_holes_are_no_members() -> None:
    sparse = record("GNU.sparse.major", "1") + record("GNU.sparse.minor", "0") + record("GNU.sparse.realsize", "9" * 12)
    kinds = [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE]
    odd = b"".join(header(f"odd{number}", 0, kind) for number, kind in enumerate(kinds))
    holes = pax(sparse)[:-512] + header("holes", 512) + b"1\n0\n0\n".ljust(512, b"\0")
    found = members_of_tar(io.BytesIO(odd + holes + tarred(a=b"kept")), "some.tar")
    assert {member.name: b"".join(member.pieces()) for member in found} == {"a": b"kept"}


@pytest.mark.parametrize("read_all", [True, False])
def test_large_members_are_read_or_passed_over_in_little_memory(read_all: bool, tmp_path: Path) -> None:
    content = header("large", LARGE) + bytes(LARGE) + tarred(a=b"kept")
    packed = zlib.compressobj(wbits=31)
    tar = packed.compress(content) + packed.flush()
    (tmp_path / "large.whl").write_bytes(zipped({"large": bytes(LARGE), "a": b"kept"}))
    del content
    tracemalloc.start()
    for found in (members_of_tar(io.BytesIO(tar), "large.tgz"), members_of_zip(tmp_path / "large.whl")):
        sizes = {m.name: sum(map(len, m.pieces())) for m in found if read_all or m.name == "a"}
        assert sizes == {"a": 4, **({"large": LARGE} if read_all else {})}
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < MEGABYTES_MOST << 20


def test_a_debian_package_is_read_as_it_comes_and_not_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "bin").mkdir()
    tool = f"#!{sys.executable}\nimport sys\nout = sys.stdout.buffer\nout.write({header('large', LARGE)!r})\n"
    tool += f"for _ in range({LARGE >> 20}): out.write(bytes(1 << 20))\nout.write({tarred(a=b'kept')!r})\n"
    for name, lines in (("dpkg-deb", tool), ("apt-get", f"#!{sys.executable}\nopen('poems.deb', 'w').close()\n")):
        (tmp_path / "bin" / name).write_text(lines)
        (tmp_path / "bin" / name).chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    tracemalloc.start()
    with pytest.raises(DataError, match=r"a in poems\.deb should have digest 000"):
        Package("debian", "poems", "1.0", members="a", digest="0" * 64).fetch()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < MEGABYTES_MOST << 20


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("echo 'E: not a package' >&2; exit 2", r"failed \(E: not a package\)"),
        ("head -c 700 whole.tar; exit 3", r"failed \(exit code 3\)"),
        ("cat whole.tar; exit 4", r"failed \(exit code 4\)"),
        ("head -c 700 whole.tar", r"poems\.deb cannot be unpacked: it was cut"),
        ("sleep 60", r"took longer than 0\.5 s"),
    ],
)
def test_a_tool_that_fails_is_quoted_and_one_that_hangs_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: str, said: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(packages, "SECONDS", 0.5)
    (tmp_path / "whole.tar").write_bytes(TAR)
    (tmp_path / "dpkg-deb").write_text(f"#!/bin/sh\ncd {tmp_path}\n{lines}\n")
    (tmp_path / "dpkg-deb").chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(packages, "_download", lambda package, folder: tmp_path / "poems.deb")
    (tmp_path / "poems.deb").touch()
    with pytest.raises(DataError, match=said):
        Package("debian", "poems", "1.0", members="*", digest="0" * 64).fetch()


@pytest.mark.parametrize(
    ("bound", "most", "said"),
    [
        ("MOST_MEMBERS", 2, "more than 2 members"),
        ("LARGEST_BYTES", 100, "not a file of at most 100 bytes"),
        ("LARGEST_DIRECTORY", 100, "list of members is larger than 100 bytes"),
    ],
)
def test_more_than_an_archive_may_have_is_refused(
    bound: str, most: int, said: str, fetch: Callable[[bytes, str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, bound, most)
    assert said in fetch(zipped({"a": b"x", "b": b"y", "c": b"z"}), "poems.whl")
    if bound != "LARGEST_DIRECTORY":
        assert said in fetch(tarred(a=b"x", b=b"y", c=b"z"), "poems.tgz")


def test_a_tar_that_unpacks_to_too_much_is_refused_although_no_member_is_wanted(
    fetch: Callable[[bytes, str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "LARGEST_UNPACKED", 1 << 21)
    bomb = gzip.compress(header(".hidden", 1 << 23) + bytes(1 << 23) + bytes(1024))
    assert "unpacks to more than 2,097,152 bytes" in fetch(bomb, "poems.tgz")
