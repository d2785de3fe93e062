"""Connections of a full server wait with a doorkeeper, which refuses, lets in, gives back; without one it goes on."""

import asyncio
import json
import select
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from statewise.server.doorkeeper import MOST_BYTES
from statewise.server.doorway import Doorway

pytestmark = pytest.mark.skipif(not hasattr(select, "epoll"), reason="there are doorkeepers on Linux only")

ANSWER = b"HTTP/1.1 503 Service Unavailable\r\n\r\n"
STEP = b"POST /v1/sessions/x/step HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}"


class Guest:
    """A connection of a server, and the other end of it."""

    def __init__(self) -> None:
        self.own, self.client = socket.socketpair()
        self.client.settimeout(5)
        self.heard: list[bytes] = []
        self.reads = True

    @property
    def file(self) -> int:
        return self.own.fileno()

    def let_go(self) -> bool:
        self.reads = False
        return True

    def come_back(self, data: bytes, *, let_in: bool) -> None:
        self.heard.append(data)
        self.reads |= not let_in

    def read_on(self) -> None:
        self.reads = True


class Door:
    """A doorway with the process behind it, and guests who wait there."""

    def __init__(self, doorway: Doorway) -> None:
        self.doorway, self.board = doorway, doorway.board
        self.guests: list[Guest] = []

    def guest(self) -> Guest:
        self.guests.append(Guest())
        return self.guests[-1]

    async def waiting(self) -> Guest:
        guest = self.guest()
        self.doorway.leave(guest)
        await seen(lambda: self.doorway.is_away(guest))
        return guest


@asynccontextmanager
async def opened(room: int, idle_seconds: float = 60) -> AsyncIterator[Door]:
    doorway = Doorway.open(ANSWER, idle_seconds)
    assert doorway is not None
    doorway.board.room = room
    door = Door(doorway)
    yield door
    doorway.close()
    for guest in door.guests:
        guest.own.close()
        guest.client.close()


async def seen(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():
            await asyncio.sleep(0.001)


async def received(guest: Guest) -> bytes:
    return await asyncio.to_thread(guest.client.recv, 100)


def test_without_room_requests_are_refused_again_and_again_and_then_let_in() -> None:
    async def run() -> None:
        async with opened(room=0) as door:
            guest = await door.waiting()
            for _ in range(3):
                guest.client.sendall(STEP)
                assert await received(guest) == ANSWER
            assert (door.board.turned_away, door.board.arrived, guest.heard) == (3, 0, [])
            door.board.room = 1
            guest.client.sendall(STEP)
            await seen(lambda: guest.heard == [STEP])
            assert (door.board.turned_away, door.board.arrived, door.doorway.is_away(guest)) == (3, 1, False)
            assert not guest.reads
            await seen(lambda: guest.reads)  # an answer that takes long: is the client still there?

    asyncio.run(run())


def test_no_more_are_let_in_than_there_is_room_for_though_the_server_is_slow() -> None:
    async def run() -> None:
        async with opened(room=2) as door:
            guests = [await door.waiting() for _ in range(5)]
            for guest in guests:
                guest.client.sendall(STEP)
            time.sleep(0.2)  # the server is at something else
            assert (door.board.turned_away, door.board.arrived) == (3, 0)
            await seen(lambda: door.board.arrived == 2)
            assert sum(guest.heard == [STEP] for guest in guests) == 2

    asyncio.run(run())


@pytest.mark.parametrize(
    "sent",
    [STEP[:20], STEP + STEP, b"GET /livez HTTP/1.1\r\n\r\n", b"\0", STEP + b"x" * MOST_BYTES],
    ids=["a part", "two", "another path", "noise", "much"],
)
def test_what_is_no_plain_request_is_given_back_to_be_read(sent: bytes) -> None:
    async def run() -> None:
        async with opened(room=0) as door:
            guest = await door.waiting()
            guest.client.sendall(sent)
            await seen(lambda: guest.heard == [sent[:MOST_BYTES]])
            assert guest.reads
            assert (door.board.turned_away, door.board.arrived) == (0, 0)

    asyncio.run(run())


def test_who_hangs_up_is_given_back_and_who_is_forgotten_is_closed() -> None:
    async def run() -> None:
        async with opened(room=0) as door:
            gone, forgotten = [await door.waiting() for _ in range(2)]
            gone.client.close()
            await seen(lambda: gone.heard == [b""] and gone.reads)
            door.doorway.forget(forgotten)
            forgotten.own.close()
            assert await received(forgotten) == b""

    asyncio.run(run())


def test_who_asks_for_nothing_for_long_is_given_back_and_who_is_refused_all_the_time_is_not() -> None:
    async def run() -> None:
        async with opened(room=0, idle_seconds=0.5) as door:
            idle, busy = [await door.waiting() for _ in range(2)]
            async with asyncio.timeout(5):
                while not idle.reads:
                    busy.client.sendall(STEP)
                    assert await received(busy) == ANSWER
            assert door.doorway.is_away(busy)

    asyncio.run(run())


def test_a_doorkeeper_stays_if_told_to_stop_and_if_it_dies_connections_are_read_as_before() -> None:
    async def run() -> None:
        async with opened(room=0) as door:
            away, late = await door.waiting(), door.guest()
            for _ in range(2):
                away.client.sendall(STEP)
                assert await received(away) == ANSWER
                door.doorway._process.send_signal(signal.SIGTERM)  # as a manager of services may, to all at once
            door.doorway._process.send_signal(signal.SIGKILL)
            await seen(lambda: away.reads)
            door.doorway.leave(late)
            await asyncio.sleep(0.01)
            assert late.reads
            assert not door.doorway.is_away(late)

    asyncio.run(run())


def refused_connection(server: Any) -> socket.socket:
    """Return a connection over which requests were refused, the last ones by the doorkeeper."""
    client = socket.create_connection(("127.0.0.1", server.port), timeout=5)
    with server.taken():
        for _ in range(3):
            client.sendall(b"POST /v1/sessions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
            assert client.recv(1000).startswith(b"HTTP/1.1 503")
            time.sleep(0.05)
    return client


def test_a_socket_on_a_connection_that_was_refused_before_lives_as_long_as_it_talks(strict: Any) -> None:
    made = httpx.post(f"{strict.address}/v1/sessions").json()["session"]
    with connect(f"ws://127.0.0.1:{strict.port}/v1/sessions/{made}/stream", sock=refused_connection(strict)) as talking:
        for step in range(8):  # a connection that says nothing is closed after a second
            talking.send('{"input": 1}')
            assert json.loads(talking.recv(5))["steps"] == step + 1
            time.sleep(0.25)


def test_a_socket_on_a_connection_that_was_refused_before_is_closed_at_its_end(strict: Any) -> None:
    made = httpx.post(f"{strict.address}/v1/sessions").json()["session"]
    upgraded = (
        f"GET /v1/sessions/{made}/stream HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    )
    key = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    with refused_connection(strict) as client:
        client.sendall((upgraded + key).encode())
        assert client.recv(1000).startswith(b"HTTP/1.1 101")
        client.sendall(b"\x88\x80\0\0\0\0")
        while client.recv(1000):
            pass


def test_a_crowd_is_answered_or_refused_and_every_refusal_is_counted(serve: Any) -> None:
    server = serve("--most-requests", "2", "--quiet")

    def ask_often(_: int) -> tuple[int, int]:
        with httpx.Client(base_url=server.address) as client:
            while (made := client.post("/v1/sessions")).status_code == 503:
                time.sleep(0.01)
            path = f"/v1/sessions/{made.json()['session']}/step"
            answers = [client.post(path, json={"input": "a"}) for _ in range(50)]
            granted = [answer.json()["steps"] for answer in answers if answer.status_code == 200]
            assert granted == list(range(1, len(granted) + 1))
            refused = [answer for answer in answers if answer.status_code == 503]
            assert all(answer.headers["Retry-After"] == "1" for answer in refused)
            assert len(granted) + len(refused) == len(answers)
            return len(granted), len(refused)

    with ThreadPoolExecutor(12) as crowd:
        told = list(crowd.map(ask_often, range(12)))
    assert sum(granted for granted, _ in told) > 0
    assert sum(refused for _, refused in told) > 0
    lines = httpx.get(f"{server.address}/metrics").text.splitlines()
    counted = next(
        float(line.split()[-1]) for line in lines if line.startswith('statewise_refusals_total{code="busy"}')
    )
    assert counted >= sum(refused for _, refused in told)
    assert server.stop() == 0
