"""`statewise inspect RUN --memory`: how far back a run remembers, as a table, words and pictures."""

import json as json_format
import sys
import time
from collections.abc import Callable
from pathlib import Path

SECONDS_BETWEEN = 5.0


def show_memory(
    run: Path, lags: int | None, probes: int | None, beside: list[Path], *, json: bool, quiet: bool
) -> None:
    """Measure a run's memory and print the numbers beside each other."""
    from statewise.insight.memory import LAGS, PROBES
    from statewise.insight.words import gate_table
    from statewise.looking import inspect_memory

    looked = inspect_memory(
        run,
        lags=LAGS if lags is None else lags,
        probes=PROBES if probes is None else probes,
        beside=beside,
        tell=None if quiet else _told(),
    )
    if looked.notice and not quiet:
        print(looked.notice, file=sys.stderr)
    if json:
        print(json_format.dumps(looked.as_json()))
        return
    print(looked.table())
    print(f"\ngates and units of {looked.memories[0].name}, on held-out data\n{gate_table(looked.memories[0])}")
    print("\nin words")
    for words in looked.warnings:
        print(f"- {words}")


def _told() -> Callable[[str, float], None]:
    """Return what says on standard error how far it is, now and then."""
    last = [time.monotonic()]

    def tell(what: str, done: float) -> None:
        if time.monotonic() - last[0] >= SECONDS_BETWEEN:
            last[0] = time.monotonic()
            print(f"measuring {what}: {done:.0%}", file=sys.stderr, flush=True)

    return tell
