"""The data of stocks: returns, with the volatilities that simple methods see in them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from statewise.tasks.forecast.series_data import SeriesData
from statewise.tasks.stocks.returns import OneStep, simple_methods


@dataclass(frozen=True)
class StocksData(SeriesData):
    """Returns, with the volatilities that simple methods see in them."""

    @cached_property
    def rivals(self) -> dict[str, OneStep]:
        """What simple methods say of each day."""
        return simple_methods(self.read.panel, self.ends, self.scored)

    def baselines(self) -> Mapping[str, dict[str, float]]:
        """Return what constant volatility, and one that follows the last days, score."""
        return {name: found.metrics() for name, found in self.rivals.items()}
