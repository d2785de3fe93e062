"""Answers of models: many that are written together, a few pieces at a time, and those that come whole."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import Any, final

from statewise.batcher import Together, Writing, write
from statewise.errors import UsageError
from statewise.server.refusals import BUSY, Refused
from statewise.server.served import Served
from statewise.server.settings import Settings
from statewise.stream import Stream

READERS = 2


@final
class Predictions:
    """The answers that are being written: at most so many at once, and each for at most so long."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self._count = settings, 0
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="prompts")
        self._writing = Together[Writing, list[str]](write, most=settings.most_predictions)

    async def written(self, stream: Stream[Any], prompt: str, pieces: Iterator[str]) -> AsyncGenerator[str, None]:
        """Yield what is written behind a prompt, a few pieces at a time, in one step with others who write."""
        self._check_prompt(prompt)
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

    async def whole(self, served: Served, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a model answers without a session, as `statewise predict --json` does."""
        arguments = served.arguments(given)
        for value in arguments.values():
            if isinstance(value, str):
                self._check_prompt(value)
        with self._counted():
            loop = asyncio.get_running_loop()
            async with asyncio.timeout(self._settings.predict_seconds):
                return await loop.run_in_executor(self._readers, served.answer, arguments)

    async def close(self) -> None:
        """Finish what is being written."""
        await self._writing.close()
        self._readers.shutdown()

    def _check_prompt(self, prompt: str) -> None:
        if len(prompt) > self._settings.max_inputs:
            raise UsageError(f"a prompt of {len(prompt)} is too long: give at most {self._settings.max_inputs}")

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """Count an answer that is being written. Raises `Refused` where too many are."""
        if self._count >= self._settings.most_predictions:
            raise Refused(BUSY, "too many answers are being written: try again in a moment")
        self._count += 1
        try:
            yield
        finally:
            self._count -= 1
