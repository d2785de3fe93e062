"""A model that is served: its run, its batcher, and how its inputs and outputs look in JSON."""

import inspect
import json
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any, Literal, NamedTuple, final

import torch
from torch import Tensor

from statewise.batcher import Batcher, Read, Reading, Stepper
from statewise.errors import DataError, StatewiseError, UsageError
from statewise.server.feasibility import feasible_inputs
from statewise.server.metrics import Metrics
from statewise.server.settings import Settings
from statewise.state import leaves, map_leaves, select_rows
from statewise.stream import FORMAT, OTHERS, model_digest
from statewise.verbs import Trained

Show = Literal["choices", "params", "nothing"]


class How(NamedTuple):
    """How what comes next is told: the likeliest choices, every number of the distribution, or not at all."""

    show: Show = "choices"
    choices: int = 5


@final
class Served:
    """One model of a server, under the name of its run."""

    def __init__(self, name: str, trained: Trained, settings: Settings, metrics: Metrics) -> None:
        self.name, self.trained, self._metrics = name, trained, metrics
        self.digest = model_digest(trained.model)
        stream = trained.stream()
        self.stepper = Stepper(stream, tell=self._tell)
        self.fresh = self.stepper.fresh()
        self.batcher = Batcher(
            self.stepper,
            most_rows=settings.most_rows,
            window_microseconds=settings.window_microseconds,
            queue=settings.most_requests,
            work=self._read,
        )
        self._head, codec = trained.model.head, trained.codec
        self._name: Callable[[int], Any] = getattr(codec, "show", None) or getattr(codec, "name", None) or int
        self._params_numbers = sum(leaf.numel() for leaf in leaves(stream.params))
        feasible = feasible_inputs(self.stepper, How("nothing"), settings.deadline_seconds)
        self.max_inputs = min(settings.max_inputs, feasible or settings.max_inputs)

    def inputs(self, xs: Sequence[Any]) -> list[Tensor]:
        """Return inputs as the model reads them. Raises `UsageError` for one that it cannot read."""
        return [self.stepper.check(x) for x in xs]

    def codes(self, text: str) -> list[int]:
        """Return the inputs that a text is. Raises `UsageError` where the model reads no text."""
        encode = getattr(self.trained.codec, "encode", None)
        if encode is None or not self._head.choices:
            raise UsageError(f"{self.name} reads no text: give inputs")
        return [int(code) for code in encode(text)]

    def numbers(self, how: How) -> int:
        """Return how many numbers are told behind one input, at most."""
        if how.show == "nothing":
            return 1
        return 2 * how.choices if how.show == "choices" and self._head.choices else self._params_numbers

    def admit(self, snapshot: bytes) -> bytes:
        """Return a session from elsewhere as this server writes it down.

        Raises `DataError` for one that is damaged, of another model or format, of more or fewer rows than one, or that
        holds what is no finite number.
        """
        state, words = self.stepper.packing.read(snapshot, "the snapshot")
        if words.get("model") != self.digest:
            raise DataError(OTHERS)
        if words.get("format") != FORMAT:
            raise DataError(f"the snapshot has format {words.get('format', '')[:20]!r}, not {FORMAT}: make another")
        if not all(bool(leaf.isfinite().all()) for leaf in leaves(state)):
            raise DataError("the snapshot holds what is no finite number: restore another")
        return self.stepper.packing.pack(state)[0]

    def takes(self, *names: str) -> bool:
        """Tell whether the task's `predict` has these settings."""
        return set(names) <= set(self.settings())

    def settings(self) -> dict[str, inspect.Parameter]:
        """Return the settings that the task's `predict` has, by name."""
        found = inspect.signature(self.trained.task.predict).parameters
        return {
            name: parameter
            for name, parameter in found.items()
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY and name != "stream"
        }

    def predict(self, row: bytes | None, prompt: str, how: dict[str, Any]) -> tuple[Any, Iterator[str]]:
        """Return a stream at a session, and the task's answer to a prompt, which reads it on piece by piece.

        Raises `UsageError` where the task answers no prompts on a stream.
        """
        if "stream" not in inspect.signature(self.trained.task.predict).parameters:
            raise UsageError(f"{self.name} answers no prompts: read inputs by step and run")
        stream = self.trained.stream(row)
        return stream, self.trained.predict(prompt, stream=stream, **how)

    def facts(self) -> dict[str, Any]:
        """Return what a client may know of the model."""
        trained = self.trained
        return {
            "id": self.name,
            "object": "model",
            "created": 0,
            "owned_by": "statewise",
            "task": trained.task.name,
            "parameters": trained.model.parameter_count,
            "digest": self.digest,
            "state_bytes": len(self.fresh),
            "exact": self.stepper.exact,
            "batched": self.stepper.together,
            "max_inputs": self.max_inputs,
        }

    def _read(self, readings: Sequence[Reading]) -> list[Read]:
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
            assert isinstance(how, How)
            rows = [at for at, other in enumerate(hows) if other == how]
            for at, words in zip(rows, self._told(params, rows, how), strict=True):
                told[at] = words if finite[at] else _not_finite()
        return told

    def _told(self, params: Any, rows: list[int], how: How) -> list[Any]:
        if how.show == "nothing":
            return [{}] * len(rows)
        if how.show == "choices" and self._head.choices:
            with torch.no_grad():
                likely = self._head.top(select_rows(params, torch.tensor(rows)), how.choices)
            pairs = zip(likely.choices.tolist(), likely.probabilities.tolist(), strict=True)
            return [{"choices": [[self._name(code), p] for code, p in zip(*pair, strict=True)]} for pair in pairs]
        return [{"params": self._head.show(map_leaves(lambda leaf, at=at: leaf[at], params))} for at in rows]


def dumps(value: Any) -> bytes:
    """Return a value as JSON in ASCII, in which every float32 is written exactly."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()


def _not_finite() -> StatewiseError:
    return UsageError("what was read leads to numbers that are not finite: give smaller ones")
