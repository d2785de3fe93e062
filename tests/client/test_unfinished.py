"""An answer that is left early, and a client that is closed too early, are known as what they are."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from statewise.client import AsyncClient, Client, Conflict
from statewise.errors import UsageError

LENGTHS = (1, 2, 16, 17, 40, 3000)
"Some answers are complete on the server before the first piece is read here, some never become so."
CLOSED = "^the client is closed: close it after its last answer, or make another$"


@pytest.fixture
def client(serving: Any) -> Iterator[Client]:
    with Client(serving.address) as made:
        yield made


@pytest.mark.parametrize("length", LENGTHS)
def test_a_session_whose_answer_is_left_early_goes_on(client: Client, length: int) -> None:
    session, moved = client.create(), 0
    for number in range(12):
        before = session.steps
        pieces = session.predict("It", length=length, seed=number)
        next(pieces)
        time.sleep(0.05 * (number % 2))
        if number % 3 == 0:
            del pieces  # as a loop that is left does
        elif number % 3 == 1:
            pieces.close()  # type: ignore[attr-defined]
        told = session.step("a")
        assert told["steps"] == session.steps
        assert session.steps in (before + 1, before + 2 + length + 1)
        moved += session.steps > before + 1
        session = client.create() if session.steps > 200 else session
    assert moved or length > 1  # of some answers that were left the last piece was there


@pytest.mark.parametrize("length", LENGTHS)
def test_an_awaited_session_whose_answer_is_left_early_goes_on(serving: Any, length: int) -> None:
    async def leave(session: Any, number: int) -> None:
        if number % 3 == 0:
            async for _ in session.predict("It", length=length, seed=number):
                break
        elif number % 3 == 1:
            pieces = session.predict("It", length=length, seed=number)
            await anext(pieces)
            await pieces.aclose()
        else:
            reading = asyncio.create_task(read(session, number))
            await asyncio.sleep(0.001 * number)
            reading.cancel()
            await asyncio.wait([reading])

    async def read(session: Any, number: int) -> None:
        async for _ in session.predict("It", length=length, seed=number):
            pass

    async def main() -> None:
        async with AsyncClient(serving.address) as client:
            session = await client.create()
            for number in range(12):
                before = session.steps
                await leave(session, number)
                if number % 4 == 3:
                    session = await session.fork()
                await session.run("ab")
                assert session.steps in (before + 2, before + 2 + length + 2)

    asyncio.run(main())


def test_an_answer_after_an_answer_that_was_left_is_whole(client: Client) -> None:
    for length in (1, 40):
        session = client.create()
        next(session.predict("It", length=length, seed=1))
        assert len("".join(session.predict("was", length=9, seed=2))) == 9
        assert session.steps in (3 + 9, 2 + length + 3 + 9)
        assert session.steps == client.session(session.id).steps


def test_an_answer_that_is_read_on_after_the_session_went_on_says_so(client: Client, serving: Any) -> None:
    pieces = (session := client.create()).predict("It", length=3000, seed=1)
    next(pieces)
    session.step("a")
    with pytest.raises(UsageError, match="asked for something else before this answer was read to its end"):
        list(pieces)

    async def main() -> None:
        async with AsyncClient(serving.address) as awaited:
            session = await awaited.create()
            pieces = session.predict("It", length=3000, seed=1)
            await anext(pieces)
            await session.step("a")
            with pytest.raises(UsageError, match="asked for something else"):
                await anext(pieces)

    asyncio.run(main())


def test_another_client_that_steps_is_still_a_conflict(client: Client, serving: Any) -> None:
    for length in (1, 3000):
        session = client.create()
        pieces = session.predict("It", length=length, seed=1)
        next(pieces)
        with Client(serving.address) as second:
            other = second.session(session.id)
            while length == 1 and other.refresh() == 0:
                time.sleep(0.01)  # the answer is complete soon
            pieces.close()  # type: ignore[attr-defined]
            other.step("b")
        with pytest.raises(Conflict) as caught:
            session.step("a")
        assert caught.value.steps == other.steps
        session.refresh()
        session.step("a")
        with Client(serving.address) as second:
            second.session(session.id).step("b")
        with pytest.raises(Conflict):
            session.step("a")


def test_a_session_that_is_used_in_two_places_at_once_says_so(client: Client, serving: Any) -> None:
    session = client.create()

    def running() -> Iterator[bytes]:
        yield session.snapshot()

    pieces = running()
    session._open = lambda: pieces
    with pytest.raises(UsageError, match="elsewhere in this program"):
        next(pieces)

    async def main() -> None:
        async with AsyncClient(serving.address) as awaited:
            session = await awaited.create()

            async def running() -> AsyncIterator[bytes]:
                yield await session.snapshot()

            pieces = running()
            session._open = lambda: pieces
            with pytest.raises(UsageError, match="elsewhere in this program"):
                await anext(pieces)

    asyncio.run(main())


def test_a_client_that_is_closed_says_so_whatever_it_is_asked(serving: Any) -> None:
    client = Client(serving.address)
    session = client.create()
    client.close()
    client.close()
    for ask in (client.create, client.models, session.refresh, session.snapshot, session.fork, session.delete):
        with pytest.raises(UsageError, match=CLOSED):
            ask()
    with pytest.raises(UsageError, match=CLOSED):
        session.step("a")
    with pytest.raises(UsageError, match=CLOSED):
        next(session.predict("It"))


def test_a_client_that_is_closed_within_an_answer_says_so(serving: Any) -> None:
    client = Client(serving.address)
    pieces = client.create().predict("It", length=10_000)
    next(pieces)
    client.close()
    with pytest.raises(UsageError, match=CLOSED):
        list(pieces)


def test_an_awaited_client_that_is_closed_says_so_whatever_it_is_asked(serving: Any) -> None:
    async def main() -> None:
        client = AsyncClient(serving.address)
        session = await client.create()
        pieces = session.predict("It", length=10_000)
        await anext(pieces)
        await client.close()
        with pytest.raises(UsageError, match=CLOSED):
            async for _ in pieces:
                pass
        for ask in (client.create, client.models, session.refresh, session.snapshot, session.fork, session.delete):
            with pytest.raises(UsageError, match=CLOSED):
                await ask()
        with pytest.raises(UsageError, match=CLOSED):
            await session.step("a")
        with pytest.raises(UsageError, match=CLOSED):
            await anext(session.predict("It"))

    asyncio.run(main())


def test_an_awaited_client_that_another_task_closes_says_so(serving: Any) -> None:
    async def read(client: AsyncClient, begun: asyncio.Event) -> None:
        session = await client.create()
        async for _ in session.predict("It", length=10_000):
            begun.set()

    async def main() -> None:
        for number in range(10):
            client, begun = AsyncClient(serving.address), asyncio.Event()
            reading = asyncio.create_task(read(client, begun))
            await begun.wait()
            await asyncio.sleep(0.001 * number)
            await client.close()
            with pytest.raises(UsageError, match=CLOSED):
                await reading

    asyncio.run(main())
