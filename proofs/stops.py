"""Training stopped by SIGTERM, Ctrl-C or a terminal's hang-up leaves within 10 seconds and resumes to the same bits.

    python proofs/stops.py [--stops 100] [--by-command 10] [--save FILE]

Most instants are drawn uniformly from the time that an undisturbed run takes. Every fifth run is stopped in one of
four things that are made to take half a minute: an update, a save to a slow disk, a check of the held-out part, the
counting of n-grams. They take so long in Python; a single call into a library that takes longer than 10 seconds could
not be broken off. Exit code 1 where any run leaves late, with another code, or ends in other bits.
"""

import os
import random
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import runs
from outcomes import arguments, conclude, counted

CLAIM = "a run stopped by SIGTERM, Ctrl-C or SIGHUP leaves within 10 seconds, saying so, and resumes to the same bits"
MOST_SECONDS = 10.0
SLOW_SECONDS = 30.0
CODES = {signal.SIGTERM: 143, signal.SIGINT: 130, signal.SIGHUP: 129}
SLOW = {
    "an update": ("statewise.learning.learner", "clip_value"),
    "a save": ("statewise.learning.checkpoint", "write_synced"),
    "a check": ("statewise.learning.scoring", "_on"),
    "counting n-grams": ("statewise.tasks.shared.kneser_ney", "_ranked"),
}


def main() -> None:
    """Stop, resume, compare, and write what came of it."""
    asked = arguments(__doc__, "stops", stops=(100, "runs"), by_command=(10, "of them through the command line"))
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup lets it be ignored, and a training heeds that
    save, slowest, during = asked.save.resolve(), [0.0], Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        outcomes = list(stops(Path(folder), asked.stops, asked.by_command, slowest, during))
        os.chdir("/")
    result = counted(CLAIM, outcomes, {"same bits"})
    told = {"by_command": asked.by_command, "slowest_seconds": round(slowest[0], 2), "stopped_while": dict(during)}
    conclude({**result, **told}, save)


def stops(folder: Path, count: int, by_command: int, slowest: list[float], during: "Counter[str]") -> Iterator[str]:
    """Yield what came of each of so many stopped runs; the last of them by command."""
    draw, expected, seconds = random.Random(count), {}, {}
    for number in range(count):
        is_command = number >= count - by_command
        if is_command not in expected:
            runs.begin_in(folder / f"whole-{is_command}")
            seconds[is_command], expected[is_command] = runs.whole(by_command=is_command)
        place, how = folder / str(number), draw.choice(list(CODES))
        runs.begin_in(place)
        slow = list(SLOW)[number // 5 % 4] if number % 5 == 4 and not is_command else None
        before = (lambda slow=slow: make_slow(*SLOW[slow])) if slow else None
        process = runs.start(runs.command("train"), by_command=is_command, before=before)
        if slow:
            until_slow()
        elif done := runs.wait(process, seconds[is_command] * draw.random()):
            seconds[is_command] = done
        during[slow or runs.phase(runs.RUN)] += 1
        yield outcome_of(process, how, expected[is_command], slowest, by_command=is_command)
        os.chdir(folder)
        shutil.rmtree(place)


def outcome_of(process: int, how: signal.Signals, expected: Any, slowest: list[float], *, by_command: bool) -> str:
    """Stop a process, see it leave, and go on with its run."""
    os.kill(process, how)
    code, took = runs.finish(process)
    slowest[0] = max(slowest[0], took)
    if took > MOST_SECONDS:
        return f"left after {took:.1f} seconds"
    if code not in (CODES[how], 0):  # 0: it was done before
        return f"left with {code} after {how.name}"
    if code == 0 and runs.end_of(runs.RUN) != expected:
        return "said that it was done, and was not"
    return runs.outcome_after_resuming(expected, by_command=by_command) if code else "same bits"


def until_slow() -> None:
    """Wait until the slow thing has begun."""
    end = time.monotonic() + 60
    while time.monotonic() < end and not Path("slow").exists():
        time.sleep(0.005)


def make_slow(module: str, name: str) -> None:
    """Let a function take half a minute, the third time that it is called in this process or, if seldom, the first."""
    import importlib

    owner: Any = importlib.import_module(module)
    function: Callable[..., Any] = getattr(owner, name)
    calls = [0]

    def slow(*given: Any, **named: Any) -> Any:
        calls[0] += 1
        if calls[0] == (1 if name == "_ranked" else 3):
            Path("slow").touch()
            end = time.monotonic() + SLOW_SECONDS
            while time.monotonic() < end:
                time.sleep(0.01)
        return function(*given, **named)

    setattr(owner, name, slow)


if __name__ == "__main__":
    main()
