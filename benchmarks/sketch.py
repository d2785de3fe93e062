"""How fast does a drawing network train compared with the plain PyTorch program that an expert would write for it?

    python benchmarks/sketch.py [--rounds 5] [--units 512] [--points 100] [--drawings 100] [--save DIR]

Both train an LSTM with a mixture of 20 bivariate normal distributions and a pen of three states on the same drawings,
with Adam and a bounded gradient, in turns of one update in one process, with no dropout; each figure is the median over
the turns, and the ratio is taken turn by turn. The losses of the first turn are compared: they are the same network.
"""

import argparse
import json
import math
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from statewise.data.window import Window
from statewise.exchange import from_torch
from statewise.heads import Strokes
from statewise.learning.learner import Learner
from statewise.model import Model
from statewise.run.recipe import Recipe
from statewise.versions import versions
from statewise_lab.benchmarking.result import commit, machine

COMPONENTS, RATE, CLIP = 20, 0.001, 1.0


class Plain(nn.Module):
    """The same network with what PyTorch has."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.lstm, self.linear = nn.LSTM(5, units), nn.Linear(units, 6 * COMPONENTS + 3)

    def forward(self, xs: Tensor, targets: Tensor) -> Tensor:
        k = COMPONENTS
        y = self.linear(self.lstm(xs)[0])
        weights, means, scales, turns, pen = y.split([k, 2 * k, 2 * k, k, 3], dim=-1)
        logs = 7 * (scales.unflatten(-1, (k, 2)) / 7).tanh()
        rho = 0.999 * turns.tanh()
        x, z = ((targets[..., None, :2] - means.unflatten(-1, (k, 2))) / logs.exp()).unbind(dim=-1)
        free = 1 - rho**2
        density = -0.5 * ((x**2 + z**2 - 2 * rho * x * z) / free + free.log()) - logs.sum(-1) - math.log(2 * math.pi)
        position = -torch.logsumexp(weights.log_softmax(-1) + density, dim=-1)
        ended = targets[..., 4] > 0
        pens = nn.functional.cross_entropy(pen.flatten(0, 1), targets[..., 2:].argmax(-1).flatten(), reduction="none")
        return (position.masked_fill(ended, 0).flatten() + pens).mean()


def drawings(points: int, count: int) -> Window:
    """Return made drawings: random walks whose pen is lifted now and then, and that end with the last point."""
    torch.manual_seed(0)
    lifted = (torch.rand(points, count) < 0.1).long()
    lifted[-1] = 2
    steps = torch.cat([torch.randn(points, count, 2), nn.functional.one_hot(lifted, 3).float()], dim=-1)
    first = torch.tensor([0.0, 0.0, 1.0, 0.0, 0.0]).expand(1, count, 5)
    reset = torch.zeros(points, count, dtype=torch.bool)
    reset[0] = True
    return Window(torch.cat([first, steps[:-1]]), steps, reset=reset)


def both(units: int, window: Window) -> tuple[Callable[[], float], Callable[[], float]]:
    """Return an update of ours and one of the plain program, from the same weights."""
    plain, head = Plain(units), Strokes(units, COMPONENTS)
    plain.linear.load_state_dict(head.linear.state_dict())
    ours: Model[Any] = Model(nn.Identity(), from_torch(plain.lstm), head)
    how: dict[str, Any] = {"schedule": "constant", "warmup": 0, "learning_rate": RATE, "clip": CLIP}
    learner = Learner(ours, [window], Recipe(updates=10**6, batch_size=window.rows, **how))
    optimizer = torch.optim.Adam(plain.parameters(), RATE)

    def plain_update() -> float:
        optimizer.zero_grad()
        loss = plain(window.inputs, window.targets)
        loss.backward()
        nn.utils.clip_grad_norm_(plain.parameters(), CLIP)
        optimizer.step()
        return float(loss.detach())

    return lambda: learner.update().nats, plain_update


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, usual in {"rounds": 5, "units": 512, "points": 100, "drawings": 100}.items():
        parser.add_argument(f"--{name}", type=int, default=usual)
    parser.add_argument("--save", type=Path)
    given = parser.parse_args()
    window = drawings(given.points, given.drawings)
    updates = both(given.units, window)
    losses = [update() for update in updates]
    assert abs(losses[0] - losses[1]) < 1e-3, f"these are two networks: {losses}"
    taken: list[list[float]] = [[], []]
    for _ in range(given.rounds):
        for update, seconds in zip(updates, taken, strict=True):
            began = time.perf_counter()
            update()
            seconds.append(time.perf_counter() - began)
    ratios = [plain / ours for ours, plain in zip(*taken, strict=True)]
    found = {
        "units": given.units,
        "points": given.points,
        "drawings": given.drawings,
        "ours_seconds": statistics.median(taken[0]),
        "plain_seconds": statistics.median(taken[1]),
        "ratio": statistics.median(ratios),
        "ratios": [round(ratio, 3) for ratio in ratios],
    }
    print(json.dumps(found, indent=1))
    if given.save is not None:
        kept = {"training": found, "commit": commit(), "machine": machine(), "versions": versions()}
        (given.save / "sketch.json").write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
