"""A session outlives the server that began it: stopped, killed, beside another one, on every store that is shared."""

import asyncio
import contextlib
import json
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

import statewise
from statewise.client import AsyncClient, Client, Conflict, RefusedByServer
from statewise.state import unsigned

TEXT = "It was the best of times, it was the worst"


@pytest.fixture(params=["sqlite", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:{tmp_path / 'sessions.db'}"
    return str(request.getfixturevalue("redis_url"))


def test_any_server_of_a_store_goes_on_with_any_session(serve: Any, store: str, trained_once: Path) -> None:
    servers = [serve("--store", store, "--quiet") for _ in range(2)]
    of_two_that_race_one_wins_each_step([server.address for server in servers])
    addresses = [server.address for server in servers]
    stream = statewise.load(trained_once / "run").stream()
    stream.push_many(TEXT)
    snapshots = asyncio.run(written_while(addresses, servers[0].kill))
    assert set(map(unsigned, snapshots.values())) == {stream.save()}
    assert servers[1].stop() == 0
    if not store.startswith("sqlite"):
        return
    with Client(serve("--store", store, "--quiet").address) as client:
        for id, snapshot in snapshots.items():
            session = client.session(id)
            assert (session.steps, session.snapshot()) == (len(TEXT), snapshot)
            session.step("!", show="nothing")


def test_a_server_whose_terminal_is_closed_stops_as_on_sigterm(serve: Any) -> None:
    server = serve()
    assert httpx.get(f"{server.address}/readyz").json() == {"status": "ready"}
    for _ in range(2):  # a shell and the system both say so
        server.process.send_signal(signal.SIGHUP)
    assert server.process.wait(40) == 0
    assert server.said.read_text().endswith("stopped: every answered step is in the store\n")


async def written_while(addresses: list[str], happens: Callable[[], None]) -> dict[str, bytes]:
    """Step eight sessions through the text while something happens; every step is numbered, so it counts once."""
    go = asyncio.Event()

    async def write(client: AsyncClient) -> tuple[str, bytes]:
        session = await client.create()
        for at, x in enumerate(TEXT):
            await session.step(x, show="nothing")
            if at == 9:
                go.set()
        assert session.steps == len(TEXT)
        return session.id, await session.snapshot()

    async with AsyncClient(*addresses) as client:
        writing = [asyncio.create_task(write(client)) for _ in range(8)]
        await go.wait()
        happens()
        return dict(await asyncio.gather(*writing))


def of_two_that_race_one_wins_each_step(addresses: list[str]) -> None:
    with Client(addresses[0]) as first, Client(addresses[1]) as second:
        id = first.create().id
        racers = [first.session(id), second.session(id)]
        gate, won, lost = threading.Barrier(2, timeout=60), list[int](), list[tuple[int, int | None]]()

        def race(racer: int) -> None:
            session = racers[racer]
            for step in range(25):
                gate.wait()
                session.steps = step
                try:
                    session.step("ab"[racer])
                    won.append(step)
                except Conflict as conflict:
                    lost.append((step, conflict.steps))

        threads = [threading.Thread(target=race, args=(racer,)) for racer in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(won) == list(range(25))
        assert sorted(lost) == [(step, step + 1) for step in range(25)]
        assert first.session(id).steps == 25


def test_a_server_that_is_told_to_stop_drops_nothing(serve: Any) -> None:
    server = serve("--quiet")
    made = httpx.post(f"{server.address}/v1/sessions").json()["session"]
    answered, unanswered = list[int](), list[httpx.HTTPError]()

    def load() -> None:
        with httpx.Client() as http:
            session = http.post(f"{server.address}/v1/sessions").json()["session"]
            while True:
                try:
                    answer = http.post(f"{server.address}/v1/sessions/{session}/step", json={"input": 1})
                except httpx.HTTPError as error:
                    unanswered.append(error)
                    return
                assert answer.status_code == 200
                answered.append(answer.status_code)
                if answer.headers.get("connection") == "close":  # as a proxy, it asks another server from now on
                    return

    threads = [threading.Thread(target=load) for _ in range(4)]
    with connect(f"ws://127.0.0.1:{server.port}/v1/sessions/{made}/stream") as socket:
        for thread in threads:
            thread.start()
        while len(answered) < 20 and any(thread.is_alive() for thread in threads):
            time.sleep(0.02)
        began = time.monotonic()
        server.process.terminate()
        with pytest.raises(ConnectionClosed) as caught:
            step_for_ever(socket)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1012
        with httpx.Client() as http, contextlib.suppress(httpx.TransportError):  # or it has left already
            assert http.get(f"{server.address}/readyz").status_code == 503
    assert server.process.wait(30) == 0
    assert time.monotonic() - began < 30
    for thread in threads:
        thread.join()
    assert unanswered == []


def test_a_server_whose_store_is_gone_is_not_ready_and_applies_nothing(serve: Any, tmp_path: Path) -> None:
    file = tmp_path / "sessions.db"
    server = serve("--quiet", "--store", f"sqlite:{file}")
    session = f"{server.address}/v1/sessions/{httpx.post(f'{server.address}/v1/sessions').json()['session']}"
    assert httpx.get(f"{server.address}/readyz").json() == {"status": "ready"}
    file.rename(tmp_path / "away.db")
    refused = httpx.post(f"{session}/step", json={"input": 1, "steps": 0, "key": "mine"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "busy")
    assert eventually_ready(server.address) == (503, {"status": "the store does not answer"})
    (tmp_path / "away.db").rename(file)
    assert eventually_ready(server.address) == (200, {"status": "ready"})
    answer = httpx.post(f"{session}/step", json={"input": 1, "steps": 0, "key": "mine"})
    assert answer.json()["steps"] == 1
    assert httpx.get(f"{server.address}/livez").status_code == 200
    file.unlink()
    assert server.stop() == 1
    assert server.said.read_text().splitlines()[-1].endswith("bring it back and start the server again")
    assert "Traceback" not in server.said.read_text()


def eventually_ready(address: str) -> tuple[int, Any]:
    """What `/readyz` says once the store has been asked again."""
    time.sleep(1.1)
    answer = httpx.get(f"{address}/readyz")
    return answer.status_code, answer.json()


def test_a_server_whose_redis_is_gone_is_not_ready(serve: Any, redis_url: str) -> None:
    import redis

    server, client = serve("--quiet", "--store", redis_url), redis.Redis.from_url(redis_url, socket_timeout=30)
    assert httpx.get(f"{server.address}/readyz").status_code == 200
    client.client_pause(3500)
    assert eventually_ready(server.address) == (503, {"status": "the store does not answer"})
    client.close()
    for _ in range(10):
        if httpx.get(f"{server.address}/readyz").status_code == 200:
            break
        time.sleep(1)
    else:
        pytest.fail("it is never ready again")


def test_an_owner_begins_no_more_sessions_than_are_allowed(serve: Any, tmp_path: Path) -> None:
    (tmp_path / "tokens").write_text(f"ann {'a' * 22}\nben {'b' * 22}\n")
    (tmp_path / "tokens").chmod(0o600)
    limits = ("--max-sessions", "3", "--max-sessions-per-owner", "2", "--token-file", str(tmp_path / "tokens"))
    server = serve("--quiet", *limits)
    with Client(server.address, token="a" * 22) as ann, Client(server.address, token="b" * 22) as ben:
        first, second = ann.create(), ann.create()
        data = second.snapshot()
        for begin in (ann.create, first.fork, lambda: ann.restore(data)):
            with pytest.raises(RefusedByServer, match="you have 2 sessions, which is the most") as refused:
                begin()
            assert (refused.value.status, refused.value.code) == (507, "full")
        ben.create()
        with pytest.raises(RefusedByServer, match="as many sessions as it may"):
            ben.create()
        first.delete()
        second.fork().step("a")


def test_a_redis_that_evicts_is_said_once_when_a_server_begins(serve: Any, redis_url: str) -> None:
    import redis

    client = redis.Redis.from_url(redis_url, socket_timeout=30)
    client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        server = serve("--quiet", "--store", redis_url)
        assert server.address
    finally:
        client.config_set("maxmemory-policy", "noeviction")
        client.close()
    said = server.said.read_text().splitlines()
    assert len(said) == 1
    assert "maxmemory-policy allkeys-lru" in said[0]


def step_for_ever(socket: ClientConnection) -> None:
    while True:
        socket.send(json.dumps({"input": 1}))
        assert "steps" in json.loads(socket.recv(10))
