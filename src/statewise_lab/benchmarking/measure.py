"""Times taken in turns: every way to do a thing has one in each round, so that all meet the same machine."""

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Outputs = Mapping[str, NDArray[Any]]

REST_SECONDS = 0.01
"Between two turns, so that the threads of one way sleep before the next begins."


class Way(Protocol):
    """One way to do what others do too, to be timed and to be held to the same outputs."""

    def outputs(self) -> Outputs:
        """Return what it computes, by names that all ways share."""

    def turn(self, calls: int) -> float:
        """Return the seconds that so many calls take together."""


class Absent(NamedTuple):
    """A way that cannot be measured here, and why: it is reported, not dropped."""

    reason: str


class Local:
    """A way in this process: `call` is timed within `around`; `check` gives its outputs where `call` does not.

    >>> way = Local(lambda: {"sum": Tensor([1, 2]).sum()})
    >>> way.outputs()
    {'sum': array(3., dtype=float32)}
    >>> way.turn(calls=3) > 0
    True
    """

    def __init__(
        self,
        call: Callable[[], Any],
        *,
        around: Callable[[], AbstractContextManager[Any]] = nullcontext,
        check: Callable[[], Mapping[str, Tensor]] | None = None,
    ) -> None:
        self.call, self.around, self.check = call, around, check or call

    def outputs(self) -> Outputs:
        """Return what one call computes."""
        with self.around():
            return {name: np.array(tensor.detach().numpy()) for name, tensor in self.check().items()}

    def turn(self, calls: int) -> float:
        """Return the seconds of so many calls."""
        with self.around():
            return timed(self.call, calls)


def timed(call: Callable[[], Any], calls: int) -> float:
    """Return the seconds of so many calls, during which no garbage is collected."""
    collects = gc.isenabled()
    gc.disable()
    try:
        began = time.perf_counter()
        for _ in range(calls):
            call()
        return time.perf_counter() - began
    finally:
        if collects:
            gc.enable()


def in_turns(ways: Mapping[str, Way], *, rounds: int, turn_seconds: float) -> dict[str, list[float]]:
    """Return the seconds of one call of each way, one figure a round.

    A turn lasts about `turn_seconds`, or one call where that is longer. Each round begins with another way, so that
    none is always after the same neighbour.
    """
    calls = {name: _calls(way, turn_seconds) for name, way in ways.items()}
    names = list(ways)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        first = number % len(names)
        for name in [*names[first:], *names[:first]]:
            time.sleep(REST_SECONDS)
            seconds[name].append(ways[name].turn(calls[name]) / calls[name])
    return seconds


def calls_in_turns(calls: Sequence[Callable[[], Any]], rounds: int) -> list[list[float]]:
    """Return the seconds of one call of each in each round, after a round that does not count.

    On one thread they are seconds of the processor, which other programs do not lengthen.

    >>> [len(seconds) for seconds in calls_in_turns([list, dict], rounds=3)]
    [3, 3]
    """
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    taken: list[list[float]] = [[] for _ in calls]
    for turn in range(rounds + 1):
        for call, seconds in zip(calls, taken, strict=True):
            began = clock()
            call()
            if turn:
                seconds.append(clock() - began)
    return taken


def _calls(way: Way, turn_seconds: float) -> int:
    """Warm a way up and return how many of its calls fill a turn."""
    way.turn(1)
    once = way.turn(1)
    if once < turn_seconds:  # the first calls of some ways still compile
        once = min(once, way.turn(3) / 3)
    return max(1, round(turn_seconds / once))
