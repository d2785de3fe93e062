"""How a training went, read from its events: what each layer learned, where gradients were clipped, activations."""

from collections.abc import Iterable
from typing import Any, NamedTuple


class History(NamedTuple):
    """What the events of a run say of its health.

    `updates`, `nats`, `norms`, `clipped` go with every update: the mean loss, the norm of the gradient before
    clipping, and whether it was scaled down. `layers` has, by layer, the update and there the gradient's norm and the
    share of the weights' size that was changed. `activations` are counts of outputs by cell at each check.
    """

    updates: list[int]
    nats: list[float]
    norms: list[float]
    clipped: list[bool]
    layers: dict[str, list[tuple[int, float, float]]]
    activations: dict[str, list[tuple[int, list[int]]]]

    @property
    def clipped_share(self) -> float:
        """At what share of the updates the gradient was scaled down."""
        return sum(self.clipped) / max(1, len(self.clipped))

    def as_json(self) -> dict[str, Any]:
        """Return what is short enough to print: each layer's last look, and how often gradients were clipped."""
        last = {name: {"gradient": seen[-1][1], "update_to_weight": seen[-1][2]} for name, seen in self.layers.items()}
        return {"updates": len(self.updates), "clipped_share": self.clipped_share, "layers": last}


def history_of(events: Iterable[dict[str, Any]]) -> History:
    """Read the health of a training from its events; what an older version did not write is left out.

    Where a training went back to a checkpoint, an update that was made twice stands as it was made last.

    >>> history_of([{"event": "updated", "update": 1, "nats": 4.5, "norm": 3.0, "clipped": 1.0}]).clipped
    [True]
    """
    updates: dict[int, dict[str, Any]] = {}
    checks: dict[int, dict[str, Any]] = {}
    for event in events:
        kept = {"updated": updates, "checked": checks}.get(str(event.get("event")))
        if kept is not None:
            number = int(event["update"])
            while kept and next(reversed(kept)) >= number:  # it went back
                kept.popitem()
            kept[number] = event
    layers: dict[str, list[tuple[int, float, float]]] = {}
    for number, event in updates.items():
        for name, (norm, ratio) in (event.get("layers") or {}).items():
            layers.setdefault(name, []).append((number, norm, ratio))
    activations: dict[str, list[tuple[int, list[int]]]] = {}
    for number, event in checks.items():
        for name, counts in (event.get("activations") or {}).items():
            activations.setdefault(name, []).append((number, counts))
    every = list(updates.values())
    clipped = [0 < event.get("clipped", 0.0) < event["norm"] * (1 - 1e-6) for event in every]
    return History(list(updates), [e["nats"] for e in every], [e["norm"] for e in every], clipped, layers, activations)
