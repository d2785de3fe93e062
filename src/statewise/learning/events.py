"""What happens while a model is trained, one value at a time."""

from typing import Any, NamedTuple


class Started(NamedTuple):
    """Training begins, or goes on where it stopped; `numerics` is what its bits depend on from here to the next."""

    run: str
    update: int
    parameters: int
    data: dict[str, Any]
    notice: str | None = None
    numerics: dict[str, Any] | None = None


class Updated(NamedTuple):
    """The weights were changed once.

    `nats` is the mean loss before that, `norm` the gradient's before clipping, `clipped` after it, `usual` a running
    quantile of the norms; `is_exploding` where the norm is ten times what was usual. At every sixteenth update `layers`
    has the norm of each layer's gradient, before clipping, and by how much of their size its weights were changed.
    `terms` are the means of what the model adds to the loss by name, unweighed.
    """

    update: int
    epoch: int
    fraction: float
    seconds: float
    nats: float
    norm: float
    rate: float
    places: int
    clipped: float = 0.0
    usual: float = 0.0
    is_exploding: bool = False
    layers: dict[str, tuple[float, float]] | None = None
    terms: dict[str, float] | None = None


class RolledBack(NamedTuple):
    """An update was spoiled and undone; training goes back and tries again with the rate multiplied by `scale`."""

    update: int
    seconds: float
    reason: str
    tries: int
    scale: float
    notice: str | None


class Sampled(NamedTuple):
    """What the model makes at this stage."""

    update: int
    seconds: float
    sample: str


class Checked(NamedTuple):
    """How the model scores on the held-out part at this stage, and the number it is judged by: less is better.

    `activations` counts, cell by cell, in which twentieth between -1 and 1 the outputs of its units lie.
    """

    update: int
    seconds: float
    metrics: dict[str, float]
    judged: float
    activations: dict[str, list[int]] | None = None


class Stopped(NamedTuple):
    """Training ends before its budget is spent, since the last `checks` checks were no better than the best."""

    update: int
    seconds: float
    checks: int
    best_nats: float | None


class Saved(NamedTuple):
    """A checkpoint was written, whole."""

    update: int
    seconds: float
    checkpoint: str


class Scoring(NamedTuple):
    """The held-out part, or the baselines on it, are being scored; `fraction` of it is done."""

    fraction: float
    what: str = "the held-out part"


class Finished(NamedTuple):
    """Training and scoring are done."""

    update: int
    seconds: float
    report: dict[str, Any]


Event = Started | Updated | RolledBack | Sampled | Checked | Stopped | Saved | Scoring | Finished


def as_json(event: Event) -> dict[str, Any]:
    """Return an event as a line of `events.jsonl` has it.

    >>> as_json(Sampled(500, 61.5, "To be"))
    {'event': 'sampled', 'update': 500, 'seconds': 61.5, 'sample': 'To be'}
    """
    return {"event": type(event).__name__.lower(), **event._asdict()}
