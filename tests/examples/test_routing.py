"""Planning a trip by forecasts: times depend on when a road is entered, and the plan is the best there is."""

import importlib
import itertools
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "examples" / "routing.py"
HOURS = 6


@pytest.fixture(scope="module")
def trips() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(SCRIPT.parent)
        return importlib.import_module("trips")


def every_path(trips: ModuleType) -> list[tuple[int, ...]]:
    """Return all ways from home to work, found without looking at how long they take."""
    open_paths: list[tuple[tuple[int, ...], str]] = [((), trips.HOME)]
    done: list[tuple[int, ...]] = []
    while open_paths:
        path, here = open_paths.pop()
        done += [path] if here == trips.WORK else []
        open_paths += [((*path, i), road.end) for i, road in enumerate(trips.ROADS) if road.begin == here]
    return done


def test_the_fastest_path_is_the_best_of_all_paths_at_every_time_to_leave(trips: ModuleType) -> None:
    dice, paths = np.random.default_rng(3), every_path(trips)
    assert len(paths) > 5
    for departure in (6.0, 7.3, 9.9):
        minutes = dice.uniform(1, 30, (1, HOURS, len(trips.ROADS)))
        found = trips.fastest(departure, minutes[0])
        taken = {path: float(trips.time_of(path, departure, minutes)[0]) for path in paths}
        assert taken[found] == min(taken.values())


def test_a_path_takes_the_sum_of_what_its_roads_take_when_they_are_entered(trips: ModuleType) -> None:
    minutes = np.zeros((2, 3, len(trips.ROADS)))
    minutes[0, :, 0] = 30, 60, 60  # entered at 6:30, half way between
    minutes[1, :, 0] = 30, 30, 30
    minutes[:, 1:, 1] = 12, 24
    one, other = trips.time_of((0, 1), 6.5, minutes)
    assert one == pytest.approx(45 + 12 + 12 * 0.25)
    assert other == pytest.approx(30 + 12)


def test_a_plan_takes_least_on_average_of_all_paths_and_times(trips: ModuleType) -> None:
    minutes = np.random.default_rng(5).uniform(5, 20, (9, HOURS, len(trips.ROADS)))
    trip = trips.plan(minutes, [6.0, 7.0, 8.5])
    every = [
        float(trips.time_of(path, d, minutes).mean())
        for path, d in itertools.product(every_path(trips), [6.0, 7.0, 8.5])
    ]
    assert trip.minutes == pytest.approx(min(every))


def test_the_script_plans_drives_and_draws(tmp_path: Path) -> None:
    hours = np.datetime64("2026-11-02T00") + np.arange(4 * 168)
    rows = [f"{hour},{1000 + 900 * np.sin((t % 24 - 6) / 24 * 2 * np.pi):.0f}" for t, hour in enumerate(hours)]
    table = tmp_path / "measured.csv"
    table.write_text("\n".join(["datetime,traffic_volume", *rows]) + "\n")
    flags: list[str | Path] = [
        "--table",
        table,
        "--days",
        "3",
        "--updates",
        "3",
        "--samples",
        "5",
        "--weeks",
        "4",
        "--json",
    ]
    asked: list[str | Path] = [sys.executable, SCRIPT, *flags, "--picture", tmp_path / "town.png"]
    done = subprocess.run(asked, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    minutes = found["mean_minutes"]
    assert found["days"] == len(found["each_day"]) == 3
    assert all(minutes["hindsight"]["fixed"] <= row["fixed"] for row in minutes.values())
    assert minutes["hindsight"]["free"] <= minutes["forecast"]["free"]
    assert (tmp_path / "town.png").read_bytes()[:4] == b"\x89PNG"
