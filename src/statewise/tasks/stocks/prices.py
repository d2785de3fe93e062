"""Prices under way: each is told to a forecast of returns as the return since the one before."""

import math
from collections.abc import Callable, Mapping
from typing import Any, Self, final

import numpy as np
import torch

from statewise.data.series.panel import Panel
from statewise.errors import DataError
from statewise.inputs import Inputs
from statewise.state import read_tensors, write_tensors
from statewise.task import Live
from statewise.tasks.forecast.live import LiveForecaster

PERCENT = 100.0


@final
class Prices(Live):
    """Reads prices as a table of them has them, and says what `LiveForecaster` says of their returns, in percent.

    A price that is left out counts for nothing; the next one is compared with the last that came.
    """

    def __init__(self, tracker: LiveForecaster, last: Mapping[str, float]) -> None:
        self.tracker, self.last = tracker, dict(last)

    @classmethod
    def begin(cls, tracker: LiveForecaster, prices: Panel) -> Self:
        """Stand at the end of a table of prices, whose returns the tracker has read."""
        seen = {name: prices.values[prices.part(i)] for i, name in enumerate(prices.names)}
        last = {name: own[~np.isnan(own)][-1:].tolist() for name, own in seen.items()}
        return cls(tracker, {name: (last.get(name) or [math.nan])[0] for name in tracker.names})

    @classmethod
    def open(cls, saved: bytes, opened: Callable[[bytes], LiveForecaster]) -> Self:
        """Go on from saved bytes. Raises `DataError` where they are damaged, or no prices of these series."""
        tensors, _ = read_tensors(saved, "the saved state")
        forms = {name: (tensor.dtype, tensor.dim()) for name, tensor in tensors.items()}
        if forms != {"tracker": (torch.uint8, 1), "prices": (torch.float64, 1)}:
            raise DataError("the saved state is not one of prices: use another copy, or begin without it")
        tracker, last = opened(tensors["tracker"].numpy().tobytes()), tensors["prices"]
        if len(last) != len(tracker.names) or bool(last.isinf().any() | (last <= 0).any()):
            raise DataError("the saved state holds no prices of these series: use another copy")
        return cls(tracker, dict(zip(tracker.names, last.tolist(), strict=True)))

    @property
    def inputs(self) -> Inputs:
        """What `push` takes: the next price of the first series is the example."""
        name = self.tracker.names[0]
        price = self.last[name]
        return self.tracker.next_inputs(1.0 if math.isnan(price) else float(f"{price:.6g}"))

    def push(self, line: Any) -> Any:
        """Read the prices of one time, an object or cells, and return what there is to say of their returns."""
        observations = self.tracker.observations
        cells = observations.cells(line)
        prices = observations.targets(cells)
        heard = self.tracker.hear([(name, self._return_of(name, price)) for name, price in prices], cells)
        self.last |= {name: price for name, price in prices if not math.isnan(price)}
        return heard

    def save(self) -> bytes:
        """Return where all series stand, and their last prices."""
        tracker = torch.frombuffer(bytearray(self.tracker.save()), dtype=torch.uint8)
        last = torch.tensor([self.last[name] for name in self.tracker.names], dtype=torch.float64)
        return write_tensors({"tracker": tracker, "prices": last})

    def _return_of(self, name: str, price: float) -> float:
        if price <= 0:
            raise DataError(f"'{name}' has a price of {price:g}: give prices above 0, not returns")
        return PERCENT * math.log(price / self.last.get(name, math.nan)) if not math.isnan(price) else price
