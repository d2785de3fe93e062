"""Answers of models: many that are written together, a few pieces at a time, and those that come whole."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import Any, final

from statewise.batcher import MicroBatcher, Writing, write
from statewise.errors import UsageError
from statewise.server.errors import BUSY, ApiError
from statewise.server.model import ServedModel
from statewise.server.settings import ServerSettings
from statewise.stream import Stream

READERS, ANSWERING = 2, 1


@final
class Predictions:
    """The answers that are being written: at most so many at once, and each for at most so long.

    Prompts are read in threads of their own, so that an answer which comes whole, and may take long, delays none.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self._settings, self._count = settings, 0
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="prompts")
        self._answering = ThreadPoolExecutor(ANSWERING, thread_name_prefix="answers")
        self._writing = MicroBatcher[Writing, list[str]](write, most=settings.max_predictions)

    async def written(self, stream: Stream[Any], prompt: str, pieces: Iterator[str]) -> AsyncGenerator[str, None]:
        """Yield what is written after a prompt, a few pieces at a time, in one step with other streams that write."""
        self._check_length("prompt", prompt)
        loop = asyncio.get_running_loop()
        end = loop.time() + self._settings.predict_seconds
        with self._counted():  # the first piece is written where prompts are read, which may take long
            taken = await loop.run_in_executor(self._readers, list, islice(pieces, 1))
            while taken:
                if text := "".join(taken):
                    yield text
                if loop.time() > end:
                    raise TimeoutError
                taken = await self._writing.ask(Writing(stream, pieces))

    async def whole(
        self, served: ServedModel, given: Mapping[str, Any], table: bytes | None = None, *, as_text: bool = False
    ) -> bytes:
        """Return what a model answers without a session, as `statewise predict --json` does, in JSON.

        A `table` is CSV, read as a file of the same content. With `as_text` it is what `statewise predict` prints, as
        the `text` of an object.
        """
        arguments = served.arguments(given)
        for name, value in arguments.items():
            if name not in served.files:  # which are as long as a body may be
                self._check_length(name, value)
        loop = asyncio.get_running_loop()
        self._add()
        answer = served.answer_in_text if as_text else served.answer
        work = self._answering.submit(answer, arguments, self._settings.max_answer_numbers, table)

        def end(_: Future[bytes]) -> None:  # an answer that nothing waits for any more counts until it has ended
            loop.call_soon_threadsafe(self._subtract)

        work.add_done_callback(end)
        async with asyncio.timeout(self._settings.predict_seconds):
            return await asyncio.wrap_future(work)

    async def close(self) -> None:
        """Finish what is being written."""
        await self._writing.close()
        for threads in (self._readers, self._answering):
            threads.shutdown()

    def _check_length(self, name: str, value: Any) -> None:
        length, most = len(value) if hasattr(value, "__len__") else 0, self._settings.max_inputs
        if length > most:
            raise UsageError(f"{name} is too long ({length:,}): give at most {most:,}")

    @contextmanager
    def _counted(self) -> Iterator[None]:
        self._add()
        try:
            yield
        finally:
            self._subtract()

    def _add(self) -> None:
        """Count an answer that is being written. Raises `ApiError` where too many are."""
        if self._count >= self._settings.max_predictions:
            raise ApiError(BUSY, "too many answers are being written: try again in a moment")
        self._count += 1

    def _subtract(self) -> None:
        self._count -= 1
