"""What every test shares: a folder of its own to stand in, one thread, a small run to use, and a Redis of its own."""

import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import torch
from browser_fixtures import chromium, page, playwright, studio
from made_log import train_in
from torch import distributed

import statewise
from statewise.distributed import Ranks, join
from statewise.kernels import extension, native

collect_ignore_glob = [] if find_spec("gymnasium") else ["tasks/game/*", "tasks/made_games.py", "tasks/made_teams.py"]

# how long an example takes says how slow and busy a machine is, not whether what is tested is right
hypothesis.settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any machine")

IN_BROWSER = chromium, page, playwright, studio
"Fixtures of the tests that look at the studio's pages."

SOON = timedelta(seconds=60)
START_SECONDS = 120
"A server that has not started by then never will, however busy the machine is."

TOKENS = {"ann": "a" * 22, "ben": "b" * 30}
REDIS = shutil.which("redis-server")
TEXT = "It was the best of times, it was the worst of times, it was the age of wisdom.\n" * 100
TINY = {
    "hidden_size": 8,
    "embedding": 4,
    "batch_size": 4,
    "sequence_length": 16,
    "updates": 5,
    "orders": 2,
    "threads": 1,
    "sample_seconds": 0,
}


NATIVE_EXAMPLES = ("kernels/native.py::", "program/compiled.py::", "[docs/ideas/step-program.md]")
"Examples in docstrings and pages that are about the native kernels themselves."


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out examples of native kernels where there are none."""
    if native.Program is None:
        about = [item for item in items if any(part in item.nodeid for part in NATIVE_EXAMPLES)]
        for item in about:
            item.add_marker(pytest.mark.skip(reason=f"native kernels {extension.ABSENT}"))


@pytest.fixture(autouse=True, scope="session")
def _signals_as_a_terminal_has_them() -> Iterator[None]:
    """Hear SIGINT and SIGHUP, which `nohup` and shells without job control let their programs ignore."""
    wanted: dict[int, Any] = {signal.SIGINT: signal.default_int_handler, signal.SIGHUP: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in wanted.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


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
def recommender_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_in(tmp_path_factory.mktemp("recommend"))


@pytest.fixture
def by_recommender(recommender_once: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a recommender called `run` and the log it has learned, where the test stands."""
    monkeypatch.chdir(recommender_once)
    return recommender_once


@pytest.fixture
def in_processes() -> Callable[[int, Callable[[Ranks], Any]], list[Any]]:
    """Fork so many processes that find each other, let each do some work, and return what it gave (JSON), in order."""
    return _in_processes


def _in_processes(count: int, work: Callable[[Ranks], Any]) -> list[Any]:
    with tempfile.TemporaryDirectory() as folder:
        processes = [_fork(rank, count, work, Path(folder)) for rank in range(count)]
        for process in processes:
            os.waitpid(process, 0)
        answers = [json.loads(Path(folder, str(rank)).read_text()) for rank in range(count)]
    for answer in answers:
        if "failed" in answer:
            raise AssertionError(answer["failed"])
    return [answer["gave"] for answer in answers]


def _fork(rank: int, count: int, work: Callable[[Ranks], Any], folder: Path) -> int:
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # from 3.12 on: threads do not survive
        process = os.fork()
    if process:
        return process
    try:
        os.environ["GLOO_SOCKET_IFNAME"] = "lo"
        torch.set_num_threads(1)
        store = distributed.FileStore(str(folder / "store"), count)  # type: ignore[attr-defined]
        distributed.init_process_group("gloo", store=store, rank=rank, world_size=count, timeout=SOON)
        answer = {"gave": work(join())}
    except BaseException:
        answer = {"failed": traceback.format_exc()}
    (folder / str(rank)).write_text(json.dumps(answer))
    os._exit(0)


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


class Serving:
    """A `statewise serve` in a process of its own, which answers once its address is asked for."""

    def __init__(self, run: Path, folder: Path, *arguments: str) -> None:
        self.command = [sys.executable, "-m", "statewise", "serve", str(run), "--port", "0", *arguments]
        self.said = folder / f"said-{time.monotonic_ns()}"
        environment = {**os.environ, "PYTHONFAULTHANDLER": "1"}
        with self.said.open("w") as said:
            self.process = subprocess.Popen(
                self.command, stdout=subprocess.PIPE, stderr=said, text=True, env=environment
            )

    @cached_property
    def address(self) -> str:
        assert self.process.stdout is not None
        if not select.select([self.process.stdout], [], [], START_SECONDS)[0]:
            self.process.send_signal(signal.SIGABRT)  # faulthandler then prints the stack of every thread
            self.process.wait()
            pytest.fail(f"the server did not start within {START_SECONDS} seconds:\n{self.said.read_text()}")
        line = self.process.stdout.readline()
        assert " at http" in line, self.said.read_text()
        return line.split(" at ")[1].split(",")[0]

    @property
    def port(self) -> int:
        return int(self.address.rsplit(":", 1)[1])

    @contextmanager
    def busy(self, inputs: int) -> Iterator[None]:
        """Let the server read so many inputs, 16 every quarter of a second where it was begun as `slow`."""
        httpx = pytest.importorskip("httpx")
        session = httpx.post(f"{self.address}/v1/sessions").json()["session"]
        body = json.dumps({"inputs": [1] * inputs})
        head = f"POST /v1/sessions/{session}/run HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        request = f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()
        with socket.create_connection(("127.0.0.1", self.port)) as client:
            client.sendall(request)
            while httpx.get(f"{self.address}/v1/models").status_code != 503:
                if select.select([client], [], [], 0.01)[0]:  # it was answered before this looked: ask again
                    assert client.recv(1 << 16)
                    client.sendall(request)
            yield

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(40)

    def close(self) -> None:
        if self.process.poll() is None:
            self.kill()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture(scope="session")
def server_of() -> type[Serving]:
    """What begins a server of any run."""
    pytest.importorskip("uvicorn")
    return Serving


@pytest.fixture
def serve(trained_once: Path, tmp_path: Path) -> Iterator[Callable[..., Serving]]:
    """Servers of the small run, each with its own flags, that end with the test."""
    pytest.importorskip("uvicorn")
    begun: list[Serving] = []

    def begin(*arguments: str) -> Serving:
        begun.append(Serving(trained_once / "run", tmp_path, *arguments))
        return begun[-1]

    yield begin
    for serving in begun:
        serving.close()


@pytest.fixture(scope="session")
def serving(trained_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """One server of the small run for all tests that do not disturb it."""
    yield from _shared(trained_once, tmp_path_factory.mktemp("serving"), "--quiet")


@pytest.fixture(scope="session")
def guarded(trained_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """One server that knows the tokens of ann and ben, and prints how to ask it with ann's."""
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "tokens").write_text("\n".join(f"{name} {token}" for name, token in TOKENS.items()))
    (folder / "tokens").chmod(0o600)
    yield from _shared(trained_once, folder, "--token-file", str(folder / "tokens"))


@pytest.fixture(scope="session")
def strict(trained_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """One server that answers one request at a time and waits a second for nobody."""
    folder = tmp_path_factory.mktemp("strict")
    limits = ("--idle-seconds", "1", "--max-requests", "1", "--max-sockets", "1", "--max-connections", "40")
    yield from _shared(trained_once, folder, "--quiet", *limits)


@pytest.fixture(scope="session")
def slow(trained_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """One server that answers one request at a time and takes a quarter of a second for up to 16 inputs."""
    folder = tmp_path_factory.mktemp("slow")
    yield from _shared(trained_once, folder, "--quiet", "--max-requests", "1", "--window-microseconds", "250000")


def _shared(trained_once: Path, folder: Path, *arguments: str) -> Iterator[Serving]:
    pytest.importorskip("uvicorn")
    server = Serving(trained_once / "run", folder, *arguments)
    yield server
    server.close()


@pytest.fixture
def studio_of(trained_once: Path, tmp_path: Path) -> Callable[..., Any]:
    """What begins a studio over two copies of a small run."""
    from made_studio import studios_over

    return studios_over(trained_once / "run", tmp_path)


@pytest.fixture
def asked(studio_of: Callable[..., Any]) -> Any:
    """A client of such a studio."""
    return studio_of()
