"""How fast does a writing network train compared with the plain PyTorch program that an expert would write for it?

    python benchmarks/handwriting.py [--rounds 3] [--units 400] [--points 300] [--lines 32] [--letters 24] [--save DIR]

Both train three LSTMs with skip connections, of which the first moves ten hills along the text, under a mixture of 20
bivariate normal distributions and a pen of three states, with Adam and a bounded gradient, in turns of one update in
one process. Each figure is the median over the turns, and the ratio is taken turn by turn. The losses of the first turn
are compared: they are the same network. The plain program steps the first LSTM with `nn.LSTMCell` and reads the
sequence at once with `nn.LSTM` above it.
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

from statewise.cells import AttentionCell, ConcatSkip, GaussianWindow
from statewise.data.window import Padded, Window
from statewise.exchange import from_torch
from statewise.heads import Strokes
from statewise.learning.learner import Learner
from statewise.model import Model
from statewise.run.recipe import Recipe
from statewise.tasks.handwriting.pen import STEP, Letters
from statewise.versions import versions
from statewise_lab.benchmarking.result import commit, machine

COMPONENTS, HILLS, CHOICES, RATE, CLIP = 20, 10, 60, 0.001, 1.0


class Plain(nn.Module):
    """The same network with what PyTorch has."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.units = units
        self.first = nn.LSTMCell(STEP + CHOICES, units)
        self.query = nn.Linear(units, 3 * HILLS)
        seen = STEP + units + CHOICES
        self.second, self.third = nn.LSTM(seen, units), nn.LSTM(seen + units, units)
        self.linear = nn.Linear(3 * units + CHOICES, 6 * COMPONENTS + 3)

    def forward(self, xs: Tensor, targets: Tensor, letters: Tensor) -> Tensor:
        rows, places = letters.shape
        memory = nn.functional.one_hot(letters, CHOICES).float()
        spots = torch.arange(1, places + 1)
        hidden = cell = xs.new_zeros(rows, self.units)
        seen, where = xs.new_zeros(rows, CHOICES), xs.new_zeros(rows, HILLS)
        lower = []
        for x in xs:
            hidden, cell = self.first(torch.cat([x, seen], dim=-1), (hidden, cell))
            height, width, move = self.query(hidden).exp().chunk(3, dim=-1)
            where = where + move
            away = where.unsqueeze(-1) - spots
            phi = (height.unsqueeze(-1) * torch.exp(-width.unsqueeze(-1) * away**2)).sum(dim=1)
            seen = torch.bmm(phi.unsqueeze(1), memory).squeeze(1)
            lower.append(torch.cat([hidden, seen], dim=-1))
        low = torch.stack(lower)
        inner = torch.cat([xs, low], dim=-1)
        second, _ = self.second(inner)
        third, _ = self.third(torch.cat([inner, second], dim=-1))
        return _loss(self.linear(torch.cat([low, second, third], dim=-1)), targets)


def _loss(y: Tensor, targets: Tensor) -> Tensor:
    k = COMPONENTS
    weights, means, scales, turns, pen = y.split([k, 2 * k, 2 * k, k, 3], dim=-1)
    logs = 7 * (scales.unflatten(-1, (k, 2)) / 7).tanh()
    rho = 0.999 * turns.tanh()
    x, z = ((targets[..., None, :2] - means.unflatten(-1, (k, 2))) / logs.exp()).unbind(dim=-1)
    free = 1 - rho**2
    density = -0.5 * ((x**2 + z**2 - 2 * rho * x * z) / free + free.log()) - logs.sum(-1) - math.log(2 * math.pi)
    position = -torch.logsumexp(weights.log_softmax(-1) + density, dim=-1)
    pens = nn.functional.cross_entropy(pen.flatten(0, 1), targets[..., 2:].argmax(-1).flatten(), reduction="none")
    return (position.masked_fill(targets[..., 4] > 0, 0).flatten() + pens).mean()


def written(points: int, lines: int, letters: int) -> Window:
    """Return made lines: random walks whose pen is lifted now and then, and that end with the last point."""
    torch.manual_seed(0)
    lifted = (torch.rand(points, lines) < 0.1).long()
    lifted[-1] = 2
    steps = torch.cat([torch.randn(points, lines, 2), nn.functional.one_hot(lifted, 3).float()], dim=-1)
    first = torch.tensor([0.0, 0.0, 1.0, 0.0, 0.0]).expand(1, lines, 5)
    reset = torch.zeros(points, lines, dtype=torch.bool)
    reset[0] = True
    text = Padded.of(list(torch.randint(0, CHOICES, (lines, letters))))
    return Window(torch.cat([first, steps[:-1]]), steps, reset=reset, context=text)


def both(units: int, window: Window) -> tuple[Callable[[], float], Callable[[], float]]:
    """Return an update of ours and one of the plain program, from the same weights."""
    plain, head = Plain(units), Strokes(3 * units + CHOICES, COMPONENTS)
    look = GaussianWindow(units, CHOICES, HILLS, first_move=window.context.values.shape[1] / window.steps)
    plain.linear.load_state_dict(head.linear.state_dict())
    plain.query.load_state_dict({"weight": look.query_weights.detach(), "bias": look.bias.detach()})
    first = nn.LSTM(STEP + CHOICES, units)
    first.load_state_dict({f"{name}_l0": part for name, part in plain.first.state_dict().items()})
    above = ConcatSkip(from_torch(plain.second), from_torch(plain.third))
    core = ConcatSkip(AttentionCell(from_torch(first), look), above)
    ours: Model[Any] = Model(nn.Identity(), core, head, Letters(CHOICES))
    how: dict[str, Any] = {"schedule": "constant", "warmup": 0, "learning_rate": RATE, "clip": CLIP}
    learner = Learner(ours, [window], Recipe(updates=10**6, batch_size=window.rows, **how))
    optimizer = torch.optim.Adam(plain.parameters(), RATE)

    def plain_update() -> float:
        optimizer.zero_grad()
        loss = plain(window.inputs, window.targets, window.context.values)
        loss.backward()
        nn.utils.clip_grad_norm_(plain.parameters(), CLIP)
        optimizer.step()
        return float(loss.detach())

    return lambda: learner.update().nats, plain_update


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, usual in {"rounds": 3, "units": 400, "points": 300, "lines": 32, "letters": 24}.items():
        parser.add_argument(f"--{name}", type=int, default=usual)
    parser.add_argument("--save", type=Path)
    given = parser.parse_args()
    updates = both(given.units, written(given.points, given.lines, given.letters))
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
        **{name: getattr(given, name) for name in ("units", "points", "lines", "letters")},
        "ours_seconds": statistics.median(taken[0]),
        "plain_seconds": statistics.median(taken[1]),
        "ratio": statistics.median(ratios),
        "ratios": [round(ratio, 3) for ratio in ratios],
    }
    print(json.dumps(found, indent=1))
    if given.save is not None:
        kept = {"training": found, "commit": commit(), "machine": machine(), "versions": versions()}
        (given.save / "handwriting.json").write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
