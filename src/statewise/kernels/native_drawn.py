"""Cells that lose something at random, in native code: what is lost is drawn before the first step, as by each step."""

from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from statewise.kernels.extension import ABILITIES, _native
from statewise.kernels.native import CELLS, CellScan, NativeOp
from statewise.kernels.native_tensors import address, padded
from statewise.kernels.op import Leaves, Op, ScanInputs

DRAWN = 2**24
"How many numbers can be drawn."
CANDIDATES = ("lstm", "layer_norm_lstm")
"The cells with dropout of their candidates."


class NativeDrawn(NamedTuple):
    """One recurrence with zoneout of its `state`, or with dropout of its `candidate`.

    After the part's state come the seeds and draws of its random numbers, `[B]` each, and after its weights the rate
    and whether anything is drawn, 1; else, 0, a state is zoned out in the mean, and candidates are kept.
    """

    cell: int
    of: Literal["state", "candidate"]
    kernel: str = "native"

    def takes(self, given: ScanInputs) -> bool:
        """Take float32 on a CPU, where there is anything to compute, and streams of random numbers for every row."""
        return has_noise(given) and NativeOp(self.cell).takes(without_noise(given))

    def run(self, given: ScanInputs) -> tuple[Tensor, Leaves]:
        """Return the outputs `[T, B, H]` and the last state."""
        rate, random = given.weights[-1].tolist()
        plain = without_noise(given)
        call = CellScan(self.cell, plain)
        parts = (len(plain.state) if self.of == "state" else 1) if random else 0
        call.rate = rate if self.of == "state" or random else 0.0
        call.changes, after = draw(given, call.when, call.memory_units, parts, rate)
        ys, state = call.run(plain)
        return ys, (*state, *after)


def has_noise(given: ScanInputs) -> bool:
    """Tell whether a state ends with streams of random numbers for every row, on a CPU."""
    rows, noise = given.xs.shape[1], (*given.state[-2:], *given.fresh[-2:])
    streams = [tuple(one.shape) == (rows,) and one.dtype == torch.int64 for one in noise]
    return all(streams) and all(one.device.type == "cpu" for one in noise)


def without_noise(given: ScanInputs) -> ScanInputs:
    """Return what the part itself is given."""
    return given._replace(state=given.state[:-2], fresh=given.fresh[:-2], weights=given.weights[:-1])


def draw(given: ScanInputs, when: Any, units: int, parts: int, rate: float) -> tuple[Tensor | None, Leaves]:
    """Return what changes, `[pairs, parts, padded units]` of bytes, or None of no part, and the last streams."""
    changes = torch.empty(when.pairs, parts, padded(units), dtype=torch.uint8) if parts else None
    streams = [tensor.contiguous() for tensor in (*given.state[-2:], *given.fresh[-2:])]
    last = tuple(torch.empty_like(tensor) for tensor in streams[:2])
    taken = [address(tensor) for tensor in (*streams, *last)]
    _native.draw_changes(when, units, parts, round(rate * DRAWN), taken, address(changes))
    return changes, last


OPS: dict[str, list[Op]] = {}
if _native is not None:
    OPS = {name: [NativeDrawn(number, "state")] for number, name in enumerate(CELLS) if name.startswith("zoneout_")}
if "candidate_dropout" in ABILITIES:
    OPS |= {f"candidate_dropout_{name}": [NativeDrawn(CELLS.index(name), "candidate")] for name in CANDIDATES}
