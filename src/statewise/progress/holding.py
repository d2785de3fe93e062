"""Signals that wait while a screen is being changed."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from statewise.stopping import answer_with, hand_back


@contextmanager
def held_back() -> Iterator[None]:
    """Within this block signals wait; they come when it is left. In another than the main thread none come at all.

    They are noted rather than masked: a mask is one thread's alone, and any other would take the signal in its place.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = answer_with(lambda number, frame: came.append(number))
    try:
        yield
    finally:
        hand_back(before)
        for number in came:
            signal.raise_signal(number)
