"""How much one call may ask of a model, so that what is allowed can be done within its deadline."""

import time
from collections.abc import Callable

TRIES = 3
SHARE = 0.5
"A call that nothing disturbs takes at most this share of its deadline."


def feasible(read: Callable[[], object], count: int, deadline_seconds: float) -> int:
    """Return how many inputs can be read in the share of a deadline, where `read` reads so many, by trying.

    >>> feasible(lambda: time.sleep(0.01), count=1, deadline_seconds=10.0) <= 500
    True
    """
    seconds = min(_seconds(read) for _ in range(TRIES))
    return max(1, int(SHARE * deadline_seconds / seconds * count))


def _seconds(read: Callable[[], object]) -> float:
    began = time.perf_counter()
    read()
    return max(time.perf_counter() - began, 1e-9)
