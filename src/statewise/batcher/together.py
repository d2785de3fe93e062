"""Asks that come one by one, answered many at a time by one thread, in the order in which they came."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar, final

from statewise.errors import StatewiseError

Ask = TypeVar("Ask")
Answer = TypeVar("Answer")


class Busy(StatewiseError):
    """More waits than was agreed on; nothing was done. Ask again later."""

    exit_code = 1


@final
class Together(Generic[Ask, Answer]):
    """One thread that does whatever has come in since it last looked, at most `most` asks in one call of `work`.

    `work` returns one answer for each ask, or an exception, which its asker is raised; what `work` itself raises, all
    are. After the first ask it waits `window_microseconds` for company. Where `queue` asks are waiting, one more is
    refused with `Busy`. An asker who gives up while waiting is passed over.

    >>> async def both() -> list[int]:
    ...     squares = Together(lambda numbers: [n * n for n in numbers])
    ...     answers = await asyncio.gather(squares.ask(3), squares.ask(4))
    ...     await squares.close()
    ...     return answers
    >>> asyncio.run(both())
    [9, 16]
    """

    def __init__(
        self,
        work: Callable[[Sequence[Ask]], Sequence[Answer | Exception]],
        *,
        most: int = 1024,
        window_microseconds: float = 0.0,
        queue: int = 65_536,
    ) -> None:
        self._work, self._most, self._queue = work, most, queue
        self._window_seconds = window_microseconds / 1e6
        self._waiting: deque[tuple[Ask, asyncio.Future[Answer]]] = deque()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="together")
        self._running: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """How many asks nobody has begun to answer."""
        return len(self._waiting)

    async def ask(self, ask: Ask) -> Answer:
        """Return the answer, once it is there. Raises `Busy` where too many wait."""
        if len(self._waiting) >= self._queue:
            raise Busy(f"{len(self._waiting)} asks are waiting already: try again in a moment")
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((ask, answer))
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

    def _take(self) -> list[tuple[Ask, "asyncio.Future[Answer]"]]:
        taken: list[tuple[Ask, asyncio.Future[Answer]]] = []
        while self._waiting and len(taken) < self._most:
            ask, answer = self._waiting.popleft()
            if not answer.done():
                taken.append((ask, answer))
        return taken

    def _answers(self, asks: Sequence[Ask]) -> Sequence[Answer | Exception]:
        try:
            return self._work(asks)
        except Exception as error:  # whatever it is, it is the askers' to know
            return [error] * len(asks)

    def _tell(self, taken: list[tuple[Ask, "asyncio.Future[Answer]"]], answers: Sequence[Answer | Exception]) -> None:
        for (_, future), answer in zip(taken, answers, strict=True):
            if future.done():
                continue
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)


def call_each(calls: Sequence[Callable[[], Answer]]) -> list[Answer | Exception]:
    """Return what each call gives, or the exception that it raised: the work of a `Together` of calls.

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
