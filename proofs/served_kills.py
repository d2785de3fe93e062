"""Servers are killed with kill -9 under load, and told to stop under load; no step is lost and none counts twice.

    python proofs/served_kills.py [--kills 100] [--stops 20] [--sessions 16] [--save FILE]

Two servers on one store, SQLite and then Redis; one after the other is killed at a random instant and begun again while
clients step sessions, each answer compared with the offline stream. A kill is good if every session went on with the
offline stream's bits, through the other server, each step applied once. Then servers are told to stop under load: every
request that was accepted must be answered. Half of the kills are made on each store. Says nothing of a loss of power.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from serving.servers import Server, redis, servers, train
from serving.wire import Wire
from shakespeare import made_by

import statewise
from statewise.client import AsyncClient

HERE = Path(__file__).parent
CODES = 20


def main() -> None:
    """Kill, compare, stop, and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--stops", type=int, default=20)
    parser.add_argument("--sessions", type=int, default=16)
    parser.add_argument("--save", type=Path, default=HERE / "results" / "served_kills.json")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    stores: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run = train(folder, 64, 1)
        with redis(folder) as url:
            urls = {"sqlite": f"sqlite:{folder / 'sessions.db'}", "redis": url}
            for kind, store in urls.items():
                if store is not None:
                    stores[kind] = asyncio.run(killed(run, store, asked.kills // 2, asked.sessions))
        stops = [asyncio.run(stopped(run, asked.sessions)) for _ in range(asked.stops)]
    dropped = sum(stop["dropped"] for stop in stops)
    good = all(told["good"] == told["kills"] and told["twice_or_never"] == 0 for told in stores.values())
    slowest = max((stop["seconds"] for stop in stops), default=0.0)
    result = {
        "claim": "no kill -9 and no SIGTERM of a server loses a step or applies one twice",
        "holds": good and not dropped and slowest < 30 and all(stop["exit_code"] == 0 for stop in stops),
        "stores": stores,
        "not_run": [kind for kind in ("sqlite", "redis") if kind not in stores],
        "stops": len(stops),
        "answered_while_stopping": sum(stop["answered"] for stop in stops),
        "dropped": dropped,
        "slowest_stop_seconds": slowest,
        **made_by(),
    }
    asked.save.write_text(json.dumps(result, indent=1) + "\n")
    for kind, told in stores.items():
        print(f"{kind}: {told['good']}/{told['kills']} kills with identical continuations, {told['steps']} steps")
    print(f"{len(stops)} stops under load: {dropped} accepted requests dropped, the slowest took {slowest:.1f} s")
    sys.exit(0 if result["holds"] else 1)


async def killed(run: Path, store: str, kills: int, sessions: int) -> dict[str, Any]:
    """Return what came of so many kills."""
    draw = random.Random(kills)
    begun = [Server.of(run, "--store", store).ready() for _ in range(2)]
    ports = [server.port for server in begun]
    offline = _Offline(run)
    stopping, seen = asyncio.Event(), [0] * sessions
    bad: list[str] = []

    async def step(number: int) -> int:
        own = random.Random(number)
        async with AsyncClient(*(server.address for server in begun), patience_seconds=60) as client:
            session = await client.create()
            codes: list[int] = []
            while not stopping.is_set():
                code = own.randrange(1, CODES)
                told = await session.step(code, show="params")
                codes.append(code)
                if told["steps"] != len(codes):
                    bad.append(f"session {number} is at {told['steps']}, not {len(codes)}")
                if told["params"] != offline.after(number, code):
                    bad.append(f"session {number} differs at step {len(codes)}")
                seen[number] += 1
            return abs((await session.refresh()) - len(codes))

    clients = [asyncio.create_task(step(number)) for number in range(sessions)]
    good = 0
    for kill in range(kills):
        await asyncio.sleep(draw.uniform(0.05, 0.5))
        which, wrong = kill % 2, len(bad)
        await asyncio.to_thread(begun[which].kill)
        before = list(seen)
        again = Server.of(run, "--store", store, "--port", str(ports[which]))
        begun[which] = await asyncio.to_thread(again.ready)
        end = time.monotonic() + 30
        while not all(now > then for now, then in zip(seen, before, strict=True)) and time.monotonic() < end:
            await asyncio.sleep(0.02)
        good += len(bad) == wrong and all(now > then for now, then in zip(seen, before, strict=True))
    stopping.set()
    off = sum(await asyncio.gather(*clients))
    for server in begun:
        server.close()
    return {"kills": kills, "good": good, "steps": sum(seen), "twice_or_never": off, "bad": bad[:20]}


class _Offline:
    """What the offline streams say."""

    def __init__(self, run: Path) -> None:
        self._trained = statewise.load(run)
        self._streams: dict[int, Any] = {}

    def after(self, number: int, code: int) -> list[float]:
        """Return what comes next after one more input of a session."""
        stream = self._streams.setdefault(number, self._trained.stream())
        told: list[float] = stream.push(code).tolist()
        return told


async def stopped(run: Path, clients: int) -> dict[str, Any]:
    """Return what came of one SIGTERM: requests answered after it, and accepted ones that were not."""
    with servers(run, 1) as (server,):
        answered, dropped, asked = 0, 0, asyncio.Event()

        async def load() -> None:
            nonlocal answered, dropped
            with Wire(server.port) as wire:
                id = (await wire.ask("POST", "/v1/sessions")).json["session"]
                while True:
                    try:
                        got = await wire.ask("POST", f"/v1/sessions/{id}/step", {"input": 1})
                    except OSError:
                        dropped += 1
                        return
                    dropped += got.status != 200
                    answered += asked.is_set()
                    if wire.closed:  # told to go: a proxy asks another server now
                        return

        loads = [asyncio.create_task(load()) for _ in range(clients)]
        await asyncio.sleep(0.5)
        asked.set()
        began = time.monotonic()
        code = await asyncio.to_thread(server.stop)
        seconds = time.monotonic() - began
        await asyncio.gather(*loads)
    return {"answered": answered, "dropped": dropped, "exit_code": code, "seconds": seconds}


if __name__ == "__main__":
    main()
