"""A thousand sessions on one server, and four times more than it can do.

    python proofs/served_load.py [--seconds 60] [--sessions 1000] [--width 512] [--growth 1 10 100 ...] [--save FILE]

A text model of two LSTM layers. Sessions step one character after another as soon as they are answered, over kept
connections; afterwards the state of every session is compared with the offline one of what it was sent, which tells of
any that was lost or mixed up. Then steps a second as sessions grow, beside a plain FastAPI server that calls nn.LSTM
once a request (serving/plain.py). Last, requests come at four times the rate of the peak, whatever the answers. The
load comes from this same machine, and its processor time is the server's loss; its share is in the result.
"""

import argparse
import asyncio
import itertools
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from serving.servers import Server, many_files, train
from serving.wire import Wire
from shakespeare import made_by

import statewise
from statewise.batcher import Reading, Stepper
from statewise.versions import versions

HERE = Path(__file__).parent
CODES = 20


def main() -> None:
    """Load, measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--growth-seconds", type=float, default=8)
    parser.add_argument("--sessions", type=int, default=1000)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--growth", type=int, nargs="*", default=[1, 10, 100, 1000, 10_000])
    parser.add_argument("--save", type=Path, default=HERE / "results" / "served_load.json")
    asked = parser.parse_args()
    many_files()
    torch.set_num_threads(2)
    with tempfile.TemporaryDirectory() as name:
        run = train(Path(name), asked.width, 2)
        many = concurrent(run, asked.sessions, asked.seconds)
        growth = [grown(run, asked.width, sessions, asked.growth_seconds) for sessions in asked.growth]
        over = overload(run, asked.seconds)
    result = {
        "claim": f"{asked.sessions} sessions at once, none lost or mixed; at four times the peak nine tenths go on",
        "holds": not many["lost"]
        and not many["mixed"]
        and over["goodput_share_of_peak"] >= 0.9
        and over["p99_share_of_peak"] <= 2
        and not over["others"],
        "concurrent": many,
        "growth": growth,
        "overload": over,
        "width": asked.width,
        "layers": 2,
        "libraries": versions(),
        **made_by(),
    }
    asked.save.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps({"concurrent": many, "growth": growth, "overload": over}, indent=1))
    sys.exit(0 if result["holds"] else 1)


def concurrent(run: Path, sessions: int, seconds: float) -> dict[str, Any]:
    """Return steps a second, latencies, and how many sessions are not where they should be."""
    server = Server.of(run, "--most-rows", "1024", "--most-requests", str(2 * sessions)).ready()
    try:
        told = asyncio.run(stepped(server.port, sessions, seconds, snapshots=True))
    finally:
        server.close()
    return told | {"mixed": mixed(run, told.pop("sent"), told.pop("snapshots"))}


def mixed(run: Path, sent: list[list[int]], snapshots: list[bytes]) -> int:
    """Return how many sessions are not where an offline one is that read the same."""
    stepper = Stepper(statewise.load(run).stream())
    rows = [stepper.fresh()] * len(sent)
    for step in range(max(map(len, sent))):
        active = [at for at, codes in enumerate(sent) if step < len(codes)]
        for start in range(0, len(active), 512):
            part = active[start : start + 512]
            readings = [Reading(rows[at], [stepper.check(sent[at][step])]) for at in part]
            for at, read in zip(part, stepper.read(readings), strict=True):
                rows[at] = read.row
    return sum(row != snapshot for row, snapshot in zip(rows, snapshots, strict=True))


async def stepped(port: int, sessions: int, seconds: float, *, snapshots: bool = False) -> dict[str, Any]:
    """Step so many sessions for so long, each as soon as it is answered."""
    wires = [Wire(port) for _ in range(sessions)]
    ids: list[str] = []
    for start in range(0, sessions, 100):
        made = await asyncio.gather(*(wire.ask("POST", "/v1/sessions") for wire in wires[start : start + 100]))
        ids += [got.json["session"] for got in made]
    sent: list[list[int]] = [[] for _ in range(sessions)]
    latencies: list[float] = []
    lost = 0
    began = time.perf_counter()
    own = time.process_time()

    async def step(at: int) -> None:
        nonlocal lost
        codes, path = itertools.cycle(range(1 + at % 7, CODES)), f"/v1/sessions/{ids[at]}/step"
        while time.perf_counter() < began + seconds:
            code, asked = next(codes), time.perf_counter()
            got = await wires[at].ask("POST", path, {"input": code})
            latencies.append(time.perf_counter() - asked)
            if got.status != 200 or got.json["steps"] != len(sent[at]) + 1:
                lost += 1
                return
            sent[at].append(code)

    await asyncio.gather(*(step(at) for at in range(sessions)))
    took = time.perf_counter() - began
    load_share = (time.process_time() - own) / took
    kept = []
    if snapshots:
        for wire, id in zip(wires, ids, strict=True):
            kept.append((await wire.ask("GET", f"/v1/sessions/{id}/snapshot")).body)
    for wire in wires:
        wire.close()
    told = {
        "sessions": sessions,
        "seconds": took,
        "steps": len(latencies),
        "steps_a_second": len(latencies) / took,
        **percentiles(latencies),
        "lost": lost,
        "cores_taken_by_the_load": load_share,
    }
    return told | ({"sent": sent, "snapshots": kept} if snapshots else {})


def percentiles(latencies: list[float]) -> dict[str, float]:
    """Return the middle and the last of a hundred, in milliseconds."""
    ordered = sorted(latencies)
    if not ordered:
        return {}
    return {f"p{p}_milliseconds": 1000 * ordered[min(len(ordered) - 1, len(ordered) * p // 100)] for p in (50, 99)}


def grown(run: Path, width: int, sessions: int, seconds: float) -> dict[str, Any]:
    """Return steps a second of so many sessions, ours and the plain server's."""
    told: dict[str, Any] = {"sessions": sessions}
    task = statewise.load(run)
    embedding = str(task.model.encoder.embedding_dim)
    plain = [sys.executable, str(HERE / "serving" / "plain.py"), str(task.codec.choices), embedding, str(width), "2"]
    for name in ("statewise", "plain"):
        ours = ("--most-rows", "1024", "--most-requests", "20000", "--most-requests-an-owner", "20000")
        server = (Server.of(run, *ours) if name == "statewise" else Server(*plain)).ready()
        try:
            got = asyncio.run(stepped(server.port, sessions, seconds))
        except OSError as error:
            told[name] = {"failed": type(error).__name__}
        else:
            told[name] = {key: value for key, value in got.items() if key != "sessions"}
        finally:
            server.close()
    if all("steps_a_second" in told[name] for name in ("statewise", "plain")):
        told["ratio"] = told["statewise"]["steps_a_second"] / told["plain"]["steps_a_second"]
    return told


def overload(run: Path, seconds: float, at_once: int = 256) -> dict[str, Any]:
    """Return what becomes of requests at four times the peak rate of as many as are let in."""
    server = Server.of(run, "--most-requests", str(at_once)).ready()
    try:
        peak = asyncio.run(stepped(server.port, at_once, seconds / 4))
        over = asyncio.run(flooded(server.port, 4 * peak["steps_a_second"], seconds, 8 * at_once))
    finally:
        server.close()
    return {
        "peak_steps_a_second": peak["steps_a_second"],
        "peak_p99_milliseconds": peak["p99_milliseconds"],
        **over,
        "goodput_share_of_peak": over["goodput_a_second"] / peak["steps_a_second"],
        "p99_share_of_peak": over["p99_milliseconds"] / peak["p99_milliseconds"],
    }


async def flooded(port: int, rate: float, seconds: float, connections: int) -> dict[str, Any]:
    """Ask at a rate, whatever the answers; a request finds a free connection or is not sent."""
    wires = [Wire(port) for _ in range(connections)]
    paths = []
    for wire in wires:
        paths.append(f"/v1/sessions/{(await wire.ask('POST', '/v1/sessions')).json['session']}/step")
    free = list(range(connections))
    latencies: list[float] = []
    refused = others = sent = unsent = 0

    async def ask(at: int) -> None:
        nonlocal refused, others
        began = time.perf_counter()
        try:
            got = await wires[at].ask("POST", paths[at], {"input": 1})
        except OSError:
            others += 1
        else:
            if got.status == 200:
                latencies.append(time.perf_counter() - began)
            elif got.status in (429, 503):
                refused += 1
            else:
                others += 1
        free.append(at)

    began = time.perf_counter()
    asking: set[asyncio.Task[None]] = set()
    while (now := time.perf_counter() - began) < seconds:
        due = int(now * rate) - sent - unsent
        for _ in range(due):
            if not free:
                unsent += 1
                continue
            task = asyncio.create_task(ask(free.pop()))
            asking.add(task)
            task.add_done_callback(asking.discard)
            sent += 1
        await asyncio.sleep(0.001)
    took = time.perf_counter() - began
    await asyncio.gather(*asking)
    for wire in wires:
        wire.close()
    return {
        "wanted_a_second": rate,
        "sent_a_second": sent / took,
        "not_sent": unsent,
        "goodput_a_second": len(latencies) / took,
        "refused": refused,
        "others": others,
        "cores": os.cpu_count(),
        **percentiles(latencies),
    }


if __name__ == "__main__":
    main()
