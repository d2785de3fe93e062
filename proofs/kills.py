"""Training is killed with kill -9 at random instants; each run is resumed and must end in the same bits.

    python proofs/kills.py [--kills 200] [--by-command 20] [--save FILE]

An instant is drawn uniformly from the time that an undisturbed run takes, so it falls also into saving, scoring and the
first update. A killed run is resumed as a supervisor would: `resume`, or `train` again where there is no run.yaml yet.
Says nothing about a loss of power, which also loses what the system had not yet written. Exit code 1 where any run
ends in other bits, needs a hand, or leaves a temporary file behind.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from shakespeare import made_by

HERE = Path(__file__).parent
TEXT = "It was the best of times, it was the worst of times, it was the age of wisdom.\n" * 100
SETTINGS: dict[str, Any] = {"source": "book.txt", "width": 8, "embedding": 4, "rows": 4, "steps": 16, "updates": 40}
SETTINGS |= {"orders": 2, "threads": 1, "checks": 3, "keep": "best", "save_seconds": 0.1, "sample_seconds": 0.3}
MOST_SECONDS = 120


def main() -> None:
    """Kill, resume, compare, and write what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--by-command", type=int, default=20, help="how many of them through the command line")
    parser.add_argument("--save", type=Path, default=HERE / "results" / "kills.json")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        Path("book.txt").write_text(TEXT)
        outcomes = [*kills(asked.by_command, by_command=True), *kills(asked.kills - asked.by_command, by_command=False)]
    good = sum(outcome == "same bits" for outcome in outcomes)
    bound = 1 - 0.05 ** (1 / len(outcomes))
    result = {
        "claim": "a run killed at any instant resumes to the bits of one that was never stopped",
        "holds": good == len(outcomes),
        "same_bits": good,
        "kills": len(outcomes),
        "by_command": asked.by_command,
        "failures": [outcome for outcome in outcomes if outcome != "same bits"],
        "largest_failure_rate_at_95_percent": bound if good == len(outcomes) else None,
        **made_by(),
    }
    asked.save.write_text(json.dumps(result, indent=1) + "\n")
    print(f"{good}/{len(outcomes)} runs ended in the same bits; where all did, fewer than {bound:.1%} fail (95 %)")
    sys.exit(0 if result["holds"] else 1)


def kills(count: int, *, by_command: bool) -> list[str]:
    """Return what came of each of so many killed runs."""
    if not count:
        return []
    draw, kind = random.Random(count), "command" if by_command else "fork"
    began = time.monotonic()
    finish(start("train", f"{kind}-whole", by_command=by_command))
    seconds, expected = time.monotonic() - began, end_of(f"{kind}-whole")
    outcomes: list[str] = []
    while len(outcomes) < count:
        run = f"{kind}-{len(outcomes)}"
        process = start("train", run, by_command=by_command)
        time.sleep(draw.uniform(0, seconds))
        os.kill(process, signal.SIGKILL)
        _, status = os.waitpid(process, 0)
        if os.WIFSIGNALED(status):  # else it was done before: draw again
            outcomes.append(outcome_of(run, expected, by_command=by_command))
        subprocess.run(["rm", "-rf", run], check=True)
    return outcomes


def outcome_of(run: str, expected: dict[str, Any], *, by_command: bool) -> str:
    """Go on with a killed run and say how it ended."""
    verb = "resume" if Path(run, "run.yaml").exists() else "train"
    code = finish(start(verb, run, by_command=by_command))
    if code:
        return f"{verb} left with exit code {code}"
    if orphans := [str(path) for path in Path(run).rglob(".*.tmp")]:
        return f"left {orphans[0]} behind"
    return "same bits" if end_of(run) == expected else "other bits"


def start(verb: str, run: str, *, by_command: bool) -> int:
    """Begin to train or resume in another process and return its number."""
    if by_command:
        flags = [part for name, value in SETTINGS.items() for part in (f"--{name.replace('_', '-')}", str(value))][2:]
        rest = ["text", "book.txt", *flags, "--run", run] if verb == "train" else [run]
        return subprocess.Popen([sys.executable, "-m", "statewise", verb, *rest, "--quiet"], stdout=-3).pid
    import statewise  # before the fork, so that a child begins at once

    process = os.fork()
    if process:
        return process
    code = 1
    try:
        statewise.train(statewise.Text(**SETTINGS), run=run) if verb == "train" else statewise.resume(run)
        code = 0
    finally:
        os._exit(code)


def finish(process: int) -> int:
    """Wait for a process and return its exit code."""
    signal.alarm(MOST_SECONDS)
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    signal.alarm(0)
    return code


def end_of(run: str) -> dict[str, Any]:
    """Return everything in the last checkpoint but the time it took."""
    last = max(Path(run, "checkpoints").iterdir())
    place = json.loads((last / "place.json").read_text())
    return {path.name: path.read_bytes() for path in last.glob("*.safetensors")} | {"place": {**place, "seconds": 0}}


if __name__ == "__main__":
    main()
