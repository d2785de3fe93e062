"""Ctrl-C and SIGTERM: they leave without a trace before training; while training they finish the update and save."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Self

SIGNALS = (signal.SIGINT, signal.SIGTERM)
AGAIN_SECONDS = 0.05


@contextmanager
def interruptible() -> Iterator[None]:
    """Within this block Ctrl-C raises `KeyboardInterrupt`, whatever libraries make of it.

    It waits until no module is being imported, where many swallow it and go on, some of them broken; and an exception
    that one of them raises in its place becomes it again.
    """
    came: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        if _is_importing(frame):
            again = threading.Timer(AGAIN_SECONDS, signal.pthread_kill, [threading.main_thread().ident, number])
            again.daemon = True
            again.start()
        else:
            came.append(number)
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    except Exception:
        if came:
            raise KeyboardInterrupt from None
        raise
    finally:
        signal.signal(signal.SIGINT, before)


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


@contextmanager
def held_back() -> Iterator[None]:
    """Within this block signals wait; they come when it is left.

    They are noted rather than masked: a mask is one thread's alone, and any other would take the signal in its place.
    """
    came: list[int] = []
    before = {one: signal.signal(one, lambda number, frame: came.append(number)) for one in SIGNALS}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
        for number in came:
            signal.raise_signal(number)


class Interruption:
    """Within its block, once `defer` is called, the first signal is noted and the second one interrupts at once."""

    def __init__(self) -> None:
        self.signal = 0
        self._before: dict[int, Any] = {}

    @property
    def exit_code(self) -> int:
        """What a shell expects of a program that a signal stopped: 130 or 143."""
        return 128 + self.signal

    def defer(self) -> None:
        """From now on note a signal instead of stopping at once."""
        for number in SIGNALS:
            self._before.setdefault(number, signal.signal(number, self._note))

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.signal:
            raise KeyboardInterrupt
        self.signal = number

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
