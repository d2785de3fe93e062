"""Forecasts of series: tables in, quantiles out."""

from statewise.tasks.forecast.task import Forecast

__all__ = ["Forecast"]
