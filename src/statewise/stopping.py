"""Signals that stop a command: Ctrl-C, SIGTERM, and SIGHUP, which comes when its terminal is closed."""

import signal
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

HANGUP = getattr(signal, "SIGHUP", None)
"Windows has none."
SIGNALS = tuple(one for one in (signal.SIGINT, signal.SIGTERM, HANGUP) if one is not None)

Answer = Callable[[int, FrameType | None], object]


def to_answer() -> list[signal.Signals]:
    """Return the signals that a command answers: a hangup that is ignored stays so, as `nohup` asks."""
    return [one for one in SIGNALS if one != HANGUP or signal.getsignal(one) is not signal.SIG_IGN]


def answer_with(answer: Answer) -> dict[int, Any]:
    """Let a function answer these signals from now on, and return what did so before, for `hand_back`."""
    return {one: signal.signal(one, answer) for one in to_answer()}


def hand_back(before: Mapping[int, Any]) -> None:
    """Let the signals be answered as before."""
    for one, handler in before.items():
        signal.signal(one, handler)


def is_said_again(number: int, is_stopping: bool) -> bool:
    """Say whether a signal adds nothing, as a hangup does once a command is stopping.

    A shell and the system both tell that a terminal was closed, and systemd sends SIGHUP after SIGTERM: none of these
    is a person who cannot wait.
    """
    return is_stopping and number == HANGUP
