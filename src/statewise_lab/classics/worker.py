"""A process that makes trials: reads one a line, answers with what came of it, and ends with the one that asks."""

import json
import os
import queue
import sys
import threading

import torch

from statewise.errors import MissingExtra
from statewise_lab.classics.experiments import EXPERIMENTS
from statewise_lab.classics.trial import run_trial


def main() -> None:
    """Answer until the input is closed; then end at once, whatever is under way."""
    torch.set_num_threads(1)
    asked: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(asked,), daemon=True).start()
    while True:
        name, contender, seed = json.loads(asked.get())
        try:
            answer = run_trial(EXPERIMENTS[name], contender, seed)
        except MissingExtra as error:
            answer = {"missing": str(error)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _listen(asked: "queue.SimpleQueue[str]") -> None:
    for line in sys.stdin:
        asked.put(line)
    os._exit(0)
