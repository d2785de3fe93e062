"""Servers are told to stop under load: every request that was accepted is answered.

    python proofs/served_stops.py [--stops 20] [--sessions 16] [--save FILE]

Clients step sessions over kept connections, as a proxy does, and leave where they are told `Connection: close`. A stop
is good if every request was answered with 200, and the server left within 30 seconds with exit code 0.
"""

import asyncio
import tempfile
import time
from pathlib import Path

from outcomes import arguments, conclude, counted
from serving.servers import Server, serving, train
from serving.wire import Wire

MOST_SECONDS, LOADED_SECONDS = 30, 0.5


def main() -> None:
    """Stop, count and write."""
    asked = arguments(__doc__, "served_stops", stops=(20, "servers to stop"), sessions=(16, "sessions being stepped"))
    stops = []
    with tempfile.TemporaryDirectory() as name:
        run = train(Path(name), 64, 1)
        for _ in range(asked.stops):
            with serving(run) as server:
                stops.append(asyncio.run(_Stopping(server).of(asked.sessions)))
    claim = "a server that is told by SIGTERM to stop under load drops no request, and leaves within 30 seconds with 0"
    told = counted(claim, [outcome for outcome, _, _ in stops], {"nothing dropped"})
    told |= {"answered_while_stopping": sum(answered for _, answered, _ in stops)}
    conclude({**told, "slowest_stop_seconds": max(seconds for _, _, seconds in stops)}, asked.save)


class _Stopping:
    """One server under load, until it is gone."""

    def __init__(self, server: Server) -> None:
        self._server, self._stopping = server, asyncio.Event()
        self._answered = self._dropped = 0

    async def of(self, sessions: int) -> tuple[str, int, float]:
        """Return what came of it, how many requests were answered meanwhile, and how long it took."""
        loads = [asyncio.create_task(self._load()) for _ in range(sessions)]
        await asyncio.sleep(LOADED_SECONDS)
        self._stopping.set()
        began = time.monotonic()
        code = await asyncio.to_thread(self._server.stop, MOST_SECONDS)
        seconds = time.monotonic() - began
        await asyncio.gather(*loads)
        bad = [f"{self._dropped} requests dropped"] * bool(self._dropped) + [f"exit code {code}"] * bool(code)
        return "; ".join(bad) or "nothing dropped", self._answered, seconds

    async def _load(self) -> None:
        with Wire(self._server.port) as wire:
            id = (await wire.ask("POST", "/v1/sessions")).json["session"]
            while True:
                try:
                    got = await wire.ask("POST", f"/v1/sessions/{id}/step", {"input": 1})
                except OSError:
                    self._dropped += 1
                    return
                self._dropped += got.status != 200
                self._answered += self._stopping.is_set()
                if wire.closed:  # told to go: a proxy asks another server now
                    return


if __name__ == "__main__":
    main()
