"""What is inside a run: what its units and gates do along a text, and how far back it remembers."""

import asyncio
import base64
from collections import OrderedDict
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from statewise.errors import UsageError

if TYPE_CHECKING:
    from statewise.verbs import Trained

MOST_INPUTS, MOST_VALUES = 4000, 4_000_000
"Of a text that is looked into, and of all units along it."
FINEST = 127
"Values are told in so many steps of a unit's largest, up and down."
ODDS_DIGITS = 4
MOST_KEPT = 8
Memorised = tuple[str, int, int, tuple[str, ...]]
"A checkpoint, lags, probes and the runs that it is compared with."


def reads_text(trained: "Trained") -> bool:
    """Say whether a run reads a text step by step, from nothing else: its units can then be looked at along one."""
    inputs = trained.task.inputs(trained.codec)
    return inputs is not None and inputs.split is not None and trained.model.reader is None


def units_along(trained: "Trained", text: str) -> dict[str, Any]:
    """Return what every unit and gate of a run is after each character, or word, of a text.

    `values` `[T, U]` are bytes in base 64, each from -127 to 127 of the unit's own scale. Raises `UsageError` for a run
    that reads no text, and for a text that is empty or too long.
    """
    import torch

    from statewise.insight.gate_activity import gates_along
    from statewise.insight.neurons import read_units, search
    from statewise.insight.probed_network import undisturbed

    inputs = trained.task.inputs(trained.codec)
    if inputs is None or inputs.split is None or not reads_text(trained):
        raise UsageError(f"{trained.path.name} reads no text step by step: its memory can be measured, not its units")
    codes = list(inputs.split(text))
    if not 0 < len(codes) <= MOST_INPUTS:
        raise UsageError(f"a text of {len(codes):,} steps cannot be looked into: give 1 to {MOST_INPUTS:,}")
    model, read = deepcopy(trained.model), torch.tensor(codes)  # sessions step the other one meanwhile
    units = read_units(model, read, trained.codec)
    with undisturbed(model), torch.no_grad():
        device = next(model.parameters()).device
        names, gates = gates_along(model.core, model.encoder(read.unsqueeze(1).to(device)), model.begin(1))
    values = np.concatenate([units.values, gates.double().cpu().numpy()], axis=1)
    if values.size > MOST_VALUES:
        most = MOST_VALUES // values.shape[1]
        raise UsageError(
            f"{values.shape[1]:,} units along {len(codes):,} steps are too many: give at most {most:,} steps"
        )
    scales, told = in_bytes(values)
    likely = [[(choice, round(odds, ODDS_DIGITS)) for choice, odds in row] for row in units.likely]
    matches = [{**match._asdict(), "is_real": match.is_real} for match in search(units)] if len(codes) > 1 else []
    return {
        "shown": units.shown,
        "likely": likely,
        "names": [*units.names, *names],
        "gates": len(names),
        "scales": scales.tolist(),
        "values": base64.b64encode(told.tobytes()).decode(),
        "matches": matches,
    }


def in_bytes(values: NDArray[np.floating[Any]]) -> tuple[NDArray[np.floating[Any]], NDArray[np.int8]]:
    """Return the scale of each unit `[U]` and its values `[T, U]` in steps of it, as bytes.

    >>> scales, told = in_bytes(np.array([[0.5, 0.0], [-0.25, 0.0]]))
    >>> scales.tolist(), told.tolist()
    ([0.5, 0.0], [[127, 0], [-64, 0]])
    """
    finite = np.nan_to_num(values)
    scales = np.abs(finite).max(axis=0)
    told = np.rint(FINEST * finite / np.where(scales > 0, scales, 1))
    return scales, told.astype(np.int8)


@final
class Insides:
    """Measurements of how far back runs remember: one at a time, and the last ones kept."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Memorised, dict[str, Any]] = OrderedDict()
        self._measuring = asyncio.Lock()

    async def memory(
        self, path: Path, checkpoint: str, lags: int, probes: int, compare: Sequence[Path]
    ) -> dict[str, Any]:
        """Return how far back a run remembers, next to the untrained network and to other runs.

        Raises what `inspect_memory` does.
        """
        key = f"{path}:{checkpoint}", lags, probes, tuple(str(other) for other in compare)
        async with self._measuring:
            if (known := self._kept.get(key)) is None:
                known = await asyncio.to_thread(_measured, path, lags, probes, compare)
                self._kept[key] = known
            self._kept.move_to_end(key)
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
            return known


def _measured(path: Path, lags: int, probes: int, compare: Sequence[Path]) -> dict[str, Any]:
    from statewise.monitoring.memory_report import inspect_memory

    return inspect_memory(path, lags=lags, probes=probes, compare=compare).as_json()
