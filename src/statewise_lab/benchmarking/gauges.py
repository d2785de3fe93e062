"""What this machine can do at all: the peak of its matrix products and how fast it reads memory of a given size."""

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch

from statewise.kernels import extension, native
from statewise_lab.benchmarking.measure import Outputs, timed

PRODUCT_SIDES = (384, 1024)
WHOSE = ("torch", "statewise")
FLOAT_BYTES = 4
GAUGE_BYTES = 2**28
LEAST_SECONDS = 0.02


class Products:
    """Square products of single precision, PyTorch's and ours, measured like other ways: the fastest is the peak."""

    def __init__(self, sides: tuple[int, ...] = PRODUCT_SIDES, whose: tuple[str, ...] = WHOSE) -> None:
        self.best_flops_per_second = 0.0
        makers = {"torch": _product, "statewise": _own_product}
        able = [name for name in whose if name == "torch" or extension.instructions()]
        self._calls = [(side, makers[name](side)) for name in able for side in sides]

    def outputs(self) -> Outputs:
        """Return nothing: what is multiplied is random."""
        return {}

    def turn(self, calls: int) -> float:
        """Multiply for a moment, whatever `calls` says, and remember the highest speed seen."""
        total = 0.0
        for side, call in self._calls:
            once = min(timed(call, 1) for _ in range(2))
            times = max(1, round(LEAST_SECONDS / once))
            seconds = timed(call, times)
            total += seconds
            self.best_flops_per_second = max(self.best_flops_per_second, 2 * side**3 * times / seconds)
        return total

    def floor_seconds(self, flops: float) -> float:
        """Return the seconds of so many floating-point operations at the peak."""
        return flops / self.best_flops_per_second


class Reading:
    """Repeated reads of so many bytes, measured like the other ways: the fastest is what a step's weights cost."""

    def __init__(self, size_bytes: int) -> None:
        self.size_bytes, self.best_bytes_per_second = size_bytes, 0.0
        values = max(1, size_bytes // FLOAT_BYTES)
        self._times = max(1, GAUGE_BYTES // size_bytes)
        # one call reads the same values many times, so that its own cost does not count
        self._values = torch.ones(values).expand(self._times, values)

    def outputs(self) -> Outputs:
        """Return nothing: only time counts."""
        return {}

    def turn(self, calls: int) -> float:
        """Read for a moment, whatever `calls` says, and remember the highest speed seen."""
        seconds = timed(self._values.sum, 1)
        self.best_bytes_per_second = max(self.best_bytes_per_second, self._values.numel() * FLOAT_BYTES / seconds)
        return seconds

    def floor_seconds(self, size_bytes: float) -> float:
        """Return the seconds of reading so many bytes at that speed."""
        return size_bytes / self.best_bytes_per_second


class Floor(NamedTuple):
    """How much a case cannot do without, and the gauge that says how long this takes at best."""

    amount: float
    gauge: Products | Reading

    @property
    def seconds(self) -> float:
        """How long that takes on this machine at its best of this run."""
        return self.gauge.floor_seconds(self.amount)


def level_bytes(caches: Mapping[str, int]) -> dict[str, int]:
    """Return a size that fits well into each cache, and one that fits into none.

    >>> level_bytes({"L1": 32768, "L2": 1048576})
    {'L1': 24576, 'L2': 524288, 'memory': 268435456}
    """
    levels = {name: size * 3 // 4 if name == "L1" else size // 2 for name, size in caches.items()}
    return {**levels, "memory": max(2**28, 4 * max(caches.values(), default=0))}


class MultiplyAdds:
    """Multiplying and adding in registers on one thread: what the processor does where nothing is fetched or kept."""

    TIMES = 2**20

    def __init__(self) -> None:
        self.best_flops_per_second = 0.0

    def turn(self) -> None:
        """Compute for a moment, and remember the highest speed seen."""
        began = time.perf_counter()
        flops = native.multiply_adds(self.TIMES)
        self.best_flops_per_second = max(self.best_flops_per_second, flops / (time.perf_counter() - began))


def _own_product(side: int) -> Callable[[], object]:
    left, right, out = torch.randn(side, side), torch.randn(side, side), torch.empty(side, side)
    return lambda: native.product(left, right, out)


def _product(side: int) -> Callable[[], object]:
    left, right, out = torch.randn(side, side), torch.randn(side, side), torch.empty(side, side)
    return lambda: torch.mm(left, right, out=out)
