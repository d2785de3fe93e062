"""How far back a network remembers, as numbers: gradients by lag, what is used of the past, dynamics, gates."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from statewise.data.window import Window
from statewise.errors import DataError, UsageError
from statewise.insight.ablation import Use, lags_of, rises, use_of
from statewise.insight.dynamics import Spectrum, exponents, radii, spectra
from statewise.insight.gradients import send_back
from statewise.insight.horizon import Interval, Reach, reach_of
from statewise.insight.network import Losses, Network, ProbedNetwork, probed_network, undisturbed
from statewise.insight.probes import Probes, Trace, begin_of, cut_out, trace, windows_of
from statewise.insight.watching import WATCHED_ROWS, CellShares, saturation
from statewise.state import leaves, select_rows, stack

LAGS, PROBES = 100, 256
HELD_BYTES = 600e6
"How much memory the states of one batch of probes may take."
NUMBER_BYTES = 4
MOST_ROWS = 256
WATCHED_STEPS = 256


@dataclass(frozen=True)
class Memory:
    """What a network remembers.

    `state` and `inputs` say how far back the gradient of the loss reaches, in the state and in the inputs; `cut` and
    `replaced` how the loss rises when the past is cut off, or one input of it is another. `loss` is the mean in nats
    with a whole past, or None where the network has no loss. `lyapunov` are in nats a step, `radii` of each block of
    recurrent weights.
    """

    name: str
    lags: int
    probes: int
    state: Reach | None
    inputs: Reach
    cut: Use
    replaced: Use
    loss: float | None = None
    lyapunov: list[Interval] = field(default_factory=list)
    spectra: list[Spectrum] = field(default_factory=list)
    radii: dict[str, list[float]] = field(default_factory=dict)
    cells: dict[str, CellShares] = field(default_factory=dict)

    @property
    def horizon(self) -> Reach:
        """How far back the gradient reaches in the state; in the inputs where there is no state."""
        return self.state or self.inputs

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
    `[T, B, ...]`, time first, or windows that go on from one another; rows that begin anew or sleep are heeded. For a
    recurrence `encoder` turns inputs into features, and `losses(ys, targets)` gives one loss a row; without it a random
    direction of the output stands for the loss. Every row is probed at the last step of each stretch of `lags + 1`
    steps, until there are `probes`; the first `leading` stretches only lead in (1 where there are more).
    `tell` is called with the share that is done.

    Raises `UsageError` for a network that is none, or fewer than 2 lags or probes; `DataError` for too short sequences.

    >>> _ = torch.manual_seed(0)
    >>> memory = measure_memory(nn.RNN(5, 4), torch.randn(200, 8, 5), lags=12, probes=32)
    >>> memory.probes, memory.state.horizon.value < 12
    (32, True)
    """
    for what, given in (("lags", lags), ("probes", probes)):
        if given < 2:
            raise UsageError(f"{what} {given} cannot show how anything falls: give 2 or more")
    probed = probed_network(network, encoder=encoder, losses=losses)
    windows = windows_of(inputs, targets, lags + 1) if isinstance(inputs, Tensor) else inputs
    steps = max((len(window.targets) for window in windows[:4]), default=0)
    lags = min(lags, steps - 1)
    if lags < 2:
        raise DataError(f"windows of {steps} steps were given, in which nothing is far back: give 3 steps or more")
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
    """Probes on their way: what each found is kept as numbers, and the last batch for what needs only one."""

    network: ProbedNetwork
    lags: int
    probes: int
    is_scored: bool
    name: str
    seed: int
    tell: Callable[[float], None]

    def of(self, windows: Sequence[Window], leading: int) -> Memory:
        """Probe windows one after another, and return all that was found."""
        dice = torch.Generator().manual_seed(self.seed)
        lags = lags_of(self.lags)
        found: list[list[NDArray[np.float64]]] = [[], [], [], [], []]
        taken, batch = 0, None
        for one in self._traces(windows, leading):
            parts = (*send_back(self.network, one, dice), *rises(self.network, one, lags, dice))
            awake = one.batch.mask[-1].cpu().numpy()
            for kept, part in zip(found, parts, strict=True):
                kept.append(part[awake])
            taken, batch = taken + int(awake.sum()), one.batch
            self.tell(min(1.0, taken / self.probes))
            if taken >= self.probes:
                break
        if batch is None:
            raise DataError("the data hold nothing to probe: give longer sequences, or fewer lags")
        state, inputs, cut, replaced, whole = (np.concatenate(part)[: self.probes] for part in found)
        core = self.network.core
        watched, begun = _watched(batch)
        is_known = bool(leaves(batch.state)) and not np.isnan(state).all()
        return Memory(
            self.name,
            self.lags,
            len(whole),
            reach_of(state, 1, self.seed) if is_known else None,
            reach_of(inputs, 0, self.seed),
            use_of(cut, lags, self.seed),
            use_of(replaced, lags, self.seed),
            float(np.nanmean(whole)) if self.is_scored else None,
            exponents(core, batch) if is_known else [],
            spectra(core, batch) if is_known else [],
            radii(core),
            saturation(core, watched, begun),
        )

    def _traces(self, windows: Sequence[Window], leading: int) -> Iterator[Trace]:
        """Read window after window; after the leading ones yield the probes, some rows at a time."""
        state = None
        for number, window in enumerate(windows):
            begun = begin_of(self.network, window, state)
            if number < leading:
                _, state = self._scan(window, begun)
                continue
            batch = cut_out(self.network, window, begun, self.lags, is_scored=self.is_scored)
            every, lasts = torch.arange(batch.xs.shape[1]), []
            for rows in torch.split(every, rows_at_once(self.network, self.lags, self.probes)):
                read = trace(self.network, batch.of(rows))
                lasts.append(read.last)
                yield read
            state = stack(lasts)

    def _scan(self, window: Window, state: Any) -> tuple[Tensor, Any]:
        device = self.network.device
        xs = self.network.encode(window.inputs.to(device)).detach()
        reset, mask = (None if part is None else part.to(device) for part in (window.reset, window.mask))
        with torch.no_grad():
            return self.network.core.scan(xs, state, reset=reset, mask=mask)


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
