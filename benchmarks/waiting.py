"""What does it cost to train next to busy programs, when threads wait awake and when they fall asleep soon?

    python benchmarks/waiting.py [--rounds 3] [--seconds 3] [--json]

Trains one network on two threads in fresh processes, in turns with PyTorch's own way of waiting and with
`GOMP_SPINCOUNT=1000`, which lets waiting threads sleep after some microseconds: on the machine as it is, then next to
programs that keep a processor busy each. Prints characters a second, the median over the rounds. Linux only: elsewhere
the setting says nothing.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

import torch

from statewise.data.codec import Characters
from statewise.data.window import Window
from statewise.state import detach
from statewise.tasks.text.task import Text
from statewise.versions import versions

WIDTHS, ROWS, STEPS, CHOICES, THREADS = (128, 384), 32, 64, 80, 2
WAYS = {"awake": {}, "soon asleep": {"GOMP_SPINCOUNT": "1000"}}  # type: dict[str, dict[str, str]]


def train(width: int, seconds: float) -> float:
    """Return the characters a second of one network in this process."""
    torch.set_num_threads(THREADS)
    codec = Characters("".join(chr(ord("!") + i) for i in range(CHOICES - 1)))
    model = Text(source="unused", hidden_size=width).model(codec)
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    codes = torch.randint(1, CHOICES, (STEPS + 1, ROWS))
    window, state = Window(codes[:-1], codes[1:]), model.begin(ROWS)
    updates, began = -3, 0.0
    while updates < 1 or time.perf_counter() - began < seconds:
        if updates == 0:
            began = time.perf_counter()
        optimizer.zero_grad()
        loss, state = model.loss(window, detach(state))
        loss.mean.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        updates += 1
    return updates * ROWS * STEPS / (time.perf_counter() - began)


def alone(width: int, seconds: float, way: dict[str, str]) -> float:
    """Return the same of a process of its own."""
    plain = {k: v for k, v in os.environ.items() if k not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "OMP_NUM_THREADS")}
    command = [sys.executable, __file__, "--width", str(width), "--seconds", str(seconds)]
    done = subprocess.run(command, env={**plain, **way}, capture_output=True, text=True, check=True)
    return float(done.stdout)


def compare(width: int, rounds: int, seconds: float) -> dict[str, float]:
    """Return the median of each way, measured in turns."""
    found: dict[str, list[float]] = {name: [] for name in WAYS}
    for _ in range(rounds):
        for name, way in WAYS.items():
            found[name].append(alone(width, seconds, way))
    return {name: statistics.median(speeds) for name, speeds in found.items()}


def main() -> None:
    """Print a row for each width and neighbour, or all of it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--width", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if given.width:
        print(train(given.width, given.seconds))
        return
    rows = []
    for neighbours in (0, 1, 3):
        busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(neighbours)]
        try:
            for width in WIDTHS:
                speeds = compare(width, given.rounds, given.seconds)
                rows.append({"width": width, "busy_neighbours": neighbours, "characters_per_second": speeds})
                if not given.json:
                    shown = "  ".join(f"{name} {speed:9,.0f}" for name, speed in speeds.items())
                    print(f"width {width}, {neighbours} busy neighbours:  {shown}", flush=True)
        finally:
            for process in busy:
                process.kill()
    if given.json:
        print(json.dumps({"threads": THREADS, "versions": versions(), "rounds": given.rounds, "rows": rows}))


if __name__ == "__main__":
    main()
