"""Ctrl-C, SIGTERM and SIGHUP leave without a trace before training; while training they finish the update and save.

An update, or whatever else is under way, that takes longer than a few seconds is broken off, and not counted.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Self

from statewise.stopping import answer_with, hand_back, is_said_again

AGAIN_SECONDS = 0.05
PATIENCE_SECONDS = 4.0


class Interrupted(KeyboardInterrupt):
    """A signal, by its number, that ends what is under way."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number

    @property
    def exit_code(self) -> int:
        """What a shell expects of a program that a signal stopped: 130, 143 or 129."""
        return 128 + self.number


@contextmanager
def interruptible() -> Iterator[None]:
    """Within this block Ctrl-C, SIGTERM and SIGHUP raise `Interrupted`, whatever libraries make of it.

    It waits until no module is being imported, where many swallow it and go on, some of them broken; and an exception
    that one of them raises in its place becomes it again.
    """
    came: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        if is_said_again(number, bool(came)):
            return
        if _is_importing(frame):
            send_after(AGAIN_SECONDS, number)
        else:
            came.append(number)
            raise Interrupted(number)

    before = answer_with(interrupt)
    try:
        yield
    except Exception:
        if came:
            raise Interrupted(came[-1]) from None
        raise
    finally:
        hand_back(before)


def send_after(seconds: float, number: int) -> threading.Timer:
    """Send this process a signal in a while, unless the timer is cancelled."""
    send, to = getattr(signal, "pthread_kill", None), threading.main_thread().ident
    timer = threading.Timer(seconds, send or signal.raise_signal, [to, number] if send else [number])
    timer.daemon = True
    timer.start()
    return timer


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


class Interruption:
    """Within its block, once `defer` is called, the first signal is noted and the second one interrupts at once.

    Where the block has not been left a few seconds after the first, it is sent again; not so if nothing `breaks_off`,
    as where several processes would be in the middle of a message.
    """

    def __init__(self, *, breaks_off: bool = True) -> None:
        self.breaks_off = breaks_off
        self.signal = 0
        self.is_at_once = False
        self._before: dict[int, Any] = {}
        self._timer: threading.Timer | None = None

    def defer(self) -> None:
        """From now on note a signal instead of stopping at once."""
        self._before = self._before or answer_with(self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if is_said_again(number, bool(self.signal)):
            return
        if _is_importing(frame) and self.signal:
            send_after(AGAIN_SECONDS, number)
        elif self.signal and not self.is_at_once:
            self.is_at_once = True  # a third one would only disturb the saving
            raise Interrupted(self.signal)
        elif not self.signal:
            self.signal = number
            self._timer = send_after(PATIENCE_SECONDS, signal.SIGTERM) if self.breaks_off else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._timer:
            self._timer.cancel()
        hand_back(self._before)
