"""Records a recurrence while it reads: the values of its gates and units, layer by layer, for any cell."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from statewise.cells import Recurrent
from statewise.data.window import Window
from statewise.insight.probed_network import undisturbed
from statewise.model import Model

LEFT, RIGHT = 0.1, 0.9
"Below and above which a gate is saturated (Karpathy, Johnson & Fei-Fei 2015)."
STILL = 1e-3
"A unit whose output differs by less from step to step, as a standard deviation, says nothing."
FLAT = 0.99
"A unit is flat at a step where the size of its output is beyond this: the slope of tanh is below 0.02 there."
BINS = 20
WATCHED_ROWS, GLANCE_STEPS = 8, 32

SIGMOIDS = {torch.sigmoid, torch.Tensor.sigmoid, torch.special.expit}
LOG_SIGMOIDS = {torch.nn.functional.logsigmoid}


def cells_in(core: Recurrent[Any]) -> dict[str, Recurrent[Any]]:
    """Return the cells of a core by a name that a reader knows: where it stands, and its class.

    >>> from statewise.cells import GRU, Chain, Elman
    >>> list(cells_in(Chain(GRU(5, 4), Elman(4, 4)))), list(cells_in(Elman(5, 4)))
    (['1 GRU', '2 Elman'], ['Elman'])
    """
    found = [part for part in core.modules() if isinstance(part, Recurrent) and _is_cell(part)]
    return {
        f"{i} {type(part).__name__}" if len(found) > 1 else type(part).__name__: part for i, part in enumerate(found, 1)
    }


def _is_cell(part: Recurrent[Any]) -> bool:
    return bool(part.gate_names) or sum(isinstance(inner, Recurrent) for inner in part.modules()) == 1


class Seen(NamedTuple):
    """What one cell did at one step: the values of its gates in the order computed, `[B, H]` each, and its output."""

    gates: list[Tensor]
    output: Tensor


class _Sigmoids(TorchFunctionMode):
    """Keep what every sigmoid returns for the cell that is at work."""

    def __init__(self) -> None:
        super().__init__()
        self.at_work: list[list[Tensor]] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if self.at_work and func in SIGMOIDS:
            self.at_work[-1].append(out.detach())
        elif self.at_work and func in LOG_SIGMOIDS:
            self.at_work[-1].append(out.detach().exp())
        return out


@contextmanager
def watching(core: Recurrent[Any], tell: Callable[[str, Seen], None]) -> Iterator[None]:
    """Call `tell` with a cell's name and what it did, after each of its steps; the cells are as before afterwards."""
    cells = cells_in(core)
    try:
        with _Sigmoids() as sigmoids:
            for name, cell in cells.items():
                cell.__dict__["step"] = _told(name, cell, sigmoids, tell)
            yield
    finally:
        for cell in cells.values():
            cell.__dict__.pop("step", None)


def _told(name: str, cell: Recurrent[Any], sigmoids: _Sigmoids, tell: Callable[[str, Seen], None]) -> Any:
    step = cell.step

    def watched(x: Tensor, state: Any) -> tuple[Tensor, Any]:
        sigmoids.at_work.append([])
        try:
            y, after = step(x, state)
        finally:
            gates = sigmoids.at_work.pop()
        tell(name, Seen([gate for gate in gates if gate.dim() > 1 and len(gate) == len(y)], y.detach()))
        return y, after

    return watched


def named_gates(cell: Recurrent[Any], found: int) -> list[str]:
    """Return the names of a cell's gates; those that it does not name are numbered, and "" is not a gate."""
    return [
        cell.gate_names[i] if i < len(cell.gate_names) else ("" if cell.gate_names else f"gate {i + 1}")
        for i in range(found)
    ]


class GateShares(NamedTuple):
    """How a gate stands: for each unit, at what share of the steps it is below 0.1 and above 0.9, and all values."""

    left: list[float]
    right: list[float]
    histogram: list[int]

    @property
    def left_share(self) -> float:
        """Share of all values that are left-saturated: the gate is shut."""
        return sum(self.left) / len(self.left)

    @property
    def right_share(self) -> float:
        """Share of all values that are right-saturated: the gate is open."""
        return sum(self.right) / len(self.right)


class CellShares(NamedTuple):
    """What a cell's gates and units do over a stretch of data."""

    gates: dict[str, GateShares]
    histogram: list[int]
    units: int
    dead: list[int]
    flat_share: float


class _Tally:
    """Sums over steps, so that nothing is kept that grows with them."""

    def __init__(self) -> None:
        self.seen = 0
        self.sums: list[Tensor] = []

    def add(self, *parts: Tensor) -> None:
        """Add what one step showed."""
        self.seen += 1
        self.sums = [a + b for a, b in zip(self.sums, parts, strict=True)] if self.sums else list(parts)


def saturation(core: Recurrent[Any], xs: Tensor, state: Any) -> dict[str, CellShares]:
    """Return what the gates and units of every cell do while a sequence `[T, B, D]` is read, a step at a time."""
    cells = cells_in(core)
    gates: dict[str, dict[str, _Tally]] = {name: {} for name in cells}
    outputs = {name: _Tally() for name in cells}

    def tell(name: str, seen: Seen) -> None:
        cell = cells[name]
        for gate, values in _split(cell, seen):
            gates[name].setdefault(gate, _Tally()).add(*_gate_sums(values))
        outputs[name].add(*_output_sums(seen.output))

    with torch.no_grad(), watching(core, tell):
        for x in xs:
            _, state = core.step(x, state)
    return {name: _shares(gates[name], outputs[name], xs.shape[1]) for name in cells if outputs[name].seen}


def activations(model: Model[Any], window: Window) -> dict[str, list[int]]:
    """Count, for every cell of a model, in which twentieth between -1 and 1 its outputs lie on a piece of a window."""
    if window.context is not None:
        return {}
    steps, rows = min(window.steps, GLANCE_STEPS), min(window.rows, WATCHED_ROWS)
    with undisturbed(model):
        device = next(model.parameters()).device
        xs = model.encoder(window.inputs[:steps, :rows].to(device)).detach()
        return {name: cell.histogram for name, cell in saturation(model.core, xs, model.begin(rows)).items()}


def _split(cell: Recurrent[Any], seen: Seen) -> Iterable[tuple[str, Tensor]]:
    """Yield each gate with its values, `[B, H]`: two may come out of one sigmoid, side by side."""
    values = [gate.flatten(1) for gate in seen.gates]
    named = len(cell.gate_names)
    if len(values) == 1 and named > 1:
        values = list(values[0].chunk(named, dim=1))
    return ((name, gate) for name, gate in zip(named_gates(cell, len(values)), values, strict=True) if name)


def _gate_sums(values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    counts = torch.histc(values.float(), BINS, 0, 1)
    return (values < LEFT).double().sum(dim=0), (values > RIGHT).double().sum(dim=0), counts


def _output_sums(values: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    wide = values.double()
    counts = torch.histc(values.float().clamp(-1, 1), BINS, -1, 1)
    return wide.sum(dim=0), wide.square().sum(dim=0), (wide.abs() > FLAT).double().mean(), counts


def _shares(gates: dict[str, _Tally], output: _Tally, rows: int) -> CellShares:
    places = output.seen * rows
    mean, square = output.sums[0] / places, output.sums[1] / places
    spread = (square - mean.square()).clamp(min=0).sqrt()
    shares = {}
    for name, tally in gates.items():
        left, right, counted = tally.sums
        shares[name] = GateShares((left / places).tolist(), (right / places).tolist(), _whole(counted))
    dead = (spread < STILL).nonzero().flatten().tolist()
    return CellShares(shares, _whole(output.sums[3]), len(mean), dead, float(output.sums[2]) / output.seen)


def _whole(counts: Tensor) -> list[int]:
    return [int(count) for count in counts.tolist()]


def gates_along(core: Recurrent[Any], xs: Tensor, state: Any) -> tuple[list[str], Tensor]:
    """Return the value of every gate after each step of a sequence `[T, 1, D]`, `[T, G]`, and what each is called.

    A name is such as `1 LSTM forget[3]`, a unit's gate; a cell without gates has none.
    """
    cells, names = cells_in(core), list[str]()
    rows: list[list[Tensor]] = []

    def tell(name: str, seen: Seen) -> None:
        for gate, values in _split(cells[name], seen):
            if len(rows) == 1:
                names.extend(f"{name} {gate}[{unit}]" for unit in range(values.shape[1]))
            rows[-1].append(values[0])

    with torch.no_grad(), watching(core, tell):
        for x in xs:
            rows.append([])
            _, state = core.step(x, state)
    along = [torch.cat(row) if row else torch.empty(0) for row in rows]
    return names, torch.stack(along) if along else torch.empty(0, 0)
