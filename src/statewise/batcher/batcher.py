"""The face of a stepper for askers that come one by one: a window, a bounded queue, and turns."""

from collections.abc import Callable, Hashable, Sequence
from typing import Any, final

from torch import Tensor

from statewise.batcher.microbatch import MicroBatcher
from statewise.batcher.stepper import StepInputs, Stepper, StepResult
from statewise.errors import UsageError

PORTION = 16
"So many inputs a session reads before others have their turn."


@final
class Batcher:
    """Steps sessions that have input now together.

    `window_microseconds` is how long the first request waits for others; with 0 it does not wait, and requests that
    arrive during a step are read together in the next. A long sequence is read in portions of 16, and the request that
    has waited longest is first. To measure, give a `work` that calls `stepper.read`.

    >>> import asyncio, torch
    >>> from torch import nn
    >>> from statewise.cells import GRU
    >>> from statewise.heads import Categorical
    >>> from statewise.model import Model
    >>> from statewise.stream import Stream
    >>> stepper = Stepper(Stream(Model(nn.Embedding(10, 5), GRU(5, 4), Categorical(4, 10)).eval()))
    >>> async def two() -> bool:
    ...     batcher = Batcher(stepper)
    ...     xs, fresh = [stepper.check(code) for code in range(9)], stepper.fresh()
    ...     one, other = await asyncio.gather(batcher.read(fresh, xs), batcher.read(fresh, xs[:2]))
    ...     await batcher.close()
    ...     return one.row != other.row
    >>> asyncio.run(two())
    True
    """

    def __init__(
        self,
        stepper: Stepper,
        *,
        max_batch_size: int = 1024,
        window_microseconds: float = 0.0,
        queue: int = 4096,
        work: Callable[[Sequence[StepInputs]], list[StepResult]] | None = None,
    ) -> None:
        self.stepper, self._work = stepper, work or stepper.read
        self._microbatcher = MicroBatcher[StepInputs, StepResult](
            self._read, most=max_batch_size, window_microseconds=window_microseconds, queue=queue
        )

    @property
    def waiting(self) -> int:
        """How many sessions wait for their turn."""
        return self._microbatcher.waiting

    async def read(
        self, row: bytes, inputs: Sequence[Tensor], how: Hashable = None, *, each: bool = False
    ) -> StepResult:
        """Read inputs that `Stepper.check` has passed, at least one, from where a session is.

        Raises `Busy` where too many wait, `DataError` where `row` is not a session of this model; the session is where
        it         was then. What fails for one session fails for no other.
        """
        if not inputs:
            raise UsageError("there is nothing to read: give at least one input")
        told: list[Any] = []
        for start in range(0, len(inputs), PORTION):
            portion = inputs[start : start + PORTION]
            read = await self._microbatcher.ask(StepInputs(row, portion, how, each))
            row, told = read.row, told + read.told if each else read.told
        return StepResult(row, told)

    async def close(self) -> None:
        """Let what waits be read, then stop."""
        await self._microbatcher.close()

    def _read(self, readings: Sequence[StepInputs]) -> Sequence[StepResult | Exception]:
        """Read for all of them, or, where that fails, for each by itself: a failure is its own asker's alone."""
        try:
            return self._work(readings)
        except Exception as error:
            if len(readings) == 1:
                return [error]
        return [answer for reading in readings for answer in self._read([reading])]
