"""What every test shares: a folder of its own to stand in, one thread, a small run to use, and a Redis of its own."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import statewise

REDIS = shutil.which("redis-server")
TEXT = "It was the best of times, it was the worst of times, it was the age of wisdom.\n" * 100
TINY = {
    "width": 8,
    "embedding": 4,
    "rows": 4,
    "steps": 16,
    "updates": 5,
    "orders": 2,
    "threads": 1,
    "sample_seconds": 0,
}


@pytest.fixture(autouse=True)
def _one_thread_and_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def book(tmp_path: Path) -> Path:
    path = tmp_path / "book.txt"
    path.write_text(TEXT)
    return path


@pytest.fixture(scope="session")
def trained_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    (folder / "book.txt").write_text(TEXT)
    task = statewise.Text(source=str(folder / "book.txt"), save_seconds=0.001, **TINY)  # type: ignore[arg-type]
    statewise.train(task, run=folder / "run")
    return folder


@pytest.fixture
def run_path(trained_once: Path, tmp_path: Path) -> Path:
    """A finished run of five updates with two checkpoints, that a test may damage."""
    shutil.copytree(trained_once / "run", tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A redis-server of our own, on a socket in a folder of our own."""
    redis = pytest.importorskip("redis")
    if REDIS is None:
        pytest.skip("redis-server is not installed here (Debian: apt-get install redis-server)")
    folder = tmp_path_factory.mktemp("redis")
    command = [REDIS, "--port", "0", "--unixsocket", str(folder / "redis.sock"), "--save", "", "--dir", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    url = f"unix://{folder / 'redis.sock'}"
    client: Any = redis.Redis.from_url(url)
    for _ in range(200):
        try:
            client.ping()
            break
        except redis.exceptions.ConnectionError:
            time.sleep(0.02)
    client.close()
    yield url
    process.terminate()
    process.wait(10)
