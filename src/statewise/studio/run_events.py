"""The events of a run as server-sent events: each with the place in the file after it, so that nothing comes twice."""

import asyncio
import os
import re
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, final

from statewise.errors import RunError, StatewiseError
from statewise.run.recorded import LARGEST_EVENT, check_event, read_line
from statewise.server.json_values import dumps, plain_json

PLACE = re.compile(r"([0-9a-f]{1,16})-(\d{1,18})")
PIECE_BYTES, MOST_TOGETHER = 1 << 20, 2000
LOOK_SECONDS, BEAT_SECONDS = 0.25, 10.0
COLUMNS = ("update", "nats", "norm", "rate", "seconds", "fraction", "places")
"What of an update a curve needs."
DIGITS = 7
BEAT = b": still here\n\n"


class Message(NamedTuple):
    """One event for a page: its kind, its content, and where in the file the next one begins."""

    kind: str
    content: Any
    place: str

    def encoded(self) -> bytes:
        """Return it as it goes over the wire."""
        return f"id: {self.place}\nevent: {self.kind}\ndata: ".encode() + dumps(self.content) + b"\n\n"


@final
class EventsTail:
    """Reads a run's events on from a place. A place of another file, or beyond its end, means: begin again."""

    def __init__(self, path: Path, after: str = "") -> None:
        found = PLACE.fullmatch(after)
        self._path, self._at = path, int(found[2]) if found else 0
        self._file: int | None = int(found[1], 16) if found else None
        self._was_there = found is not None

    def read(self) -> list[Message]:
        """Return what came since, at most a megabyte of it. Raises `RunError` where the run is not there any more."""
        if self._path.exists() and not self._path.is_file():
            raise RunError("the events are not a plain file: the run is damaged")
        try:
            with self._path.open("rb") as file:
                self._was_there = True
                return list(self._read(file))
        except OSError as error:
            is_there = self._path.parent.is_dir()
            if self._was_there and not is_there:
                raise RunError("the run was removed while it was looked at") from None
            self._was_there = is_there
            if isinstance(error, FileNotFoundError):
                return []  # before its first event
            raise RunError(f"the events cannot be read ({error.strerror})") from None

    def _read(self, file: BinaryIO) -> Iterator[Message]:
        seen = os.fstat(file.fileno())
        if self._file != seen.st_ino or self._at > seen.st_size or not _is_line_start(file, self._at):
            is_first = self._file is None and self._at == 0
            self._file, self._at = seen.st_ino, 0
            if not is_first:
                yield Message("reset", {}, self._place(0))
        file.seek(self._at)
        piece = file.read(PIECE_BYTES)
        if b"\n" not in piece and len(piece) == PIECE_BYTES:  # a long line: all of it, or it is none of ours
            piece += file.readline(LARGEST_EVENT)
        end = piece.rfind(b"\n") + 1
        yield from self._messages(piece[:end])

    def _messages(self, piece: bytes) -> Iterator[Message]:
        together: list[dict[str, Any]] = []
        for line in piece.splitlines(keepends=True):
            event = _event(line)
            is_update = event is not None and event["event"] == "updated"
            if together and (len(together) == MOST_TOGETHER or (event is not None and not is_update)):
                yield Message("updated", _columns(together), self._place(self._at))
                together = []
            self._at += len(line)
            if event is not None and is_update:
                together.append(event)
            elif event is not None:
                yield Message(event["event"], plain_json(event), self._place(self._at))
        if together:
            yield Message("updated", _columns(together), self._place(self._at))

    def _place(self, at: int) -> str:
        return f"{self._file:x}-{at}"


def _is_line_start(file: BinaryIO, at: int) -> bool:
    if at == 0:
        return True
    file.seek(at - 1)
    return file.read(1) == b"\n"


def _event(line: bytes) -> dict[str, Any] | None:
    """Return the event of a line; None for one that was cut, or is none."""
    try:
        event = read_line(line)
        if event is not None:
            check_event(event)
    except ValueError:
        return None
    return event


def _columns(events: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Return updates as columns, which is a fifth of their lines."""
    return {name: [_short(event.get(name)) for event in events] for name in COLUMNS}


def _short(value: Any) -> Any:
    return plain_json(float(f"{value:.{DIGITS}g}")) if isinstance(value, float) else value


async def followed(tail: EventsTail, state: Callable[[], Any], ends: Callable[[], bool]) -> AsyncGenerator[bytes, None]:
    """Yield the events of a run as they come, and `state` whenever it changes, until `ends` or the run is gone."""
    told, spoke = None, time.monotonic()
    yield b"retry: 1000\n\n"
    while not ends():
        try:
            messages = await asyncio.to_thread(tail.read)
            now = await asyncio.to_thread(state)
        except StatewiseError as error:
            yield b"event: gone\ndata: " + dumps({"message": str(error)}) + b"\n\n"
            return
        for message in messages:
            yield message.encoded()
        if now != told and not messages:
            told = now
            yield b"event: state\ndata: " + dumps(now) + b"\n\n"
            spoke = time.monotonic()
        if messages:
            spoke = time.monotonic()
            await asyncio.sleep(0)
            continue
        if time.monotonic() - spoke > BEAT_SECONDS:
            yield BEAT
            spoke = time.monotonic()
        await asyncio.sleep(LOOK_SECONDS)
