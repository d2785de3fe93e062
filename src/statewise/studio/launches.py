"""Trainings that a studio starts: each a process of its own, which goes on when the studio ends."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, final

from statewise.errors import RunError, StatewiseError, UsageError
from statewise.plain.strict_json import read_json
from statewise.run.directory import RunDirectory
from statewise.run.files import make_folder, saving
from statewise.run.trainer import trainer_of
from statewise.shown import in_block, in_line

KEPT = ".studio"
"The folder next to the runs where what their processes said is kept."
TAIL_BYTES = 4000
MOST_KEYS, MOST_TRAININGS = 256, 16
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
NOT_A_NAME = re.compile(r"[^a-z0-9]+")


class Launched(NamedTuple):
    """A training that was started: its run, and the words of its command line."""

    name: str
    words: list[str]

    @property
    def command(self) -> str:
        """The command line, to be pasted into a shell."""
        return shlex.join(["statewise", *self.words])


@final
class Launches:
    """Starts, stops and resumes trainings in one folder of runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._keys: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()  # what is looked at first is still so when a training begins

    def free_name(self, task: str, label: str) -> str:
        """Return a name that no run has yet, such as `text-book-3`."""
        stem = f"{task}-{NOT_A_NAME.sub('-', label.lower()).strip('-')[:30] or 'run'}"
        number = 1
        while (self.folder / f"{stem}-{number}").exists() or self._note(f"{stem}-{number}").exists():
            number += 1
        return f"{stem}-{number}"

    def start(self, name: str, words: Sequence[str], key: str = "") -> Launched:
        """Start `statewise WORDS` as the training of a new run of that name; the same key starts it once.

        Raises `UsageError` for a name that is taken or none, or where too many trainings go on already.
        """
        with self._lock:
            return self._start(name, words, key)

    def _start(self, name: str, words: Sequence[str], key: str) -> Launched:
        if key and key in self._keys:
            known = self._keys[key]
            return Launched(known, self._words(known))
        if not NAME.fullmatch(name):
            raise UsageError("a run cannot be named so: give letters, digits, '.', '_' and '-', at most 100")
        if (self.folder / name).exists():
            raise UsageError(f"there is a run {name} already: give another name")
        self._begin(name, words, is_new=True)
        if key:
            self._keys[key] = name
            while len(self._keys) > MOST_KEYS:
                self._keys.popitem(last=False)
        return Launched(name, list(words))

    def resume(self, name: str, run: Path) -> Launched:
        """Go on with a run. Raises `RunError` where it is being trained, or is none."""
        RunDirectory(run).read_config()
        with self._lock:
            if self.is_alive(name) or trainer_of(run) is not None:
                raise RunError(f"{name} is being trained already: stop it first")
            words = ["resume", str(run)]
            self._begin(name, words, is_new=False)
        return Launched(name, words)

    def stop(self, name: str, run: Path) -> None:
        """Ask a training to save and end. Raises `RunError` where none is under way."""
        process = trainer_of(run)
        if process is None and self.is_alive(name):
            process = int(self._noted(name)["process"])
        if process is None:
            raise RunError(f"{name} is not being trained: there is nothing to stop")
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGTERM)

    def under_way(self, name: str) -> dict[str, Any] | None:
        """Return what is known of the process of a run: whether it goes on, its exit code, and what it said last.

        None where no studio started one.
        """
        note = self._note(name)
        if not note.exists():
            return None
        alive = self.is_alive(name)
        process = self._processes.get(name)
        code = process.returncode if process is not None else None
        words = self._words(name)
        return {"alive": alive, "code": code, "command": Launched(name, words).command, "said": self._said(name)}

    def started(self) -> list[str]:
        """Return the names of the runs whose process was started here and whose folder is not there yet."""
        folder = self.folder / KEPT
        found = sorted(path.name.removesuffix(".json") for path in folder.glob("*.json")) if folder.is_dir() else []
        return [name for name in found if not (self.folder / name / "run.yaml").exists()]

    def forget(self, name: str) -> None:
        """Forget a training that failed before it made a run. Raises `RunError` where it goes on, or made one."""
        if name not in self.started() or self.is_alive(name):
            raise RunError("only a training that failed before it made a run can be forgotten")
        for path in (self._note(name), self._log(name)):
            path.unlink(missing_ok=True)

    def _begin(self, name: str, words: Sequence[str], *, is_new: bool) -> None:
        going = [other for other in list(self._processes) if self.is_alive(other)]
        if len(going) >= MOST_TRAININGS:
            raise UsageError(f"{len(going)} trainings go on already: wait for one of them, or stop one")
        with saving("what the training says", "free some space and try again"):
            make_folder(self.folder / KEPT)
            try:
                note = self._note(name).open("x" if is_new else "w", encoding="utf-8")
            except FileExistsError:
                raise UsageError(f"a training of the name {name} was started already: give another name") from None
            with note, self._log(name).open("wb") as log:
                process = subprocess.Popen(
                    [sys.executable, "-m", "statewise", *words],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
                json.dump({"words": list(words), "process": process.pid, "began": time.time()}, note)
        self._processes[name] = process

    def is_alive(self, name: str) -> bool:
        """Say whether a process that a studio started for a run goes on."""
        process = self._processes.get(name)
        if process is not None:
            return process.poll() is None
        return _is_ours(self._noted(name).get("process"), self._words(name))

    def _words(self, name: str) -> list[str]:
        words = self._noted(name).get("words")
        return [str(word) for word in words] if isinstance(words, list) else []

    def _noted(self, name: str) -> dict[str, Any]:
        try:
            noted = read_json(self._note(name).read_bytes()[: 1 << 20])
        except (OSError, ValueError, StatewiseError):
            return {}
        return noted if isinstance(noted, dict) else {}

    def _said(self, name: str) -> str:
        try:
            with self._log(name).open("rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - TAIL_BYTES))
                text = log.read().decode(errors="replace")
        except OSError:
            return ""
        return in_block(text.rsplit("\r", 1)[-1] if "\n" not in text else text).strip()

    def _note(self, name: str) -> Path:
        return self.folder / KEPT / f"{in_line(Path(name).name, 120)}.json"

    def _log(self, name: str) -> Path:
        return self.folder / KEPT / f"{in_line(Path(name).name, 120)}.log"


def _is_ours(process: Any, words: Sequence[str]) -> bool:
    """Say whether a process that an earlier studio started goes on: its number may have become another's."""
    if not isinstance(process, int) or process <= 1:
        return False
    try:
        said = Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return False
    told = said.decode(errors="replace").rstrip("\0").split("\0")
    return bool(words) and told[-len(words) - 1 :] == ["statewise", *words]
