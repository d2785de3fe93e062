"""How far back an Elman network, an LSTM and a GRU remember on Shakespeare's plays, beside what the notes say.

    python proofs/memory.py [--runs DIR]      trains in DIR what is not finished there already

Three networks have the same width, data, updates and seed; a fourth is an Elman network of twice the width. Writes
results/memory.json and docs/pictures/memory.png and prints the table. Leaves with exit code 1 where the LSTM or the GRU
does not reach beyond the Elman networks, without an overlap of the intervals.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from outcomes import made_by

import statewise
from statewise.insight.horizon import Interval
from statewise.insight.memory import Memory
from statewise.insight.pictures import LIGHT, reach_picture

HERE = Path(__file__).parent
PICTURE = HERE.parent / "docs" / "pictures" / "memory.png"
RUNS: dict[str, dict[str, Any]] = {
    "elman": {"cell": "elman", "width": 128},
    "lstm": {"cell": "lstm", "width": 128},
    "gru": {"cell": "gru", "width": 128},
    "elman-256": {"cell": "elman", "width": 256},
}
SETTINGS: dict[str, Any] = {"source": "shakespeare", "updates": 3000, "orders": 6, "sample_seconds": 0}
LAGS, PROBES = 100, 1000
TUTORIAL = "statewise inspect runs/lstm --memory --probes 1000 --beside runs/elman"
"What docs/tutorials/memory.md shows the output of."
NOTES = (8, 10)
"How many steps the lecture notes say that a simple network reaches back."
MEASURES: dict[str, Callable[[Memory], Interval]] = {
    "memory horizon": lambda memory: memory.horizon.horizon,
    "used context": lambda memory: memory.cut.context,
}


def main() -> None:
    """Train if need be, then measure, judge, write and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=Path("runs/proof-memory"))
    folder: Path = parser.parse_args().runs
    for name, own in RUNS.items():
        bring(folder / name, own)
    first, *others = (folder / name for name in RUNS)
    looked = statewise.inspect_memory(first, lags=LAGS, probes=PROBES, beside=others)
    memories = {memory.name: memory for memory in looked.memories}
    printed = statewise.inspect_memory(folder / "lstm", lags=LAGS, probes=PROBES, beside=[folder / "elman"]).words()
    result = {**judged(memories, folder), "tutorial": {"command": TUTORIAL, "printed": printed.splitlines()}}
    (HERE / "results" / "memory.json").write_text(json.dumps(result, indent=1) + "\n")
    reach_picture([memories[name] for name in ("elman", "lstm", "gru")], LIGHT).savefig(PICTURE, dpi=120)
    print(looked.table())
    for kind in ("holds", "agrees"):
        print("\n".join(f"{claim}: {'yes' if is_true else 'no'}" for claim, is_true in result[kind].items()))
    sys.exit(0 if all(result["holds"].values()) else 1)


def bring(run: Path, own: dict[str, Any]) -> None:
    """Train a run, or go on with it, unless it is finished."""
    if not run.exists():
        statewise.train(statewise.Text(**own, **SETTINGS), run=run)
    elif not statewise.inspect(run)["finished"]:
        statewise.resume(run)


def judged(memories: dict[str, Memory], folder: Path) -> dict[str, Any]:
    """Return the figures, which claims hold, and whether they agree with the notes."""
    elmans = [memories["elman"], memories["elman-256"]]
    holds = {
        f"the {what} of {gated} lies beyond that of {elman.name}, without overlap": of(memories[gated]).is_beyond(
            of(elman)
        )
        for gated in ("lstm", "gru")
        for elman in elmans
        for what, of in MEASURES.items()
    }
    low, high = NOTES
    agrees = {
        f"the {what} of {elman.name}, {of(elman).words()}, meets the {low} to {high} steps of the notes": (
            of(elman).low <= high and of(elman).high >= low
        )
        for elman in elmans
        for what, of in MEASURES.items()
    }
    bits = {name: statewise.inspect(folder / name)["best"]["bits_per_character"] for name in RUNS}
    figures = {name: figures_of(memory) for name, memory in memories.items()}
    settings = {"shared": SETTINGS, "runs": RUNS}
    found = {"holds": holds, "agrees": agrees, "settings": settings, "bits_per_character": bits}
    return {**found, "memories": figures, **made_by()}


def figures_of(memory: Memory) -> dict[str, Any]:
    """Return what the pages quote of a memory."""
    kept = memory.as_json()
    for heavy in ("spectra", "cells"):
        kept.pop(heavy)
    return {**kept, "transition_radii": [one.radius for one in memory.spectra]}


if __name__ == "__main__":
    main()
