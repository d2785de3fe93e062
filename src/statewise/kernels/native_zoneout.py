"""Cells with zoneout in native code: the random masks are drawn before the first step, the same as step by step."""

from typing import NamedTuple

import torch
from torch import Tensor

from statewise.kernels.extension import _native
from statewise.kernels.native import CELLS, CellScan, NativeOp, _address
from statewise.kernels.op import Leaves, Op, ScanInputs

DRAWN = 2**24
"How many numbers can be drawn."


class NativeZoneout(NamedTuple):
    """One recurrence with zoneout.

    After the part's state come the seeds and draws of its random numbers, `[B]` each, and after its weights the rate
    and whether the state is to be zoned out at random, 1, or in the mean, 0.
    """

    cell: int
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
        call.zoneout = rate
        parts = len(plain.state) if random else 0
        call.changes = torch.empty(call.when.pairs, parts, call.width, dtype=torch.uint8) if parts else None
        streams = [tensor.contiguous() for tensor in (*given.state[-2:], *given.fresh[-2:])]
        last = [torch.empty_like(tensor) for tensor in streams[:2]]
        addresses = [_address(tensor) for tensor in (*streams, *last)]
        _native.draw_changes(call.when, call.units, parts, round(rate * DRAWN), addresses, _address(call.changes))
        ys, state = call.run(plain)
        return ys, (*state, *last)


def _without_noise(given: ScanInputs) -> ScanInputs:
    return given._replace(state=given.state[:-2], fresh=given.fresh[:-2], weights=given.weights[:-1])


OPS: dict[str, list[Op]] = {}
if _native is not None:
    OPS = {name: [NativeZoneout(number)] for number, name in enumerate(CELLS) if name.startswith("zoneout_")}
