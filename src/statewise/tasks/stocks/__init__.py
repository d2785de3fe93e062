"""Forecasts of prices: returns learned, honest about random walks."""

from statewise.tasks.stocks.task import Stocks

__all__ = ["Stocks"]
