"""The peers that do not live in our environment: each in one of its own, as a child process that takes its turns."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from statewise_lab.benchmarking.measure import Absent, Outputs, Way

WORKERS = Path(__file__).parent / "workers"
MADE = "made-with.txt"


class Family(NamedTuple):
    """A peer: the exact versions it is measured at, and what its process finds in its environment."""

    requirements: tuple[str, ...]
    variables: tuple[str, ...] = ()


FAMILIES: Mapping[str, Family] = {
    "jax": Family(("jax==0.10.2", "jaxlib==0.10.2", "numpy==2.4.6")),
    "keras": Family(("keras==3.15.1", "jax==0.10.2", "jaxlib==0.10.2", "numpy==2.4.6"), ("KERAS_BACKEND=jax",)),
    "onnxruntime": Family(("onnxruntime==1.32.0", "onnx==1.23.2", "numpy==2.4.6")),
}


class Peers:
    """Every peer, made and started when it is first asked for; without a folder none is, and each says so."""

    def __init__(self, folder: Path | None, threads: int, say: Callable[[str], None] = lambda words: None) -> None:
        self.folder, self.threads, self.say = folder, threads, say
        self._children: dict[str, Child | Absent] = {}
        self._scratch = tempfile.TemporaryDirectory(prefix="statewise-bench-")

    def way(
        self, family: str, work: str, settings: Mapping[str, Any], arrays: Mapping[str, np.ndarray[Any, Any]]
    ) -> Way | Absent:
        """Return a peer's way to do some work, or why there is none."""
        if family not in self._children:
            self._children[family] = self._start(family)
        child = self._children[family]
        if isinstance(child, Absent):
            return child
        try:
            return child.prepare(work, settings, arrays)
        except ChildError as error:
            return Absent(str(error))

    def versions(self) -> dict[str, Mapping[str, str] | str]:
        """Return the versions that each peer said it has, or why it is not here."""
        return {
            family: child.reason if isinstance(child, Absent) else child.versions
            for family, child in self._children.items()
        }

    def clear(self) -> None:
        """Let every peer forget what it prepared."""
        for child in self._children.values():
            if isinstance(child, Child):
                child.clear()

    def close(self) -> None:
        """End every peer."""
        for child in self._children.values():
            if isinstance(child, Child):
                child.close()
        self._scratch.cleanup()

    def _start(self, family: str) -> "Child | Absent":
        if self.folder is None:
            return Absent("not asked for (--peers)")
        made = _environment(self.folder.absolute() / family, FAMILIES[family], self.say)
        if isinstance(made, Absent):
            return made
        try:
            return Child(made, family, self.threads, Path(self._scratch.name))
        except (ChildError, OSError) as error:
            return Absent(f"does not start: {error}")


class ChildError(Exception):
    """A peer could not do what it was asked."""


class Child:
    """A peer's process: it prepares work, and computes one turn whenever it is asked."""

    def __init__(self, python: Path, family: str, threads: int, scratch: Path) -> None:
        self.family, self.scratch, self._handles = family, scratch, 0
        command = ["env", *FAMILIES[family].variables, str(python), str(WORKERS / "serving.py"), family, str(threads)]
        self._errors = (scratch / f"{family}-errors.txt").open("w+")
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True
        )
        self.versions: Mapping[str, str] = self._answer()["versions"]

    def prepare(self, work: str, settings: Mapping[str, Any], arrays: Mapping[str, np.ndarray[Any, Any]]) -> "Remote":
        """Send arrays and settings and return the way that they make. Raises `ChildError` where it is not known."""
        self._handles += 1
        path = self.scratch / f"{self.family}-{self._handles}.npz"
        np.savez(path, **arrays)  # type: ignore[arg-type]
        self.ask({"do": "prepare", "handle": self._handles, "work": work, "settings": settings, "arrays": str(path)})
        path.unlink()
        return Remote(self, self._handles)

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer to a request. Raises `ChildError` where the peer failed."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except OSError as error:
            raise ChildError(self._last_words()) from error
        return self._answer()

    def clear(self) -> None:
        """Let it forget what it prepared."""
        if self._process.poll() is None:
            self.ask({"do": "clear"})

    def close(self) -> None:
        """End it, and wait until it has ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):  # it may have ended by itself
            self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self._errors.close()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise ChildError(self._last_words())
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise ChildError(answer["error"])
        return answer

    def _last_words(self) -> str:
        self._process.wait()
        self._errors.seek(0)
        return _last_line(self._errors.read()) or f"its process ended with {self._process.returncode}"


class Remote:
    """A way in a peer's process."""

    def __init__(self, child: Child, handle: int) -> None:
        self.child, self.handle = child, handle

    def outputs(self) -> Outputs:
        """Return what it computes."""
        path = self.child.scratch / f"{self.child.family}-outputs.npz"
        self.child.ask({"do": "outputs", "handle": self.handle, "arrays": str(path)})
        with np.load(path, allow_pickle=False) as arrays:
            found = dict(arrays)
        path.unlink()
        return found

    def turn(self, calls: int) -> float:
        """Return the seconds of so many calls, by its own clock."""
        return float(self.child.ask({"do": "turn", "handle": self.handle, "calls": calls})["seconds"])


def _environment(folder: Path, family: Family, say: Callable[[str], None]) -> Path | Absent:
    """Return the Python of a peer's environment, made if it is not there as it should be."""
    python, made, wanted = folder / "bin" / "python", folder / MADE, "\n".join(family.requirements)
    if python.exists() and made.exists() and made.read_text() == wanted:
        return python
    say(f"making {folder} with {', '.join(family.requirements)}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *family.requirements]
    for command in ([sys.executable, "-m", "venv", "--clear", str(folder)], install):
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode != 0:
            return Absent(f"does not install: {_last_line(done.stderr or done.stdout)}")
    made.write_text(wanted)
    return python


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1].strip() if lines else ""
