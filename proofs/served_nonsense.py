"""Requests and frames that make no sense: none makes a 5xx, and nothing hangs.

    python proofs/served_nonsense.py [--cases 20000] [--frames 20000] [--save FILE]

Cases are those that schemathesis makes of the server's own OpenAPI: examples, coverage of every constraint, fuzzing and
sequences of calls that follow each other, until there are so many. Frames go over many WebSockets, whole, broken and
fragmented; each connection has to be closed by the server, and the server be there afterwards. What is not answered for
ten minutes hangs: less would call a machine hanging that is stopped while others measure.
"""

import asyncio
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

from outcomes import HERE, arguments, conclude, counted
from served_vanished import metrics
from serving.frames import begun, outcome, random_frame, shake
from serving.servers import Server, serving, train

PHASES, HUNG_SECONDS, MOST_FRAMES, AN_OPERATION = "examples,coverage,fuzzing,stateful", 600, 40, 250


def main() -> None:
    """Ask nonsense, count and write."""
    asked = arguments(
        __doc__, "served_nonsense", cases=(20_000, "requests of schemathesis"), frames=(20_000, "frames over WebSocket")
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with serving(train(folder, 64, 1)) as server:
            parts = [requests(server, folder, asked.cases), sockets(server.port, asked.frames)]
    conclude(parts, asked.save)


def requests(server: Server, folder: Path, least: int) -> dict[str, Any]:
    """Return what came of so many requests that schemathesis made, or of a few more."""
    runs: list[dict[str, Any]] = []
    for seed in count(1):
        runs.append(_schemathesis(server, folder, seed))
        if sum(run["cases"] for run in runs) >= least or runs[-1]["errors"]:
            break
    outcomes = ["no 5xx"] * sum(run["cases"] for run in runs) + [error for run in runs for error in run["errors"]]
    claim = "a request that schemathesis makes of the OpenAPI is answered with no 5xx, and in time"
    return {**counted(claim, outcomes, {"no 5xx"}), "statuses": _statuses(server), "runs": len(runs)}


def _schemathesis(server: Server, folder: Path, seed: int) -> dict[str, Any]:
    """Run it once, and return how many requests it made and what it found."""
    report = folder / f"report-{seed}.json"
    options = ["--checks", "not_a_server_error", "--phases", PHASES, "--max-examples", str(AN_OPERATION)]
    options += ["--request-timeout", str(HUNG_SECONDS), "--seed", str(seed), "--report", "json"]
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{server.address}/openapi.json", *options]
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "serving.schema_hooks", "PYTHONPATH": str(HERE)}
    ran = subprocess.run(
        [*command, "--report-json-path", str(report)],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env=environment,
    )
    if not report.exists():
        raise SystemExit(f"schemathesis made no report (pip install 'statewise[prove]'):\n{ran.stdout}{ran.stderr}")
    found = read(json.loads(report.read_text()))
    if found["errors"]:
        print(ran.stdout, file=sys.stderr)
    return found


def read(report: dict[str, Any]) -> dict[str, Any]:
    """Return how many requests a report of schemathesis tells of, and what failed in words."""
    errors = [f"{failure.get('title')}: {failure.get('operation')}" for failure in report["failures"]]
    errors += [f"not tried: {error['title']}" for error in report["errors"]]
    if not report["complete"]:
        errors.append(f"it stopped early: {report['stop_reason']}")
    return {"cases": report["test_cases"]["generated"], "errors": errors}


def _statuses(server: Server) -> dict[str, int]:
    """Return how many refusals of each kind the server counted, so that one sees what was reached."""
    lines = asyncio.run(metrics(server.port)).splitlines()
    counts = [line.split('code="')[1].split('"} ') for line in lines if line.startswith("statewise_refusals_total{")]
    return {code: int(float(number)) for code, number in counts}


def sockets(port: int, frames: int) -> dict[str, Any]:
    """Return what came of so many random frames, and whether the server was still there."""
    outcomes = list[str]()
    for number, portion in _portions(frames):
        outcomes += [connection(port, number, portion)] * portion
    alive = asyncio.run(metrics(port)) != ""
    claim = (
        "a frame of noise over a WebSocket is answered with no error of the server, and the connection closed in time"
    )
    told = counted(claim, outcomes, {"closed", "reset"})
    return {**told, "holds": told["holds"] and alive}


def _portions(frames: int) -> Iterator[tuple[int, int]]:
    draw, left = random.Random(0), frames
    for number in count():
        if left <= 0:
            return
        portion = min(left, draw.randint(1, MOST_FRAMES))
        yield number, portion
        left -= portion


def connection(port: int, number: int, frames: int) -> str:
    """Send so many random frames over a connection of its own, and return how the server took them."""
    draw = random.Random(number)
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.settimeout(HUNG_SECONDS)
        shake(client, f"/v1/sessions/{begun(client)}")
        return outcome(client, [random_frame(draw) for _ in range(frames)])


if __name__ == "__main__":
    main()
