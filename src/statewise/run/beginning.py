"""A run on its way to its first update: an interrupt until then leaves no files of it."""

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from statewise.errors import RunError
from statewise.run.directory import BEGUN, LOCK, RunDirectory, create_run

OF_A_RUN = frozenset(["codec.json", "run.yaml", "events.jsonl", LOCK])
"What a run holds when its first update begins."


class Beginning:
    """Makes a run, which goes again where its block is left by an interrupt; only what it `writes` is removed.

    Nothing is removed where another process has the run meanwhile.
    """

    def __init__(self, task: str, name: str, path: Path | None = None, writes: frozenset[str] = OF_A_RUN) -> None:
        self.task, self.name, self.path, self.writes = task, name, path, writes
        self.was_there = path is not None and path.exists()
        self.made: list[Path] = []

    def create(self, write: Callable[[RunDirectory], None] = lambda directory: None) -> RunDirectory:
        """Make the directory, the given one or the next free, and what is to be in it; or, by an error, nothing."""
        try:
            directory = create_run(self.task, self.name, self.path, self.made)
            write(directory)
        except BaseException:
            self.undo()
            raise
        return directory

    def undo(self) -> None:
        """Remove what was made."""
        for path in self.made:
            if path.is_dir():
                self._remove(RunDirectory(path))

    def _remove(self, directory: RunDirectory) -> None:
        try:
            with directory.locked():
                for inside in directory.path.iterdir():
                    if inside.name in self.writes or BEGUN.fullmatch(inside.name):
                        inside.unlink(missing_ok=True)
        except (RunError, OSError):  # another process trains it, or the disk does not do as it is told
            return
        if not self.was_there and not any(directory.path.iterdir()):
            directory.path.rmdir()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, KeyboardInterrupt):
            self.undo()
