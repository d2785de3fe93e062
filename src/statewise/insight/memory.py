"""How far back a network remembers, as numbers: gradients by lag, what is used of the past, dynamics, gates."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from statewise.data.window import Window
from statewise.errors import DataError, UsageError
from statewise.insight.ablation import Curve, Use, cut, first_lags, lags_around, replaced, use_of
from statewise.insight.dynamics import Spectrum, exponents, radii, spectra
from statewise.insight.gate_activity import WATCHED_ROWS, CellShares, saturation
from statewise.insight.gradients import send_back
from statewise.insight.horizon import Edge, Reach, reach_of
from statewise.insight.intervals import Interval, band_of
from statewise.insight.probed_network import Divergence, Losses, Network, ProbedNetwork, probed_network, undisturbed
from statewise.insight.probes import Probes, ProbeTrace, begin_of, cut_out, trace, windows_of
from statewise.state import leaves, select_rows, stack

Array = NDArray[np.floating[Any]]
Rows = NDArray[np.integer[Any]]

LAGS, PROBES = 100, 256
HELD_BYTES = 600e6
"How much memory the states of one batch of probes may take."
NUMBER_BYTES = 4
MOST_ROWS = 256
WATCHED_STEPS = 256


@dataclass(frozen=True)
class Memory:
    """What one network remembers: another training of the same kind gives other figures.

    `inputs` says how far back the gradient of the loss reaches, in the inputs; `state` the same in the state, whose
    norms hang on the units of each cell, so that they are not for comparing cells. `cut` says how far predictions
    move when the past is cut off, `replaced` when one input of it is another. `loss` is the mean in nats with a whole
    past, or None where the network has no loss. `rows` of data hold the probes: intervals come from resampling them.
    `lyapunov` are in nats a step, `radii` of each block of recurrent weights.
    """

    name: str
    lags: int
    probes: int
    rows: int
    inputs: Reach
    state: Reach | None
    cut: Use
    replaced: Curve
    loss: float | None = None
    lyapunov: list[Interval] = field(default_factory=list)
    spectra: list[Spectrum] = field(default_factory=list)
    radii: dict[str, list[float]] = field(default_factory=dict)
    cells: dict[str, CellShares] = field(default_factory=dict)

    @property
    def horizon(self) -> Edge:
        """How many steps back 95 % of the gradient in the inputs lies."""
        return self.inputs.horizon

    @property
    def context(self) -> Edge:
        """How many steps back the inputs are used: cutting off what lies further back is not noticed."""
        return self.cut.context

    def as_json(self) -> dict[str, Any]:
        """Return all of it as plain values; what is infinite or no number is null."""
        plain = _plain(self)
        assert isinstance(plain, dict)
        return plain


def measure_memory(
    network: Network,
    inputs: Tensor | Sequence[Window],
    targets: Tensor | None = None,
    *,
    encoder: nn.Module | None = None,
    losses: Losses | None = None,
    lags: int = LAGS,
    probes: int = PROBES,
    leading: int | None = None,
    name: str = "this network",
    seed: int = 0,
    tell: Callable[[float], None] | None = None,
) -> Memory:
    """Measure how far back a network remembers on real data, without changing it.

    `network` is a statewise model or recurrence, or a `torch.nn.RNN`, `LSTM` or `GRU`. `inputs` are a sequence
    `[T, B, ...]`, time first, or windows that go on from one another; rows that reset or sleep are heeded. For a
    recurrence `encoder` turns inputs into features, and `losses(ys, targets)` gives one loss a row; without it, and
    where targets belong to whole rows (CTC), a random direction of the output stands for the loss. Every row is probed
    at the last step of each stretch of `lags + 1` steps, until there are `probes`; the first `leading` stretches only
    lead in (1 where there are more).
    `tell` is called with the share that is done.

    Raises `UsageError` for a network that is none, or fewer than 2 lags or probes; `DataError` for too short sequences.

    >>> _ = torch.manual_seed(0)
    >>> memory = measure_memory(nn.RNN(5, 4), torch.randn(200, 8, 5), lags=12, probes=32)
    >>> memory.probes, memory.horizon.steps.value < 12
    (32, True)
    """
    for what, given in (("lags", lags), ("probes", probes)):
        if given < 2:
            raise UsageError(f"{what} {given} cannot show how anything falls: give 2 or more")
    probed = probed_network(network, encoder=encoder, losses=losses)
    windows = windows_of(inputs, targets, lags + 1) if isinstance(inputs, Tensor) else inputs
    steps = max((window.steps for window in windows[:4]), default=0)
    lags = min(lags, steps - 1)
    if lags < 2:
        raise DataError(f"windows of {steps} steps were given, in which nothing is far back: give 3 steps or more")
    if any(not isinstance(window.targets, Tensor) for window in windows[:1]):  # they belong to whole rows
        probed = replace(probed, losses=None)
    is_scored = probed.losses is not None and (targets is not None or not isinstance(inputs, Tensor))
    if probed.losses is not None and not is_scored:
        raise UsageError("a network with a loss was given no targets: give them, [T, B]")
    modules: list[nn.Module] = [network, probed.core, *([] if encoder is None else [encoder])]
    with undisturbed(*modules):
        return _Measurement(probed, lags, probes, is_scored, name, seed, tell or (lambda done: None)).of(
            windows, int(len(windows) > 1) if leading is None else leading
        )


def rows_at_once(network: ProbedNetwork, lags: int, probes: int) -> int:
    """Return how many probes can be read side by side within the memory that a batch may take."""
    numbers = sum(leaf[0].numel() for leaf in leaves(network.begin(1))) + network.core.units
    return max(4, min(probes, MOST_ROWS, int(HELD_BYTES / (numbers * NUMBER_BYTES * (lags + 1)))))


@dataclass
class _Measurement:
    """Probes under way: what each of them gives is kept as numbers, and the last batch for what needs only one."""

    network: ProbedNetwork
    lags: int
    probes: int
    is_scored: bool
    name: str
    seed: int
    tell: Callable[[float], None]

    def of(self, windows: Sequence[Window], leading: int) -> Memory:
        """Probe windows one after another, and return all that was found."""
        lags, dice = first_lags(self.lags), torch.Generator().manual_seed(self.seed)
        found: list[list[NDArray[Any]]] = [[], [], [], [], [], []]
        batch = None
        for one in self._batches(windows, leading, begun=0.0):
            divergence = self._divergence(one)
            lengths = send_back(self.network, one.trace, dice)
            moved = cut(self.network, one.trace, lags, divergence)
            other = replaced(self.network, one.trace, lags, divergence, dice)
            parts = (one.rows, lengths.inputs, lengths.state, moved, other, self._losses(one))
            for kept, part in zip(found, parts, strict=True):
                kept.append(one.of_probes(part))
            batch = one.trace.batch
        if batch is None:
            raise DataError("the data hold nothing to probe: give longer sequences, or fewer lags")
        rows, inputs, state, moved, other, losses = (np.concatenate(part)[: self.probes] for part in found)
        core, (watched, first) = self.network.core, _watched(batch)
        is_known = bool(leaves(batch.state)) and not np.isnan(state).all()
        return Memory(
            self.name,
            self.lags,
            len(rows),
            len(np.unique(rows)),
            reach_of(inputs, rows, self.seed),
            reach_of(state, rows, self.seed) if is_known else None,
            self._use(windows, leading, lags, moved, rows),
            Curve.of(lags, band_of(other, rows, self.seed)),
            float(losses.mean()) if self.is_scored else None,
            exponents(core, batch) if is_known else [],
            spectra(core, batch) if is_known else [],
            radii(core),
            saturation(core, watched, first),
        )

    def _use(self, windows: Sequence[Window], leading: int, lags: list[int], moved: Array, rows: Rows) -> Use:
        """Cut the past at every lag near the edge too: the windows are read again, until nothing is missing there."""
        use, begun = use_of(moved, lags, rows, self.seed), 0.5
        while missing := lags_around(use.context, lags):
            parts = [
                one.of_probes(cut(self.network, one.trace, missing, self._divergence(one)))
                for one in self._batches(windows, leading, begun)
            ]
            moved = np.concatenate([moved, np.concatenate(parts)[: self.probes]], axis=1)
            order = np.argsort([*lags, *missing])
            lags, moved = sorted([*lags, *missing]), moved[:, order]
            use, begun = use_of(moved, lags, rows, self.seed), (1 + begun) / 2
        self.tell(1.0)
        return use

    def _batches(self, windows: Sequence[Window], leading: int, begun: float) -> Iterator["_Batch"]:
        """Read window after window; after the leading ones yield probes, some rows at a time, until they are enough.

        Told is a share of the work: from `begun` half of what is left.
        """
        state, taken, number = None, 0, 0
        for place, window in enumerate(windows):
            before = begin_of(self.network, window, state)
            if place < leading:
                _, state = self._scan(window, before)
                continue
            batch = cut_out(self.network, window, before, self.lags, is_scored=self.is_scored)
            every, lasts = torch.arange(batch.xs.shape[1]), []
            for rows in torch.split(every, rows_at_once(self.network, self.lags, self.probes)):
                read = trace(self.network, batch.of(rows))
                lasts.append(read.last)
                one = _Batch(read, rows.numpy(), number)
                yield one
                taken, number = taken + int(one.awake.sum()), number + 1
                self.tell(begun + (1 - begun) / 2 * min(1.0, taken / self.probes))
                if taken >= self.probes:
                    return
            state = stack(lasts)

    def _divergence(self, one: "_Batch") -> Divergence:
        """Return what compares predictions of a batch; what it draws is the same each time that the batch is read."""
        whole = one.trace.output.detach()
        dice = torch.Generator(whole.device).manual_seed(self.seed + one.number)
        with torch.no_grad():
            return self.network.divergence_from(whole, one.trace.batch.targets, dice)

    def _losses(self, one: "_Batch") -> NDArray[Any]:
        if self.network.losses is None or one.trace.batch.targets is None:
            return np.zeros(len(one.rows))
        with torch.no_grad():
            return self.network.losses(one.trace.output, one.trace.batch.targets).double().cpu().numpy()

    def _scan(self, window: Window, state: Any) -> tuple[Tensor, Any]:
        device = self.network.device
        xs = self.network.encode(window.inputs.to(device)).detach()
        reset, mask = (None if part is None else part.to(device) for part in (window.reset, window.mask))
        with torch.no_grad():
            return self.network.core.scan(xs, state, reset=reset, mask=mask)


class _Batch(NamedTuple):
    """Probes that were read, the row of data that each lies in, and the number of the batch."""

    trace: ProbeTrace
    rows: Rows
    number: int

    @property
    def awake(self) -> NDArray[np.bool_]:
        """Which rows were awake at some step: only they are probed."""
        found: NDArray[np.bool_] = self.trace.batch.mask[-1].cpu().numpy()
        return found

    def of_probes(self, found: NDArray[Any]) -> NDArray[Any]:
        """Return what was found at rows that were awake."""
        return found[self.awake]


def _watched(batch: Probes) -> tuple[Tensor, Any]:
    """Return what gates and units are watched on: some rows of a batch, as many steps as are telling."""
    whole = (batch.mask.all(dim=0) & ~batch.reset[1:].any(dim=0)).nonzero().flatten()[:WATCHED_ROWS]
    rows = whole if len(whole) else torch.arange(min(WATCHED_ROWS, batch.xs.shape[1]))
    return batch.xs[:WATCHED_STEPS, rows], select_rows(batch.state, rows)


def _plain(thing: Any) -> Any:
    if isinstance(thing, float):
        return thing if math.isfinite(thing) else None
    if hasattr(thing, "_asdict"):
        return {key: _plain(part) for key, part in thing._asdict().items()}
    if isinstance(thing, Mapping):
        return {str(key): _plain(part) for key, part in thing.items()}
    if isinstance(thing, list | tuple):
        return [_plain(part) for part in thing]
    if hasattr(thing, "__dataclass_fields__"):
        return {key: _plain(getattr(thing, key)) for key in thing.__dataclass_fields__}
    return thing
