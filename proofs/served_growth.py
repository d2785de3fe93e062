"""Steps a second as sessions grow in number, compared with a plain server.

    python proofs/served_growth.py [--seconds 8] [--most 10000] [--width 512] [--save FILE]

1, 10, 100, ... sessions of a text model of two LSTM layers step one character after another, at `statewise serve` and
at a plain FastAPI server of the same sizes that calls nn.LSTM once a request (serving/plain.py), in turn in one run.
The load comes from the same machine. The ratio is of steps a second; it says which is faster, here, and by how much.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

from outcomes import HERE, arguments, conclude
from serving import load
from serving.servers import Server, many_files, train

import statewise

AT_ONCE = "20000"


def main() -> None:
    """Load both, and write."""
    asked = arguments(
        __doc__,
        "served_growth",
        seconds=(8, "how long sessions step each time"),
        most=(10_000, "sessions at once, the last time"),
        width=(512, "units of each of two layers"),
    )
    many_files()
    numbers = [10**power for power in range(9) if 10**power <= asked.most]
    with tempfile.TemporaryDirectory() as name:
        run = train(Path(name), asked.width, 2)
        growth = [{"sessions": number, **beside(run, asked.width, number, asked.seconds)} for number in numbers]
    lost = sum(told["statewise"]["lost"] for told in growth)
    ratios = ", ".join(f"{told['sessions']:,}: {told['ratio']:.2f}" for told in growth)
    result = {
        "claim": "no session of ours is lost as they grow; steps a second beside plain FastAPI and nn.LSTM",
        "words": f"{lost} sessions lost; times as many steps a second as plain FastAPI, by sessions: {ratios}",
        "holds": lost == 0,
        "growth": growth,
        "width": asked.width,
        "layers": 2,
    }
    conclude(result, asked.save)


def table(growth: list[dict[str, Any]]) -> str:
    """Return the result as docs/serving.md shows it."""
    lines = ["| sessions | steps a second | p50, ms | p99, ms | plain: steps a second | p99, ms | times as many |"]
    lines.append("|---:|---:|---:|---:|---:|---:|---:|")
    for told in growth:
        ours, plain = told["statewise"], told["plain"]
        figures = f"{ours['steps_a_second']:,.0f} | {ours['p50_milliseconds']:,.1f} | {ours['p99_milliseconds']:,.1f}"
        theirs = f"{plain['steps_a_second']:,.0f} | {plain['p99_milliseconds']:,.1f}"
        lines.append(f"| {told['sessions']:,} | {figures} | {theirs} | {told['ratio']:.2f} |")
    return "\n".join(lines)


def beside(run: Path, width: int, sessions: int, seconds: float) -> dict[str, Any]:
    """Return steps a second of so many sessions, ours and the plain server's."""
    task = statewise.load(run)
    embedding = str(task.model.encoder.embedding_dim)
    plain = [sys.executable, str(HERE / "serving" / "plain.py"), str(task.codec.choices), embedding, str(width), "2"]
    ours = ("--max-batch-size", "1024", "--max-requests", AT_ONCE, "--max-requests-per-owner", AT_ONCE)
    told: dict[str, Any] = {}
    for name, begin in (("statewise", lambda: Server.of(run, *ours)), ("plain", lambda: Server(*plain))):
        server = begin().ready()
        try:
            told[name] = load.run(load.stepped(server.port, sessions, seconds))
        finally:
            server.close()
    return told | {"ratio": told["statewise"]["steps_a_second"] / told["plain"]["steps_a_second"]}


if __name__ == "__main__":
    main()
