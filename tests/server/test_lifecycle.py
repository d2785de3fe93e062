"""A session outlives the server that began it: stopped, killed, beside another one, on every store that is shared."""

import asyncio
import contextlib
import json
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
from statewise.client import AsyncClient, Client, Conflict
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
        gate, won, lost = threading.Barrier(2), list[int](), list[tuple[int, int | None]]()

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
        while len(answered) < 20:
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


def step_for_ever(socket: ClientConnection) -> None:
    while True:
        socket.send(json.dumps({"input": 1}))
        assert "steps" in json.loads(socket.recv(10))
