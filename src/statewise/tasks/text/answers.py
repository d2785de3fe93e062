"""What a text model shows: a text as it is written, a conversation, what was likely, how surprising a line is."""

import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from statewise.errors import UsageError
from statewise.inputs import Inputs
from statewise.task import Answer, Live, Task

if TYPE_CHECKING:
    from statewise.stream import Stream

Likely = Iterator[tuple[str, list[tuple[str, float]]]]


def written(prompt: str, pieces: Iterator[str], notices: list[str]) -> Answer:
    """Return a prompt and what was written after it."""

    def shown() -> Iterator[str]:
        first = next(pieces, "")  # what cannot be done is said before the prompt is written
        yield prompt + first
        yield from pieces

    return Answer(shown(), lambda: _object(prompt, "".join(pieces)), notices=notices)


def with_choices(prompt: str, text: str, positions: Likely, notices: list[str]) -> Answer:
    """Return each character with the likeliest ones to follow it."""

    def as_json() -> dict[str, Any]:
        return _object(prompt, text, [{"character": seen, "choices": dict(likely)} for seen, likely in positions])

    return Answer((_row(seen, likely) for seen, likely in positions), as_json, end="", notices=notices)


def _object(prompt: str, text: str, choices: list[Any] | None = None) -> dict[str, Any]:
    more = {} if choices is None else {"choices": choices}
    return {"data": {"prompt": prompt}, "text": text, **more, "metrics": {"characters": len(text)}}


def _row(seen: str, likely: list[tuple[str, float]]) -> str:
    shown = "  ".join(f"{_visible(choice)} {probability:.3f}" for choice, probability in likely)
    return f"{_visible(seen)}  {shown}\n"


def _visible(character: str) -> str:
    return "␣" if character == " " else character if character.isprintable() else repr(character)[1:-1]


def talk(task: Task, model: Any, codec: Any, prompt: str, how: dict[str, Any]) -> Iterator[str]:
    """Read a line, write one, and so on; what was said stays in the state."""
    stream = task.stream(model, codec)
    stream.push_many(codec.encode(prompt).tolist())
    seed, how = how.get("seed"), {**how, "stop": how.get("stop") or "\n"}
    question, end = ("> ", "\n") if sys.stdin.isatty() else ("", "")
    try:
        while line := _asked(question):
            yield from task.predict(model, codec, line, **{**how, "stream": stream, "seed": seed})
            yield "\n"
            seed = None if seed is None else seed + 1
    finally:  # after ^C or ^D the shell begins a line of its own
        print(end, end="", file=sys.stderr, flush=True)


def _asked(question: str) -> str:
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline()


class Surprise(NamedTuple):
    """How many bits a character (or byte) of a line took, given all lines before it, and how many there were."""

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
    codec: Any

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
        codes = self.codec.encode(f"{line}\n").tolist()
        nats = 0.0
        for code in codes:
            nats -= float(self.stream.params.log_softmax(dim=-1)[code])
            self.stream.push(code)
        return Surprise(nats / len(codes) / math.log(2), len(codes), line)

    def save(self) -> bytes:
        """Return the state after the last line."""
        return self.stream.save()
