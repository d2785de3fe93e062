"""Cells that lose something at random, in native code: what is lost is drawn before the first step, as by each step."""

from typing import Literal, NamedTuple

import torch
from torch import Tensor

from statewise.kernels.extension import ABILITIES, _native
from statewise.kernels.native import CELLS, CellScan, NativeOp
from statewise.kernels.native_tensors import address
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
        rows, noise = given.xs.shape[1], (*given.state[-2:], *given.fresh[-2:])
        streams = [tuple(one.shape) == (rows,) and one.dtype == torch.int64 for one in noise]
        here = all(one.device.type == "cpu" for one in noise)
        return all(streams) and here and NativeOp(self.cell).takes(_without_noise(given))

    def run(self, given: ScanInputs) -> tuple[Tensor, Leaves]:
        """Return the outputs `[T, B, H]` and the last state."""
        rate, random = given.weights[-1].tolist()
        plain = _without_noise(given)
        call = CellScan(self.cell, plain)
        parts = (len(plain.state) if self.of == "state" else 1) if random else 0
        call.rate = rate if self.of == "state" or random else 0.0
        call.changes = torch.empty(call.when.pairs, parts, call.memory_width, dtype=torch.uint8) if parts else None
        streams = [tensor.contiguous() for tensor in (*given.state[-2:], *given.fresh[-2:])]
        last = [torch.empty_like(tensor) for tensor in streams[:2]]
        addresses = [address(tensor) for tensor in (*streams, *last)]
        _native.draw_changes(call.when, call.memory_units, parts, round(rate * DRAWN), addresses, address(call.changes))
        ys, state = call.run(plain)
        return ys, (*state, *last)


def _without_noise(given: ScanInputs) -> ScanInputs:
    return given._replace(state=given.state[:-2], fresh=given.fresh[:-2], weights=given.weights[:-1])


OPS: dict[str, list[Op]] = {}
if _native is not None:
    OPS = {name: [NativeDrawn(number, "state")] for number, name in enumerate(CELLS) if name.startswith("zoneout_")}
if "candidate_dropout" in ABILITIES:
    OPS |= {f"candidate_dropout_{name}": [NativeDrawn(CELLS.index(name), "candidate")] for name in CANDIDATES}
