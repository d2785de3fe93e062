"""How a training went, read from its events: what each layer learned, where gradients were clipped, activations."""

from typing import Any, NamedTuple

from statewise.run.history import RunHistory


class TrainingHealth(NamedTuple):
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


def history_of(told: RunHistory) -> TrainingHealth:
    """Return the health of a training that its events tell of; what an older version did not write is left out.

    >>> events = [{"event": "updated", "update": 1, "nats": 4.5, "norm": 3.0, "clipped": 1.0}]
    >>> history_of(RunHistory.from_events(events)).clipped
    [True]
    """
    updates = told.updates
    layers: dict[str, list[tuple[int, float, float]]] = {}
    for number, seen in updates.layers.items():
        for name, (norm, ratio) in seen.items():
            layers.setdefault(name, []).append((number, norm, ratio))
    activations: dict[str, list[tuple[int, list[int]]]] = {}
    for number, event in told.checked.items():
        for name, counts in (event.get("activations") or {}).items():
            activations.setdefault(name, []).append((number, counts))
    norms = updates["norm"].tolist()
    clipped = [0 < after < norm * (1 - 1e-6) for after, norm in zip(updates["clipped"], norms, strict=True)]
    return TrainingHealth(updates.numbers.tolist(), updates["nats"].tolist(), norms, clipped, layers, activations)
