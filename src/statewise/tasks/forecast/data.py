"""The data of a forecast: the origins of a backtest, and what simple methods score there."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from statewise.tasks.forecast.backtest import Origins, baseline_quantiles, rolling_origins, truth_of
from statewise.tasks.forecast.defaults import usual_stride
from statewise.tasks.forecast.metrics import Floats, Truth, loss_by_origin, scores
from statewise.tasks.forecast.series_data import SeriesData


@dataclass(frozen=True)
class ForecastData(SeriesData):
    """Series with the origins of a backtest."""

    @cached_property
    def stride(self) -> int:
        """Steps between two origins."""
        horizon = self.codec.horizon
        return (
            self.codec.frequency.steps(self.task.between) if self.task.between else usual_stride(self.scored, horizon)
        )

    @cached_property
    def origins(self) -> Origins:
        """From where forecasts are made."""
        return rolling_origins(self.ends, self.scored, self.codec.horizon, self.stride)

    @cached_property
    def truth(self) -> Truth:
        """What came at each of them."""
        return truth_of(self.read.panel, self.origins, self.codec.horizon, max(self.codec.frequency.seasons))

    @property
    def facts(self) -> dict[str, Any]:
        """What is known of the series, and from how many origins forecasts are scored."""
        return {**super().facts, "origins": len(self.origins.series)}

    @cached_property
    def _baselines(self) -> dict[str, tuple[dict[str, float], Floats]]:
        found = baseline_quantiles(self.read.panel, self.origins, self.codec, self.task.rivals)
        return {name: (scores(self.truth, q), loss_by_origin(self.truth, q)) for name, q in found}

    def baselines(self) -> Mapping[str, dict[str, float]]:
        """Return what the last value, a line, the last season and what is usual score."""
        return {name: metrics for name, (metrics, _) in self._baselines.items()}

    @property
    def losses(self) -> dict[str, Floats]:
        """The loss of each baseline at each origin."""
        return {name: losses for name, (_, losses) in self._baselines.items()}
