"""How threads wait for each other, which has to be said before PyTorch is loaded."""

import os
from collections.abc import MutableMapping

SPINS = "1000"
"""Turns in which a thread waits awake before it sleeps: some microseconds, about what the parts of a step take.

GNU OpenMP, which PyTorch brings along on Linux, waits some 300 times as long. That is no faster on an idle machine and
more than ten times slower as soon as another program wants one of the processors: `benchmarks/waiting.py`.
"""


def wait_briefly(environment: MutableMapping[str, str] = os.environ) -> None:
    """Let threads that wait fall asleep soon, unless whoever started this program said how they are to wait.

    >>> given = {"OMP_WAIT_POLICY": "ACTIVE"}
    >>> wait_briefly(given)
    >>> given
    {'OMP_WAIT_POLICY': 'ACTIVE'}
    """
    if "OMP_WAIT_POLICY" not in environment:
        environment.setdefault("GOMP_SPINCOUNT", SPINS)
