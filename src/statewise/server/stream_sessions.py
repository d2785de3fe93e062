"""Sessions that are streams of a model: many are stepped in one call, and told what comes next."""

import hashlib
import time
from collections.abc import Callable, Hashable, Sequence
from typing import Any, cast, final

import torch
from torch import Tensor

from statewise.batcher import Batcher, StepInputs, Stepper, StepResult
from statewise.errors import DataError, StatewiseError, UsageError
from statewise.inputs import Inputs
from statewise.server.feasibility import feasible
from statewise.server.metrics import Metrics
from statewise.server.session_kind import STREAM, OutputOptions, SessionKind
from statewise.server.settings import ServerSettings
from statewise.state import leaves, map_leaves, select_rows
from statewise.stream import FORMAT, OTHERS, Stream

TRIED = 16
"So many inputs are read where it is measured how many are feasible."

USUAL = OutputOptions("choices", 5)


@final
class StreamSessions(SessionKind):
    """The streams of one model. Raises `UsageError` where the example of an input cannot be read."""

    kind_name = STREAM

    def __init__(
        self,
        name: str,
        stream: Stream[Any],
        inputs: Inputs,
        settings: ServerSettings,
        metrics: Metrics,
        called: Callable[[int], Any] = int,
    ) -> None:
        self.name, self.inputs, self._metrics, self._called = name, inputs, metrics, called
        self.stepper = Stepper(stream, tell=self._tell)
        self.fresh, self._digest = self.stepper.fresh(), stream.packing().words["model"]
        self.batcher = Batcher(
            self.stepper,
            max_batch_size=settings.max_batch_size,
            window_microseconds=settings.window_microseconds,
            queue=settings.max_requests,
            work=self._read,
        )
        self._head = stream.model.head
        self._params_numbers = sum(leaf.numel() for leaf in leaves(stream.params))
        tried = StepInputs(self.fresh, self.check([inputs.example] * TRIED), USUAL)
        if isinstance(failed := self.stepper.read([tried])[0].told[0], Exception):
            raise failed
        count = feasible(lambda: self.stepper.read([tried]), TRIED, settings.deadline_seconds)
        self.max_inputs = min(settings.max_inputs, count)

    def how(self, asked: OutputOptions) -> OutputOptions:
        """Return what is shown, by default the five likeliest choices."""
        if asked.settings:
            raise UsageError(f"a session of {self.name} takes no settings: give show and choices")
        return OutputOptions(asked.show or USUAL.show, asked.choices or USUAL.choices)

    def check(self, xs: Sequence[Any]) -> list[Tensor]:
        """Return inputs as the model reads them."""
        return [self.stepper.check(self.inputs.check(x)) for x in xs]

    def split(self, text: str) -> Sequence[Any]:
        """Return the inputs that a text is."""
        if self.inputs.split is None:
            raise UsageError(f"{self.name} reads no text: give inputs")
        return self.inputs.split(text)

    def digest(self, inputs: Sequence[Tensor]) -> str:
        """Return a sha256 over the numbers that are read."""
        sha = hashlib.sha256()
        for x in inputs:
            sha.update(f"{list(x.shape)}".encode() + x.numpy().tobytes())
        return sha.hexdigest()

    def numbers(self, how: Hashable) -> int:
        """Return how many numbers are told after one input, at most."""
        assert isinstance(how, OutputOptions)
        if how.show == "nothing":
            return 1
        is_short = how.show == "choices" and self._head.choices
        return 2 * cast(int, how.choices) if is_short else self._params_numbers

    async def read(self, state: bytes, inputs: Sequence[Tensor], how: Hashable, *, each: bool) -> StepResult:
        """Read inputs in company."""
        return await self.batcher.read(state, inputs, how, each=each)

    def admit(self, snapshot: bytes) -> bytes:
        """Return a session from elsewhere: one row of finite numbers of this model."""
        state, words = self.stepper.packing.read(snapshot, "the snapshot")
        if words.get("model") != self._digest:
            raise DataError(OTHERS)
        if words.get("format") != FORMAT:
            raise DataError(f"the snapshot has format {words.get('format', '')[:20]!r}, not {FORMAT}: make another")
        if not all(bool(leaf.isfinite().all()) for leaf in leaves(state)):
            raise DataError("the snapshot holds what is no finite number: restore another")
        return self.stepper.packing.pack(state)[0]

    def facts(self) -> dict[str, Any]:
        """Return how large a session is, and whether many are stepped at once."""
        return {
            **self.described(),
            "state_bytes": len(self.fresh),
            "exact": self.stepper.exact,
            "batched": self.stepper.together,
            "max_inputs": self.max_inputs,
        }

    @property
    def waiting(self) -> int:
        """How many sessions wait for their turn."""
        return self.batcher.waiting

    async def close(self) -> None:
        """Let what waits be read, then stop."""
        await self.batcher.close()

    def _read(self, readings: Sequence[StepInputs]) -> list[StepResult]:
        began = time.perf_counter()
        read = self.stepper.read(readings)
        self._metrics.batch_seconds.labels(self.name).observe(time.perf_counter() - began)
        self._metrics.rows.labels(self.name).observe(len(readings))
        self._metrics.steps.labels(self.name).inc(sum(len(reading.inputs) for reading in readings))
        return read

    def _tell(self, params: Any, hows: Sequence[Hashable]) -> list[Any]:
        """Tell what comes next for many sessions at once; an error for those whose numbers are not finite."""
        finite = torch.stack([leaf.isfinite().reshape(len(leaf), -1).all(1) for leaf in leaves(params)]).all(0).tolist()
        told: list[Any] = [None] * len(hows)
        for how in dict.fromkeys(hows):
            assert isinstance(how, OutputOptions)
            rows = [at for at, other in enumerate(hows) if other == how]
            for at, words in zip(rows, self._told(params, rows, how), strict=True):
                told[at] = words if finite[at] else _not_finite()
        return told

    def _told(self, params: Any, rows: list[int], how: OutputOptions) -> list[Any]:
        if how.show == "nothing":
            return [{}] * len(rows)
        if how.show == "choices" and self._head.choices:
            with torch.no_grad():
                likely = self._head.top(select_rows(params, torch.tensor(rows)), cast(int, how.choices))
            pairs = zip(likely.choices.tolist(), likely.probabilities.tolist(), strict=True)
            return [{"choices": [[self._called(code), p] for code, p in zip(*pair, strict=True)]} for pair in pairs]
        return [{"params": self._head.show(map_leaves(lambda leaf, at=at: leaf[at], params))} for at in rows]


def _not_finite() -> StatewiseError:
    return UsageError("what was read leads to numbers that are not finite: give smaller ones")
