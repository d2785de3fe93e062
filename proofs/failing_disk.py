"""A model of what a disk holds after a loss of power: what was fsynced, and any part of what was not.

`Recorder` writes down the calls by which a program changes a folder. `Disk` does them again, on nothing but names and
bytes, and yields what may be found if the power fails then.
"""

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

MOST_FREE = 6
Files = dict[str, bytes | None]
"Paths and what is in them; a folder has None."


class Call(NamedTuple):
    """One call that changes what is on a disk, by paths relative to a folder."""

    name: str
    path: str
    other: str = ""
    content: bytes = b""


class Recorder:
    """The calls that were made beneath a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.calls = folder, list[Call]()
        self._opened: dict[int, str] = {}

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Write down every call within this block."""
        names = ["open", "write", "fsync", "close", "mkdir", "rename", "replace", "unlink", "remove", "rmdir"]
        wrapped = {name: self._wrapped(name, getattr(os, name)) for name in names}
        with mock.patch.multiple(os, **wrapped):
            yield

    def _wrapped(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            is_new = name == "open" and not self._full(given[0], named.get("dir_fd")).exists()
            result = function(*given, **named)
            self._note(name, given, named, result, is_new)
            return result

        return call

    def _full(self, path: Any, folder: int | None = None) -> Path:
        return Path(self._opened.get(folder, ""), os.fspath(path)) if folder is not None else Path(os.fspath(path))

    def _note(self, name: str, given: tuple[Any, ...], named: dict[str, Any], result: Any, is_new: bool) -> None:
        if name == "open":
            path = self._full(given[0], named.get("dir_fd"))
            self._opened[result] = str(path)
            if given[1] & os.O_CREAT:
                self._add("create" if is_new else "truncate", path)
        elif name == "close":
            self._opened.pop(given[0], None)
        elif name == "write" and given[0] in self._opened:
            self._add("write", Path(self._opened[given[0]]), content=bytes(given[1][:result]))
        elif name == "fsync":
            self._add("fsync", Path(self._opened[given[0]]))
        elif name in ("rename", "replace"):
            self._add("rename", Path(given[0]), str(Path(given[1]).relative_to(self.folder)))
        elif name in ("mkdir", "unlink", "remove", "rmdir"):
            kind = "mkdir" if name == "mkdir" else "remove"
            self._add(kind, self._full(given[0], named.get("dir_fd")))

    def _add(self, name: str, path: Path, other: str = "", content: bytes = b"") -> None:
        if path.is_relative_to(self.folder):
            self.calls.append(Call(name, str(path.relative_to(self.folder)), other, content))


class _File:
    def __init__(self) -> None:
        self.safe, self.now = b"", b""

    def contents(self) -> list[bytes]:
        """What may be in it: what was synced, all of it, a half of what is new, or zeros as long."""
        if self.safe == self.now:
            return [self.now]
        half = self.now[: (len(self.safe) + len(self.now)) // 2] if self.now.startswith(self.safe) else self.now[:1]
        return [self.safe, self.now, half, bytes(len(self.now))]


class _Folder:
    def __init__(self) -> None:
        self.safe: dict[str, Any] = {}
        self.waiting: list[dict[str, Any]] = []  # changes of entries, in order: name to what it stands for, or None

    @property
    def now(self) -> dict[str, Any]:
        return self.with_changes(range(len(self.waiting)))

    def with_changes(self, kept: Any) -> dict[str, Any]:
        entries = dict(self.safe)
        for number in kept:
            entries.update(self.waiting[number])
        return {name: node for name, node in entries.items() if node is not None}

    def entries(self) -> Iterator[dict[str, Any]]:
        """What names may be in it: those that were synced, with any of the changes since."""
        count = len(self.waiting)
        numbers = range(count)
        if count <= MOST_FREE:
            chosen = itertools.chain.from_iterable(itertools.combinations(numbers, size) for size in range(count + 1))
        else:
            beginnings = [tuple(range(end)) for end in range(count + 1)]
            ones = [(number,) for number in numbers]
            all_but_one = [tuple(n for n in numbers if n != number) for number in numbers]
            chosen = iter([*beginnings, *ones, *all_but_one])
        for kept in chosen:
            yield self.with_changes(kept)


class Disk:
    """Folders and files as they are, and as they would be after a loss of power."""

    def __init__(self, folders: list[str]) -> None:
        self.root = _Folder()
        for name in folders:
            self.root.safe[name] = _Folder()

    def do(self, call: Call) -> None:
        """Change what is there as a recorded call did."""
        folder, name = self._folder(call.path)
        node = folder.now.get(name) if name else folder
        match call.name:
            case "create":
                folder.waiting.append({name: _File()})
            case "truncate":
                node.now = b""
            case "write":
                node.now += call.content
            case "mkdir":
                folder.waiting.append({name: _Folder()})
            case "remove":
                folder.waiting.append({name: None})
            case "rename":
                target, new = self._folder(call.other)
                if target is not folder:
                    raise ValueError("a renaming from one folder to another is not modelled")
                folder.waiting.append({name: None, new: node})
            case "fsync" if isinstance(node, _Folder):
                node.safe, node.waiting = node.now, []
            case "fsync":
                node.safe = node.now

    def _folder(self, path: str) -> tuple[_Folder, str]:
        *above, name = Path(path).parts or ("",)
        folder = self.root
        for part in above:
            folder = folder.now[part]
        return folder, name

    def after_losses(self) -> list[Files]:
        """Return everything that may be found, each once."""
        found = {tuple(sorted(files.items())): files for files in self._possible(self.root, "")}
        return list(found.values())

    def _possible(self, folder: _Folder, path: str) -> Iterator[Files]:
        for entries in folder.entries():
            parts = [list(self._of(node, f"{path}{name}")) for name, node in entries.items()]
            for chosen in itertools.product(*parts):
                yield {place: content for part in chosen for place, content in part.items()}

    def _of(self, node: Any, path: str) -> Iterator[Files]:
        if isinstance(node, _File):
            yield from ({path: content} for content in node.contents())
        else:
            unique = {tuple(sorted(files.items())): files for files in self._possible(node, f"{path}/")}
            yield from ({path: None, **files} for files in unique.values())

    @staticmethod
    def lay_out(files: Files, folder: Path) -> None:
        """Write files and folders for real."""
        folder.mkdir(parents=True)
        for path, content in sorted(files.items()):
            if content is None:
                (folder / path).mkdir()
            else:
                (folder / path).write_bytes(content)
