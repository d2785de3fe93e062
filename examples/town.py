"""The made town of routing.py: its roads, the flows on them, and how long a road takes at a flow."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from statewise.data.series.panel import read_panel
from statewise.data.series.series_columns import SeriesColumns
from statewise.data.tables.table_corpora import table_file

Floats = NDArray[np.float64]

WEEK = 168
NOISE, FADES, DAYS_DIFFER = 0.28, 0.93, 0.08
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


def mean_week(table: Path | None = None) -> Floats:
    """Return the mean measured flow of each hour of the week, from Monday on, over that of the busiest."""
    source = table or table_file("traffic")
    panel = read_panel(source, SeriesColumns(time="datetime", targets=("traffic_volume",)), None)
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


def write_roads(path: Path, flow: Floats, begin: int, end: int) -> Path:
    """Write the flows of some hours as a table, a column for each road."""
    hours = START + np.arange(begin, end) * np.timedelta64(3600, "s")
    lines = [",".join(["time", *(road.name for road in ROADS)])]
    lines += [f"{hour},{','.join(f'{x:.5g}' for x in row)}" for hour, row in zip(hours, flow[begin:end], strict=True)]
    path.write_text("\n".join(lines) + "\n")
    return path
