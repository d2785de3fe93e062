"""nginx in front of servers, as `docs/deploy/nginx.conf` says, but for addresses, its limit and where it writes."""

import contextlib
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

PROGRAM = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
MISSING = "nginx is not installed here (Debian: apt-get install nginx-light)"
CONFIGURATION = Path(__file__).parents[2] / "docs" / "deploy" / "nginx.conf"
TEMPORARY = ("proxy", "client_body", "fastcgi", "uwsgi", "scgi")


def configuration(folder: Path, port: int, ports: Sequence[int], limit: int | None = None) -> str:
    """Return the file of the docs, listening at a port, in front of servers at others."""
    upstream = "".join(f"server 127.0.0.1:{server} max_fails=1 fail_timeout=2s;\n" for server in ports)
    places = "".join(f"{kind}_temp_path {folder / kind};" for kind in TEMPORARY)
    text = CONFIGURATION.read_text()
    for pattern, new in (
        (r"(?:server 127\.0\.0\.1:800\d [^\n]*\n\s*)+", upstream),
        (r"127\.0\.0\.1:8000", f"127.0.0.1:{port}"),
        (r"/run/nginx-statewise\.pid", str(folder / "nginx.pid")),
        (r"http \{", f"http {{ {places}"),
        (r"limit_conn requests 512", f"limit_conn requests {limit or 512}"),
    ):
        text, count = re.subn(pattern, new, text, count=1)
        assert count == 1, pattern
    return text


@contextlib.contextmanager
def in_front_of(ports: Sequence[int], limit: int | None = None) -> Iterator[int]:
    """Begin nginx in front of servers at these ports, and yield its port. Raises `SystemExit` where it is missing."""
    if PROGRAM is None:
        raise SystemExit(MISSING)
    with tempfile.TemporaryDirectory() as name, socket.create_server(("127.0.0.1", 0)) as free:
        folder, port = Path(name), int(free.getsockname()[1])
        free.close()
        (folder / "nginx.conf").write_text(configuration(folder, port, ports, limit))
        command = [PROGRAM, "-c", str(folder / "nginx.conf"), "-p", name, "-e", "stderr", "-g", "daemon off;"]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            _await(port)
            yield port
        finally:
            process.terminate()
            process.wait(10)


def _await(port: int) -> None:
    for _ in range(500):
        with socket.socket() as trying:
            if trying.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise SystemExit(f"nginx does not listen at {port}: read what it says of {CONFIGURATION}")
