"""What a session of a served model takes: bytes at rest, steps a second of one core, changes a second of each store.

    python benchmarks/serving.py [--width 512] [--layers 2] [--sessions 10000] [--save DIR]
    python benchmarks/serving.py --page    # the tables of docs/scale.md, out of the kept results

The model's steps are one call of `statewise.batcher.Stepper` for so many sessions, bytes in and bytes out, on one
thread; the best of thirty calls. Stores take records of that size, 256 changes in one call: SQLite on the local disk,
Redis through a socket of this machine. HTTP is not in it: see proofs/served_load.py. docs/scale.md reckons with both.
"""

import argparse
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from math import ceil
from pathlib import Path
from typing import Any

import torch
from torch import nn

from statewise.batcher import StepInputs, Stepper
from statewise.cells import LSTM, Chain
from statewise.heads import Categorical
from statewise.model import Model
from statewise.store import Change, Record, Store, new_id, open_store
from statewise.stream import Stream
from statewise_lab.benchmarking.result import commit, machine

CHOICES, EMBEDDING, TOGETHER = 66, 64, 256
ROWS = (1, 16, 64, 256, 1024)
ROOT = Path(__file__).parents[1]
SESSIONS, TALKING, STEPS_A_SECOND = 10_000_000, 0.01, 2
"What the plan assumes: sessions that are kept, the share of them that talks, and how often each of those steps."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--sessions", type=int, default=10_000)
    parser.add_argument("--save", type=Path, metavar="DIR")
    parser.add_argument("--page", action="store_true", help="print the tables of the page, and measure nothing")
    asked = parser.parse_args()
    if asked.page:
        print("\n\n".join(tables(*kept())))
        return
    torch.set_num_threads(1)
    cells = [LSTM(EMBEDDING if layer == 0 else asked.width, asked.width) for layer in range(asked.layers)]
    model = Model(nn.Embedding(CHOICES, EMBEDDING), Chain(*cells), Categorical(asked.width, CHOICES)).eval()
    stepper = Stepper(Stream(model))
    row = stepper.fresh()
    result: dict[str, Any] = {
        "width": asked.width,
        "layers": asked.layers,
        "session_bytes": len(row),
        "steps_a_second_of_one_core": {str(rows): steps_a_second(stepper, row, rows) for rows in ROWS},
        "stores": stores(row, asked.sessions),
        "machine": machine(),
        "commit": commit(),
    }
    print(json.dumps(result, indent=1))
    if asked.save:
        (asked.save / "serving.json").write_text(json.dumps(result, indent=1) + "\n")


def steps_a_second(stepper: Stepper, row: bytes, rows: int) -> float:
    readings = [StepInputs(row, [stepper.check(at % CHOICES)]) for at in range(rows)]
    stepper.read(readings)
    times = []
    for _ in range(30):
        began = time.perf_counter()
        stepper.read(readings)
        times.append(time.perf_counter() - began)
    return rows / min(times)


def stores(row: bytes, sessions: int) -> dict[str, Any]:
    told = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sessions.db"
        store = open_store(f"sqlite:{path}")
        told["sqlite"] = {"changes_a_second": changes_a_second(store, row, sessions)}
        store.close()
        told["sqlite"]["bytes_a_session"] = path.stat().st_size / sessions
        if program := shutil.which("redis-server"):
            command = [program, "--port", "0", "--unixsocket", f"{folder}/redis.sock", "--save", "", "--dir", folder]
            with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
                while not os.path.exists(f"{folder}/redis.sock"):  # noqa: PTH110
                    time.sleep(0.02)
                told["redis"] = redis(f"unix://{folder}/redis.sock", row, sessions)
                process.terminate()
    return told


def redis(url: str, row: bytes, sessions: int) -> dict[str, float]:
    from redis import Redis

    client, store = Redis.from_url(url), open_store(url)
    before = client.info("memory")["used_memory"]
    rate = changes_a_second(store, row, sessions)
    store.close()
    return {"changes_a_second": rate, "bytes_a_session": (client.info("memory")["used_memory"] - before) / sessions}


def changes_a_second(store: Store, row: bytes, sessions: int) -> float:
    first = Record("owner", "m" * 64, 0, row)
    after = first._replace(steps=1, key="0:" + "k" * 16, answer=b"a" * 200)
    ids = [new_id() for _ in range(sessions)]
    for id in ids:
        store.create(id, first)
    began = time.perf_counter()
    for start in range(0, sessions, TOGETHER):
        assert all(store.swap([Change(id, 0, after) for id in ids[start : start + TOGETHER]]))
    return sessions / (time.perf_counter() - began)


def kept() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the kept results: of this benchmark, and of a whole server under load."""
    benchmark, load = ROOT / "benchmarks" / "results" / "serving.json", ROOT / "proofs" / "results" / "served_load.json"
    return json.loads(benchmark.read_text()), json.loads(load.read_text())


def tables(measured: dict[str, Any], load: dict[str, Any]) -> list[str]:
    """Return what was measured, and what ten million sessions need by it, as tables."""
    steps, stores = measured["steps_a_second_of_one_core"], measured["stores"]
    sqlite, redis = stores["sqlite"], stores["redis"]
    asked = SESSIONS * TALKING * STEPS_A_SECOND
    memory, network = SESSIONS * redis["bytes_a_session"] / 1e9, asked * measured["session_bytes"] * 8 / 1e9
    shards, servers = asked / redis["changes_a_second"], asked / load["steps_a_second"]
    together, alone = asked / steps["64"], asked / steps["1"]
    figures = [
        ("", "measured"),
        ("a session at rest", f"{measured['session_bytes']:,} bytes"),
        ("in SQLite; in Redis", f"{sqlite['bytes_a_session']:,.0f}; {redis['bytes_a_session']:,.0f} bytes"),
        ("steps a second of one core, a session alone", about(steps["1"])),
        ("the same, 64 sessions in one call", about(steps["64"])),
        (
            "changes a second of one SQLite file; of one Redis, from one process",
            f"{about(sqlite['changes_a_second'])}; {about(redis['changes_a_second'])}",
        ),
        (
            f"steps a second of one server, {load['sessions']:,} sessions over HTTP, the load beside it",
            about(load["steps_a_second"]),
        ),
    ]
    needed = [
        ("", "reckoned", "needed"),
        (
            "memory of the store",
            f"{SESSIONS:,} x {redis['bytes_a_session']:,.0f} bytes",
            f"{memory:,.0f} GB of Redis; with a replica of each shard, twice that",
        ),
        (
            "changes of the store",
            f"{asked:,.0f} / {about(redis['changes_a_second'])}",
            f"{ceil(shards)} shards of Redis, each as busy as one was here",
        ),
        (
            "servers",
            f"{asked:,.0f} / {about(load['steps_a_second'])}",
            f"{ceil(servers)} processes, each with two cores",
        ),
        (
            "the model's part of that",
            f"{asked:,.0f} / {about(steps['64'])}",
            f"{ceil(together)} cores, if steps find company; {ceil(alone)} if each came alone",
        ),
        (
            "network to the store",
            f"{asked:,.0f} x {measured['session_bytes']:,} bytes written",
            f"{network:.0f} Gbit/s, and as much read where a session's last step was at another server",
        ),
    ]
    return [_table(figures, "|---|---:|"), _table(needed, "|---|---|---|")]


def about(value: float) -> str:
    """Return a number in two digits.

    >>> about(17432.1), about(985)
    ('17,000', '980')
    """
    unit = 10 ** max(0, len(str(int(value))) - 2)
    return f"{round(value / unit) * unit:,}"


def _table(rows: Sequence[Sequence[str]], line: str) -> str:
    first, *others = ("| " + " | ".join(row) + " |" for row in rows)
    return "\n".join([first.replace("|  |", "| |"), line, *others])


if __name__ == "__main__":
    main()
