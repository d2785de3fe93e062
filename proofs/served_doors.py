"""Every route and method, tried with every key but the right one, and under every host and from every page but ours.

    python proofs/served_doors.py [--save FILE]

The routes are those of the server's own OpenAPI, and the WebSocket. Keys: no token, a wrong one, another owner's, and
the right one in the query. Hosts: six that are not ours; origins: none and four. Each try has to be refused with 401 or
404 (keys), 400 or 403 (hosts and origins). Routes that a proxy asks without a token are tried under hosts and origins.
"""

import asyncio
import itertools
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from outcomes import arguments, conclude, counted
from serving.servers import serving, train

TOKENS = {"ann": "a" * 22, "ben": "b" * 22}
BODIES = {"step": '{"input": 1}', "run": '{"inputs": [1]}', "predict": '{"length": 3}'}
PUBLIC = ("/livez", "/readyz")
HOSTS = ("evil.example", "localhost.evil.example", "127.0.0.2", "0.0.0.0", "[::2]", "localhost@evil.example")
MINE = f"Authorization: Bearer {TOKENS['ann']}"
KEYS = {
    "none": ([], ""),
    "wrong": (["Authorization: Bearer " + "c" * 22], ""),
    "another owner's": ([f"Authorization: Bearer {TOKENS['ben']}"], ""),
    "in the query": ([], f"?token={TOKENS['ann']}&access_token={TOKENS['ann']}"),
}


class Try(NamedTuple):
    """One way to knock, and the statuses that refuse it."""

    words: str
    method: str
    path: str
    headers: list[str]
    refused: tuple[int, ...]


def main() -> None:
    """Knock, count and write."""
    asked = arguments(__doc__, "served_doors")
    with tempfile.TemporaryDirectory() as name:
        tokens = Path(name) / "tokens"
        tokens.write_text("\n".join(f"{name} {token}" for name, token in TOKENS.items()))
        tokens.chmod(0o600)
        with serving(train(Path(name), 64, 1), "--token-file", str(tokens)) as server:
            outcomes, routes = asyncio.run(knocked(server.port))
    claim = "a route asked without its owner's token, under another host or from a page of another origin refuses"
    conclude({**counted(claim, outcomes, {"refused"}, is_sample=False), "routes": routes}, asked.save)


async def knocked(port: int) -> tuple[list[str], int]:
    """Return what came of every way to knock, and at how many routes."""
    _, body = await raw(port, "POST", "/v1/sessions", ["Host: localhost", MINE])
    id = json.loads(body)["session"]
    _, described = await raw(port, "GET", "/openapi.json", ["Host: localhost", MINE])
    paths = json.loads(described)["paths"]
    routes = [(method.upper(), path.replace("{id}", id)) for path, methods in paths.items() for method in methods]
    routes.append(("GET", f"/v1/sessions/{id}/stream"))
    outcomes = []
    for one in itertools.chain(*(tries(method, path, id, port) for method, path in routes)):
        status, _ = await raw(port, one.method, one.path, one.headers)
        outcomes.append("refused" if status in one.refused else f"{one.words}: {status}")
    return outcomes, len(routes)


def tries(method: str, path: str, id: str, port: int) -> Iterator[Try]:
    """Yield every way to knock at a route that it has to refuse."""
    for name, (headers, query) in KEYS.items():
        if path not in PUBLIC and (name != "another owner's" or id in path):
            yield Try(f"{method} {path} {name}", method, path + query, ["Host: localhost", *headers], (401, 404))
    origins = (None, "null", "https://evil.example", f"http://localhost:{port}", "http://127.0.0.1")
    for host, origin in itertools.product(("localhost", *HOSTS), origins):
        if host != "localhost" or origin is not None:
            headers = [f"Host: {host}", MINE, *([f"Origin: {origin}"] if origin else [])]
            yield Try(f"{method} {path} {host} {origin}", method, path, headers, (400, 403))


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
