"""When to leave and which way to go: forecasts on the roads of a small town, and the path of least expected time.

    python examples/routing.py [--days 20] [--updates 1500] [--samples 200] [--run DIR] [--picture FILE] [--json]

The town is made up, and so is what happens on its roads: each road carries the mean week that was measured on one
interstate road (corpus `traffic`), shifted by some hours and multiplied by noise that fades over a day and by how busy
the whole day is. It was tuned until forecasts mattered: how full roads get, and how much days differ, was set so that
there is something to decide. It does not show how much a real town would gain.

One model learns all roads. At six on each of the last working days it draws ways in which the flows may go on; a flow
costs time by the curve of the Bureau of Public Roads (1964). In each way to go on, for each time to leave, Dijkstra's
algorithm with times that depend on when a road is entered finds the fastest path; of all paths found so, that one and
that time to leave are chosen which take least time on average over all ways to go on. Then the day comes, and the trip
is timed on the flows that came: compared with the shortest path, with a driver that plans in the same manner with
the same hours of all past weeks, and with hindsight.
"""

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from town import ROADS, WEEK, Floats, flows, mean_week, minutes_of, write_roads
from trips import DEPARTURES, PLANNED_AT, USUAL, Way, named, plan, shortest, time_of

import statewise
from statewise.report import aligned
from statewise.tasks.forecast.task import Forecast

HORIZON = 6
HISTORY_WEEKS, KEPT_WEEKS = 26, 8


def drive(flow: Floats, folder: Path, run: Path, *, days: int, updates: int, samples: int) -> list[Any]:
    """Learn the roads, then plan and drive on each of the last working days; return what each way of planning took."""
    hours, held_out = len(flow), -(-days // 5) * 7
    past = flow[: hours - held_out * 24].reshape(-1, WEEK, len(ROADS))
    task = Forecast(
        source=str(write_roads(folder / "roads.csv", flow, 0, hours)), horizon=f"{HORIZON}h", context="48h",
        held_out=f"{held_out}d", between="24h", updates=updates, hidden_size=48, batch_size=64, threads=1,
    )  # fmt: skip
    model = statewise.train(task, run=run).load()
    mornings = [t for t in range(hours - held_out * 24, hours) if t % 24 == PLANNED_AT and t // 24 % 7 < 5][-days:]
    found = []
    for t in mornings:
        table = write_roads(folder / "now.csv", flow, max(0, t - KEPT_WEEKS * WEEK), t)
        ahead = list(model.predict(table, samples=samples, seed=t))
        drawn = minutes_of(np.stack([one.paths for one in ahead], axis=-1).clip(0, None))
        came, before = flow[None, t : t + HORIZON], past[:, t % WEEK : t % WEEK + HORIZON]
        found.append(a_day(drawn, minutes_of(before), minutes_of(came)))
    return found


def a_day(drawn: Floats, before: Floats, came: Floats) -> dict[str, Any]:
    """Return what each way of planning took on one day, leaving as usual and leaving when it says."""
    took: dict[str, Any] = {"shortest path": [float(time_of(shortest(), USUAL, came)[0])] * 2}
    for name, believed in {"past weeks": before, "forecast": drawn, "hindsight": came}.items():
        fixed, free = plan(believed, [USUAL]), plan(believed, list(DEPARTURES))
        took[name] = [float(time_of(trip.path, trip.departure, came)[0]) for trip in (fixed, free)]
        if name == "forecast":
            took |= {"leaves": free.departure, "path": named(fixed.path)}
            ways = {"shortest": shortest(), "chosen": fixed.path}
            took["by_departure"] = {words: by_departure(path, drawn, came) for words, path in ways.items()}
    return took


def by_departure(path: Way, drawn: Floats, came: Floats) -> dict[str, Any]:
    """Return how long a path takes at each time to leave: the forecast's 10, 50 and 90 % quantiles, and what came."""
    forecast = [np.quantile(time_of(path, d, drawn), (0.1, 0.5, 0.9)).tolist() for d in DEPARTURES]
    return {"forecast": forecast, "came": [float(time_of(path, d, came)[0]) for d in DEPARTURES]}


def summary(days: Sequence[Mapping[str, Any]], seed: int = 0) -> dict[str, Any]:
    """Return mean minutes of each way of planning, and what the forecast gains over the others with a 95 % interval.

    The interval comes from drawing the days again, 10,000 times.
    """
    names, dice = ("shortest path", "past weeks", "forecast", "hindsight"), np.random.default_rng(seed)
    took = {name: np.array([day[name] for day in days]) for name in names}
    again = dice.integers(0, len(days), (10_000, len(days)))
    gains = {}
    for name in names[:2]:
        for column, leaving in enumerate(("leaving at 7:30", "leaving when it says")):
            gained = (took[name] - took["forecast"])[:, column]
            low, high = np.quantile(gained[again].mean(axis=1), (0.025, 0.975))
            gains[f"{name}, {leaving}"] = {"minutes": float(gained.mean()), "low": float(low), "high": float(high)}
    means = {
        name: dict(zip(("fixed", "free"), values.mean(axis=0).tolist(), strict=True)) for name, values in took.items()
    }
    elsewhere = sum(day["path"] != named(shortest()) for day in days)
    return {"days": len(days), "not_the_shortest": elsewhere, "mean_minutes": means, "gained_by_forecast": gains}


def table(found: Mapping[str, Any]) -> str:
    """Return the summary in words."""
    cells = [["minutes to work, mean", "leaving at 7:30", "leaving when it says"]]
    cells += [[name, f"{row['fixed']:.2f}", f"{row['free']:.2f}"] for name, row in found["mean_minutes"].items()]
    lines = [
        f"forecasts save {row['minutes']:.2f} minutes a day [{row['low']:.2f}, {row['high']:.2f}] against the {name}"
        for name, row in found["gained_by_forecast"].items()
    ]
    return "\n".join([aligned(cells), *lines])


def main() -> None:
    """Make the town, learn it, drive in it and say what that took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", type=Path, help="measured flows by the hour, as the corpus `traffic` has them")
    parser.add_argument("--days", type=int, default=20)
    parser.add_argument("--updates", type=int, default=1500)
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--weeks", type=int, default=HISTORY_WEEKS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--run", type=Path)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    week = mean_week(given.table)
    flow = flows(week, given.weeks, given.seed)
    with tempfile.TemporaryDirectory() as folder:
        run = given.run or Path(folder, "run")
        days = drive(flow, Path(folder), run, days=given.days, updates=given.updates, samples=given.samples)
    found = summary(days)
    if given.picture:
        from town_picture import picture

        others = [day for day in days if day["path"] != named(shortest())]
        picture(given.picture, (others or days)[-1])
    print(json.dumps({**found, "each_day": days}) if given.json else table(found))


if __name__ == "__main__":
    main()
