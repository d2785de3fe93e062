"""Asks are answered in the order they came, many at a time, and what goes wrong is told to whom it concerns."""

import asyncio
import time
from collections.abc import Sequence
from threading import Event

import pytest

from statewise.batcher import Busy, MicroBatcher


def test_what_comes_while_work_is_under_way_is_done_in_one_call() -> None:
    calls: list[list[int]] = []

    def work(asks: Sequence[int]) -> list[int]:
        calls.append(list(asks))
        time.sleep(0.01)
        return [-ask for ask in asks]

    async def main() -> list[int]:
        batcher = MicroBatcher(work, most=4)
        answers = await asyncio.gather(*map(batcher.ask, range(11)))
        await batcher.close()
        return answers

    assert asyncio.run(main()) == [-n for n in range(11)]
    assert [n for call in calls for n in call] == list(range(11))
    assert [len(call) for call in calls] == [4, 4, 3]


def test_a_window_waits_for_company() -> None:
    calls: list[int] = []

    def work(asks: Sequence[int]) -> list[int]:
        calls.append(len(asks))
        return list(asks)

    async def main(window_microseconds: float) -> None:
        batcher = MicroBatcher(work, window_microseconds=window_microseconds)
        first = asyncio.create_task(batcher.ask(1))
        await asyncio.sleep(0.005)
        await batcher.ask(2)
        await first
        await batcher.close()

    asyncio.run(main(200_000))
    asyncio.run(main(0))
    assert calls == [2, 1, 1]


def test_one_too_many_is_refused_and_the_others_are_answered() -> None:
    go = Event()

    def work(asks: Sequence[int]) -> list[int]:
        go.wait(10)
        return list(asks)

    async def main() -> None:
        batcher = MicroBatcher(work, queue=2)
        first = asyncio.create_task(batcher.ask(0))
        await asyncio.sleep(0.02)
        others = [asyncio.create_task(batcher.ask(n)) for n in (1, 2)]
        await asyncio.sleep(0)
        assert batcher.waiting == 2
        with pytest.raises(Busy, match="2 requests are waiting already"):
            await batcher.ask(3)
        go.set()
        assert [await first, *[await other for other in others]] == [0, 1, 2]
        await batcher.close()

    asyncio.run(main())


def test_an_exception_is_one_askers_own_or_everybodys() -> None:
    def work(asks: Sequence[int]) -> list[int | Exception]:
        if 9 in asks:
            raise ValueError("all")
        return [KeyError("one") if ask == 3 else ask for ask in asks]

    async def main() -> None:
        batcher = MicroBatcher(work)
        answers = await asyncio.gather(*map(batcher.ask, (1, 3, 4)), return_exceptions=True)
        assert [type(answer) for answer in answers] == [int, KeyError, int]
        answers = await asyncio.gather(*map(batcher.ask, (1, 9)), return_exceptions=True)
        assert [str(answer) for answer in answers] == ["all", "all"]
        assert await batcher.ask(5) == 5
        await batcher.close()

    asyncio.run(main())


def test_who_gave_up_waiting_is_passed_over() -> None:
    seen: list[int] = []
    go = Event()

    def work(asks: Sequence[int]) -> list[int]:
        go.wait(10)
        seen.extend(asks)
        return list(asks)

    async def main() -> None:
        batcher = MicroBatcher(work)
        first = asyncio.create_task(batcher.ask(0))
        await asyncio.sleep(0.02)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(batcher.ask(1), 0.01)
        go.set()
        await asyncio.gather(first, batcher.ask(2))
        await batcher.close()

    asyncio.run(main())
    assert seen == [0, 2]
