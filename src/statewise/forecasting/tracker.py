"""Series under way: each observation is one step, and what comes next is said at once."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, final

import numpy as np
import torch
from torch import Tensor

from statewise.data.tables import numbers, times
from statewise.errors import DataError, UsageError
from statewise.forecasting.ahead import blank_standing
from statewise.forecasting.backtest import quantiles_of
from statewise.forecasting.front import Front, sample_paths
from statewise.forecasting.metrics import LEVELS
from statewise.forecasting.reading import Codec, Read, standardised
from statewise.model import Model
from statewise.registry import unknown
from statewise.state import from_bytes, rebuild, to_bytes
from statewise.state.tree import leaves
from statewise.stream import model_digest
from statewise.task import Live

FORMAT = "1"
LOW, MIDDLE, HIGH = 0.1, 0.5, 0.9


@dataclass(frozen=True)
class Heard:
    """What there is to say once a series was observed: how improbable that was, and what comes next.

    `tail` is the probability of a value as far out as this one or farther, on either side; None where it was not asked
    for. `ahead` are times with the median and the 80 % interval.
    """

    series: str
    time: str
    value: float
    tail: float | None
    ahead: list[tuple[str, float, float, float]]

    def __str__(self) -> str:
        told = "" if self.tail is None else f"  tail {self.tail:.4f}"
        time, middle, low, high = self.ahead[0]
        further = f"  (and {len(self.ahead) - 1} more steps)" if len(self.ahead) > 1 else ""
        name = f"{self.series}  " if self.series else ""
        return f"{name}{self.time}  {self.value:.6g}{told}  ->  {time}  {middle:.6g}  [{low:.6g}, {high:.6g}]{further}"

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        ahead = [{"time": t, "median": m, "low_80": low, "high_80": high} for t, m, low, high in self.ahead]
        tail = {} if self.tail is None else {"tail": self.tail}
        value = None if np.isnan(self.value) else self.value
        return {"series": self.series, "time": self.time, "value": value, **tail, "ahead": ahead}


@final
class Tracker(Live):
    """All series of a table, each where it stands, as one state: a value of any of them moves it on by one step.

    Memory and time of a value do not depend on how many came before. `save` gives the whole as bytes.
    """

    def __init__(self, front: Front, names: Sequence[str], **how: Any) -> None:
        self.front, self.names, self.how = front, tuple(names), how
        self.rows = {name: row for row, name in enumerate(self.names)}
        self.known = torch.zeros(front.rows, len(front.codec.columns.known))
        self.drawn = 0

    @classmethod
    def begin(cls, model: Model[Any], read: Read, **how: Any) -> Self:
        """Stand at the end of each series of a panel."""
        panel = read.panel
        series, ends = np.arange(len(panel)), panel.observed()
        tracker = cls(Front.reach(model, read, series, ends), panel.names, **how)
        last = panel.begins[:-1] + (ends - 1).clip(0)
        tracker.known = torch.from_numpy(read.covariates[last][:, : panel.known.shape[1]])
        return tracker

    @classmethod
    def open(cls, model: Model[Any], codec: Codec, saved: bytes, **how: Any) -> Self:
        """Go on from saved bytes. Raises `DataError` where they are damaged, or of another model."""
        blank = blank_standing(model, codec, len(codec.names))
        origin = np.datetime64("1970-01-01", "s")
        tracker = cls(Front(model, codec, origin, blank), codec.names, **how)
        (at, known), said = from_bytes(saved, (blank, tracker.known), "the saved state")
        if said.get("format") != FORMAT or said.get("model") != model_digest(model):
            raise DataError("the saved state belongs to a model with other weights: open it with the one that made it")
        tracker.front = replace(tracker.front, at=at, origin=np.datetime64(said["origin"], "s"))
        tracker.known, tracker.drawn = known, int(said["drawn"])
        return tracker

    def save(self) -> bytes:
        """Return where all series stand, as bytes."""
        said = {"format": FORMAT, "model": model_digest(self.front.model), "origin": str(self.front.origin)}
        return to_bytes((self.front.at, self.known), {**said, "drawn": str(self.drawn)})

    def push(self, line: Any) -> Any:
        """Read one observation, an object or cells, and return what there is to say of each target.

        From Python it may be a mapping, a list of cells, or the number itself where there is one series.
        """
        cells = self._cells(line)
        heard = [self._hear(name, float(value), cells) for name, value in self._targets(cells)]
        return heard[0] if len(heard) == 1 else Together(heard)

    @torch.no_grad()
    def observe(self, values: Tensor) -> Tensor:
        """Let a value of every series come, `[R]`, NaN where none did, and return how probable one no greater was."""
        params, state = self.front.look(self.known)
        below = self.front.below(params, values)
        self.front = self.front.after(state, values)
        return below

    def _hear(self, name: str, value: float, cells: dict[str, Any]) -> Heard:
        if name not in self.rows:
            raise UsageError(unknown("series", name, self.names))
        codec, row = self.front.codec, torch.tensor([self.rows[name]])
        if np.isinf(value):
            raise DataError(f"{value} is infinite: leave the value empty where there is none")
        now = self.front.only(row)
        known, past = self._covariates(cells, now, self.known[row])
        steps = self._steps(cells, now)
        for _ in range(steps):  # what was left out did not come
            now = now.after(now.at.state, torch.tensor([torch.nan]))
        params, state = now.look(known)
        tail = None
        if self.how["anomaly"]:
            below = float(now.below(params, torch.tensor([value])))
            tail = float("nan") if np.isnan(value) else 2 * min(below, 1 - below)
        time = str(codec.frequency.times(now.origin, int(now.at.place), 1)[0])
        now = now.after(state, torch.tensor([value], dtype=torch.float32), past)
        self._put(row, now, known)
        return Heard(name, time, value, tail, self._ahead(now, known))

    def _ahead(self, now: Front, known: Tensor) -> list[tuple[str, float, float, float]]:
        steps = self.how["steps"]
        self.drawn += 1
        paths = sample_paths(now, known.unsqueeze(1).expand(-1, steps, -1), self.how["samples"], self.how["seed"])
        quantiles = quantiles_of(paths)[0]
        when = now.codec.frequency.times(now.origin, int(now.at.place), steps)
        low, middle, high = (quantiles[:, LEVELS.index(level)].tolist() for level in (LOW, MIDDLE, HIGH))
        return [(str(t), m, lo, hi) for t, m, lo, hi in zip(when, middle, low, high, strict=True)]

    def _put(self, row: Tensor, now: Front, known: Tensor) -> None:
        self.front = replace(self.front, at=put_rows(self.front.at, row, now.at))
        self.known = self.known.index_copy(0, row, known)

    def _steps(self, cells: dict[str, Any], now: Front) -> int:
        """Return how many values were left out before this one. Raises `DataError` for a time that has passed."""
        columns, frequency = now.codec.columns, now.codec.frequency
        if cells.get(columns.time) in (None, ""):
            return 0
        given = times([str(cells[columns.time])])
        place = int(frequency.places(given, now.origin)[0])
        expected = frequency.times(now.origin, int(now.at.place), 1)[0]
        if place < int(now.at.place):
            raise DataError(f"{given[0]} has passed: the next is {expected}")
        if frequency.times(now.origin, place, 1)[0] != given[0] and frequency.unit == "s":
            raise DataError(f"{given[0]} is not on the grid of every {frequency}: the next is {expected}")
        return place - int(now.at.place)

    def _covariates(self, cells: dict[str, Any], now: Front, known: Tensor) -> tuple[Tensor, Tensor]:
        """Return the covariates around 0; those that are not given stay as they were."""
        columns, scales = now.codec.columns, now.codec.covariates
        names = [*columns.known, *columns.past]
        given = torch.from_numpy(standardised(numbers([cells.get(name, "") for name in names])[None], scales))
        there = torch.tensor([[cells.get(name) not in (None, "") for name in names]], dtype=torch.bool)
        before = torch.cat([known, now.at.past], dim=-1)
        moved = torch.where(there, given.float(), before) if names else before
        return moved[:, : len(columns.known)], moved[:, len(columns.known) :]

    def _cells(self, line: Any) -> dict[str, Any]:
        columns = self.front.codec.columns
        if not isinstance(line, Mapping | list | tuple):
            line = str(line)  # a number reads as its digits
        if isinstance(line, Mapping) or (isinstance(line, str) and line.lstrip().startswith("{")):
            try:
                found = json.loads(line) if isinstance(line, str) else line
            except ValueError:
                raise DataError(f"{line[:60]!r} is no JSON object: mend it") from None
            names = {columns.time, columns.series, *columns.targets, *columns.known, *columns.past, *columns.static}
            for name in found:
                if name not in names:
                    raise UsageError(unknown("column", name, sorted(filter(None, names))))
            return dict(found)
        order = [columns.time, *([columns.series] if columns.series else []), *columns.targets]
        order += [*columns.known, *columns.past]
        cells = next(csv.reader([line]), []) if isinstance(line, str) else [str(cell) for cell in line]
        if len(cells) == 1 and len(columns.targets) == 1 and columns.series is None:
            return {columns.targets[0]: cells[0]}
        if len(cells) < len(order) - len(columns.known) - len(columns.past):
            raise DataError(f"{str(line)[:60]!r} has {len(cells)} cells: give {', '.join(order)}")
        return dict(zip(order, cells))

    def _targets(self, cells: dict[str, Any]) -> list[tuple[str, Any]]:
        columns = self.front.codec.columns
        series = str(cells.get(columns.series, "")) if columns.series else ""
        found = []
        for target in columns.targets:
            if target not in cells:
                continue
            name = f"{series} {target}" if series and len(columns.targets) > 1 else series or target
            value = cells[target]
            try:
                found.append((name, numbers(["" if value is None else value])[0]))
            except Exception as error:
                raise DataError(f"column '{target}' {error}") from None
        if not found:
            raise DataError(f"there is no value of {', '.join(columns.targets)}: give one")
        return found


class Together(list[Heard]):
    """What there is to say of several targets that were observed at once."""

    def __str__(self) -> str:
        return "\n".join(map(str, self))

    def as_json(self) -> list[dict[str, Any]]:
        """Return them as plain values."""
        return [heard.as_json() for heard in self]


def put_rows(tree: Any, rows: Tensor, part: Any) -> Any:
    """Return a state in which some rows are those of another."""
    pairs = zip(leaves(tree), leaves(part), strict=True)
    return rebuild(tree, [leaf.index_copy(0, rows, new.to(leaf.dtype)) for leaf, new in pairs])
