"""How does training scale over processes: measured for 1, 2 and 4 here, predicted by a model, simulated beyond.

    python benchmarks/processes.py [--save FILE] [--page]

The same training (one layer of LSTM on characters, 32 rows of 64 steps, one thread each) with its rows shared by 1, 2
and 4 processes, in turns; what it takes to add up gradients of several sizes by themselves; and what reading a share of
the rows takes. From these a model of an update:

    seconds(N) = max(1, N / cores) * (reading(rows / N) + 2 (N - 1) latency + 2 (N - 1) / N * bytes / bandwidth)

Other programs may be at work meanwhile: so of updates and messages the fastest tenth counts, and reading is timed by
the processor's clock, which stands still while others have the processor. How busy the machine was is in the result.

With `--page`, print the tables of docs/scale.md out of the last result.
"""

import argparse
import json
import math
import os
import platform
import statistics
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import distributed, nn

from statewise.cells import LSTM
from statewise.data.window import Window
from statewise.distributed import Ranks, join, own_rows
from statewise.heads import Categorical
from statewise.learning.learner import Learner
from statewise.model import Model
from statewise.run.recipe import Recipe
from statewise.versions import versions

HERE = Path(__file__).parent
ROWS, STEPS, WIDTH, CHOICES, EMBEDDING = 32, 64, 256, 65, 64
UPDATES, ROUNDS, WARM_UP = 20, 5, 3
COUNTS = (1, 2, 4)
SIZES = (1_000, 30_000, 300_000, 3_000_000)
CLUSTER = {"latency_microseconds": 30.0, "gigabytes_per_second": 1.25, "rows_a_process": ROWS}
SIMULATED = (1, 4, 16, 64, 256, 1024)


def main() -> None:
    """Measure, predict, simulate, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--save", type=Path, default=HERE / "results" / "processes.json")
    parser.add_argument("--page", action="store_true")
    asked = parser.parse_args()
    if asked.page:
        print("\n\n".join(tables(json.loads(asked.save.read_text()))))
        return
    reading = {
        rows: in_processes(1, lambda ranks, rows=rows: reading_seconds(rows))[0]
        for rows in (ROWS, ROWS // 2, ROWS // 4)
    }
    measured: dict[int, list[float]] = {count: [] for count in COUNTS}
    for _ in range(ROUNDS):
        for count in COUNTS:
            measured[count] += in_processes(count, update_seconds)[0]
    adding = {count: in_processes(count, adding_seconds)[0] for count in COUNTS[1:]}
    result = concluded(reading, measured, adding)
    asked.save.parent.mkdir(exist_ok=True)
    asked.save.write_text(json.dumps(result, indent=1) + "\n")
    print("\n\n".join(tables(result)))


def make_learner(rows: int, ranks: Ranks) -> Learner:
    """Return a learner of the training that is measured."""
    torch.manual_seed(0)
    model: Model[Any] = Model(nn.Embedding(CHOICES, EMBEDDING), LSTM(EMBEDDING, WIDTH), Categorical(WIDTH, CHOICES))
    codes = torch.randint(CHOICES, (UPDATES * STEPS + 1, rows), generator=torch.Generator().manual_seed(1))
    windows = [Window(codes[i : i + STEPS], codes[i + 1 : i + STEPS + 1]) for i in range(0, UPDATES * STEPS, STEPS)]
    return Learner(
        model, own_rows(windows, ranks), Recipe(updates=10**6, sequence_length=STEPS, batch_size=rows, threads=1), ranks
    )


def update_seconds(ranks: Ranks, rows: int = ROWS, clock: Callable[[], float] = time.perf_counter) -> list[float]:
    """Return what each update took, the clock being agreed on as a session does."""
    learner, times = make_learner(rows, ranks), []
    for _ in range(WARM_UP + UPDATES):
        began = clock()
        ranks.agree(0.0)
        learner.update()
        times.append(clock() - began)
    return times[WARM_UP:]


def fastest(times: list[float]) -> float:
    """Return what is not exceeded by the fastest tenth."""
    return float(np.quantile(times, 0.1))


def reading_seconds(rows: int) -> list[float]:
    """Return how long the processor was at work on each update of so many rows, in a process alone."""
    return update_seconds(Ranks(), rows, time.process_time)


def adding_seconds(ranks: Ranks) -> dict[str, float]:
    """Return what adding up so many numbers takes, by their count."""
    found = {}
    for size in SIZES:
        tensor, times = torch.ones(size), []
        for _ in range(60):
            began = time.perf_counter()
            ranks.add_up([tensor])
            times.append(time.perf_counter() - began)
        found[str(size)] = fastest(times[5:])
    return found


def concluded(
    reading: dict[int, list[float]], measured: dict[int, list[float]], adding: dict[int, dict[str, float]]
) -> dict[str, Any]:
    """Return the result: what was measured, the model's parts, and what it predicts and simulates."""
    learner = make_learner(ROWS, Ranks())
    parameters, cores = learner.model.parameter_count, len(os.sched_getaffinity(0))
    latency, bandwidth = fitted(adding[2])
    alone = fastest(measured[1])
    rows = []
    for count in COUNTS:
        crowd = max(1.0, count / cores)
        predicted = (
            statistics.median(reading[ROWS // count]) * crowd + added(count, 4 * parameters, latency, bandwidth) * crowd
        )
        took = fastest(measured[count])
        rows.append(
            {
                "processes": count,
                "milliseconds": 1000 * took,
                "predicted_milliseconds": 1000 * predicted,
                "efficiency": alone / (count * took),
                "predicted_efficiency": alone / (count * predicted),
            }
        )
    return {
        "asks": "how training scales over processes",
        "training": {"rows": ROWS, "steps": STEPS, "width": WIDTH, "parameters": parameters, "threads_each": 1},
        "latency_microseconds": 1e6 * latency,
        "gigabytes_per_second": bandwidth / 1e9,
        "adding_milliseconds": {n: {size: 1000 * t for size, t in of.items()} for n, of in adding.items()},
        "reading_milliseconds": {n: 1000 * statistics.median(times) for n, times in reading.items()},
        "measured": rows,
        "cluster": CLUSTER,
        "simulated": simulated(np.array(reading[ROWS]), 4 * parameters),
        "load": os.getloadavg()[0],
        "date": datetime.now(UTC).date().isoformat(),
        "machine": {"cores": cores, "processor": platform.processor() or platform.machine()},
        "versions": versions(),
    }


def fitted(adding: dict[str, float]) -> tuple[float, float]:
    """Return latency and bandwidth of two processes: a message of n bytes takes 2 latency + n / bandwidth."""
    small, large = min(adding, key=int), max(adding, key=int)
    per_byte = (adding[large] - adding[small]) / (4 * (int(large) - int(small)))
    return max(1e-7, (adding[small] - 4 * int(small) * per_byte) / 2), 1 / per_byte


def added(count: int, size: int, latency: float, bandwidth: float) -> float:
    """Return how long a ring of so many processes adds up so many bytes."""
    return 2 * (count - 1) * latency + 2 * (count - 1) / count * size / bandwidth


def added_by_halving(count: int, size: int, latency: float, bandwidth: float) -> float:
    """Return the same for halving and doubling, whose number of messages grows with the logarithm."""
    return 2 * math.log2(count) * latency + 2 * (count - 1) / count * size / bandwidth


def simulated(times: Any, size: int) -> list[dict[str, float]]:
    """Return the efficiency of a cluster whose processes read as one did here, each waiting for the slowest."""
    draw = np.random.default_rng(0)
    latency, bandwidth = CLUSTER["latency_microseconds"] / 1e6, CLUSTER["gigabytes_per_second"] * 1e9
    found = []
    for count in SIMULATED:
        slowest = float(np.mean([draw.choice(times, count).max() for _ in range(400)]))
        alone = float(times.mean())
        found.append(
            {
                "processes": count,
                "ring": alone / (slowest + added(count, size, latency, bandwidth)),
                "halving": alone / (slowest + added_by_halving(count, size, latency, bandwidth)),
                "waiting_only": alone / slowest,
            }
        )
    return found


def tables(result: dict[str, Any]) -> list[str]:
    """Return the tables of docs/scale.md."""
    here = ["| processes | ms an update | predicted | efficiency | predicted |", "|---:|---:|---:|---:|---:|"]
    here += [
        f"| {row['processes']} | {row['milliseconds']:.1f} | {row['predicted_milliseconds']:.1f} "
        f"| {row['efficiency']:.0%} | {row['predicted_efficiency']:.0%} |"
        for row in result["measured"]
    ]
    beyond = ["| processes | by a ring | by halving | were messages free |", "|---:|---:|---:|---:|"]
    beyond += [
        f"| {row['processes']:,} | {row['ring']:.0%} | {row['halving']:.0%} | {row['waiting_only']:.0%} |"
        for row in result["simulated"]
    ]
    return ["\n".join(here), "\n".join(beyond)]


def in_processes(count: int, work: Callable[[Ranks], Any]) -> list[Any]:
    """Fork so many processes that have found each other, and return what each gave."""
    with tempfile.TemporaryDirectory() as folder:
        children = [_fork(rank, count, work, Path(folder)) for rank in range(count)]
        for child in children:
            os.waitpid(child, 0)
        return [json.loads(Path(folder, str(rank)).read_text()) for rank in range(count)]


def _fork(rank: int, count: int, work: Callable[[Ranks], Any], folder: Path) -> int:
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        child = os.fork()
    if child:
        return child
    try:
        os.environ["GLOO_SOCKET_IFNAME"] = "lo"
        torch.set_num_threads(1)
        store = distributed.FileStore(str(folder / "store"), count)
        distributed.init_process_group("gloo", store=store, rank=rank, world_size=count)
        (folder / str(rank)).write_text(json.dumps(work(join())))
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(0)


if __name__ == "__main__":
    main()
