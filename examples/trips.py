"""Trips through the town of routing.py where times depend on when a road is entered: the fastest, and the best plan."""

import heapq
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from town import HOME, ROADS, WORK, Floats

Way = tuple[int, ...]
"Numbers of roads, in order."

PLANNED_AT, USUAL = 6, 7.5
"The hour at which a trip is planned, the first whose minutes are given; and that at which one without a plan begins."
DEPARTURES = np.arange(6.0, 10.01, 0.25)
TRIED = 40
"Ways to go on in which fastest paths are looked for; all of them judge the paths that were found."


class Trip(NamedTuple):
    """When to leave, which way, and how many minutes it is expected to take."""

    departure: float
    path: Way
    minutes: float


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

    A trip that enters a road later leaves it later, so the first arrival at a place is the one to go on from.
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


def named(path: Way) -> list[str]:
    """Return the places of a path."""
    return [HOME, *(ROADS[road].end for road in path)]
