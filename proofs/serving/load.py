"""Load for a server: sessions that step as soon as they are answered, and requests that come whatever the answers."""

import asyncio
import itertools
import os
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

import uvloop

from serving.wire import Got, Wire, request

CODES, AT_ONCE, TICK_SECONDS = 20, 100, 0.001
Value = TypeVar("Value")


def run(main: Coroutine[Any, Any, Value]) -> Value:
    """Run on the event loop that costs the server least of the machine they share."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


async def begun(port: int, sessions: int) -> tuple[list[Wire], list[str]]:
    """Return so many open connections, and the path of a session of each."""
    wires, paths = [Wire(port) for _ in range(sessions)], list[str]()
    for start in range(0, sessions, AT_ONCE):
        paths += await asyncio.gather(*map(_session, wires[start : start + AT_ONCE]))
    return wires, paths


async def _session(wire: Wire) -> str:
    while (got := await wire.ask("POST", "/v1/sessions")).status != 201:
        await asyncio.sleep(TICK_SECONDS)
    return f"/v1/sessions/{got.json['session']}"


class _Stepping:
    """One session that steps until a time, and counts."""

    def __init__(self, wire: Wire, path: str, at: int, latencies: list[float]) -> None:
        self.wire, self.sent, self.lost, self._latencies = wire, list[int](), 0, latencies
        self._codes = itertools.cycle([(code, request("POST", f"{path}/step", {"input": code})) for code in _codes(at)])
        self.done = asyncio.get_running_loop().create_future()

    def go(self, end: float) -> None:
        """Step until then."""
        self._end = end
        self._next()

    def _next(self) -> None:
        self._asked = time.perf_counter()
        if self._asked >= self._end:
            self.done.set_result(None)
            return
        self._code, sent = next(self._codes)
        self.wire.send(sent, self._told)

    def _told(self, got: Got | None) -> None:
        if got is None or got.status != 200 or got.json["steps"] != len(self.sent) + 1:
            self.lost += 1
            self.done.set_result(None)
            return
        self._latencies.append(time.perf_counter() - self._asked)
        self.sent.append(self._code)
        self._next()


def _codes(at: int) -> range:
    return range(1 + at % 7, CODES)


async def stepped(port: int, sessions: int, seconds: float, *, snapshots: bool = False) -> dict[str, Any]:
    """Step so many sessions for so long, each as soon as it is answered."""
    wires, paths = await begun(port, sessions)
    latencies: list[float] = []
    stepping = [_Stepping(wire, path, at, latencies) for at, (wire, path) in enumerate(zip(wires, paths, strict=True))]
    began, own = time.perf_counter(), time.process_time()
    for one in stepping:
        one.go(began + seconds)
    await asyncio.gather(*(one.done for one in stepping))
    took, load = time.perf_counter() - began, time.process_time() - own
    told = {
        "sessions": sessions,
        "seconds": took,
        "steps": len(latencies),
        "steps_a_second": len(latencies) / took,
        **percentiles(latencies),
        "lost": sum(one.lost for one in stepping),
        "cores_taken_by_the_load": load / took,
    }
    if snapshots:
        kept = [(await wire.ask("GET", f"{path}/snapshot")).body for wire, path in zip(wires, paths, strict=True)]
        told |= {"sent": [one.sent for one in stepping], "snapshots": kept}
    for wire in wires:
        wire.close()
    return told


class _Flood:
    """Requests at a rate, whatever the answers: each takes a connection that is free, or is not sent."""

    def __init__(self, wires: list[Wire], paths: list[str]) -> None:
        self._free = [(wire, request("POST", f"{path}/step", {"input": 1})) for wire, path in zip(wires, paths)]
        self.latencies: list[float] = []
        self.refused = self.others = self.sent = self.unsent = 0

    def ask(self) -> None:
        """Send one, if there is a connection."""
        if not self._free:
            self.unsent += 1
            return
        wire, sent = self._free.pop()
        asked = time.perf_counter()

        def told(got: Got | None) -> None:
            if got is None:
                self.others += 1
                return
            if got.status == 200:
                self.latencies.append(time.perf_counter() - asked)
            elif got.status in (429, 503):
                self.refused += 1
            else:
                self.others += 1
            self._free.append((wire, sent))

        self.sent += 1
        wire.send(sent, told)

    @property
    def under_way(self) -> int:
        """How many were not answered yet."""
        return self.sent - len(self.latencies) - self.refused - self.others


async def flooded(port: int, rate: float, seconds: float, connections: int) -> dict[str, Any]:
    """Ask at a rate for so long."""
    wires, paths = await begun(port, connections)
    flood = _Flood(wires, paths)
    began, own = time.perf_counter(), time.process_time()
    while (now := time.perf_counter() - began) < seconds:
        for _ in range(int(now * rate) - flood.sent - flood.unsent):
            flood.ask()
        await asyncio.sleep(TICK_SECONDS)
    took, load = time.perf_counter() - began, time.process_time() - own
    good, refused = len(flood.latencies), flood.refused
    while flood.under_way and time.perf_counter() - began < seconds + 30:
        await asyncio.sleep(TICK_SECONDS)
    for wire in wires:
        wire.close()
    return {
        "wanted_a_second": rate,
        "sent_a_second": flood.sent / took,
        "not_sent": flood.unsent,
        "goodput_a_second": good / took,
        "refused_a_second": refused / took,
        "refused": flood.refused,
        "others": flood.others,
        "unanswered": flood.under_way,
        "cores": os.cpu_count(),
        "cores_taken_by_the_load": load / took,
        **percentiles(flood.latencies),
    }


def percentiles(latencies: list[float]) -> dict[str, float]:
    """Return the middle and the last of a hundred, in milliseconds."""
    ordered = sorted(latencies)
    if not ordered:
        return {}
    return {f"p{p}_milliseconds": 1000 * ordered[min(len(ordered) - 1, len(ordered) * p // 100)] for p in (50, 99)}
