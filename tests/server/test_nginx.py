"""docs/deploy/nginx.conf spreads one session over two servers, and goes on when one of them is killed."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

import statewise
from statewise.client import Client

NGINX = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
CONFIGURATION = Path(__file__).parents[2] / "docs" / "deploy" / "nginx.conf"
TEXT = "It was the best of times"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@pytest.fixture
def servers(serve: Any, tmp_path: Path) -> list[Any]:
    return [serve("--store", f"sqlite:{tmp_path / 'sessions.db'}", "--quiet") for _ in range(2)]


@pytest.fixture
def address(servers: list[Any], tmp_path: Path) -> Iterator[str]:
    """A proxy as it is configured, but for its ports and the folder in which it writes."""
    if NGINX is None:
        pytest.skip("nginx is not installed here (Debian: apt-get install nginx-light)")
    port, text = free_port(), CONFIGURATION.read_text()
    for old, new in (("8001", servers[0].port), ("8002", servers[1].port), ("127.0.0.1:8000", f"127.0.0.1:{port}")):
        assert old in text
        text = text.replace(old, str(new))
    text = text.replace("/run/nginx-statewise.pid", str(tmp_path / "nginx.pid"))
    places = "".join(
        f"{kind}_temp_path {tmp_path / kind};" for kind in ("proxy", "client_body", "fastcgi", "uwsgi", "scgi")
    )
    (tmp_path / "nginx.conf").write_text(text.replace("http {", f"http {{ {places}", 1))
    command = [NGINX, "-c", str(tmp_path / "nginx.conf"), "-p", str(tmp_path), "-g", "daemon off;"]
    with (tmp_path / "nginx.log").open("w") as log:
        process = subprocess.Popen(command, stderr=log)
    for _ in range(200):
        with socket.socket() as trying:
            if trying.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.02)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(10)


def test_a_session_is_spread_over_two_servers_and_outlives_one(
    address: str, servers: list[Any], trained_once: Path
) -> None:
    stream = statewise.load(trained_once / "run").stream()
    with Client(address) as client:
        session = client.create()
        for at, x in enumerate(TEXT):
            assert session.step(x, show="params")["params"] == stream.push(x).tolist()
            if at == 11:
                counts = [_steps(server.address) for server in servers]
                servers[0].kill()
        assert min(counts) >= 4
        assert "".join(session.predict(length=9, seed=1))
        with connect(f"ws{address[4:]}/v1/sessions/{session.id}/stream") as socket:
            socket.send('{"input": 1}')
            assert '"steps"' in str(socket.recv(10))
    assert httpx.get(f"{address}/metrics").status_code == 404


def _steps(address: str) -> float:
    lines = httpx.get(f"{address}/metrics").text.splitlines()
    return float(next(line.split()[-1] for line in lines if line.startswith("statewise_steps_total{")))
