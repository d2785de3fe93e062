"""Requests that arrive one by one and are answered in batches by one thread, in the order of arrival."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar, final

from statewise.errors import StatewiseError

Request = TypeVar("Request")
Answer = TypeVar("Answer")


class Busy(StatewiseError):
    """The queue is full and nothing was done: try again later."""

    exit_code = 1


@final
class MicroBatcher(Generic[Request, Answer]):
    """One thread that answers all requests that have arrived, at most `most` of them in one call of `work`.

    `work` returns one answer for each request, or an exception, which is raised for that request. An exception that
    `work` itself raises is raised for all of them. After the first request the thread waits `window_microseconds` for
    more. Where `queue` requests are waiting, the next one is refused with `Busy`. A request that is cancelled while it
    waits is skipped.

    >>> async def both() -> list[int]:
    ...     squares = MicroBatcher(lambda numbers: [n * n for n in numbers])
    ...     answers = await asyncio.gather(squares.ask(3), squares.ask(4))
    ...     await squares.close()
    ...     return answers
    >>> asyncio.run(both())
    [9, 16]
    """

    def __init__(
        self,
        work: Callable[[Sequence[Request]], Sequence[Answer | Exception]],
        *,
        most: int = 1024,
        window_microseconds: float = 0.0,
        queue: int = 65_536,
    ) -> None:
        self._work, self._most, self._queue = work, most, queue
        self._window_seconds = window_microseconds / 1e6
        self._waiting: deque[tuple[Request, asyncio.Future[Answer]]] = deque()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="microbatch")
        self._running: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """How many requests wait for an answer."""
        return len(self._waiting)

    async def ask(self, request: Request) -> Answer:
        """Return the answer to a request. Raises `Busy` where too many wait."""
        if len(self._waiting) >= self._queue:
            raise Busy(f"{len(self._waiting)} requests are waiting already: try again in a moment")
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, answer))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await answer

    async def close(self) -> None:
        """Answer what is waiting, then stop."""
        while self._running is not None:
            await asyncio.wait([self._running])
        self._thread.shutdown()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                if self._window_seconds and len(self._waiting) < self._most:
                    await asyncio.sleep(self._window_seconds)
                taken = self._take()
                if taken:
                    self._tell(taken, await loop.run_in_executor(self._thread, self._answers, [a for a, _ in taken]))
        finally:
            self._running = None

    def _take(self) -> list[tuple[Request, asyncio.Future[Answer]]]:
        taken: list[tuple[Request, asyncio.Future[Answer]]] = []
        while self._waiting and len(taken) < self._most:
            request, answer = self._waiting.popleft()
            if not answer.done():
                taken.append((request, answer))
        return taken

    def _answers(self, requests: Sequence[Request]) -> Sequence[Answer | Exception]:
        try:
            return self._work(requests)
        except Exception as error:  # raised for each request
            return [error] * len(requests)

    def _tell(self, taken: list[tuple[Request, asyncio.Future[Answer]]], answers: Sequence[Answer | Exception]) -> None:
        for (_, future), answer in zip(taken, answers, strict=True):
            if future.done():
                continue
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)


def call_each(calls: Sequence[Callable[[], Answer]]) -> list[Answer | Exception]:
    """Return what each call gives, or the exception that it raised: the work of a `MicroBatcher` of calls.

    >>> call_each([lambda: 3, lambda: int("x")])
    [3, ValueError("invalid literal for int() with base 10: 'x'")]
    """
    answers: list[Answer | Exception] = []
    for call in calls:
        try:
            answers.append(call())
        except Exception as error:  # its asker's to know
            answers.append(error)
    return answers
