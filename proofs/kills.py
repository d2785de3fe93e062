"""Training is killed with kill -9 at random instants; each run is resumed and must end in the same bits.

    python proofs/kills.py [--kills 200] [--by-command 20] [--save FILE]

An instant is drawn uniformly from the time that an undisturbed run takes, so it falls also into making the run,
saving, scoring and the first update. A killed run is resumed as a supervisor would: `resume`, or `train` again where
there is no run.yaml yet. Says nothing about a loss of power, which also loses what the system had not yet written
(that is proofs/faults.py). Exit code 1 where any run ends in other bits, needs a hand, or leaves a temporary file.
"""

import os
import random
import shutil
import signal
import tempfile
from collections import Counter
from pathlib import Path

import runs
from outcomes import arguments, conclude, counted

CLAIM = "a run killed at any instant resumes to the bits of one that was never stopped, with nothing left behind"


def main() -> None:
    """Kill, resume, compare, and write what came of it."""
    asked = arguments(__doc__, "kills", kills=(200, "runs"), by_command=(20, "of them through the command line"))
    save, phases = asked.save.resolve(), Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        forked = kills(Path(folder), asked.kills - asked.by_command, phases, by_command=False)
        outcomes = forked + kills(Path(folder), asked.by_command, phases, by_command=True)
        os.chdir("/")
    result = counted(CLAIM, outcomes, {"same bits"})
    conclude({**result, "by_command": asked.by_command, "killed_while": dict(phases)}, save)


def kills(folder: Path, count: int, phases: "Counter[str]", *, by_command: bool) -> list[str]:
    """Return what came of each of so many killed runs."""
    if not count:
        return []
    draw, kind = random.Random(count), "command" if by_command else "fork"
    runs.begin_in(folder / kind / "whole")
    seconds, expected = runs.whole(by_command=by_command)
    outcomes: list[str] = []
    while len(outcomes) < count:
        place = folder / kind / str(len(outcomes))
        runs.begin_in(place)
        process = runs.start(runs.command("train"), by_command=by_command)
        if done := runs.wait(process, draw.uniform(0, seconds)):
            seconds = done  # a machine is not always as fast: so long it takes now, and another instant is drawn
        os.kill(process, signal.SIGKILL)
        code, _ = runs.finish(process)
        if code == 128 + signal.SIGKILL:
            phases[runs.phase(runs.RUN)] += 1
            outcomes.append(runs.outcome_after_resuming(expected, by_command=by_command))
        os.chdir(folder)
        shutil.rmtree(place)
    return outcomes


if __name__ == "__main__":
    main()
