"""What a session is told is what a stream says, bit for bit; in any company; and of two that race one wins.

    python proofs/served_streams.py [--inputs 500] [--companies 1000] [--races 1000] [--width 512] [--save FILE]

1. Inputs in random portions over HTTP and over WebSocket: every distribution is that of the offline stream.
2. One session alone and with 1 to 63 random neighbours: one distinct output.
3. Two clients at two servers of one store step one session at once: one winner each time.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from serving.servers import Server, servers, train
from serving.wire import Wire
from shakespeare import made_by
from websockets.asyncio.client import connect

import statewise
from statewise.batcher import Reading, Stepper

HERE = Path(__file__).parent


def main() -> None:
    """Ask, compare and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=500)
    parser.add_argument("--companies", type=int, default=1000)
    parser.add_argument("--races", type=int, default=1000)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--save", type=Path, default=HERE / "results" / "served_streams.json")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run = train(folder, asked.width, 2)
        with servers(run, 2, "--store", f"sqlite:{folder / 'sessions.db'}") as begun:
            http, socket = asyncio.run(same(run, begun[0], asked.inputs))
            winners = asyncio.run(races(begun, asked.races))
        outputs = companies(run, asked.companies)
    result = {
        "claim": "a served session is the offline stream bit for bit, in any company, and of two racers one wins",
        "holds": http == socket == asked.inputs and outputs == 1 and winners == [asked.races, asked.races],
        "inputs": asked.inputs,
        "identical_over_http": http,
        "identical_over_websocket": socket,
        "companies": asked.companies,
        "distinct_outputs": outputs,
        "races": asked.races,
        "races_with_one_winner": winners[0],
        "steps_of_the_session": winners[1],
        "width": asked.width,
        **made_by(),
    }
    asked.save.write_text(json.dumps(result, indent=1) + "\n")
    print(f"HTTP {http}/{asked.inputs}, WebSocket {socket}/{asked.inputs} identical; {outputs} distinct output of")
    print(f"{asked.companies} companies; {winners[0]}/{asked.races} races with one winner")
    sys.exit(0 if result["holds"] else 1)


async def same(run: Path, server: Server, count: int) -> tuple[int, int]:
    """Return how many distributions were the offline ones, over HTTP and over WebSocket."""
    draw, stream = random.Random(0), statewise.load(run).stream()
    codes = [draw.randrange(1, 20) for _ in range(count)]
    offline = [stream.push(code).tolist() for code in codes]
    portions, at = [], 0
    while at < count:
        portions.append(codes[at : at + draw.randint(1, 30)])
        at += len(portions[-1])
    counts = []
    with Wire(server.port) as wire:
        ids = [(await wire.ask("POST", "/v1/sessions")).json["session"] for _ in range(2)]
        told: list[Any] = []
        for portion in portions:
            body = {"inputs": portion, "each": True, "show": "params"}
            told += (await wire.ask("POST", f"/v1/sessions/{ids[0]}/run", body)).json["each"]
        counts.append(sum(one["params"] == other for one, other in zip(told, offline, strict=True)))
    told = []
    async with connect(f"ws://127.0.0.1:{server.port}/v1/sessions/{ids[1]}/stream", compression=None) as socket:
        for portion in portions:
            await socket.send(json.dumps({"inputs": portion, "each": True, "show": "params"}))
            told += json.loads(await socket.recv())["each"]
    counts.append(sum(one["params"] == other for one, other in zip(told, offline, strict=True)))
    return counts[0], counts[1]


def companies(run: Path, count: int) -> int:
    """Return how many different outputs one session had in so many companies."""
    draw, stepper = random.Random(1), Stepper(statewise.load(run).stream())
    inputs = [stepper.check(code) for code in range(1, 20)]
    own = Reading(stepper.fresh(), [inputs[3], inputs[5]])
    rows = [stepper.fresh()]
    outputs = {stepper.read([own])[0].row}
    for _ in range(count):
        company = [Reading(draw.choice(rows), draw.choices(inputs, k=2)) for _ in range(draw.randint(1, 63))]
        at = draw.randint(0, len(company))
        read = stepper.read([*company[:at], own, *company[at:]])
        outputs.add(read[at].row)
        rows = [*rows[-200:], read[at - 1].row]
    return len(outputs)


async def races(begun: list[Server], count: int) -> list[int]:
    """Return how many of so many races had one winner, and how far the session came."""
    with Wire(begun[0].port) as one, Wire(begun[1].port) as other:
        id, good = (await one.ask("POST", "/v1/sessions")).json["session"], 0
        for step in range(count):
            bodies = [{"input": 1 + racer, "steps": step, "key": f"racer-{racer}"} for racer in range(2)]
            path = f"/v1/sessions/{id}/step"
            got = await asyncio.gather(*(w.ask("POST", path, b) for w, b in zip((one, other), bodies, strict=True)))
            good += sorted(answer.status for answer in got) == [200, 409]
        return [good, (await one.ask("GET", f"/v1/sessions/{id}")).json["steps"]]


if __name__ == "__main__":
    main()
