"""How long does it take to see the memory of a 2x512 LSTM from 1,000 probes of 500 lags, and how long one by one?

    python benchmarks/memory_analysis.py [--probes 1000] [--lags 500] [--threads 2] [--save DIR]

The peer is what one would write first: a probe at a time through plain PyTorch, one backward pass through the whole
graph that keeps the gradient of every state. It measures the gradient alone; ours also cuts the past, replaces inputs,
follows small differences and watches the gates. Prints one JSON object.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from statewise.insight import measure_memory
from statewise.versions import versions
from statewise_lab.benchmarking.result import commit, machine

FEATURES, UNITS, LAYERS, ROWS = 64, 512, 2, 125


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in {"probes": 1000, "lags": 500, "threads": 2, "peer_probes": 2}.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=default)
    parser.add_argument("--save", type=Path, metavar="DIR", help="keep the result here")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    lstm = nn.LSTM(FEATURES, UNITS, LAYERS)
    rows = min(ROWS, given.probes)
    stretches = -(-given.probes // rows) + 1  # the first only leads in
    xs = torch.randn(stretches * (given.lags + 1), rows, FEATURES)
    one_by_one(lstm, xs[: given.lags + 1], 1)  # warm
    began = time.perf_counter()
    one_by_one(lstm, xs[: given.lags + 1], given.peer_probes)
    peer = (time.perf_counter() - began) / given.peer_probes
    began = time.perf_counter()
    memory = measure_memory(lstm, xs, lags=given.lags, probes=given.probes)
    seconds = time.perf_counter() - began
    result: dict[str, Any] = {
        **{name: value for name, value in vars(given).items() if name != "save"},
        "seconds": round(seconds, 1),
        "milliseconds_a_probe": round(1000 * seconds / memory.probes, 1),
        "peer_milliseconds_a_probe": round(1000 * peer, 1),
        "times_the_peer": round(peer * memory.probes / seconds, 2),
    }
    print(json.dumps(result))
    if given.save:
        given.save.mkdir(parents=True, exist_ok=True)
        kept = {**result, "commit": commit(), "machine": machine(), "versions": versions()}
        (given.save / "memory_analysis.json").write_text(json.dumps(kept, indent=1) + "\n")


def one_by_one(lstm: nn.LSTM, xs: Tensor, probes: int) -> list[Tensor]:
    """Return the norm of the gradient in every state, a probe after another."""
    found = []
    for row in range(probes):
        zeros = torch.zeros(LAYERS, 1, UNITS)
        states: list[tuple[Tensor, Tensor]] = [(zeros, zeros.clone())]
        for x in xs[:, row : row + 1].unsqueeze(1):
            h, c = (part.requires_grad_() for part in states[-1])
            y, state = lstm(x, (h, c))
            states.append(state)
        kept = [part for state in states[:-1] for part in state]
        gradients = torch.autograd.grad(y.sum(), kept)
        found.append(torch.stack([gradient.norm() for gradient in gradients]))
    return found


if __name__ == "__main__":
    main()
