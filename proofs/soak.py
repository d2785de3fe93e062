"""10,000 updates through every native kernel, of lengths and rows that change, and no growth in memory.

    python proofs/soak.py [--updates 10000] [--save PATH]

Each update reads a random number of rows and steps forward and back, with rows that sleep or begin again, and
takes a step of Adam. Memory is this process's resident set, looked at often; it may rise while the first fifth of the
updates lay down what is kept. Writes results/soak.json; exit code 1 where the rest grew by more than 4 MB, or
where a value was not finite.
"""

import argparse
import gc
import json
import random
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from shakespeare import made_by

from statewise.cells import (
    GRU,
    LRU,
    LSTM,
    CoupledLSTM,
    Elman,
    LayerNormGRU,
    LayerNormLSTM,
    MinGRU,
    PeepholeLSTM,
    ProjectedLSTM,
    Recurrent,
    Zoneout,
)
from statewise.kernels import using

HERE = Path(__file__).parent
STATUS = Path("/proc/self/status")
FEATURES, UNITS, MOST_STEPS, MOST_ROWS = 23, 40, 48, 9
ALLOWED_MEGABYTES, SETTLED, LOOKS = 4.0, 0.2, 100
CELLS: Mapping[str, Callable[[], Recurrent[Any]]] = {
    "elman": lambda: Elman(FEATURES, UNITS),
    "lstm": lambda: LSTM(FEATURES, UNITS),
    "peephole_lstm": lambda: PeepholeLSTM(FEATURES, UNITS),
    "coupled_lstm": lambda: CoupledLSTM(FEATURES, UNITS),
    "layer_norm_lstm": lambda: LayerNormLSTM(FEATURES, UNITS),
    "projected_lstm": lambda: ProjectedLSTM(FEATURES, UNITS),
    "gru": lambda: GRU(FEATURES, UNITS),
    "layer_norm_gru": lambda: LayerNormGRU(FEATURES, UNITS),
    "zoneout": lambda: Zoneout(LSTM(FEATURES, UNITS), 0.1),
    "min_gru": lambda: MinGRU(FEATURES, UNITS),
    "lru": lambda: LRU(FEATURES, UNITS),
}


def main() -> None:
    """Train, look at the memory, write and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--updates", type=int, default=10_000)
    parser.add_argument("--save", type=Path, default=HERE / "results" / "soak.json")
    given = parser.parse_args()
    result = {**soak(given.updates), **made_by()}
    given.save.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps({name: result[name] for name in ("updates", "seconds", "grown_megabytes", "holds")}))
    sys.exit(0 if result["holds"] else 1)


def soak(updates: int) -> dict[str, Any]:
    """Return how much memory was held at every look, and how much it grew once things had settled."""
    torch.manual_seed(0)
    dice, began = random.Random(0), time.monotonic()
    trained = [(cell, torch.optim.Adam(cell.parameters())) for cell in (make() for make in CELLS.values())]
    finite, megabytes = True, []
    for number in range(updates):
        finite &= update(*trained[number % len(trained)], dice)
        if number % max(1, updates // LOOKS) == 0:
            gc.collect()
            megabytes.append(resident_megabytes())
    settled = megabytes[int(SETTLED * len(megabytes)) :]
    grown = round(max(settled) - settled[0], 2)
    return {
        "updates": updates,
        "cells": list(CELLS),
        "seconds": round(time.monotonic() - began, 1),
        "grown_megabytes": grown,
        "finite": finite,
        "holds": finite and grown <= ALLOWED_MEGABYTES,
        "megabytes": megabytes,
    }


def update(cell: Recurrent[Any], optimizer: torch.optim.Optimizer, dice: random.Random) -> bool:
    """Train on one batch of a shape of its own; return whether its loss was finite."""
    steps, rows = dice.randint(1, MOST_STEPS), dice.randint(1, MOST_ROWS)
    xs = torch.randn(steps, rows, FEATURES, requires_grad=True)
    mask = torch.rand(steps, rows) < 0.7 if dice.random() < 0.5 else None
    reset = torch.rand(steps, rows) < 0.1 if dice.random() < 0.5 else None
    with using("native"):
        ys, _ = cell.scan(xs, cell.initial(rows), reset=reset, mask=mask)
    loss = ys.square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return bool(loss.isfinite())


def resident_megabytes() -> float:
    """Return how much memory this process holds."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmRSS:"))
    return round(int(line.split()[1]) / 1024, 2)


if __name__ == "__main__":
    main()
