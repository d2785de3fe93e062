"""What lies ahead of one series: times and quantiles, as a table and as plain values."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray

from statewise.data.frequency import Times
from statewise.data.tables import title_of
from statewise.errors import UsageError
from statewise.forecasting.backtest import known_ahead, quantiles_of
from statewise.forecasting.front import Front, Standing, sample_paths
from statewise.forecasting.metrics import LEVELS
from statewise.forecasting.reading import Codec, Read
from statewise.model import Model
from statewise.registry import unknown
from statewise.report import aligned

SHOWN = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)
AT_ONCE = 64
BARS = "▁▂▃▄▅▆▇█"


@final
@dataclass(frozen=True)
class Ahead:
    """A forecast of one series: `quantiles` `[H, LEVELS]` at `times` `[H]`, behind a `history` at `before`.

    `paths` `[samples, H]` are the ways to go on that were drawn, for whatever depends on several times together.
    """

    series: str
    times: Times
    quantiles: NDArray[np.floating]
    paths: NDArray[np.floating]
    before: Times
    history: NDArray[np.floating]

    def at(self, level: float) -> NDArray[np.floating]:
        """Return one quantile at every time."""
        return np.asarray(self.quantiles[:, LEVELS.index(level)])

    def rows(self) -> Iterator[list[str]]:
        """Yield a row for each time: the time and the quantiles."""
        for i, time in enumerate(self.times):
            yield [_written(time), *(f"{self.quantiles[i, LEVELS.index(level)]:.6g}" for level in SHOWN)]

    def __str__(self) -> str:
        head = [self.series, *(f"{level:.1%}" for level in SHOWN)]
        return aligned([head, *self.rows()])

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        quantiles = {f"{level:g}": [float(v) for v in self.at(level)] for level in SHOWN}
        return {"series": self.series, "times": [str(time) for time in self.times], "quantiles": quantiles}


def ahead_of(model: Model[Any], read: Read, only: Sequence[str], samples: int, seed: int) -> Iterator[Ahead]:
    """Forecast beyond the last value of each series, some at once. Raises `UsageError` for one that is not there."""
    panel, codec = read.panel, read.codec
    for name in only:
        if name not in panel.names:
            raise UsageError(f"{title_of('the table')}: {unknown('series', name, panel.names)}")
    wanted = np.array([i for i, name in enumerate(panel.names) if not only or name in only])
    ends = panel.observed()
    for begin in range(0, len(wanted), AT_ONCE):
        series = wanted[begin : begin + AT_ONCE]
        front = Front.reach(model, read, series, ends[series])
        known = known_ahead(read, series, ends[series], codec.horizon)
        paths = sample_paths(front, known, samples, seed)
        quantiles, drawn = quantiles_of(paths), paths.double().numpy()
        for row, i in enumerate(series.tolist()):
            place, end = int(panel.places[i]), int(ends[i])
            back = min(end, max(4 * codec.horizon, codec.context))
            values = panel.values[panel.part(i)][end - back : end]
            before = panel.times(place + end - back, back)
            yield Ahead(
                panel.names[i], panel.times(place + end, codec.horizon), quantiles[row], drawn[row], before, values
            )


def dream(model: Model[Any], codec: Codec, seed: int) -> str:
    """Return two seasons of a series that was never there, as bars."""
    standing = blank_standing(model, codec, rows=1)
    front = Front(model, codec, np.datetime64("2026-01-05", "s"), standing)
    known = sum(len(names) for names in (codec.columns.known,))
    was_training = model.training
    model.eval()
    paths = sample_paths(front, torch.zeros(1, 2 * max(codec.frequency.seasons[0], 12), known), 1, seed)[0, 0]
    model.train(was_training)
    low, high = float(paths.min()), float(paths.max())
    places = ((paths - low) / max(high - low, 1e-9) * (len(BARS) - 1)).round().int().tolist()
    return "".join(BARS[place] for place in places)


def blank_standing(model: Model[Any], codec: Codec, rows: int) -> Standing:
    """Return where series of which nothing is known stand."""
    nothing, ones = torch.zeros(rows), torch.ones(rows)
    recent = torch.full((rows, max((1, *codec.lags))), torch.nan)
    codes = torch.zeros(rows, len(codec.choices), dtype=torch.long)
    past = torch.zeros(rows, len(codec.columns.past))
    place = torch.zeros(rows, dtype=torch.long)
    return Standing(model.begin(rows), recent, nothing, nothing, nothing, ones, place, codes, past)


def _written(time: np.datetime64) -> str:
    text = str(time).replace("T", " ")
    return text.removesuffix(":00").removesuffix(" 00:00")
