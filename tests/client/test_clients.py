"""A client steps sessions as a stream of this process would, and repeats a call without its being applied twice."""

import asyncio
import re
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import statewise
from statewise.client import AsyncClient, Client, Conflict, RefusedByServer, ServerError
from statewise.client.protocol import Reply, read_reply
from statewise.errors import UsageError
from statewise.state import unsigned
from statewise.stream import Stream

TEXT = "It was the best of times"


@pytest.fixture
def client(serving: Any) -> Iterator[Client]:
    with Client(serving.address) as made:
        yield made


@pytest.fixture
def stream(trained_once: Path) -> Stream[Any]:
    return statewise.load(trained_once / "run").stream()


def test_what_a_session_is_told_is_what_a_stream_says_bit_for_bit(client: Client, stream: Stream[Any]) -> None:
    session = client.create()
    for x in TEXT[:5]:
        assert torch.equal(torch.tensor(session.step(x, show="params")["params"]), stream.push(x))
    told = session.run(TEXT[5:], each=True, show="params")
    assert [torch.equal(torch.tensor(one["params"]), stream.push(x)) for x, one in zip(TEXT[5:], told["each"])] == [
        True
    ] * len(TEXT[5:])
    assert session.steps == len(TEXT)
    assert unsigned(session.snapshot()) == stream.save()
    likely = session.run([1], choices=2)["choices"]
    assert likely[0][1] >= likely[1][1] > 0


def test_python_shows_a_session_by_its_id_its_model_and_its_steps(client: Client) -> None:
    session = client.create()
    session.run("It")
    assert repr(session) == f"<Session {session.id} of {session.model}, 2 steps>"


def test_a_fork_a_snapshot_and_a_restored_session_go_on_alike(client: Client, stream: Stream[Any]) -> None:
    session = client.create()
    session.run(TEXT)
    fork, restored = session.fork(), client.restore(session.snapshot(), model=session.model)
    session.step("z")
    assert fork.step("a", show="params")["params"] == restored.step("a", show="params")["params"]
    assert (fork.steps, restored.steps) == (len(TEXT) + 1, 1)
    again = client.session(fork.id)
    assert (again.steps, again.snapshot()) == (fork.steps, fork.snapshot())
    elsewhere = Stream.open(stream.model, session.snapshot(), encode=stream.encode)
    assert elsewhere.push("x").tolist() == session.step("x", show="params")["params"]
    with pytest.raises(RefusedByServer, match="not made by a server of this store"):
        client.restore(elsewhere.save())
    session.delete()
    with pytest.raises(RefusedByServer, match="deleted or has expired"):
        session.step("a")
    with pytest.raises(RefusedByServer, match="no such session"):
        client.session("nobody")


def test_an_answer_comes_in_pieces_and_moves_the_session_once(client: Client, trained_once: Path) -> None:
    session = client.create()
    session.run("It was ")
    fork = session.fork()
    pieces = list(session.predict("the ", length=60, seed=3))
    assert len(pieces) > 1
    stream = statewise.load(trained_once / "run").stream()
    stream.push_many("It was ")
    trained = statewise.load(trained_once / "run")
    assert "".join(pieces) == "".join(trained.predict("the ", stream=stream, length=60, seed=3))
    assert unsigned(session.snapshot()) == stream.save()
    assert session.steps == 7 + 4 + 60
    assert "".join(fork.predict("the ", length=60, seed=3)) == "".join(pieces)


def test_two_clients_on_one_session_learn_of_each_other(client: Client, serving: Any) -> None:
    session = client.create()
    with Client(serving.address) as second:
        other = second.session(session.id)
        session.step("a")
        with pytest.raises(Conflict, match="has read 1 inputs") as caught:
            other.step("a")
        assert caught.value.steps == 1
        other.refresh()
        other.step("b")
    assert session.refresh() == 2


def test_many_sessions_are_awaited_at_once(serving: Any, trained_once: Path) -> None:
    trained = statewise.load(trained_once / "run")

    async def go(client: AsyncClient, text: str) -> tuple[bytes, str]:
        session = await client.create(model="run")
        for x in text[:3]:
            await session.step(x, show="nothing")
        await session.run(text[3:])
        fork = await session.fork()
        written = "".join([piece async for piece in fork.predict(length=20, seed=1)])
        data = await session.snapshot()
        assert (await client.restore(data, model="run")).steps == 0
        assert await session.refresh() == len(text)
        await fork.delete()
        return data, written

    async def main(texts: list[str]) -> list[tuple[bytes, str]]:
        async with AsyncClient(serving.address) as client:
            assert [model["id"] for model in await client.models()] == ["run"]
            return await asyncio.gather(*(go(client, text) for text in texts))

    texts = [TEXT[n:] for n in range(12)]
    for text, (data, written) in zip(texts, asyncio.run(main(texts)), strict=True):
        stream = trained.stream()
        stream.push_many(text)
        assert unsigned(data) == stream.save()
        assert written == "".join(trained.predict(stream=stream, length=20, seed=1))


def whole_message(connection: socket.socket) -> bytes:
    """One request or answer with its body."""
    data = b""
    while b"\r\n\r\n" not in data:
        if not (more := connection.recv(1 << 16)):
            return b""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    while length and len(body) < int(length[1]):
        body += connection.recv(1 << 16)
    return head + b"\r\n\r\n" + body


class Meddler:
    """Between client and server: cuts connections before a request arrives, or before its answer does."""

    def __init__(self, port: int, cut: Callable[[int], str]) -> None:
        self._port, self._cut, self.count = port, cut, 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, socket.create_connection(("127.0.0.1", self._port)) as server:
            while data := whole_message(connection):
                self.count += 1
                how = self._cut(self.count)
                if how == "before":
                    return
                server.sendall(data)
                answer = whole_message(server)
                if how == "after":
                    return
                connection.sendall(answer[: len(answer) // 2] if how == "within" else answer)
                if how == "within":
                    return

    def close(self) -> None:
        self._listening.close()


def test_calls_that_are_cut_off_anywhere_are_applied_exactly_once(serving: Any, stream: Stream[Any]) -> None:
    cuts = ["", "before", "after", "within", "", "after", "after"]
    meddler = Meddler(serving.port, lambda count: cuts[count % len(cuts)])
    with Client(meddler.address) as client:
        session = client.create()
        for x in TEXT:
            assert torch.equal(torch.tensor(session.step(x, show="params")["params"]), stream.push(x))
        assert unsigned(session.snapshot()) == stream.save()
    assert meddler.count > 1.5 * len(TEXT)
    meddler.close()


def test_a_session_whose_end_was_not_answered_is_ended_again_without_an_error(serving: Any) -> None:
    meddler = Meddler(serving.port, lambda count: "after" if count == 2 else "")
    with Client(meddler.address) as client:
        session = client.create()
        session.delete()
        assert meddler.count == 3
        session.delete()
        with pytest.raises(RefusedByServer, match="deleted or has expired"):
            session.step("a")
    meddler.close()

    async def main() -> None:
        meddler = Meddler(serving.port, lambda count: "after" if count == 2 else "")
        async with AsyncClient(meddler.address) as client:
            session = await client.create()
            await session.delete()
            await session.delete()
        meddler.close()

    asyncio.run(main())


def test_a_server_that_is_not_there_is_left_for_the_next(serving: Any) -> None:
    with Client("http://127.0.0.1:1", serving.address) as client:
        assert client.create().steps == 0
    with (
        Client("http://127.0.0.1:1", patience_seconds=0.2) as nobody,
        pytest.raises(
            ServerError, match=r"no server answered \(http://127.0.0.1:1: ConnectError\): check that one runs"
        ),
    ):
        nobody.create()
    with pytest.raises(UsageError, match="give http://HOST:PORT"):
        Client("127.0.0.1:8000")


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(500, b""), "status 500 (unknown): the server gave no reason; look into the log of the server"),
        (
            Reply(503, b'{"error": {"code": "busy", "message": "it is full"}}'),
            "status 503 (busy): it is full; try again later",
        ),
        (Reply(502, b"<html>\nbad</html>"), "status 502 (unknown): the server gave no reason; try again later"),
    ],
)
def test_a_server_that_fails_is_told_in_one_line_with_what_to_do(reply: Reply, words: str) -> None:
    with pytest.raises(ServerError) as raised:
        read_reply(reply)
    assert str(raised.value) == f"the server answered with {words}"
