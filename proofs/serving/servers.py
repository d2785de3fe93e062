"""Servers in processes of their own, and a Redis."""

import contextlib
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import statewise

TEXT = "It was the best of times, it was the worst of times, it was the age of wisdom.\n"


def train(folder: Path, width: int, layers: int, updates: int = 2, name: str = "run") -> Path:
    """Return a run of so many units; how well it writes does not matter here."""
    (folder / "book.txt").write_text(TEXT * 200)
    path = folder / f"{name}-{layers}x{width}"
    task = statewise.Text(
        source=str(folder / "book.txt"), hidden_size=width, layers=layers, updates=updates, orders=1, sample_seconds=0
    )
    statewise.train(task, run=path)
    return path


def many_files() -> None:
    """Let this process, and those that it begins, hold as many sockets as they may."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class Server:
    """One `statewise serve`, or another program that says where it listens."""

    def __init__(self, *command: str) -> None:
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    @classmethod
    def of(cls, run: Path, *arguments: str) -> "Server":
        """Begin to serve a run."""
        command = [sys.executable, "-m", "statewise", "serve", str(run), "--port", "0", "--quiet", *arguments]
        return cls(*command)

    def ready(self) -> "Server":
        """Wait until it answers."""
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().split(" at ")[1].split(",")[0].strip()
        self.port = int(self.address.rsplit(":", 1)[1])
        return self

    def kill(self) -> None:
        """End it at once."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self, seconds: float = 30) -> int:
        """Tell it to stop, and return its exit code."""
        self.process.terminate()
        return self.process.wait(seconds)

    def close(self) -> None:
        """Be sure that it is gone."""
        if self.process.poll() is None:
            self.kill()

    @property
    def bytes(self) -> int:
        """How much memory it holds."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


@contextlib.contextmanager
def servers(run: Path, count: int, *arguments: str) -> Iterator[list[Server]]:
    """Begin so many servers, and end them."""
    begun = [Server.of(run, *arguments) for _ in range(count)]
    try:
        yield [server.ready() for server in begun]
    finally:
        for server in begun:
            server.close()


@contextlib.contextmanager
def serving(run: Path, *arguments: str) -> Iterator[Server]:
    """Begin a server, and end it."""
    with servers(run, 1, *arguments) as (server,):
        yield server


@contextlib.contextmanager
def redis(folder: Path) -> Iterator[str | None]:
    """Begin a Redis that keeps nothing on disk, and return its URL; None where it is not installed."""
    program, path = shutil.which("redis-server"), folder / "redis.sock"
    if program is None:
        yield None
        return
    command = [program, "--port", "0", "--unixsocket", str(path), "--save", "", "--dir", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while not path.exists():
        time.sleep(0.02)
    try:
        yield f"unix://{path}"
    finally:
        process.terminate()
        process.wait()
