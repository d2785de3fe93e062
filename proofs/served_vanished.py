"""Clients begin something and are gone in the middle of it: all that they left behind is reclaimed.

    python proofs/served_vanished.py [--clients 10000] [--save FILE]

Each begins a session and then a sequence, a prediction or a WebSocket, or nothing, and resets its connection. Before
they are counted half as many do the same, so that a server has by then what it keeps for good. Then its memory may not
have grown by more than 2 %, and no session and no WebSocket may be left.
"""

import asyncio
import json
import re
import socket
import struct
import tempfile
import time
from pathlib import Path

from outcomes import arguments, conclude, counted
from serving.frames import begun, frame, shake
from serving.servers import Server, serving, train
from serving.wire import Wire

TTL_SECONDS, PATIENCE_SECONDS, MOST_GROWTH = 3.0, 1200, 0.02
COUNTED = ("sessions", "sockets")


def main() -> None:
    """Vanish, wait and write."""
    asked = arguments(__doc__, "served_vanished", clients=(10_000, "clients that vanish"))
    with (
        tempfile.TemporaryDirectory() as name,
        serving(train(Path(name), 64, 1), "--ttl-hours", str(TTL_SECONDS / 3600)) as server,
    ):
        for number in range(asked.clients // 2):
            vanish(server.port, number)
        before, _ = settled(server)
        for number in range(asked.clients):
            vanish(server.port, number)
        after, left = settled(server)
    growth, behind = after / before - 1, int(sum(left.values()))
    outcomes = ["left behind"] * behind + ["reclaimed"] * (asked.clients - behind)
    reclaimed = counted("what a client that vanished in the middle left behind is reclaimed", outcomes, {"reclaimed"})
    memory = {
        "claim": "the memory of a server that so many clients vanished from grows by 2 % at most",
        "words": f"memory grew by {100 * growth:.2f} %",
        "holds": growth <= MOST_GROWTH,
        "bytes_before": before,
        "bytes_after": after,
        "memory_growth": growth,
    }
    conclude([{**reclaimed, "left": left}, memory], asked.save)


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
        # else: a session that no client comes back to


def settled(server: Server) -> tuple[int, dict[str, float]]:
    """Wait until nothing is left, or for long enough, and return the memory and what is left."""
    end = time.monotonic() + PATIENCE_SECONDS
    left = dict.fromkeys(COUNTED, 1.0)
    while any(left.values()) and time.monotonic() < end:
        time.sleep(1)
        text = asyncio.run(metrics(server.port))
        left = {name: float(re.findall(rf"^statewise_{name} (.*)$", text, re.M)[0]) for name in COUNTED}
    return server.bytes, left


async def metrics(port: int) -> str:
    """Return what a server says of itself."""
    with Wire(port) as wire:
        return (await wire.ask("GET", "/metrics")).body.decode()


if __name__ == "__main__":
    main()
