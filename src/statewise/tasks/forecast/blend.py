"""What a network and simple methods forecast, as one: with shares and spreads found before the held-out part."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from statewise.data.series.panel import Ints, Panel
from statewise.errors import DataError
from statewise.run.recorded import Check, is_list_of, is_number, misfit
from statewise.tasks.forecast.features import SeriesCodec
from statewise.tasks.forecast.metrics import LEVELS
from statewise.tasks.forecast.recent import LEAST, recent_factors, spreads_of
from statewise.tasks.forecast.simple_methods import METHODS, simple_forecasts

Floats = NDArray[np.float64]

MIDDLE = LEVELS.index(0.5)


def _is_share(told: Any) -> bool:
    return is_number(told) and 0 <= told <= 1


def _is_above_nought(told: Any) -> bool:
    return is_number(told) and 0 < told < 1e9


def _is_finite(told: Any) -> bool:
    return is_number(told) and abs(told) < 1e9


BLEND: dict[str, Check] = {
    "network": _is_share,
    "methods": lambda told: is_list_of(_is_share)(told) and len(told) == len(METHODS) and abs(sum(told) - 1) < 1e-3,
    "errors": lambda told: is_list_of(is_list_of(_is_finite))(told) and {len(row) for row in told} == {len(LEVELS)},
    "expected": is_list_of(_is_above_nought),
    "usual": _is_above_nought,
    "widened": _is_above_nought,
    "origins": lambda told: type(told) is int and told >= 0,
    "horizons": lambda told: is_number(told) and told >= 0,
}


@final
@dataclass(frozen=True)
class Blend:
    """Shares of the network and of each simple method, how far these were off, and by how much all is widened.

    `errors` `[H, LEVELS]` are quantiles of what the mixture of simple methods was off by, so many steps ahead, in
    spreads of each series that follow how far it was off lately; `expected` `[H]` is how far it is off in the mean,
    in spreads that do not. `usual` is such a spread, as a share of the size of values. `origins` and `horizons` say
    from how much the share of the network was learned: of none it is 0.
    """

    network: float
    methods: tuple[float, ...]
    errors: tuple[tuple[float, ...], ...]
    expected: tuple[float, ...]
    usual: float
    widened: float
    origins: int
    horizons: float

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        lists = {"methods": list(self.methods), "expected": list(self.expected)}
        return {**vars(self), **lists, "errors": [list(row) for row in self.errors]}

    @classmethod
    def read(cls, written: Mapping[str, Any], horizon: int) -> Self:
        """Return what was written. Raises `DataError` where it is of another form."""
        odd = misfit(written, BLEND, set())
        odd = odd or next((name for name in ("errors", "expected") if len(written[name]) != horizon), None)
        if odd is not None:
            raise DataError(
                f"calibration.json is not that of a forecast ('{odd}'): the run is damaged, or of another version; "
                "`statewise resume` writes it again"
            )
        values = {name: written[name] for name in BLEND}
        lists = {name: tuple(values[name]) for name in ("methods", "expected")}
        return cls(**values | lists | {"errors": tuple(map(tuple, values["errors"]))})

    def simple(self, codec: SeriesCodec, history: Floats, horizon: int) -> tuple[Floats, Floats]:
        """Return quantiles of the simple methods, `[R, H, LEVELS]`, and how much wider a gap has made them, `[R, H]`.

        Shapes: `history` `[R, W]`, the newest last, NaN where there is none.
        """
        found = simple_forecasts(history, codec.frequency.seasons, horizon)
        around, without_gap = self._around(found.steps), self._around(np.arange(1, horizon + 1))
        wider = np.maximum(_width(around) / np.maximum(_width(without_gap), LEAST), 1.0)
        methods, expected = np.array(self.methods), np.array(self.expected)
        middle = np.einsum("e,reh->rh", methods, found.points)
        recent = recent_factors(history, methods, expected, codec.frequency.seasons, self.usual)
        spread = spreads_of(found, self.usual) * recent[:, None]
        quantiles = middle[..., None] + spread[..., None] * around
        is_above = np.asarray(~(history < 0).any(axis=1))  # what was never below 0 is not forecast there
        return np.where(is_above[:, None, None], np.maximum(quantiles, 0.0), quantiles), wider

    def _around(self, steps: Ints) -> Floats:
        """Return quantiles of errors so many steps ahead, `[..., LEVELS]`: beyond the horizon they grow as a walk's."""
        table = np.array(self.errors)
        beyond = np.sqrt(np.maximum(steps / len(table), 1.0))
        return np.asarray(table[np.minimum(steps, len(table)) - 1] * beyond[..., None])

    def mixed(self, codec: SeriesCodec, history: Floats, network: NDArray[np.floating]) -> Floats:
        """Return the quantiles of the mixture, `[R, H, LEVELS]`, from those of the network.

        Quantiles are averaged level by level, and then moved away from the median. Those of the network are moved as
        far as a gap before them has moved those of the simple methods. Source: Lichtendahl, Grushka-Cockayne &
        Winkler 2013.
        """
        simple, wider = self.simple(codec, history, network.shape[1])
        network = widened(network, wider[..., None])
        both: Floats = self.network * network + (1 - self.network) * simple
        return widened(both, self.widened)


def widened(quantiles: NDArray[np.floating], by: Any) -> Floats:
    """Return quantiles `[..., LEVELS]` moved away from their median."""
    middle = quantiles[..., MIDDLE : MIDDLE + 1]
    return np.asarray(middle + (quantiles - middle) * by)


def histories(panel: Panel, series: Ints, places: Ints, width: int) -> Floats:
    """Return the last values before a place within each series, `[R, W]`, NaN where there is none."""
    within = places[:, None] - np.arange(width, 0, -1)
    at = panel.begins[series][:, None] + within.clip(0, None)
    return np.where(within >= 0, panel.values[at], np.nan).astype(np.float64)


def follow(paths: Tensor, quantiles: Floats) -> Tensor:
    """Return sample paths `[R, samples, H]` whose values at each step have the quantiles `[R, H, LEVELS]`.

    Each value keeps its rank among those of its step, so paths keep what joins their steps.

    >>> quantiles = np.linspace(-19, 19, 39)[None, None]
    >>> follow(torch.tensor([[[5.0], [3.0], [4.0]]]), quantiles).flatten().round().tolist()
    [13.0, -13.0, 0.0]
    """
    count = paths.shape[1]
    ranks = paths.argsort(dim=1).argsort(dim=1).numpy()
    share = (ranks + 0.5) / count * (len(LEVELS) + 1) - 1  # of the places of LEVELS
    low = np.clip(np.floor(share), 0, len(LEVELS) - 2).astype(np.int64)
    table = np.moveaxis(quantiles, -1, 1)  # [R, LEVELS, H]
    below, above = (np.take_along_axis(table, low + i, axis=1) for i in (0, 1))
    found = below + (above - below) * np.clip(share - low, -1, 2)
    return torch.from_numpy(found).to(paths.dtype)


def _width(quantiles: Floats) -> Floats:
    return np.asarray(quantiles[..., LEVELS.index(0.9)] - quantiles[..., LEVELS.index(0.1)])
