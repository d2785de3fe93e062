"""What a question is, and how one of its cases is put to every way: held to the same outputs, then timed in turns."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from statewise_lab.benchmarking.gauges import Floor
from statewise_lab.benchmarking.measure import Absent, Outputs, Way, in_turns
from statewise_lab.benchmarking.peers import Peers
from statewise_lab.benchmarking.row import OURS, Row

TOLERANCE, NARROW_TOLERANCE = 1e-3, 0.1
TINY = 1e-6
FLOOR = "the floor"

Ways = Mapping[str, Way | Absent]


@dataclass(frozen=True)
class Settings:
    """How to measure: on how many threads, how often, which peers, and whether only to try it out."""

    peers: Peers
    threads: int = 2
    rounds: int = 7
    quick: bool = False
    say: Callable[[str], None] = lambda words: None

    @property
    def turn_seconds(self) -> float:
        """How long a turn lasts at least."""
        return 0.01 if self.quick else 0.1


@dataclass(frozen=True)
class Question:
    """What is asked, how long the answer takes in full, and the rows of the answer as they come."""

    name: str
    asks: str
    minutes: float
    rows: Callable[[Settings], Iterator[Row]]
    unit: str = "milliseconds"
    per_second: float = 1e3
    threads: int = 2


def compare(
    case: Mapping[str, Any],
    ways: Ways,
    settings: Settings,
    *,
    floor: Floor | None = None,
    extra: Mapping[str, Any] | None = None,
    per_call: float = 1,
) -> Row:
    """Return one case measured: ways whose outputs differ from the first peer's are reported, and not timed.

    The seconds are those of a `per_call`th of a call. The gauge of the floor has its turn in every round too.
    """
    present = {name: way for name, way in ways.items() if not isinstance(way, Absent)}
    absent = {name: way.reason for name, way in ways.items() if isinstance(way, Absent)}
    differences = disagreements(present)
    for name, difference in differences.items():
        if not difference <= tolerance(name):
            absent[name] = f"its outputs differ by {difference:.2g}"
            del present[name]
    gauged = present if floor is None else {**present, FLOOR: floor.gauge}
    seconds = in_turns(gauged, rounds=settings.rounds, turn_seconds=settings.turn_seconds)
    settings.peers.clear()
    row = Row(
        case,
        {name: [value / per_call for value in seconds[name]] for name in present},
        absent,
        None if floor is None else floor.seconds,
        {**(extra or {}), "largest_difference": differences},
    )
    settings.say(_progress(row))
    return row


def disagreements(ways: Mapping[str, Way]) -> dict[str, float]:
    """Return how far the outputs of each way are from those of the first that is not ours, relative to their size."""
    outputs = {name: way.outputs() for name, way in ways.items()}
    first = next((found for name, found in outputs.items() if not name.startswith(OURS)), {})
    return {name: _difference(found, first) for name, found in outputs.items()}


def tolerance(name: str) -> float:
    """Return how far a way's outputs may be off."""
    return NARROW_TOLERANCE if name.endswith(("int8", "bfloat16")) else TOLERANCE


def _difference(found: Outputs, wanted: Outputs) -> float:
    shared = [name for name in wanted if name in found]
    if wanted and found and not shared:
        return float("inf")
    return max((_of_one(found[name], wanted[name]) for name in shared), default=0.0)


def _of_one(found: Any, wanted: Any) -> float:
    if found.shape != wanted.shape or not np.isfinite(found).all():
        return float("inf")
    return float(np.abs(found - wanted).max(initial=0) / max(TINY, np.abs(wanted).max(initial=0)))


def _progress(row: Row) -> str:
    words = ", ".join(f"{value}" if name == "cell" else f"{name} {value}" for name, value in row.case.items())
    found = [f"{name} {row.median(name) * 1e3:.4g} ms" for name in row.ours]
    for own in row.ours[:1]:
        best = row.best_peer(own)
        found += [] if best is None else [f"{best} {row.ratio(own, best):.2f} times that"]
    missing = [f"{name}: {reason}" for name, reason in row.absent.items()]
    return "; ".join([words, *found, *missing])
