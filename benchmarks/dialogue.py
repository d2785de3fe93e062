"""How long does a turn of a conversation take, alone and through a server, and what do 200 bots in one process hold?

    python benchmarks/dialogue.py [--turns 400] [--bots 200] [--save DIR]

The bot of recipes/front-desk-bot.yaml is trained by its recipe, on one thread. A turn is all of understanding, state
and answer; the conversations of proofs/conversations.py are held one after another. The server is a process of its own
with one client, which sends turn after turn to /v1/bots. Memory is what the process holds more for each further bot,
whose weights are its own. Times are of the clock, so nothing else should run; the plain comparison is a pass of TF-IDF
with logistic regression over the same lines, which understands intents and no slots, and holds no conversation.
"""

import argparse
import json
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import torch

import statewise
from statewise.data.left_out import LeftOutCount
from statewise.data.utterances.utterance_files import read_utterances
from statewise.tasks.dialogue.baselines import TfIdfRegression
from statewise.versions import versions
from statewise_lab.benchmarking.result import commit, machine

RESULTS = Path(__file__).parent / "results"
BOT = Path(__file__).parents[1] / "recipes" / "front-desk-bot.yaml"
NOW = "2026-11-30T09:00"
TALKS = (
    ("i want to book a room", "double", "tomorrow", "three", "yes"),
    ("a taxi to the airport", "at eight", "yes please"),
    ("i want breakfast", "vegan", "at eight", "no"),
    ("call me a taxi", "when do i have to check out", "station", "at noon", "yes"),
    ("tell me a joke", "wake me up please", "at seven"),
)


def quantiles(times: Sequence[float]) -> dict[str, float]:
    """Return the median and the 95th percentile in milliseconds."""
    ordered = sorted(times)
    return {
        "median_ms": round(1e3 * statistics.median(ordered), 2),
        "p95_ms": round(1e3 * ordered[int(0.95 * len(ordered))], 2),
    }


def held(turns: int, begin: Callable[[], Callable[[str], Any]]) -> list[float]:
    """Hold conversations until so many turns were made, and return the seconds of each."""
    took: list[float] = []
    while len(took) < turns:
        for lines in TALKS:
            say = begin()
            for line in lines:
                began = time.perf_counter()
                say(line)
                took.append(time.perf_counter() - began)
    return took[:turns]


def megabytes() -> float:
    """Return what this process holds now, in megabytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def in_process(trained: Any, turns: int) -> dict[str, Any]:
    """Time turns in this process."""
    held(50, lambda: trained.live(now=NOW).push)  # the first has things to set up
    return {"what": "a turn", **quantiles(held(turns, lambda: trained.live(now=NOW).push))}


def by_simple_method(turns: int) -> dict[str, Any]:
    """Time the plain comparison."""
    bot, _ = read_utterances([BOT], LeftOutCount("utterance"))
    method = TfIdfRegression.fitted(bot.utterances)
    return {"what": "TF-IDF, an intent", **quantiles(held(turns, lambda: lambda line: method.chances([line])))}


def through_server(folder: Path, turns: int) -> dict[str, Any]:
    """Time turns of one client of a server."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "statewise", "serve", str(folder), "--port", str(port), "--quiet"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
                until_ready(client)
                name = client.get("/v1/models").json()["data"][0]["id"]

                def begin() -> Callable[[str], Any]:
                    session = client.post(f"/v1/bots/{name}/sessions").json()["sessionId"]
                    place = f"/v1/bots/{name}/sessions/{session}/text"
                    return lambda line: client.post(place, json={"text": line}).raise_for_status()

                held(50, begin)
                return {"what": "a turn, through a server", **quantiles(held(turns, begin))}
        finally:
            server.terminate()


def until_ready(client: httpx.Client, seconds: float = 60.0) -> None:
    """Wait until a server answers."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if client.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise SystemExit("the server did not become ready")


def many(folder: Path, bots: int, turns: int) -> dict[str, Any]:
    """Hold many bots at once, and time a turn of each in turn."""
    before, loaded = megabytes(), [statewise.load(folder) for _ in range(bots)]
    lives = [one.live(now=NOW) for one in loaded]
    took = []
    for number in range(max(turns, bots)):
        began = time.perf_counter()
        lives[number % bots].push("i need a room")
        took.append(time.perf_counter() - began)
    each = (megabytes() - before) / bots
    return {"what": f"a turn among {bots} bots", **quantiles(took), "megabytes_a_bot": round(each, 2)}


def main() -> None:
    """Train once, time everything, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=400)
    parser.add_argument("--bots", type=int, default=200)
    parser.add_argument("--save", type=Path, help="folder to write dialogue.json to")
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / "desk"
        began = time.perf_counter()
        statewise.train(statewise.Dialogue(source=str(BOT), threads=1), run=folder, quiet=True)
        training = {"what": "training, all of it", "seconds": round(time.perf_counter() - began, 1)}
        trained = statewise.load(folder)
        rows = [training, in_process(trained, given.turns), by_simple_method(given.turns)]
        rows += [through_server(folder, given.turns), many(folder, given.bots, given.turns)]
    result = {"rows": rows, "versions": versions(), "machine": machine(), "commit": commit()}
    for row in rows:
        print(json.dumps(row))
    if given.save:
        (given.save / "dialogue.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
