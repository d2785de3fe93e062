"""A signal in prices is found, a random walk is called one, and what are no prices is refused."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import statewise
from statewise.errors import DataError, UsageError
from statewise.tasks.stocks.data import StocksData
from statewise.tasks.stocks.returns import one_step
from statewise.tasks.stocks.task import Stocks

DAYS = [str(day) for day in np.busday_offset("2020-01-01", np.arange(900), roll="forward")]


def prices(signal: float, seed: int = 0) -> None:
    dice = np.random.default_rng(seed)
    columns = []
    for _ in range(6):
        returns = dice.normal(0, 1, len(DAYS))
        for t in range(1, len(DAYS)):
            returns[t] += signal * returns[t - 1]
        columns.append(100 * np.exp(np.cumsum(returns) / 100))
    rows = [",".join([day, *(f"{column[i]:.5f}" for column in columns)]) for i, day in enumerate(DAYS)]
    Path("prices.csv").write_text("\n".join(["Date,a,b,c,d,e,f", *rows]) + "\n")


@pytest.mark.parametrize(
    ("signal", "verdict"), [(0.4, "better than the random walk"), (0.0, "nothing here beats the random walk")]
)
def test_a_planted_signal_is_found_and_a_random_walk_is_called_one(signal: float, verdict: str, tmp_path: Path) -> None:
    prices(signal)
    task = Stocks(
        source="prices.csv",
        hidden_size=8,
        batch_size=32,
        updates=120,
        learning_rate=0.01,
        threads=1,
        context="21b",
        held_out="300b",
        sequence_length=42,
    )
    report = statewise.train(task, run="r").report
    assert verdict in report.remarks[1]
    assert next(iter(report.baselines)) == "constant normal"
    assert abs(report.metrics["covers_80"] - 0.8) < 0.1
    traded = statewise.evaluate("r", trade=True, cost=1.0, tried=3)
    assert next(iter(traded.tables)) == "a trade costs 0.01 %"
    assert ("; better than buying and holding" in traded.remarks[2]) == (signal > 0)
    with pytest.raises(UsageError, match="give a cost from 0 and at least 1 try"):
        statewise.evaluate("r", trade=True, tried=0)


def test_a_model_and_a_simple_method_are_compared_on_the_same_returns_in_the_same_order(tmp_path: Path) -> None:
    prices(0.0)
    Path("prices.csv").write_text(Path("prices.csv").read_text().replace(f"{DAYS[800]},", f"{DAYS[800]},,", 1))
    lines = [line.split(",")[:7] for line in Path("prices.csv").read_text().splitlines()]
    Path("prices.csv").write_text("\n".join(map(",".join, lines)) + "\n")
    task = Stocks(source="prices.csv", hidden_size=4, context="21b", held_out="200b")
    data = task.prepare(tmp_path)
    assert isinstance(data, StocksData)
    found = one_step(task.model(data.codec), data.read, data.ends, data.scored)
    for rival in data.rivals.values():
        assert np.array_equal(rival.days, found.days)
        assert np.array_equal(rival.series, found.series)
        assert np.array_equal(rival.returns, found.returns)


def test_prices_that_stand_still_in_the_held_out_part_have_no_direction(tmp_path: Path) -> None:
    moving = [f"{day},{100 + min(i, 690) % 7}" for i, day in enumerate(DAYS)]
    Path("prices.csv").write_text("\n".join(["Date,a", *moving]) + "\n")
    how: dict[str, Any] = {"hidden_size": 4, "context": "21b", "held_out": "200b", "updates": 2, "threads": 1}
    report = statewise.train(Stocks(source="prices.csv", **how), run="r").report
    assert report.remarks[1] == "Direction: nothing moved in the held-out part, so there is none to forecast."
    assert "direction" not in report.metrics
    assert all(math.isfinite(value) for value in report.metrics.values())
    still = [f"{day},100" for day in DAYS]
    Path("prices.csv").write_text("\n".join(["Date,a", *still]) + "\n")
    with pytest.raises(DataError, match="no price ever moves, so there is no return to forecast"):
        statewise.train(Stocks(source="prices.csv", **how), run="s")


def test_what_are_no_prices_is_refused(tmp_path: Path) -> None:
    Path("prices.csv").write_text("\n".join(["Date,a", *(f"{day},{i - 5}" for i, day in enumerate(DAYS))]) + "\n")
    with pytest.raises(DataError, match="'a' has a price of -5: give prices above 0, not returns"):
        statewise.train(Stocks(source="prices.csv", updates=1), run="r")
