"""One row of a table: what was measured, each way's seconds round by round, and the floor beneath them all."""

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

OURS = "statewise"
"What the names of our own ways begin with."

BEST = "at best"
"Under this name a row says the highest speed that was reached, and its `unit`."

NARROW = "int8"
"What the names of ways with smaller weights end in: they are compared with each other."


@dataclass(frozen=True)
class Row:
    """What one case of a question came to.

    `seconds` has one figure a round for each way, the same rounds for all; `absent` says why a way has none.
    `floor_seconds` is what no program can fall below on this machine; `extra` what else was counted.

    >>> row = Row({"units": 4}, {"statewise": [1.0, 2.0, 3.0], "torch": [2.0, 6.0, 6.0], "JAX": [9.0, 9.0, 9.0]})
    >>> row.median("statewise"), row.best_peer("statewise"), row.ratio("statewise", "torch")
    (2.0, 'torch', 2.0)
    """

    case: Mapping[str, Any]
    seconds: Mapping[str, list[float]] = field(default_factory=dict)
    absent: Mapping[str, str] = field(default_factory=dict)
    floor_seconds: float | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ours(self) -> list[str]:
        """Our own ways, the plain one first."""
        return [name for name in self.seconds if name.startswith(OURS)]

    @property
    def peers(self) -> list[str]:
        """Every other way."""
        return [name for name in self.seconds if not name.startswith(OURS)]

    def median(self, way: str) -> float:
        """Return the median of a way's seconds."""
        return statistics.median(self.seconds[way])

    def best_peer(self, way: str) -> str | None:
        """Return the fastest peer of one of our ways: of an int8 way among int8 peers, if there are any."""
        narrow = [peer for peer in self.peers if peer.endswith(NARROW)]
        whole = [peer for peer in self.peers if peer not in narrow]
        peers = narrow if narrow and way.endswith(NARROW) else whole
        return min(peers, key=self.median, default=None)

    def ratio(self, way: str, peer: str) -> float:
        """Return how many times a peer's seconds are ours: the median of the ratios within each round."""
        pairs = zip(self.seconds[way], self.seconds[peer], strict=True)
        return statistics.median(theirs / ours for ours, theirs in pairs)

    def of_floor(self, way: str) -> float | None:
        """Return how many times the floor a way takes."""
        return None if self.floor_seconds is None else self.median(way) / self.floor_seconds

    def as_json(self) -> dict[str, Any]:
        """Return the row with all that follows from it."""
        ratios = {own: {peer: self.ratio(own, peer) for peer in self.peers} for own in self.ours}
        return {
            "case": dict(self.case),
            "median_seconds": {name: self.median(name) for name in self.seconds},
            "ratio_to": ratios,
            "best_peer": {own: self.best_peer(own) for own in self.ours},
            "floor_seconds": self.floor_seconds,
            "of_floor": {own: self.of_floor(own) for own in self.ours},
            "absent": dict(self.absent),
            **self.extra,
            "seconds": {name: list(found) for name, found in self.seconds.items()},
        }
