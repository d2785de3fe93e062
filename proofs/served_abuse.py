"""Clients that vanish, requests and frames that make no sense, and keys to other doors.

    python proofs/served_abuse.py [--clients 10000] [--frames 20000] [--cases 20000] [--save FILE]

1. Clients begin a session, a sequence, a prediction or a WebSocket, and are gone in the middle: all of it is reclaimed.
2. Random frames over WebSocket, whole, broken and fragmented: none is answered with a 5xx, and nothing hangs.
3. Cases that schemathesis makes of the OpenAPI, stateful ones too, where it is installed (pip install schemathesis).
4. Every route and method with no token, a wrong one, another owner's and one in the query, under every Host and Origin.
"""

import argparse
import asyncio
import itertools
import json
import os
import random
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from serving.servers import Server, many_files, train
from serving.wire import Wire
from shakespeare import made_by

HERE = Path(__file__).parent
TOKENS = {"ann": "a" * 22, "ben": "b" * 22}
KEEP_SECONDS = 3.0
BODIES = {"step": '{"input": 1}', "run": '{"inputs": [1]}', "predict": '{"length": 3}'}


def main() -> None:
    """Abuse, count and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=10_000)
    parser.add_argument("--frames", type=int, default=20_000)
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--save", type=Path, default=HERE / "results" / "served_abuse.json")
    asked = parser.parse_args()
    many_files()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run = train(folder, 64, 1)
        gone = vanished(run, asked.clients)
        frames = fuzzed(run, asked.frames)
        cases = schema_cases(run, asked.cases, folder)
        doors = tried_doors(run, folder)
    result = {
        "claim": "vanished clients are reclaimed, nonsense makes no 5xx, and no door opens to another's key",
        "holds": gone["reclaimed"]
        and abs(gone["memory_growth"]) <= 0.02
        and not {"hung", "server error"} & frames["outcomes"].keys()
        and frames["alive"]
        and cases.get("server_errors", 0) == 0
        and doors["refused"] == doors["tried"],
        "vanished": gone,
        "frames": frames,
        "schemathesis": cases,
        "doors": doors,
        **made_by(),
    }
    asked.save.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps({"vanished": gone, "frames": frames, "schemathesis": cases, "doors": doors}, indent=1))
    sys.exit(0 if result["holds"] else 1)


def vanished(run: Path, clients: int) -> dict[str, Any]:
    """Return whether all that clients left behind was reclaimed, and what memory came of it."""
    server = Server.of(run, "--keep-hours", str(KEEP_SECONDS / 3600)).ready()
    try:
        for number in range(clients // 2):  # what a server keeps for good, it has then
            vanish(server.port, number)
        before, _ = settled(server)
        for number in range(clients):
            vanish(server.port, number)
        after, left = settled(server)
    finally:
        server.close()
    return {
        "clients": clients,
        "reclaimed": all(count == 0 for count in left.values()),
        "left": left,
        "bytes_before": before,
        "bytes_after": after,
        "memory_growth": after / before - 1,
    }


def vanish(port: int, number: int) -> None:
    """Begin something and be gone, with a reset."""
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        path = f"/v1/sessions/{begun(client)}"
        kind = number % 4
        if kind == 0:
            client.sendall(f"POST {path}/run HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n{{".encode())
        elif kind == 1:
            body = json.dumps({"prompt": "It", "length": 200})
            head = f"POST {path}/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            client.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
            client.recv(64)
        elif kind == 2:
            shake(client, path)
            client.sendall(frame(b'{"input": 1}', 1))
        # else: a session that nobody comes back to


def begun(client: socket.socket) -> str:
    """Begin a session and return its id."""
    client.sendall(b"POST /v1/sessions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
    data = b""
    while not data.endswith(b"}"):
        data += client.recv(4096)
    return str(json.loads(data.split(b"\r\n\r\n")[1])["session"])


def settled(server: Server) -> tuple[int, dict[str, float]]:
    """Wait until nothing is left, or for long enough, and return the memory and what is left."""
    end = time.monotonic() + 90
    left: dict[str, float] = {}
    while time.monotonic() < end:
        time.sleep(1)
        text = asyncio.run(_metrics(server.port))
        left = {name: float(re.findall(rf"^statewise_{name} (.*)$", text, re.M)[0]) for name in ("sessions", "sockets")}
        if not any(left.values()):
            break
    return server.bytes, left


async def _metrics(port: int) -> str:
    with Wire(port) as wire:
        return (await wire.ask("GET", "/metrics")).body.decode()


def shake(client: socket.socket, path: str) -> None:
    """Open a WebSocket by hand."""
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    head = f"GET {path}/stream HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    client.sendall(f"{head}{key}\r\n".encode())
    answer = client.recv(4096)
    assert answer.startswith(b"HTTP/1.1 101"), answer


def frame(content: bytes, kind: int, *, last: bool = True, masked: bool = True, reserved: int = 0) -> bytes:
    """Return a frame of a WebSocket, or what is nearly one."""
    head = bytes([(last << 7) | (reserved << 4) | kind])
    length, mask_bit = len(content), masked << 7
    if length < 126:
        head += bytes([mask_bit | length])
    elif length < 1 << 16:
        head += bytes([mask_bit | 126]) + length.to_bytes(2, "big")
    else:
        head += bytes([mask_bit | 127]) + length.to_bytes(8, "big")
    if not masked:
        return head + content
    mask = os.urandom(4)
    return head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(content))


def fuzzed(run: Path, frames: int) -> dict[str, Any]:
    """Send random frames to a server, and return what came of them."""
    server = Server.of(run).ready()
    try:
        return sent_frames(server.port, frames)
    finally:
        server.close()


def sent_frames(port: int, frames: int) -> dict[str, Any]:
    """Send random frames over many connections; each must be closed by the server, and the server still be there."""
    draw, outcomes, sent = random.Random(0), Counter[str](), 0
    while sent < frames:
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.settimeout(60)
            shake(client, f"/v1/sessions/{begun(client)}")
            count = draw.randint(1, 40)
            outcomes[outcome(client, [random_frame(draw) for _ in range(count)])] += 1
            sent += count
    alive = asyncio.run(_metrics(port)) != ""
    return {"frames": sent, "hangs": outcomes["hung"], "alive": alive, "outcomes": dict(outcomes)}


def outcome(client: socket.socket, frames: list[bytes]) -> str:
    """Send frames and the wish to close, and return how the server took them."""
    data = b""
    try:
        client.sendall(b"".join(frames) + frame(b"\x03\xe8", 8))
        while more := client.recv(1 << 16):
            data += more
    except TimeoutError:
        return "hung"
    except OSError:
        return "reset"
    return "server error" if b'"failed"' in data else "closed"


def random_frame(draw: random.Random) -> bytes:
    """Return a frame: a message, nearly a message, or noise."""
    texts = [
        '{"input": 1}',
        '{"input": "a"}',
        '{"text": "It was"}',
        '{"inputs": [1, 2], "each": true}',
        "{}",
        "[]",
        "null",
    ]
    texts += [
        '{"input": 1e999}',
        '{"input": NaN}',
        '{"prompt": "a", "length": 3}',
        '{"input": 1, "steps": 0, "key": "k"}',
    ]
    text = draw.choice(texts).encode()
    shape = draw.random()
    if shape < 0.6:
        return frame(text, 1)
    if shape < 0.75:
        damaged = bytearray(text)
        damaged[draw.randrange(len(damaged))] = draw.randrange(256)
        return frame(bytes(damaged), 1)
    if shape < 0.85:
        half = len(text) // 2
        return frame(text[:half], 1, last=False) + frame(b"", 9) + frame(text[half:], 0)
    if shape < 0.9:
        return frame(draw.randbytes(draw.randint(0, 125)), 9)
    kind, last = draw.randrange(16), draw.random() < 0.8
    content = draw.randbytes(draw.randint(0, 300))
    return frame(content, kind, last=last, masked=draw.random() < 0.9, reserved=draw.choice([0, 0, 0, 1, 7]))


def schema_cases(run: Path, cases: int, folder: Path) -> dict[str, Any]:
    """Let schemathesis ask, where it is installed, and return what it found."""
    program = shutil.which("schemathesis") or shutil.which("st")
    if program is None or not cases:
        return {"not_run": "schemathesis is not installed" if program is None else "no cases were asked for"}
    server = Server.of(run).ready()
    try:
        url = f"{server.address}/openapi.json"
        most = max(1, cases // 20)
        checks = [
            "--checks",
            "not_a_server_error",
            "--phases",
            "examples,fuzzing,stateful",
            "--max-examples",
            str(most),
        ]
        command = [program, "run", url, *checks, "--generation-deterministic", "--request-timeout", "20"]
        ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    finally:
        server.close()
    made = re.findall(r"(\d[\d,]*) generated", ran.stdout)
    failed = re.findall(r"Server error", ran.stdout)
    count = sum(int(found.replace(",", "")) for found in made)
    return {"cases": count, "server_errors": len(failed), "exit_code": ran.returncode, "end": ran.stdout[-1500:]}


def tried_doors(run: Path, folder: Path) -> dict[str, Any]:
    """Try every route with every key but the right one, under every host and origin but ours."""
    (folder / "tokens").write_text("\n".join(f"{name} {token}" for name, token in TOKENS.items()))
    (folder / "tokens").chmod(0o600)
    server = Server.of(run, "--token-file", str(folder / "tokens")).ready()
    try:
        return asyncio.run(_try(server.port))
    finally:
        server.close()


async def _try(port: int) -> dict[str, Any]:
    mine = f"Authorization: Bearer {TOKENS['ann']}"
    _, body = await raw(port, "POST", "/v1/sessions", ["Host: localhost", mine])
    id = json.loads(body)["session"]
    _, described = await raw(port, "GET", "/openapi.json", ["Host: localhost", mine])
    paths = json.loads(described)["paths"]
    routes = [(method.upper(), path.replace("{id}", id)) for path, methods in paths.items() for method in methods]
    routes.append(("GET", f"/v1/sessions/{id}/stream"))
    secret = TOKENS["ann"]
    keys = {
        "none": ("", ""),
        "wrong": ("Authorization: Bearer " + "c" * 22, ""),
        "other": (f"Authorization: Bearer {TOKENS['ben']}", ""),
        "query": ("", f"?token={secret}&access_token={secret}"),
    }
    hosts = ["evil.example", "localhost.evil.example", "127.0.0.2", "0.0.0.0", "[::2]", "localhost@evil.example"]
    origins = ["null", "https://evil.example", f"http://localhost:{port}", "http://127.0.0.1"]
    tried, opened = 0, []
    for method, path in routes:
        public = path in ("/livez", "/readyz")
        for name, (header, query) in keys.items():
            if public or (name == "other" and id not in path):
                continue
            status, _ = await raw(port, method, path + query, ["Host: localhost", *filter(None, [header])])
            tried += 1
            opened += [] if status in (401, 404) else [f"{method} {path} {name}: {status}"]
        for host, origin in itertools.product(["localhost", *hosts], [None, *origins]):
            if host == "localhost" and origin is None:
                continue
            headers = [f"Host: {host}", mine, *([f"Origin: {origin}"] if origin else [])]
            status, _ = await raw(port, method, path, headers)
            tried += 1
            opened += [] if status in (400, 403) else [f"{method} {path} {host} {origin}: {status}"]
    return {"tried": tried, "refused": tried - len(opened), "opened": opened[:20], "routes": len(routes)}


async def raw(port: int, method: str, path: str, headers: list[str]) -> tuple[int, bytes]:
    """Ask with headers as they are given."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    upgrade = path.partition("?")[0].endswith("/stream")
    body = BODIES.get(path.partition("?")[0].rsplit("/", 1)[1], "") if method == "POST" else ""
    more = ["Connection: close", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    if upgrade:
        more = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"]
        more.append("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
    writer.write("\r\n".join([f"{method} {path} HTTP/1.1", *headers, *more, "", body]).encode())
    data = await (reader.read(1000) if upgrade else reader.read())
    writer.close()
    return int(data[9:12]), data.partition(b"\r\n\r\n")[2]


if __name__ == "__main__":
    main()
