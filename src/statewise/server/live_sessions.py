"""Sessions that are a task's own live streams: each input is answered as `statewise stream` answers a line."""

import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from typing import Any, final

from statewise.batcher import MicroBatcher, StepResult, call_each
from statewise.errors import DataError, UsageError
from statewise.server.feasibility import feasible
from statewise.server.json_values import count_values, plain_json
from statewise.server.method_arguments import MethodArguments
from statewise.server.metrics import Metrics
from statewise.server.session_kind import LIVE, OutputOptions, SessionKind
from statewise.server.settings import ServerSettings
from statewise.state import UNSEALED, check_seal, seal, unsigned, words_of
from statewise.state.tensors import with_words
from statewise.task import Live, as_plain
from statewise.verbs import Trained

MOST_OPEN, OPEN_BYTES = 64, 64 << 20
"So many live streams, of so many bytes, stay open after what they have read, for sessions that go on soon."

LARGEST_SETTING = 1000
"No setting of a live stream may be larger: each input is answered within the deadline of a step."


@final
class LiveSessions(SessionKind):
    """The live streams of one task. Raises what `Task.live` does, and `UsageError` where its example cannot be read.

    All of them are stepped in one thread, one after another, an input at a time in turns.
    """

    kind_name = LIVE

    def __init__(self, name: str, trained: Trained, settings: ServerSettings, metrics: Metrics) -> None:
        self.name, self._trained, self._metrics = name, trained, metrics
        self._arguments = MethodArguments.of(trained.task.live, LARGEST_SETTING)
        live = trained.live()
        self.is_bot = live.is_bot
        self.inputs, self.fresh = live.inputs, sealed(live.save())
        self._most_open = max(1, min(MOST_OPEN, OPEN_BYTES // len(self.fresh)))
        self._max_numbers, self._most_bytes = settings.max_answer_numbers, settings.max_state_bytes
        self._open: OrderedDict[tuple[bytes, Hashable], Live] = OrderedDict()
        self._together = MicroBatcher[Callable[[], Any], Any](call_each, most=1, queue=settings.max_requests)
        example = self.inputs.check(self.inputs.example)
        self._numbers = count_values(plain_json(as_plain(trained.live(self.fresh).push(example))))
        count = feasible(lambda: trained.live(self.fresh).push(example), 1, settings.deadline_seconds)
        self.max_inputs, self._max_text = min(settings.max_inputs, count), settings.max_inputs

    async def begin(self, settings: Mapping[str, Any]) -> bytes:
        """Return a session at its beginning. Raises `UsageError` for settings that the task's live stream has not."""
        if not settings:
            return self.fresh
        checked = self._arguments.check(settings)
        begun: bytes = await self._together.ask(lambda: sealed(self._trained.live(**checked).save()))
        if len(begun) > self._most_bytes:
            raise UsageError(
                f"a session begun so has {len(begun):,} bytes, more than {self._most_bytes:,}: ask for less"
            )
        return begun

    def how(self, asked: OutputOptions) -> OutputOptions:
        """Return the settings of the task's live stream."""
        if asked.show is not None or asked.choices is not None:
            raise UsageError(f"a live session of {self.name} takes settings, not show and choices")
        return OutputOptions.asked(None, None, self._arguments.check(asked.arguments))

    def check(self, xs: Sequence[Any]) -> list[Any]:
        """Return inputs as the task reads them."""
        for x in xs:
            if isinstance(x, str) and len(x) > self._max_text:
                raise UsageError(f"an input of {len(x):,} characters is too long: give at most {self._max_text:,}")
        return [self.inputs.check(x) for x in xs]

    def split(self, text: str) -> Sequence[Any]:
        """Return the lines of a text."""
        return text.splitlines()

    def digest(self, inputs: Sequence[Any]) -> str:
        """Return a sha256 over the inputs as JSON."""
        return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()

    def numbers(self, how: Hashable) -> int:
        """Return how many values are told after the example."""
        return self._numbers

    async def read(self, state: bytes, inputs: Sequence[Any], how: Hashable, *, each: bool) -> StepResult:
        """Read inputs one after another; what cannot be read leaves the session where it was."""
        live: Live = await self._together.ask(partial(self._opened, state, how))
        told, count = list[Any](), 0
        for x in inputs:
            if not each:
                told, count = [], 0
            told.append(await self._together.ask(partial(self._push, live, x)))
            count += count_values(told[-1])
            if count > self._max_numbers:
                raise UsageError(
                    f"an answer of more than {self._max_numbers:,} values is too long: ask for less at once"
                )
        row: bytes = await self._together.ask(partial(self._kept, live, how))
        return StepResult(row, told)

    def admit(self, snapshot: bytes) -> bytes:
        """Return a session from elsewhere as the task writes it down."""
        check_seal(snapshot, "the snapshot")
        return sealed(self._trained.live(unsigned(snapshot)).save())

    def facts(self) -> dict[str, Any]:
        """Return how large a session is, and which settings an input may have."""
        return {
            **self.described(),
            "settings": self._arguments.schema(),
            "state_bytes": len(self.fresh),
            "exact": True,
            "batched": False,
            "max_inputs": self.max_inputs,
        }

    @property
    def waiting(self) -> int:
        """How many sessions wait for their turn."""
        return self._together.waiting

    async def close(self) -> None:
        """Let what waits be read, then stop."""
        await self._together.close()

    def _opened(self, state: bytes, how: Hashable) -> Live:
        """Return the live stream after a state: the one that wrote it, where it is still open."""
        found = self._open.pop((state, how), None)
        assert isinstance(how, OutputOptions)
        return found or self._trained.live(state, **how.arguments)

    def _push(self, live: Live, x: Any) -> dict[str, Any]:
        began = time.perf_counter()
        said = live.push(x)
        self._metrics.batch_seconds.labels(self.name).observe(time.perf_counter() - began)
        self._metrics.steps.labels(self.name).inc()
        notices = list(getattr(said, "notices", ()))
        return {"answer": plain_json(as_plain(said)), **({"notices": notices} if notices else {})}

    def _kept(self, live: Live, how: Hashable) -> bytes:
        state = sealed(live.save())
        self._open[state, how] = live
        if len(self._open) > self._most_open:
            self._open.popitem(last=False)
        return state


def sealed(data: bytes) -> bytes:
    """Return what `Live.save` gave with a digest of itself. Raises `UsageError` where it is not made of tensors."""
    try:
        words = words_of(data, "what the live stream saves")
    except DataError as error:
        raise UsageError(f"{error}; a session is kept as tensors: let it save by statewise.state") from None
    return data if "sha256" in words else seal(with_words(data, {**words, "sha256": UNSEALED}))
