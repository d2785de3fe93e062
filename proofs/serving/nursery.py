"""Servers forked from a process that has loaded everything: each is a process of its own, and there in a moment.

`Nursery` starts this file as that process, and asks it for a server with a line of JSON; it answers with its pid and
what it said.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class Born:
    """A server that was forked."""

    def __init__(self, pid: int, said: str) -> None:
        self.pid, self.address = pid, said.split(" at ")[1].split(",", maxsplit=1)[0].strip()
        self.port = int(self.address.rsplit(":", 1)[1])

    def kill(self) -> None:
        """End it at once, and return when it is gone."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
            while True:
                os.kill(self.pid, 0)
                time.sleep(0.001)


class Nursery:
    """Where servers come from."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process, self._born = process, list[Born]()

    def serve(self, run: Path, *arguments: str) -> Born:
        """Return a new server, once it answers."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([str(run), "--port", "0", "--quiet", *arguments]) + "\n")
        self._process.stdin.flush()
        self._born.append(Born(**json.loads(self._process.stdout.readline())))
        return self._born[-1]

    def close(self) -> None:
        """End all of them."""
        for born in self._born:
            born.kill()
        self._process.kill()
        self._process.communicate()


@contextlib.contextmanager
def nursery() -> Iterator[Nursery]:
    """Begin one, and end it with all its servers."""
    process = subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    made = Nursery(process)
    try:
        yield made
    finally:
        made.close()


def main() -> None:
    """Fork a server for each line that comes."""
    import statewise.server.app
    import statewise.verbs  # noqa: F401  (loaded now, so that no server has to)
    from statewise.cli.main import run

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        print(json.dumps(_fork(run, json.loads(line))), flush=True)


def _fork(run: Any, arguments: list[str]) -> dict[str, Any]:
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.dup2(writing, sys.stdout.fileno())
        os.dup2(os.open(os.devnull, os.O_RDONLY), sys.stdin.fileno())
        os._exit(run(["serve", *arguments]))
    os.close(writing)
    with os.fdopen(reading) as told:
        return {"pid": pid, "said": told.readline()}


if __name__ == "__main__":
    main()
