"""What a text model shows: a text as it is written, a conversation, what was likely, how surprising a line is."""

import math
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from statewise.errors import UsageError
from statewise.inputs import Inputs
from statewise.task import Answer, Live, Task
from statewise.tasks.shared.conversing import lines_typed

if TYPE_CHECKING:
    from statewise.stream import Stream

Likely = Iterator[tuple[str, list[tuple[str, float]]]]


def written(prompt: str, pieces: Iterator[str], notices: list[str], unit: str = "character") -> Answer:
    """Return a prompt and what was written after it, in pieces of a `unit`."""

    def shown() -> Iterator[str]:
        first = next(pieces, "")  # what cannot be done is said before the prompt is written
        yield prompt + first
        yield from pieces

    def as_json() -> dict[str, Any]:
        parts = list(pieces)
        text = "".join(parts)
        return _object(prompt, text, {f"{unit}s": len(text) if unit == "character" else len(parts)})

    return Answer(shown(), as_json, notices=notices)


def with_choices(prompt: str, text: str, positions: Likely, notices: list[str], unit: str = "character") -> Answer:
    """Return each character, or other `unit`, with the likeliest ones to follow it."""

    def as_json() -> dict[str, Any]:
        listed = [{unit: seen, "choices": dict(likely)} for seen, likely in positions]
        return _object(prompt, text, {f"{unit}s": len(text) if unit == "character" else len(listed)}, listed)

    return Answer((_row(seen, likely) for seen, likely in positions), as_json, end="", notices=notices)


def _object(prompt: str, text: str, metrics: dict[str, int], choices: list[Any] | None = None) -> dict[str, Any]:
    more = {} if choices is None else {"choices": choices}
    return {"data": {"prompt": prompt}, "text": text, **more, "metrics": metrics}


def _row(seen: str, likely: list[tuple[str, float]]) -> str:
    shown = "  ".join(f"{_visible(choice)} {probability:.3f}" for choice, probability in likely)
    return f"{_visible(seen)}  {shown}\n"


def _visible(character: str) -> str:
    shown = character.replace(" ", "␣")
    return shown if shown.isprintable() else repr(shown)[1:-1]


def talk(task: Task, model: Any, codec: Any, prompt: str, how: dict[str, Any]) -> Iterator[str]:
    """Read a line, write one, and so on; what was said stays in the state."""
    stream = task.stream(model, codec)
    stream.push_many(codec.encode(prompt).tolist())
    seed, how = how.get("seed"), {**how, "stop": how.get("stop") or "\n"}
    with closing(lines_typed()) as lines:
        for line in lines:
            yield from task.predict(model, codec, line, **{**how, "stream": stream, "seed": seed})
            yield "\n"
            seed = None if seed is None else seed + 1


def nats_of_next(stream: "Stream[Any]", code: int) -> float:
    """Return minus the log-probability that a stream's model gives to what comes next."""
    import torch

    with torch.no_grad():
        return float(stream.model.head.nats(stream.params.unsqueeze(0), torch.tensor([code]))[0])


class Surprise(NamedTuple):
    """How many bits a symbol of a line took, given all lines before it, and how many there were."""

    bits: float
    characters: int
    line: str

    def __str__(self) -> str:
        return f"{self.bits:.3f}  {self.line}"

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return self._asdict()


@dataclass
class Surprises(Live):
    """Reads line after line, and says how surprising each was: a log that suddenly reads otherwise stands out."""

    stream: "Stream[Any]"
    read: Callable[[str], list[int]]
    "Returns the codes of a line and its end."

    @property
    def inputs(self) -> Inputs:
        """What `push` takes: a line."""
        return Inputs("a line of text", ("string",), "It was")

    def push(self, line: str) -> Surprise:
        """Read a line and return the bits that each of its characters took, its end included.

        Raises `UsageError` for what is not text.
        """
        if not isinstance(line, str):
            raise UsageError(f"{line!r} is not a line of text: push a string")
        codes = self.read(line)
        nats = 0.0
        for code in codes:
            nats += nats_of_next(self.stream, code)
            self.stream.push(code)
        return Surprise(nats / len(codes) / math.log(2), len(codes), line)

    def save(self) -> bytes:
        """Return the state after the last line."""
        return self.stream.save()
