"""When to leave and which way to go: forecasts on the roads of a small town, and the path of least expected time.

    python examples/routing.py [--days 20] [--updates 1500] [--samples 200] [--run DIR] [--picture FILE] [--json]

The town is made up, and so is what happens on its roads: each road carries the mean week that was measured on one
interstate road (corpus `traffic`), shifted by some hours and multiplied by noise that fades over a day and by how busy
the whole day is. Nobody may conclude from it how much a real town would gain.

One model learns all roads. At six on each of the last working days it draws ways in which the flows may go on; a flow
costs time by the curve of the Bureau of Public Roads (1964). In each way to go on, for each time to leave, Dijkstra's
algorithm with times that depend on when a road is entered finds the fastest path; of all paths found so, that one and
that time to leave are chosen which take least time on average over all ways to go on. Then the day comes, and the trip
is timed on the flows that came: beside the shortest path, beside who plans in the same manner with the same hours of
all past weeks, and beside hindsight.
"""

import argparse
import heapq
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import statewise
from statewise.data.panel import Columns, read_panel
from statewise.data.table_corpora import table_file
from statewise.report import aligned
from statewise.tasks.forecast import Forecast

Floats = NDArray[np.float64]
Way = tuple[int, ...]
"Numbers of roads, in order."

WEEK, HORIZON = 168, 6
PLANNED_AT, USUAL = 6, 7.5
"The hour at which a trip is planned, and at which who does not plan leaves."
DEPARTURES = np.arange(6.0, 10.01, 0.25)
TRIED = 40
"Ways to go on in which fastest paths are looked for; all of them judge the paths that were found."
NOISE, FADES, DAYS_DIFFER = 0.28, 0.93, 0.08
HISTORY_WEEKS, KEPT_WEEKS = 26, 8
START = np.datetime64("2018-01-01T00", "s")  # a Monday


class Road(NamedTuple):
    """One way from a place to another: kilometres, free speed, flow over capacity at the busiest hour, hours late."""

    begin: str
    end: str
    km: float
    km_per_hour: float
    busiest: float
    late: int

    @property
    def name(self) -> str:
        """What its column is called."""
        return f"{self.begin}-{self.end}"


PLACES = {
    "home": (0.0, 0.0), "west": (2.0, 1.0), "north": (5.0, 4.0), "ring": (8.2, 4.4), "centre": (6.0, 0.4),
    "bridge": (8.2, 0.0), "south": (5.2, -3.4), "port": (9.2, -3.0), "east": (10.6, 0.6), "work": (12.2, 0.0),
}  # fmt: skip
ROADS = (
    Road("home", "west", 2.3, 50, 0.7, 0),
    Road("west", "centre", 4.2, 55, 1.3, 0),
    Road("centre", "bridge", 2.3, 45, 1.5, 1),
    Road("bridge", "east", 2.6, 50, 1.3, 1),
    Road("east", "work", 1.8, 50, 0.8, 0),
    Road("west", "north", 4.3, 60, 1.2, 0),
    Road("north", "ring", 3.3, 70, 1.4, 0),
    Road("ring", "east", 4.6, 70, 1.4, 1),
    Road("centre", "ring", 4.8, 60, 1.1, 0),
    Road("home", "south", 6.3, 50, 1.1, 0),
    Road("south", "port", 4.1, 60, 1.3, -1),
    Road("port", "work", 4.4, 50, 1.2, 0),
    Road("port", "east", 4.0, 60, 1.0, 0),
    Road("south", "bridge", 4.7, 55, 1.2, 0),
)
HOME, WORK = "home", "work"


class Trip(NamedTuple):
    """When to leave, which way, and how many minutes it is expected to take."""

    departure: float
    path: Way
    minutes: float


def mean_week(table: Path | None = None) -> Floats:
    """Return the mean measured flow of each hour of the week, from Monday on, over that of the busiest."""
    source = table or table_file("traffic")
    panel = read_panel(source, Columns(time="datetime", targets=("traffic_volume",)), None)
    times = panel.times(0, len(panel.values))
    days = times.astype("datetime64[D]").astype(np.int64) + 3  # 1970 began on a Thursday
    hours = (days % 7) * 24 + (times.astype("datetime64[h]").astype(np.int64) % 24)
    week = np.array([np.nanmean(panel.values[hours == hour]) for hour in range(WEEK)])
    return week / week.max()


def flows(week: Floats, weeks: int, seed: int) -> Floats:
    """Return made flows over capacity `[hours, roads]`: the mean week, shifted, with noise."""
    dice, hours = np.random.default_rng(seed), weeks * WEEK
    noise = np.zeros((hours, len(ROADS)))
    drawn = dice.normal(0, NOISE * np.sqrt(1 - FADES**2), noise.shape)
    for t in range(1, hours):
        noise[t] = FADES * noise[t - 1] + drawn[t]
    day = np.repeat(dice.normal(0, DAYS_DIFFER, hours // 24), 24)
    mean = np.stack([road.busiest * np.roll(np.tile(week, weeks), road.late) for road in ROADS], axis=1)
    return np.asarray(mean * np.exp(noise + day[:, None]))


def minutes_of(flow: Floats) -> Floats:
    """Return the minutes that each road takes at a flow over capacity `[..., roads]`: t (1 + 0.15 flow^4)."""
    free = np.array([60 * road.km / road.km_per_hour for road in ROADS])
    return np.asarray(free * (1 + 0.15 * flow**4))


def time_of(path: Way, departures: float | Floats, minutes: Floats) -> Floats:
    """Return how long a path takes in each way to go on, `[ways]`, from `minutes` `[ways, hours, roads]`.

    A road takes as long as it does at the moment of entering, along a line between full hours.
    """
    ways = np.arange(len(minutes))
    clock = np.broadcast_to(np.asarray(departures, dtype=np.float64), ways.shape).copy()
    for road in path:
        place = (clock - PLANNED_AT).clip(0, minutes.shape[1] - 1.001)
        low = place.astype(np.int64)
        share = place - low
        clock += ((1 - share) * minutes[ways, low, road] + share * minutes[ways, low + 1, road]) / 60
    return np.asarray(60 * (clock - departures))


def fastest(departure: float, minutes: Floats) -> Way:
    """Return the fastest path in one way to go on, by Dijkstra's algorithm on the time of arrival.

    Who enters a road later leaves it later, so the first arrival at a place is the one to go on from.
    Source: Dreyfus 1969. Shapes: `minutes` `[hours, roads]`.
    """
    waiting: list[tuple[float, str, Way]] = [(departure, HOME, ())]
    reached: set[str] = set()
    while waiting:
        clock, here, path = heapq.heappop(waiting)
        if here == WORK:
            return path
        if here in reached:
            continue
        reached.add(here)
        for number, road in enumerate(ROADS):
            if road.begin == here and road.end not in reached:
                taken = float(time_of((number,), clock, minutes[None])[0])
                heapq.heappush(waiting, (clock + taken / 60, road.end, (*path, number)))
    raise ValueError(f"no way leads from {HOME} to {WORK}")


def shortest() -> Way:
    """Return the shortest path by distance."""
    steady = np.broadcast_to([road.km for road in ROADS], (2, len(ROADS)))
    return fastest(PLANNED_AT, np.asarray(steady, dtype=np.float64))


def plan(minutes: Floats, departures: Sequence[float]) -> Trip:
    """Return the time to leave and the path of least expected time over `minutes` `[ways, hours, roads]`.

    The fastest path of the mean is not the fastest on average, since times depend on when one arrives (Hall 1986): so
    every path that is fastest in some way to go on is judged by all of them.
    """
    found: dict[float, set[Way]] = {}
    for departure in departures:
        found[departure] = {fastest(departure, way) for way in [minutes.mean(axis=0), *minutes[:TRIED]]}
    paths = set().union(*found.values())
    trips = [Trip(d, path, float(time_of(path, d, minutes).mean())) for d in departures for path in sorted(paths)]
    return min(trips, key=lambda trip: trip.minutes)


def write_roads(path: Path, flow: Floats, begin: int, end: int) -> Path:
    """Write the flows of some hours as a table, a column for each road."""
    hours = START + np.arange(begin, end) * np.timedelta64(3600, "s")
    lines = [",".join(["time", *(road.name for road in ROADS)])]
    lines += [f"{hour},{','.join(f'{x:.5g}' for x in row)}" for hour, row in zip(hours, flow[begin:end], strict=True)]
    path.write_text("\n".join(lines) + "\n")
    return path


def drive(flow: Floats, folder: Path, run: Path, *, days: int, updates: int, samples: int) -> list[Any]:
    """Learn the roads, then plan and drive on each of the last working days; return what each way of planning took."""
    hours, held_out = len(flow), -(-days // 5) * 7
    past = flow[: hours - held_out * 24].reshape(-1, WEEK, len(ROADS))
    task = Forecast(
        source=str(write_roads(folder / "roads.csv", flow, 0, hours)), horizon=f"{HORIZON}h", context="48h",
        held_out=f"{held_out}d", between="24h", updates=updates, width=48, rows=64, threads=1,
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


def o_clock(hour: float) -> str:
    """Return a time of day as it is said.

    >>> o_clock(7.5)
    '7:30'
    """
    return f"{int(hour)}:{round(60 * (hour % 1)):02d}"


def named(path: Way) -> list[str]:
    """Return the places of a path."""
    return [HOME, *(ROADS[road].end for road in path)]


def summary(days: Sequence[Mapping[str, Any]], seed: int = 0) -> dict[str, Any]:
    """Return mean minutes of each way of planning, and what the forecast gains over the others with a 95 % interval.

    The interval comes from drawing the days anew, 10,000 times.
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


def picture(path: Path, day: Mapping[str, Any]) -> None:
    """Draw the town with the shortest path and that which was chosen, and how long both take by the time of leaving."""
    colours = {"shortest": "#D55E00", "chosen": "#0072B2"}
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.5, 4.2), layout="constrained")
    town, times = figure.subplots(1, 2, width_ratios=(1.1, 1))
    for road in ROADS:
        xs, ys = zip(PLACES[road.begin], PLACES[road.end], strict=True)
        town.plot(xs, ys, color="#bbbbbb", linewidth=1.5, zorder=1)
    for words, places in {"shortest": named(shortest()), "chosen": day["path"]}.items():
        xs, ys = zip(*(PLACES[place] for place in places), strict=True)
        line = "--" if words == "shortest" else "-"
        town.plot(xs, ys, line, color=colours[words], linewidth=3, label=f"{words} for {o_clock(USUAL)}", zorder=2)
    for name, (x, y) in PLACES.items():
        town.plot(x, y, "o", color="#333333", markersize=5, zorder=3)
        town.annotate(name, (x, y), (0, 7), textcoords="offset points", fontsize=8, ha="center")
    town.set_title("the town, km", loc="left", fontsize=10)
    town.set_aspect("equal")
    town.legend(frameon=False, fontsize=8, loc="lower left")
    for words, found in day["by_departure"].items():
        low, middle, high = np.array(found["forecast"]).T
        times.fill_between(DEPARTURES, low, high, color=colours[words], alpha=0.2, linewidth=0)
        times.plot(DEPARTURES, middle, color=colours[words], label=f"{words}, as forecast at {o_clock(PLANNED_AT)}")
        times.plot(DEPARTURES, found["came"], ":", color=colours[words], label=f"{words}, as it came")
    times.set_title("minutes to work by the time of leaving", loc="left", fontsize=10)
    times.set_xticks(range(6, 11), [o_clock(hour) for hour in range(6, 11)])
    times.legend(frameon=False, fontsize=8)
    times.margins(y=0.25)
    for axes in (town, times):
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8)
    figure.savefig(path, dpi=120)


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
        others = [day for day in days if day["path"] != named(shortest())]
        picture(given.picture, (others or days)[-1])
    print(json.dumps({**found, "each_day": days}) if given.json else table(found))


if __name__ == "__main__":
    main()
