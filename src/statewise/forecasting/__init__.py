"""Forecasts of many series by one model: what it reads, where series stand, sample paths, backtests."""
