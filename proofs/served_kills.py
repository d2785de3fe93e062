"""Servers are killed with kill -9 under load, and the other one goes on: no step is lost and none counts twice.

    python proofs/served_kills.py [--kills 100] [--sessions 16] [--save FILE]

Two servers on one store, SQLite and then Redis; one after the other is killed at a random instant and begun again while
clients step sessions, each answer compared with the offline stream. A kill is good if every session went on with the
offline stream's bits, through the other server; at the end each must have read as many steps as were answered. There
are so many kills on each store. Says nothing of a loss of power.
"""

import asyncio
import random
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from outcomes import arguments, conclude, counted
from serving.nursery import Nursery, nursery
from serving.servers import redis, train

import statewise
from statewise.client import AsyncClient

CODES, PATIENCE_SECONDS = 20, 1200


def main() -> None:
    """Kill, compare and write."""
    asked = arguments(
        __doc__,
        "served_kills",
        kills=(100, "kills on each store"),
        sessions=(16, "sessions that are stepped meanwhile"),
    )
    torch.set_num_threads(1)
    parts = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run = train(folder, 64, 1)
        with redis(folder) as url:
            for kind, store in {"SQLite": f"sqlite:{folder / 'sessions.db'}", "Redis": url}.items():
                if store is not None:
                    parts.append(asyncio.run(killed(run, kind, store, asked.kills, asked.sessions)))
    conclude(parts, asked.save)


async def killed(run: Path, kind: str, store: str, kills: int, sessions: int) -> dict[str, Any]:
    """Return what came of so many kills."""
    with nursery() as place:
        killing = _Killing(place, run, store, sessions)
        outcomes = await killing.all(kills)
    claim = (
        f"a server on {kind} that is killed with `kill -9` under load: every session goes on elsewhere to the same bits"
    )
    told = counted(claim, outcomes, {"identical"})
    once = killing.twice_or_never == 0
    return {
        **told,
        "holds": told["holds"] and once,
        "steps": sum(killing.seen),
        "twice_or_never": killing.twice_or_never,
    }


class _Killing:
    """Two servers that die in turn, and clients that do not mind."""

    def __init__(self, place: Nursery, run: Path, store: str, sessions: int) -> None:
        self._place, self._run, self._store, self._draw = place, run, store, random.Random(sessions)
        self._servers = [place.serve(run, "--store", store) for _ in range(2)]
        self._trained = statewise.load(run)
        self._stopping, self._bad = asyncio.Event(), list[str]()
        self.seen, self.twice_or_never = [0] * sessions, 0

    async def all(self, kills: int) -> list[str]:
        """Kill so many times, and return what came of each."""
        clients = [asyncio.create_task(self._step(number)) for number in range(len(self.seen))]
        outcomes = [await self._kill(kill % 2) for kill in range(kills)]
        self._stopping.set()
        self.twice_or_never = sum(await asyncio.gather(*clients))
        return outcomes

    async def _kill(self, which: int) -> str:
        await asyncio.sleep(self._draw.uniform(0.05, 0.5))
        bad, before, port = len(self._bad), list(self.seen), str(self._servers[which].port)
        await asyncio.to_thread(self._servers[which].kill)
        begin = self._place.serve, self._run, "--store", self._store, "--port", port
        self._servers[which] = await asyncio.to_thread(*begin)
        end = time.monotonic() + PATIENCE_SECONDS
        while not all(now > then for now, then in zip(self.seen, before, strict=True)):
            if time.monotonic() > end:
                return "a session did not go on"
            await asyncio.sleep(0.02)
        return "; ".join(self._bad[bad:]) or "identical"

    async def _step(self, number: int) -> int:
        """Step one session until the end, and return how far it is from where it should be."""
        draw, stream = random.Random(number), self._trained.stream()
        addresses = (server.address for server in self._servers)
        async with AsyncClient(*addresses, patience_seconds=PATIENCE_SECONDS) as client:
            session = await client.create()
            while not self._stopping.is_set():
                code = draw.randrange(1, CODES)
                told = await session.step(code, show="params")
                if told["params"] != stream.push(code).tolist() or told["steps"] != stream.steps:
                    self._bad.append(f"session {number} differs at step {stream.steps}")
                self.seen[number] += 1
            return abs((await session.refresh()) - stream.steps)


if __name__ == "__main__":
    main()
