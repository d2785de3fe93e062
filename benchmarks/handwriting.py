"""How fast does a writing network train compared with the plain PyTorch program that an expert would write for it?

    python benchmarks/handwriting.py [--rounds 5] [--units 400] [--points 300] [--lines 32] [--letters 24] [--threads 1]
        [--save DIR]
    python benchmarks/handwriting.py --samples 9 [--storage int8] [--rounds 5] [--units 400] [--points 300]
        [--letters 24] [--threads 1] [--save DIR]

Both train three LSTMs with skip connections, of which the first moves ten hills along the text, under a mixture of 20
bivariate normal distributions and a pen of three states, with Adam and a bounded gradient, in turns of one update in
one process. Each figure is the median over the turns, and the ratio is taken turn by turn. The losses of the first turn
are compared: they are the same network. The plain program steps the first LSTM with `nn.LSTMCell` and reads the
sequence at once with `nn.LSTM` above it.

With `--samples` a text is written so many times, and once, instead, each time of so many points: in one native call,
and by a loop of PyTorch's operations, which does not even ask where a text ends. Seconds are of the processor where
`--threads 1` is given.
"""

import argparse
import json
import math
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from statewise.cells import AttentionCell, ConcatSkip, GaussianWindow
from statewise.data.window import Padded, Window
from statewise.exchange import from_torch
from statewise.heads import Strokes
from statewise.heads.strokes import PenRule
from statewise.kernels import native
from statewise.learning.learner import Learner
from statewise.model import Model
from statewise.program import TextLimits, WritingProgram
from statewise.run.recipe import Recipe
from statewise.tasks.handwriting.pen import STEP, Letters, pen_core
from statewise.versions import versions
from statewise_lab.benchmarking.measure import calls_in_turns
from statewise_lab.benchmarking.result import commit, machine

COMPONENTS, HILLS, CHOICES, RATE, CLIP, BIAS = 20, 10, 60, 0.001, 1.0, 0.5


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


@torch.no_grad()
def write_plainly(plain: Plain, letters: Tensor, points: int) -> None:
    """Write texts of so many points with what PyTorch has."""
    k, rows, memory = COMPONENTS, len(letters), nn.functional.one_hot(letters, CHOICES).float()
    spots = torch.arange(1, letters.shape[1] + 1)
    of_first = plain.first.weight_ih, plain.first.weight_hh, plain.first.bias_ih + plain.first.bias_hh
    of_others = (
        (of.weight_ih_l0, of.weight_hh_l0, of.bias_ih_l0 + of.bias_hh_l0) for of in (plain.second, plain.third)
    )
    weights = [(torch.cat([x, h], dim=1).T.contiguous(), bias) for x, h, bias in (of_first, *of_others)]
    states = [torch.zeros(2, rows, plain.units) for _ in weights]
    seen, where = torch.zeros(rows, CHOICES), torch.zeros(rows, HILLS)
    x = torch.tensor([0.0, 0.0, 1.0, 0.0, 0.0]).expand(rows, STEP)

    def step(number: int, given: list[Tensor]) -> Tensor:
        h, c = states[number]
        i, f, g, o = torch.addmm(weights[number][1], torch.cat([*given, h], dim=1), weights[number][0]).chunk(4, dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        states[number] = torch.stack([torch.sigmoid(o) * torch.tanh(c), c])
        return states[number][0]

    for _ in range(points):
        first = step(0, [x, seen])
        height, width, move = plain.query(first).exp().chunk(3, dim=1)
        where = where + move
        away = where.unsqueeze(-1) - spots
        phi = (height.unsqueeze(-1) * torch.exp(-width.unsqueeze(-1) * away**2)).sum(dim=1)
        seen = torch.bmm(phi.unsqueeze(1), memory).squeeze(1)
        second = step(1, [x, first, seen])
        third = step(2, [x, first, seen, second])
        y = plain.linear(torch.cat([first, seen, second, third], dim=1))
        q, means, scales, turns, pen = y.split([k, 2 * k, 2 * k, k, 3], dim=1)
        chosen = torch.multinomial((q * (1 + BIAS)).softmax(1), 1)
        pair = chosen.unsqueeze(2).expand(-1, 1, 2)
        mean = means.unflatten(1, (k, 2)).gather(1, pair)[:, 0]
        scale = (7 * (scales.unflatten(1, (k, 2)).gather(1, pair)[:, 0] / 7).tanh() - BIAS).exp()
        rho = 0.999 * turns.gather(1, chosen).tanh()
        one, other = torch.randn(2, rows, 1)
        moved = mean + scale * torch.cat([one, rho * one + (1 - rho**2).sqrt() * other], dim=1)
        x = torch.cat([moved, nn.functional.one_hot(torch.multinomial(pen.softmax(1), 1)[:, 0], 3).float()], dim=1)


def measure_writing(given: argparse.Namespace) -> dict[str, Any]:
    """Return how long it takes to write a text once and several times, as `predict` does and in a loop, in turns."""
    torch.manual_seed(0)
    plain = Plain(given.units)
    core = pen_core("lstm", given.units, 3, CHOICES, HILLS, first_move=given.letters / (4 * given.points))
    model: Model[Any] = Model(nn.Identity(), core, Strokes(core.units, COMPONENTS), Letters(CHOICES)).eval()
    with torch.no_grad():
        cast(Any, model.head).linear.bias[-1] = -30.0  # no text ends before the others
    letters = torch.randint(1, CHOICES, (given.samples, given.letters))
    program, rule = WritingProgram(model, given.storage), PenRule(bias=BIAS)

    @torch.no_grad()
    def ours(rows: int) -> None:
        state = model.begin(rows, Padded.of(list(letters[:rows])))
        x = torch.tensor([0.0, 0.0, 1.0, 0.0, 0.0]).repeat(rows, 1)
        until = TextLimits(torch.full((rows,), given.points), patience=given.points, strokes=given.points)
        found = program.write(x, state, torch.arange(rows), until, rule)
        assert found.lengths.tolist() == [given.points] * rows

    calls = {
        "one_seconds": lambda: ours(1),
        "several_seconds": lambda: ours(given.samples),
        "one_plain_seconds": lambda: write_plainly(plain, letters[:1], given.points),
        "several_plain_seconds": lambda: write_plainly(plain, letters, given.points),
    }
    taken = calls_in_turns(list(calls.values()), given.rounds)
    found: dict[str, Any] = {name: statistics.median(some) for name, some in zip(calls, taken, strict=True)}
    one, several, one_plain, several_plain = found.values()
    found |= {"ratio_of_one": one_plain / one, "ratio_of_several": several_plain / several}
    told = {name: getattr(given, name) for name in ("samples", "storage", "units", "points", "letters", "threads")}
    return {**told, **found, "several_by_one": several / one}


def products_at_peak(given: argparse.Namespace) -> float:
    """Return how long the products of an update take at the rate at which one core multiplies and adds in registers.

    Every program makes them: forward, and on the way back for what was read and for the weights.
    """
    h, seen = given.units, STEP + given.units + CHOICES
    first, above = 4 * h * (STEP + CHOICES + h) + 3 * HILLS * h, 4 * h * (seen + h) + 4 * h * (seen + 2 * h)
    products = first + above + (3 * h + CHOICES) * (6 * COMPONENTS + 3)
    began = time.process_time()
    operations = native.multiply_adds(10_000_000)
    rate = operations / (time.process_time() - began)
    return 2 * 3 * products * given.points * given.lines / rate / given.threads


def measure_training(given: argparse.Namespace) -> dict[str, Any]:
    """Return how long an update of ours and one of the plain program take, in turns."""
    updates = both(given.units, written(given.points, given.lines, given.letters))
    losses = [update() for update in updates]
    assert abs(losses[0] - losses[1]) < 1e-3, f"these are two networks: {losses}"
    taken = calls_in_turns(updates, given.rounds)
    ratios = [plain / ours for ours, plain in zip(*taken, strict=True)]
    return {
        **{name: getattr(given, name) for name in ("units", "points", "lines", "letters", "threads")},
        "ours_seconds": statistics.median(taken[0]),
        "plain_seconds": statistics.median(taken[1]),
        "products_at_peak_seconds": products_at_peak(given),
        "ratio": statistics.median(ratios),
        "ratios": [round(ratio, 3) for ratio in ratios],
    }


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, usual in {"rounds": 5, "units": 400, "points": 300, "lines": 32, "letters": 24}.items():
        parser.add_argument(f"--{name}", type=int, default=usual)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--samples", type=int, default=0)
    parser.add_argument("--storage", default="float32")
    parser.add_argument("--save", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    part, measure = (f"writing_{given.storage}", measure_writing) if given.samples else ("training", measure_training)
    found = measure(given)
    print(json.dumps(found, indent=1))
    if given.save is not None:
        keep(given.save / "handwriting.json", part, found)


def keep(path: Path, part: str, found: dict[str, Any]) -> None:
    """Put what was found into a file, next to what else was measured."""
    kept = json.loads(path.read_text()) if path.exists() else {}
    kept |= {part: found, "commit": commit(), "machine": machine(), "versions": versions()}
    path.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
