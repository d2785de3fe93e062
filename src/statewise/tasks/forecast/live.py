"""Series under way: each observation is one step, and what comes next is said at once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, final

import numpy as np
import torch
from torch import Tensor

from statewise.errors import DataError, UsageError
from statewise.inputs import Inputs
from statewise.model import Model
from statewise.registry import unknown
from statewise.state import from_bytes, rebuild, to_bytes
from statewise.state.tree import leaves
from statewise.stream import model_digest
from statewise.task import Live
from statewise.tasks.forecast.backtest import quantiles_of
from statewise.tasks.forecast.features import SeriesCodec, SeriesFeatures, standardised
from statewise.tasks.forecast.metrics import LEVELS, Floats
from statewise.tasks.forecast.observations import Cells, Observations
from statewise.tasks.forecast.prediction import blank_state
from statewise.tasks.forecast.recurrence import Forecaster, SeriesState, sample_paths

FORMAT = "2"
LOW, MIDDLE, HIGH = 0.1, 0.5, 0.9
MOST_PLACES = 2**32
"A grid that began when the first clock struck has fewer seconds."

FIRST, LAST = np.datetime64("0001-01-01", "s"), np.datetime64("9999-12-31", "s")


@dataclass(frozen=True)
class Observation:
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
        value = "no value" if np.isnan(self.value) else f"{self.value:.6g}"
        interval = f"median {middle:.6g}, 80 % interval [{low:.6g}, {high:.6g}]"
        return f"{name}{self.time}  {value}{told}  ->  {time}  {interval}{further}"

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        ahead = [{"time": t, "median": m, "low_80": low, "high_80": high} for t, m, low, high in self.ahead]
        tail = {} if self.tail is None else {"tail": self.tail}
        value = None if np.isnan(self.value) else self.value
        return {"series": self.series, "time": self.time, "value": value, **tail, "ahead": ahead}


@final
class LiveForecaster(Live):
    """All series of a table, each where it stands, as one state: a value of any of them moves it on by one step.

    Memory and time of a value do not depend on how many came before. `save` gives the whole as bytes.
    """

    def __init__(self, forecaster: Forecaster, names: Sequence[str], **how: Any) -> None:
        self.forecaster, self.names, self.how = forecaster, tuple(names), how
        self.rows = {name: row for row, name in enumerate(self.names)}
        self.observations = Observations(forecaster.codec, how["table_format"])
        self.known = torch.zeros(forecaster.rows, len(forecaster.codec.columns.known))
        self.drawn = 0

    @classmethod
    def begin(cls, model: Model[Any], read: SeriesFeatures, **how: Any) -> Self:
        """Stand at the end of each series of a panel."""
        panel = read.panel
        series, ends = np.arange(len(panel)), panel.observed()
        tracker = cls(Forecaster.reach(model, read, series, ends), panel.names, **how)
        last = panel.begins[:-1] + (ends - 1).clip(0)
        tracker.known = torch.from_numpy(read.covariates[last][:, : panel.known.shape[1]])
        return tracker

    @classmethod
    def open(cls, model: Model[Any], codec: SeriesCodec, saved: bytes, **how: Any) -> Self:
        """Go on from saved bytes. Raises `DataError` where they are damaged, or of another model."""
        blank = blank_state(model, codec, len(codec.names))
        origin = np.datetime64("1970-01-01", "s")
        tracker = cls(Forecaster(model, codec, origin, blank), codec.names, **how)
        (at, known), said = from_bytes(saved, (blank, tracker.known), "the saved state", rows=len(codec.names))
        if said.get("format") != FORMAT or said.get("model") != model_digest(model):
            raise DataError("the saved state belongs to a model with other weights: open it with the one that made it")
        try:
            origin, drawn = np.datetime64(said["origin"], "s"), int(said["drawn"])
        except (KeyError, ValueError):
            raise DataError("the saved state has no position in time: it is damaged, begin without it") from None
        if not _is_standing(at, known, codec) or np.isnat(origin) or not FIRST <= origin <= LAST or drawn < 0:
            raise DataError("the saved state says what no series can: it is damaged, begin without it")
        tracker.forecaster = replace(tracker.forecaster, at=at, origin=origin)
        tracker.known, tracker.drawn = known, drawn
        return tracker

    @property
    def inputs(self) -> Inputs:
        """What `push` takes: the next observation of the first series is the example."""
        last = float(self.forecaster.at.last[0].nan_to_num())
        return self.next_inputs(float(f"{last:.6g}"))

    def next_inputs(self, value: float) -> Inputs:
        """Return what `push` takes, with this value of the first series, at its next time, as the example."""
        now = self.forecaster.only(torch.tensor([0]))
        time = now.codec.clock.shown(now.codec.frequency.times(now.origin, int(now.at.place), 1)[0])
        return self.observations.inputs(self.names[0], time, value)

    def save(self) -> bytes:
        """Return where all series stand, as bytes."""
        said = {"format": FORMAT, "model": model_digest(self.forecaster.model), "origin": str(self.forecaster.origin)}
        return to_bytes((self.forecaster.at, self.known), {**said, "drawn": str(self.drawn)})

    def push(self, line: Any) -> Any:
        """Read one observation, an object or cells, and return what there is to say of each target.

        From Python it may be a mapping, a list of cells, or the number itself where there is one series. Where any of
        it cannot be read, nothing has changed.
        """
        cells = self.observations.cells(line)
        return self.hear(self.observations.targets(cells), cells)

    def hear(self, values: Sequence[tuple[str, float]], cells: Cells) -> Any:
        """Read new values of some series, with the cells next to them: all or none."""
        before = self.forecaster, self.known, self.drawn
        try:
            heard = [self._hear(name, value, cells) for name, value in values]
        except BaseException:
            self.forecaster, self.known, self.drawn = before
            raise
        return heard[0] if len(heard) == 1 else ObservationBatch(heard)

    @torch.no_grad()
    def observe(self, values: Tensor) -> Tensor:
        """Let a value of every series come, `[R]`, NaN where none did, and return how probable one no greater was."""
        params, state = self.forecaster.look(self.known)
        below = self.forecaster.below(params, values)
        self.forecaster = self.forecaster.after(state, values)
        return below

    def _hear(self, name: str, value: float, cells: Cells) -> Observation:
        if name not in self.rows:
            raise UsageError(unknown("series", name, self.names))
        codec, row = self.forecaster.codec, torch.tensor([self.rows[name]])
        now = self.forecaster.only(row)
        known, past = self._covariates(cells, now, self.known[row])
        for _ in range(self._left_out(cells, now)):
            now = now.after(now.at.state, torch.tensor([torch.nan]))
        params, state = now.look(known)
        tail = None
        if self.how["anomaly"] and not np.isnan(value):
            below = float(now.below(params, torch.tensor([value])))
            tail = 2 * min(below, 1 - below)
        time = codec.clock.shown(codec.frequency.times(now.origin, int(now.at.place), 1)[0])
        now = now.after(state, torch.tensor([value], dtype=torch.float32), past)
        ahead = self._ahead(now, known)
        self._put(row, now, known)
        return Observation(name, time, value, tail, ahead)

    def _ahead(self, now: Forecaster, known: Tensor) -> list[tuple[str, float, float, float]]:
        steps = self.how["steps"]
        self.drawn += 1
        paths = sample_paths(now, known.unsqueeze(1).expand(-1, steps, -1), self.how["samples"], self.how["seed"])
        quantiles = self._mixed(now, quantiles_of(paths))[0]
        when = map(now.codec.clock.shown, now.codec.frequency.times(now.origin, int(now.at.place), steps))
        low, middle, high = (quantiles[:, LEVELS.index(level)].tolist() for level in (LOW, MIDDLE, HIGH))
        return list(zip(when, middle, low, high, strict=True))

    def _mixed(self, now: Forecaster, network: Floats) -> Floats:
        """Mix what the network forecasts with simple methods, as far as a blend was learned for it."""
        blend, codec = self.how.get("blend"), now.codec
        if blend is None:
            return network
        history = now.at.recent[:, -codec.memory :].double().numpy()
        mixed: Floats = blend.mixed(codec, history, network)
        return mixed

    def _put(self, row: Tensor, now: Forecaster, known: Tensor) -> None:
        self.forecaster = replace(self.forecaster, at=put_rows(self.forecaster.at, row, now.at))
        self.known = self.known.index_copy(0, row, known)

    def _left_out(self, cells: Cells, now: Forecaster) -> int:
        """Return how many values were left out before this one.

        Raises `DataError` for a time that has passed, lies between two steps, or farther ahead than a gap may be long.
        """
        frequency, clock = now.codec.frequency, now.codec.clock
        expected = frequency.times(now.origin, int(now.at.place), 1)[0]
        given = self.observations.time(cells, expected)
        if given is None:
            return 0
        left_out = int(frequency.places(np.array([given]), now.origin)[0]) - int(now.at.place)
        shown, following = clock.shown(given), f"the next is {clock.shown(expected)}"
        if left_out < 0:
            raise DataError(f"{shown} has passed: {following}")
        if left_out > self.how["longest_gap"]:
            raise DataError(
                f"{shown} lies {left_out:,} steps of {frequency} ahead, where {following}: mend it if it is mistyped, "
                "or allow for such a gap with --longest-gap"
            )
        if frequency.unit != "mo" and frequency.times(expected, left_out, 1)[0] != given:
            raise DataError(f"{shown} is not on the grid of every {frequency}: {following}")
        return left_out

    def _covariates(self, cells: Cells, now: Forecaster, known: Tensor) -> tuple[Tensor, Tensor]:
        """Return the covariates around 0; those that are not given stay as they were."""
        columns, names = now.codec.columns, self.observations.covariates
        values = np.array([[self.observations.value(name, cells.get(name)) for name in names]])
        given, there = torch.from_numpy(standardised(values, now.codec.covariates)), torch.from_numpy(~np.isnan(values))
        before = torch.cat([known, now.at.past], dim=-1)
        moved = torch.where(there, given.float(), before) if names else before
        return moved[:, : len(columns.known)], moved[:, len(columns.known) :]


def _is_standing(at: SeriesState, known: Tensor, codec: SeriesCodec) -> bool:
    """Tell whether series can stand so: codes that there are, finite numbers, spreads above 0."""
    codes = torch.tensor(codec.choices)
    finite = leaves((at.state, at.last, at.age, at.level, at.spread, at.past, known))
    return (
        bool(((at.codes >= 0) & (at.codes < codes)).all())
        and bool(((at.place >= -MOST_PLACES) & (at.place <= MOST_PLACES)).all())
        and all(bool(leaf.isfinite().all()) for leaf in finite)
        and not bool(at.recent.isinf().any())
        and bool((at.spread > 0).all())
    )


class ObservationBatch(list[Observation]):
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
