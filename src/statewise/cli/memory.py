"""`statewise inspect RUN --memory`: how far back a run remembers, as a table, words and pictures."""

import json as json_format
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from statewise.errors import MissingExtra

if TYPE_CHECKING:
    from statewise.monitoring.memory_report import MemoryReport

SECONDS_BETWEEN = 5.0


def show_memory(
    run: Path, lags: int | None, probes: int | None, compare: list[Path], *, json: bool, quiet: bool
) -> None:
    """Measure a run's memory and print the numbers of all networks in one table."""
    from statewise.insight.memory import LAGS, PROBES
    from statewise.monitoring.memory_report import inspect_memory

    looked = inspect_memory(
        run,
        lags=LAGS if lags is None else lags,
        probes=PROBES if probes is None else probes,
        compare=compare,
        tell=None if quiet else _told(),
    )
    if looked.notice and not quiet:
        print(looked.notice, file=sys.stderr)
    page = _page(looked, run, lags, probes, compare, quiet=quiet)
    if json:
        print(json_format.dumps({**looked.as_json(), "report": page and str(page)}))
        return
    print(looked.words())


def _page(
    looked: "MemoryReport", run: Path, lags: int | None, probes: int | None, compare: list[Path], *, quiet: bool
) -> Path | None:
    """Draw the report and say where it lies; without matplotlib say how to get it, and go on."""
    options = [("--lags", lags), ("--probes", probes), *(("--compare", other) for other in compare)]
    flags = " ".join(f"{flag} {shlex.quote(str(value))}" for flag, value in options if value is not None)
    try:
        page = looked.write(f"statewise inspect {shlex.quote(str(run))} --memory {flags}".strip())
    except MissingExtra as missing:
        if not quiet:
            print(missing, file=sys.stderr)
        return None
    if not quiet:
        print(f"drawn in {page}", file=sys.stderr)
    return page


def _told() -> Callable[[str, float], None]:
    """Return what says on standard error how far it is, now and then."""
    last = [time.monotonic()]

    def tell(what: str, done: float) -> None:
        if time.monotonic() - last[0] >= SECONDS_BETWEEN:
            last[0] = time.monotonic()
            print(f"measuring {what}: {done:.0%}", file=sys.stderr, flush=True)

    return tell
