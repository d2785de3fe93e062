"""The guard: it detects NaN, infinity and numbers that are too large within an update, and finds their source."""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from statewise.data.window import Window
from statewise.errors import TrainingError
from statewise.learning.segments import segments
from statewise.learning.sparse_gradients import numbers
from statewise.model import Model
from statewise.state import detach, paths

LARGEST = 2.0**64
"The smallest number whose square single precision cannot hold: norms overflow there, so nothing sound is as large."
QUANTILE = 0.95
MANY = 10.0
SEEN_FIRST = 20
SLOWEST = 0.02


class Finding(NamedTuple):
    """What was not usable: its kind, its name, its value, and its place in the window if it has one."""

    kind: str
    name: str
    value: float
    step: int | None = None
    row: int | None = None

    def words(self) -> str:
        """Say it.

        >>> Finding("state", "0.hidden", math.nan, step=3, row=1).words()
        "state '0.hidden' is nan at step 3 of row 1"
        """
        places = [f"step {self.step}"] if self.step is not None else []
        places += [f"row {self.row}"] if self.row is not None else []
        name = f" '{self.name}'" if self.name else ""
        return f"{self.kind}{name} is {self.value:g}" + (f" at {' of '.join(places)}" if places else "")


def plainest(findings: Sequence[Finding]) -> Finding:
    """Return what says most of the cause: something read or computed before the gradient it spoiled, with its place.

    >>> plainest([Finding("gradient", "w", math.nan), Finding("input", "", math.nan, step=3, row=5)]).kind
    'input'
    """
    return min(findings, key=lambda found: (found.kind in ("gradient", "norm"), found.step is None))


class NotFinite(TrainingError):
    """An update met NaN, infinity or a number beyond 2^64; it was undone, and `finding` says where it came from."""

    def __init__(self, update: int, finding: Finding) -> None:
        super().__init__(f"update {update} was undone: {finding.words()}")
        self.finding = finding


class Usual(NamedTuple):
    """A running estimate of how large the norm of the gradient gets: its 0.95 quantile, after `seen` updates.

    q <- q exp(r (0.95 if norm > q else -0.05)),    r = max(0.02, 1 / seen)
    """

    seen: int = 0
    norm: float = 0.0

    def after(self, norm: float) -> "Usual":
        """Return the estimate after another norm; a norm of 0 is ignored."""
        if norm <= 0:
            return self
        if not self.seen:
            return Usual(1, norm)
        pull = max(SLOWEST, 1 / self.seen) * (QUANTILE - (norm <= self.norm))
        return Usual(self.seen + 1, self.norm * math.exp(pull))

    def is_exceeded_by(self, norm: float) -> bool:
        """Say whether a norm is ten times what is usual, once enough were seen to tell.

        >>> Usual(seen=50, norm=2.0).is_exceeded_by(20.5)
        True
        """
        return self.seen >= SEEN_FIRST and norm > MANY * self.norm


def is_usable(tensors: Iterable[Tensor]) -> bool:
    """Say whether every number of some tensors is finite, and together no larger than 2^64."""
    floating = [tensor.detach() for tensor in tensors if tensor.is_floating_point() and tensor.numel()]
    return float(nn.utils.get_total_norm(floating)) < LARGEST


def unusable_weight(model: Model[Any]) -> Finding | None:
    """Return the first weight that is not usable."""
    return _first("weight", model.named_parameters())


def unusable_gradient(model: Model[Any]) -> Finding | None:
    """Return the first gradient that is not usable."""
    weights = model.named_parameters()
    return _first("gradient", ((name, numbers(weight.grad)) for name, weight in weights if weight.grad is not None))


def unusable_in_windows(model: Model[Any], windows: Sequence[Window], state: Any) -> Finding | None:
    """Return what first became unusable while these windows are read from that state, a step at a time."""
    found = _in_state(state, None)
    for window in windows:
        if found := found or _in_rows("input", "", window.inputs) or _in_targets(window.targets):
            return found
        with torch.no_grad():
            for step, one in enumerate([window] if window.is_labelled else segments(window, 1)):
                before, (loss, state) = state, model.loss(one, state)
                if found := _in_loss(model, one, before, float(loss.nats), step) or _in_state(state, step):
                    return found
    return None


def place_of_gradient(model: Model[Any], windows: Sequence[Window], state: Any) -> tuple[int | None, int | None]:
    """Return the step and the row whose loss alone has an unusable gradient, or none where that is not one place."""
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    for window in windows:
        params, last = model.scan(window, state)
        places = _places(window)

        def is_bad(kept: Tensor, window: Window = window, params: Any = params) -> bool:
            nats = model.head.loss(params, window.targets, kept).nats
            return not is_usable(
                g for g in torch.autograd.grad(nats, weights, retain_graph=True, allow_unused=True) if g is not None
            )

        steps = [step for step in range(len(places)) if is_bad(_only(places, step, slice(None)))]
        if steps and len(steps) < len(places):
            rows = [row for row in range(places.shape[1]) if is_bad(_only(places, steps[0], row))]
            return steps[0], rows[0] if rows else None
        state = detach(last)
    return None, None


def _places(window: Window) -> Tensor:
    """Return where predictions are scored, `[T, B]`."""
    places = window.places
    return (
        torch.ones(window.steps, window.rows, dtype=torch.bool, device=window.inputs.device)
        if places is None
        else places
    )


def _only(places: Tensor, step: int, row: int | slice) -> Tensor:
    kept = torch.zeros_like(places)
    kept[step, row] = places[step, row]
    return kept


def _in_loss(model: Model[Any], one: Window, state: Any, nats: float, step: int) -> Finding | None:
    if abs(nats) < LARGEST:
        return None
    places = _places(one)
    for row in range(places.shape[1]):
        alone = float(model.loss(one._replace(scored=_only(places, 0, row)), state)[0].nats)
        if not abs(alone) < LARGEST:
            return Finding("loss", "", alone, step, row)
    return Finding("loss", "", nats, step)


def _in_state(state: Any, step: int | None) -> Finding | None:
    found = (_in_rows("state", path, leaf[None]) for path, leaf in paths(state))
    first = next((finding for finding in found if finding), None)
    return first._replace(step=step) if first else None


def _in_targets(targets: Any) -> Finding | None:
    parts = [targets] if isinstance(targets, Tensor) else targets
    found = (_in_rows("target", "", part) if isinstance(part, Tensor) else _in_targets(part) for part in parts)
    return next((finding for finding in found if finding), None)


def _in_rows(kind: str, name: str, tensor: Tensor) -> Finding | None:
    """Look through `[T, B, ...]`."""
    if not tensor.is_floating_point() or not tensor.numel():
        return None
    bad = (~(tensor.detach().abs() < LARGEST)).nonzero()
    if not len(bad):
        return None
    place = tuple(bad[0].tolist())
    return Finding(kind, name, float(tensor.detach()[place]), *place[:2])


def _first(kind: str, tensors: Iterable[tuple[str, Tensor]]) -> Finding | None:
    found: Iterator[Finding | None] = (_in_rows(kind, name, tensor.reshape(1, 1, -1)) for name, tensor in tensors)
    first = next((finding for finding in found if finding), None)
    return first._replace(step=None, row=None) if first else None
