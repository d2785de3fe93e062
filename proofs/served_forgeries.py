"""Strangers forge snapshots while others step their sessions: each is refused, and no session's bits are changed.

    python proofs/served_forgeries.py [--forgeries 10000] [--sessions 32] [--width 64] [--save FILE]

1. A server as it is, whose key the stranger does not have: snapshots of other rows (0, 2, 1,000 ...), with NaN and
   infinity, of other types, widths, models and formats, cut, lengthened, flipped, digested again, signed with another
   key, or with a signature taken from another snapshot. Each has to be refused with 422.
2. A server that accepts foreign snapshots: of these, whatever is not a session of one finite row of this model.
3. Sessions that step all the while, on both: every distribution is that of the offline stream, bit for bit. Where a
   forgery was accepted, it is stepped together with them.
"""

import asyncio
import itertools
import random
import tempfile
from pathlib import Path
from typing import Any

import torch
from outcomes import arguments, conclude, counted
from serving.forgeries import MALFORMED, UNSIGNED, Forger, Kind
from serving.servers import serving, train
from serving.wire import Wire

import statewise

CODES, FORGERS = 20, 4
RESTORE = "/v1/sessions/restore"


def main() -> None:
    """Forge, compare and write."""
    asked = arguments(
        __doc__,
        "served_forgeries",
        forgeries=(10_000, "forgeries for each server"),
        sessions=(32, "honest sessions beside them"),
        width=(64, "units of a layer"),
    )
    torch.set_num_threads(1)
    every, parts, honest = {**MALFORMED, **UNSIGNED}, list[dict[str, Any]](), list[str]()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        runs = train(folder, asked.width, 1), train(folder, asked.width, 1, updates=3, name="other")
        for flags, kinds, claim in (
            ([], every, "a snapshot that no server of the store has made is refused"),
            (
                ["--accept-foreign-snapshots"],
                MALFORMED,
                "so is one that is not a session of one row of the model, where foreign ones are accepted",
            ),
        ):
            with serving(runs[0], *flags) as server:
                outcomes, others = asyncio.run(forged(server.port, runs, kinds, asked.forgeries, asked.sessions))
            parts.append({**counted(claim, outcomes, {"refused"}), "kinds": len(kinds)})
            honest += others
    parts.append(counted("a session that steps beside forgers has the bits that it has alone", honest, {"identical"}))
    conclude(parts, asked.save)


async def forged(
    port: int, runs: tuple[Path, Path], kinds: dict[str, Kind], forgeries: int, sessions: int
) -> tuple[list[str], list[str]]:
    """Return what came of so many forgeries, and of so many honest sessions meanwhile."""
    forging, stopping = _Forging(port, runs, kinds), asyncio.Event()
    stepping = [asyncio.create_task(honest(port, runs[0], number, stopping)) for number in range(sessions)]
    portions = [range(first, forgeries, FORGERS) for first in range(FORGERS)]
    outcomes = await asyncio.gather(*(forging.some(numbers) for numbers in portions))
    stopping.set()
    return list(itertools.chain(*outcomes)), await asyncio.gather(*stepping)


class _Forging:
    """Strangers, each with a session and a snapshot of his own."""

    def __init__(self, port: int, runs: tuple[Path, Path], kinds: dict[str, Kind]) -> None:
        self._port, self._kinds = port, kinds
        self._streams = [statewise.load(run).stream() for run in runs]

    async def some(self, numbers: range) -> list[str]:
        """Forge these, and return what came of each."""
        outcomes = []
        with Wire(self._port) as wire:
            path = f"/v1/sessions/{(await wire.ask('POST', '/v1/sessions')).json['session']}"
            await wire.ask("POST", f"{path}/step", {"input": 3})
            own = (await wire.ask("GET", f"{path}/snapshot")).body
            streams = [stream.fork() for stream in self._streams]
            for stream in streams:
                stream.push_many([3, 5])
            forger = Forger(streams[0], streams[1], own, numbers.start)
            for number in numbers:
                name, data = forger.forged(number, self._kinds)
                outcomes.append(await self._try(wire, name, data))
        return outcomes

    async def _try(self, wire: Wire, name: str, data: bytes) -> str:
        got = await wire.ask("POST", RESTORE, data)
        if got.status == 422:
            return "refused"
        if got.status == 201:  # it is in: let it do its worst
            await wire.ask("POST", f"/v1/sessions/{got.json['session']}/step", {"input": 1})
        return f"{name}: {got.status}"


async def honest(port: int, run: Path, number: int, stopping: asyncio.Event) -> str:
    """Step a session until the end, and say whether each distribution was that of a stream alone."""
    draw, stream = random.Random(number), statewise.load(run).stream()
    with Wire(port) as wire:
        path = f"/v1/sessions/{(await wire.ask('POST', '/v1/sessions')).json['session']}"
        while not stopping.is_set():
            code = draw.randrange(1, CODES)
            got = await wire.ask("POST", f"{path}/step", {"input": code, "show": "params"})
            wanted = stream.push(code).tolist()
            if got.status != 200 or got.json["params"] != wanted:
                return f"session {number} differs at step {stream.steps}: {got.status}"
    return "identical" if stream.steps else "did not step"


if __name__ == "__main__":
    main()
