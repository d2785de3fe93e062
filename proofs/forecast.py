"""Forecasts of traffic, shares, the economy and fuel compared with simple forecasts; random walks called by their name.

    python proofs/forecast.py [traffic] [seeds] [stocks] [fred-monthly] [eia-weekly] [walks] [clusters] [routing]

`traffic` trains the preset and scores its last sixty days once; `seeds` does so from two other beginnings. `stocks`
learns 20 shares and trades by them. The two corpora are learned by one command each. `walks` makes 100 tables of prices
that are random walks and 20 with a planted signal, `clusters` 20 whose volatility comes in clusters, and counts what is
said of each. `routing` runs examples/routing.py. Results go to results/forecast.json, with those that were there.
Leaves with exit code 1 where a claim does not hold.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from outcomes import counted, prove_parts, words_of

import statewise
from statewise.report import Report
from statewise.tasks.forecast.metrics import compare
from statewise.tasks.forecast.series_task import CERTAIN
from statewise.tasks.forecast.task import Forecast
from statewise.tasks.forecast.traffic import Traffic
from statewise.tasks.stocks.task import Stocks

HERE = Path(__file__).parent
WEEKLY = "seasonal naive, 168"
GOAL = 0.25
MOST_SECONDS = 600
SEEDS = (1, 2)
WALKS, PLANTED = 100, 20
DAYS, LONG, HELD_OUT, SHARES = 900, 3000, 300, 6
"Days of prices: more where volatility is asked for, which a few hundred days do not teach."
UPDATES = 120
CLUSTERS: dict[str, Any] = {"updates": 600, "average": 0.99}
"How clusters are learned, chosen on tables of other seeds than those that are counted."
SIGNAL = 0.4
"How much of a day's return the next one repeats, where a signal is planted."
DAYS_OF_PRICES = np.busday_offset("2010-01-01", np.arange(LONG), roll="forward")
Floats = NDArray[np.float64]
TOLD = ("data", "metrics", "baselines", "training", "remarks", "tables")


def told(report: Report) -> dict[str, Any]:
    """Return what is kept of a report."""
    return {name: report.as_json()[name] for name in TOLD}


def trained(task: statewise.Forecast) -> Report:
    """Train and score in a folder that is thrown away."""
    with tempfile.TemporaryDirectory() as folder:
        report = statewise.train(task, run=Path(folder, "run")).report
    print(report.shown(), flush=True)
    return report


def traffic() -> dict[str, Any]:
    """Train the preset; the claim is a quarter less error and quantile loss than last week's values, and coverage."""
    report = trained(Traffic(threads=2))
    weekly, ours = report.baselines[WEEKLY], report.metrics
    less = {name: 1 - ours[name] / weekly[name] for name in ("MASE", "weighted_quantile_loss")}
    holds = min(less.values()) >= GOAL and 0.75 <= ours["covers_80"] <= 0.85
    holds &= report.training["seconds"] <= MOST_SECONDS
    claim = "a quarter less MASE and quantile loss than last week's values, 75 to 85 % inside the 80 % interval"
    return {"claim": claim, "holds": holds, "less_than_weekly": less, **told(report)}


def seeds() -> dict[str, Any]:
    """Train the preset from other beginnings: how much of the result is luck?"""
    found = {}
    for seed in SEEDS:
        metrics = trained(Traffic(threads=2, seed=seed)).metrics
        found[str(seed)] = {name: metrics[name] for name in ("MASE", "weighted_quantile_loss", "covers_80")}
    return {"seeds": found}


def stocks() -> dict[str, Any]:
    """Learn 20 shares; the claim is a better log score than constant variance, in words that count days."""
    with tempfile.TemporaryDirectory() as folder:
        run = statewise.train(Stocks(threads=2), run=Path(folder, "run"))
        report = statewise.evaluate(run.path, trade=True, cost=10.0, tried=1)
    print(report.shown(), flush=True)
    steady = report.baselines["constant normal"]["log_score"]
    return {
        "claim": "volatility clusters: a better log score than constant variance",
        "holds": report.metrics["log_score"] < steady and _chance(report.remarks[0]) < CERTAIN,
        **told(replace(report, training=run.report.training)),
    }


def corpus(name: str, horizon: str, held_out: str, **how: Any) -> dict[str, Any]:
    """Learn one corpus and compare; there is no claim but what the table says."""
    return told(trained(Forecast(source=name, horizon=horizon, held_out=held_out, threads=2, **how)))


def walks() -> dict[str, Any]:
    """Count what is said of random walks and of planted signals."""
    said = [
        counted(
            "a random walk is called one",
            (_direction(_walk(seed)) for seed in _told(WALKS, "walk")),
            {"nothing here beats the random walk"},
        ),
        counted(
            "a planted signal is found",
            (_direction(_planted(seed)) for seed in _told(PLANTED, "planted signal")),
            {"better than the random walk"},
        ),
    ]
    walked = said[0]
    walked["holds"] = walked["good"] >= 0.95 * walked["tried"]
    for part in said:
        print(words_of(part), flush=True)
    return {"holds": all(part["holds"] for part in said), "parts": said}


def clusters() -> dict[str, Any]:
    """Count how often volatility that comes in clusters is found, and how often its law itself would find it."""
    tables = [_clustered(seed) for seed in range(PLANTED)]
    found = counted(
        "volatility in clusters beats constant variance",
        (_volatility(tables[seed]) for seed in _told(PLANTED, "clusters")),
        {"better"},
    )
    print(words_of(found), flush=True)
    return {**found, "found_by_the_law_itself": sum(_chance_of_law(returns) < CERTAIN for returns in tables)}


def _told(count: int, words: str) -> Iterator[int]:
    for number in range(count):
        print(f"\r{words} {number + 1} of {count}", end="", file=sys.stderr, flush=True)
        yield number
    print(file=sys.stderr)


def _walk(seed: int, days: int = DAYS) -> Floats:
    return np.random.default_rng(seed).normal(0, 1, (days, SHARES))


def _planted(seed: int) -> Floats:
    returns = _walk(1000 + seed)
    for t in range(1, DAYS):
        returns[t] += SIGNAL * returns[t - 1]
    return returns


def _clustered(seed: int) -> Floats:
    """Return returns of variance 0.05 + 0.15 of the last square + 0.8 of that before (GARCH, Bollerslev 1986)."""
    returns, variance = _walk(2000 + seed, LONG), np.ones(SHARES)
    for t in range(LONG):
        returns[t] *= np.sqrt(variance)
        variance = _next_variance(returns[t], variance)
    return returns


def _next_variance(returned: Floats, variance: Floats) -> Floats:
    return np.asarray(0.05 + 0.15 * returned**2 + 0.8 * variance)


def _chance_of_law(returns: Floats) -> float:
    """Return how probable it is by luck that the true variances forecast the held-out days better than a constant."""
    variances = np.ones_like(returns)
    for t in range(1, LONG):
        variances[t] = _next_variance(returns[t - 1], variances[t - 1])
    learned, came = returns[:-HELD_OUT], returns[-HELD_OUT:]
    known, constant = variances[-HELD_OUT:], learned.var(axis=0)
    nats = [
        np.log(var) / 2 + (came - mean) ** 2 / (2 * var) for mean, var in ((0, known), (learned.mean(axis=0), constant))
    ]
    return compare(nats[0].mean(axis=1), nats[1].mean(axis=1)).p_value


def _report(returns: Floats, **how: Any) -> Report:
    """Write prices, learn them for a moment, and return what is said of the last 300 days."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "prices.csv")
        prices = 100 * np.exp(np.cumsum(returns, axis=0) / 100)
        rows = [
            f"{day},{','.join(f'{price:.5f}' for price in row)}"
            for day, row in zip(DAYS_OF_PRICES, prices, strict=False)
        ]
        path.write_text("\n".join(["Date,a,b,c,d,e,f", *rows]) + "\n")
        task = Stocks(
            source=str(path),
            hidden_size=8,
            batch_size=32,
            learning_rate=0.01,
            threads=1,
            context="21b",
            held_out=f"{HELD_OUT}b",
            sequence_length=42,
            **how,
        )
        return statewise.train(task, run=Path(folder, "run")).report


def _direction(returns: Floats) -> str:
    words = _report(returns, updates=UPDATES).remarks[1]
    return words.split(": ")[-1].split(" (by days")[0]


def _volatility(returns: Floats) -> str:
    """Say whether the log score is better than that of a constant variance, and not by luck."""
    report = _report(returns, **CLUSTERS)
    is_better = report.metrics["log_score"] < report.baselines["constant normal"]["log_score"]
    return "better" if is_better and _chance(report.remarks[0]) < CERTAIN else report.remarks[0]


def _chance(remark: str) -> float:
    """Return how probable it is by luck that volatility was forecast better than a constant, as a remark says it."""
    return float(remark.split("(p = ")[1].split(")", maxsplit=1)[0])


def routing() -> dict[str, Any]:
    """Run the example, which draws its picture."""
    picture = HERE.parent / "docs" / "pictures" / "routing.png"
    asked = [sys.executable, HERE.parent / "examples" / "routing.py", "--picture", picture, "--json"]
    found = json.loads(subprocess.run(asked, capture_output=True, text=True, check=True).stdout)
    del found["each_day"]
    print(json.dumps(found, indent=1))
    return dict(found)


PARTS: dict[str, Callable[[], dict[str, Any]]] = {
    "traffic": traffic,
    "seeds": seeds,
    "stocks": stocks,
    "fred-monthly": partial(corpus, "fred-monthly", "12", "5y", target=("value",), series="series_id", hidden_size=16),
    "eia-weekly": partial(corpus, "eia-weekly", "13", "2y", target=("value",), series="series_id", hidden_size=16),
    "walks": walks,
    "clusters": clusters,
    "routing": routing,
}


if __name__ == "__main__":
    prove_parts(__doc__, "forecast", PARTS)
