"""What a session of a served model takes: bytes at rest, steps a second of one core, changes a second of each store.

    python benchmarks/serving.py [--width 512] [--layers 2] [--sessions 10000] [--save DIR]

The model's steps are one call of `statewise.batcher.Stepper` for so many sessions, bytes in and bytes out, on one
thread; the best of thirty calls. Stores take records of that size, 256 changes in one call: SQLite on the local disk,
Redis through a socket of this machine. HTTP is not in it: see proofs/served_load.py. docs/scale.md reckons with these.
"""

import argparse
import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn

from statewise.batcher import Reading, Stepper
from statewise.benchmarking.record import commit, machine
from statewise.cells import LSTM, Chain
from statewise.heads import Categorical
from statewise.model import Model
from statewise.store import Change, Record, Store, new_id, open_store
from statewise.stream import Stream

CHOICES, EMBEDDING, TOGETHER = 66, 64, 256
ROWS = (1, 16, 64, 256, 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--sessions", type=int, default=10_000)
    parser.add_argument("--save", type=Path, metavar="DIR")
    asked = parser.parse_args()
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
    readings = [Reading(row, [stepper.check(at % CHOICES)]) for at in range(rows)]
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


if __name__ == "__main__":
    main()
