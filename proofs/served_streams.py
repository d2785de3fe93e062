"""What a session is told is what a stream says, bit for bit; in any company; and of two that race one wins.

    python proofs/served_streams.py [--inputs 500] [--companies 1000] [--races 1000] [--width 512] [--save FILE]

1. Inputs in random portions over HTTP and over WebSocket: every distribution is that of the offline stream.
2. One session alone and with 1 to 63 random neighbours: one distinct output.
3. Two clients at two servers of one store step one session at once: one winner each time.
"""

import asyncio
import json
import random
import tempfile
from pathlib import Path
from typing import Any

import torch
from outcomes import arguments, conclude, counted
from serving.servers import Server, servers, train
from serving.wire import Wire
from websockets.asyncio.client import connect

import statewise
from statewise.batcher import StepInputs, Stepper

MOST_PORTION, MOST_NEIGHBOURS = 30, 63


def main() -> None:
    """Ask, compare and write."""
    asked = arguments(
        __doc__,
        "served_streams",
        inputs=(500, "inputs over each protocol"),
        companies=(1000, "random companies of one session"),
        races=(1000, "steps for which two clients race"),
        width=(512, "units of each of two layers"),
    )
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run = train(folder, asked.width, 2)
        with servers(run, 2, "--store", f"sqlite:{folder / 'sessions.db'}") as begun:
            http, socket = asyncio.run(same(run, begun[0], asked.inputs))
            winners = asyncio.run(races(begun, asked.races))
        outputs = companies(run, asked.companies)
    told = "what follows an input over {} is what the offline stream says, bit for bit, whatever the portions"
    parts = [
        counted(told.format("HTTP"), http, {"identical"}),
        counted(told.format("WebSocket"), socket, {"identical"}),
        counted("a session has the same bits alone and beside 1 to 63 random neighbours", outputs, {"the one output"}),
        counted("of two clients at two servers that step one session at once, one wins", winners, {"one winner"}),
    ]
    conclude(parts, asked.save)


async def same(run: Path, server: Server, count: int) -> tuple[list[str], list[str]]:
    """Return of every distribution whether it was the offline one, over HTTP and over WebSocket."""
    draw, stream = random.Random(0), statewise.load(run).stream()
    codes = [draw.randrange(1, 20) for _ in range(count)]
    offline = [stream.push(code).tolist() for code in codes]
    portions, at = [], 0
    while at < count:
        portions.append(codes[at : at + draw.randint(1, MOST_PORTION)])
        at += len(portions[-1])
    bodies = [{"inputs": portion, "each": True, "show": "params"} for portion in portions]
    over_http: list[Any] = []
    over_socket: list[Any] = []
    with Wire(server.port) as wire:
        ids = [(await wire.ask("POST", "/v1/sessions")).json["session"] for _ in range(2)]
        for body in bodies:
            over_http += (await wire.ask("POST", f"/v1/sessions/{ids[0]}/run", body)).json["each"]
    async with connect(f"ws://127.0.0.1:{server.port}/v1/sessions/{ids[1]}/stream", compression=None) as socket:
        for body in bodies:
            await socket.send(json.dumps(body))
            over_socket += json.loads(await socket.recv())["each"]
    return _outcomes(over_http, offline), _outcomes(over_socket, offline)


def _outcomes(told: list[Any], offline: list[Any]) -> list[str]:
    pairs = enumerate(zip(told, offline, strict=True))
    return ["identical" if one["params"] == other else f"input {at} differs" for at, (one, other) in pairs]


def companies(run: Path, count: int) -> list[str]:
    """Return of so many companies whether a session's output in it was that of the session alone."""
    draw, stepper = random.Random(1), Stepper(statewise.load(run).stream())
    inputs = [stepper.check(code) for code in range(1, 20)]
    own = StepInputs(stepper.fresh(), [inputs[3], inputs[5]])
    rows, alone = [stepper.fresh()], stepper.read([own])[0].row
    outcomes = []
    for number in range(count):
        neighbours = draw.randint(1, MOST_NEIGHBOURS)
        company = [StepInputs(draw.choice(rows), draw.choices(inputs, k=2)) for _ in range(neighbours)]
        at = draw.randint(0, len(company))
        read = stepper.read([*company[:at], own, *company[at:]])
        outcomes.append("the one output" if read[at].row == alone else f"another one in company {number}")
        rows = [*rows[-200:], read[at - 1].row]
    return outcomes


async def races(begun: list[Server], count: int) -> list[str]:
    """Return what came of so many races for the next step."""
    with Wire(begun[0].port) as one, Wire(begun[1].port) as other:
        id, outcomes = (await one.ask("POST", "/v1/sessions")).json["session"], []
        for step in range(count):
            bodies = [{"input": 1 + racer, "steps": step, "key": f"racer-{racer}"} for racer in range(2)]
            path = f"/v1/sessions/{id}/step"
            got = await asyncio.gather(*(w.ask("POST", path, b) for w, b in zip((one, other), bodies, strict=True)))
            statuses = sorted(answer.status for answer in got)
            outcomes.append("one winner" if statuses == [200, 409] else f"race {step}: {statuses}")
        steps = (await one.ask("GET", f"/v1/sessions/{id}")).json["steps"]
        return outcomes if steps == count else [*outcomes, f"the session has read {steps}"]


if __name__ == "__main__":
    main()
