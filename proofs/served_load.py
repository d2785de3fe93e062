"""A thousand sessions on one server, none lost and none mixed up.

    python proofs/served_load.py [--seconds 60] [--sessions 1000] [--width 512] [--save FILE]

A text model of two LSTM layers. Sessions step one character after another as soon as they are answered, over kept
connections; afterwards the state of every session is compared with the offline one of what it was sent, which tells of
any that was lost or mixed up. The load comes from this same machine, and its processor time is the server's loss; its
share is in the result.
"""

import tempfile
from pathlib import Path
from typing import Any

import torch
from outcomes import arguments, conclude, counted
from serving import load
from serving.servers import many_files, serving, train

import statewise
from statewise.batcher import StepInputs, Stepper
from statewise.state import unsigned

TOGETHER = 512


def main() -> None:
    """Load, compare and write."""
    asked = arguments(
        __doc__,
        "served_load",
        seconds=(60, "how long sessions step"),
        sessions=(1000, "sessions at once"),
        width=(512, "units of each of two layers"),
    )
    many_files()
    torch.set_num_threads(2)
    with tempfile.TemporaryDirectory() as name:
        run = train(Path(name), asked.width, 2)
        with serving(run, "--max-batch-size", "1024") as server:
            told = load.run(load.stepped(server.port, asked.sessions, asked.seconds, snapshots=True))
        lost, outcomes = told.pop("lost"), compared(run, told.pop("sent"), told.pop("snapshots"))
    claim = "a session among a thousand that step for a minute is where it would be alone, none lost or mixed up"
    conclude({**counted(claim, outcomes, {"its own"}), "lost": lost, **told, "width": asked.width}, asked.save)


def compared(run: Path, sent: list[list[int]], snapshots: list[bytes]) -> list[str]:
    """Return of each session whether it is where an offline one is that read the same, and has read something."""
    stepper = Stepper(statewise.load(run).stream())
    rows = [stepper.fresh()] * len(sent)
    for step in range(max(map(len, sent))):
        active = [at for at, codes in enumerate(sent) if step < len(codes)]
        for start in range(0, len(active), TOGETHER):
            part = active[start : start + TOGETHER]
            readings = [StepInputs(rows[at], [stepper.check(sent[at][step])]) for at in part]
            for at, read in zip(part, stepper.read(readings), strict=True):
                rows[at] = read.row
    return [_outcome(*each) for each in zip(rows, snapshots, sent, strict=True)]


def _outcome(row: bytes, snapshot: bytes, sent: list[Any]) -> str:
    if not sent:
        return "stepped never"
    return "its own" if row == unsigned(snapshot) else f"elsewhere after {len(sent)} steps"


if __name__ == "__main__":
    main()
