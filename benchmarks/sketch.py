"""How fast does a drawing network train compared with the plain PyTorch program that an expert would write for it?

    python benchmarks/sketch.py [--cell lstm] [--dropout 0.1] [--rounds 5] [--units 512] [--points 100] [--drawings 100]
        [--save DIR]
    python benchmarks/sketch.py --endings 9 [--storage int8] [--rounds 5] [--units 512] [--points 100]

Both train the same cell with a mixture of 20 bivariate normal distributions and a pen of three states on the same
drawings, with Adam and a bounded gradient, in turns of one update in one process; each figure is the median over the
turns, and the ratio is taken turn by turn. The losses of the two without dropout are compared first: they are the same
network. The plain program of an LSTM without dropout is `nn.LSTM`; every other one is a loop over steps, in which
products of the inputs are made once for all steps.

With `--endings` as many drawings as that, and one, are drawn by an LSTM instead, each of so many points, in one native
call and by a loop of PyTorch's operations. Seconds are of the processor where `--threads 1` is given.
"""

import argparse
import copy
import json
import math
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm, linear

from statewise.cells import LSTM, CandidateDropout, HyperLSTM, LayerNormLSTM
from statewise.data.window import Window
from statewise.exchange import to_torch
from statewise.heads import Strokes
from statewise.heads.strokes import PenRule
from statewise.learning.learner import Learner
from statewise.model import Model, evaluating
from statewise.program import DrawingProgram
from statewise.run.recipe import Recipe
from statewise.versions import versions
from statewise_lab.benchmarking.measure import calls_in_turns
from statewise_lab.benchmarking.result import commit, machine

COMPONENTS, RATE, CLIP, WARM = 20, 0.001, 1.0, 0.4


def read_lstm(cell: LSTM, xs: Tensor, dropout: float) -> Tensor:
    """Return the outputs of an LSTM, step by step."""
    h = c = xs.new_zeros(xs.shape[1], cell.units)
    ys, recurrent = [], cell.recurrent_weights.T
    for start in linear(xs, cell.input_weights, cell.bias).unbind():
        i, f, g, o = torch.addmm(start, h, recurrent).chunk(4, dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * nn.functional.dropout(torch.tanh(g), dropout)
        h = torch.sigmoid(o) * torch.tanh(c)
        ys.append(h)
    return torch.stack(ys)


def read_layer_norm_lstm(cell: LayerNormLSTM, xs: Tensor, dropout: float) -> Tensor:
    """Return the outputs of an LSTM with layer normalisation, step by step."""
    width = (4 * cell.units,)
    h = c = xs.new_zeros(xs.shape[1], cell.units)
    ys = []
    for start in layer_norm(linear(xs, cell.input_weights), width, cell.input_scale, cell.bias).unbind():
        sums = start + layer_norm(linear(h, cell.recurrent_weights), width, cell.recurrent_scale)
        i, f, g, o = sums.chunk(4, dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * nn.functional.dropout(torch.tanh(g), dropout)
        h = torch.sigmoid(o) * torch.tanh(layer_norm(c, (cell.units,), cell.cell_scale, cell.cell_bias))
        ys.append(h)
    return torch.stack(ys)


def read_hyper_lstm(cell: HyperLSTM, xs: Tensor, dropout: float) -> Tensor:
    """Return the outputs of a HyperLSTM, step by step."""
    rows, units, small = xs.shape[1], cell.units, cell.hyper
    h = c = xs.new_zeros(rows, units)
    s = m = xs.new_zeros(rows, small.units)
    of_x, of_h = small.input_weights.split([cell.features, units], dim=1)
    watching = torch.cat([of_h, small.recurrent_weights], dim=1).T
    scales = cell.scale_weights.flatten(0, 1)  # [12, units, embedding]
    bias, ys = cell.bias.reshape(4, 1, units), []
    starts = zip(linear(xs, of_x, small.bias).unbind(), linear(xs, cell.input_weights).unbind(), strict=True)
    for small_start, start in starts:
        i, f, g, o = torch.addmm(small_start, torch.cat([h, s], dim=1), watching).chunk(4, dim=1)
        m = torch.sigmoid(f) * m + torch.sigmoid(i) * torch.tanh(g)
        s = torch.sigmoid(o) * torch.tanh(m)
        z = linear(s, cell.embedding_weights, cell.embedding_bias).reshape(rows, 12, cell.embedding)
        d_x, d_h, shift = torch.bmm(z.transpose(0, 1), scales.transpose(1, 2)).chunk(3)  # [4, rows, units] each
        from_x, from_h = (
            of.reshape(rows, 4, units).transpose(0, 1) for of in (start, linear(h, cell.recurrent_weights))
        )
        sums = layer_norm(d_x * from_x + d_h * from_h + shift, (units,)) * cell.gate_scale[:, None] + bias
        i, f, g, o = sums.unbind()
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * nn.functional.dropout(torch.tanh(g), dropout)
        h = torch.sigmoid(o) * torch.tanh(layer_norm(c, (units,), cell.cell_scale, cell.cell_bias))
        ys.append(h)
    return torch.stack(ys)


CELLS: dict[str, tuple[Any, Any]] = {
    "lstm": (LSTM, read_lstm),
    "layer_norm_lstm": (LayerNormLSTM, read_layer_norm_lstm),
    "hyper_lstm": (HyperLSTM, read_hyper_lstm),
}
"Each cell, and the plain program that reads a sequence with its weights."


class Plain(nn.Module):
    """The same network with what PyTorch has."""

    def __init__(self, name: str, cell: nn.Module, dropout: float) -> None:
        super().__init__()
        units = int(getattr(cell, "units"))  # noqa: B009  # modules have tensors by their names
        self.read, self.cell, self.linear = CELLS[name][1], copy.deepcopy(cell), nn.Linear(units, 6 * COMPONENTS + 3)
        self.dropout = dropout
        if name == "lstm" and not dropout:
            self.cell, self.read = nn.LSTM(5, units), lambda lstm, xs, _: lstm(xs)[0]
            self.cell.load_state_dict(to_torch(cell))

    def forward(self, xs: Tensor, targets: Tensor) -> Tensor:
        k = COMPONENTS
        y = self.linear(self.read(self.cell, xs, self.dropout if self.training else 0.0))
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


def both(name: str, dropout: float, units: int, window: Window) -> tuple[Callable[[], float], Callable[[], float]]:
    """Return an update of ours and one of the plain program, from the same weights."""
    cell, head = CELLS[name][0](5, units), Strokes(units, COMPONENTS)
    plain = Plain(name, cell, dropout)
    plain.linear.load_state_dict(head.linear.state_dict())
    ours: Model[Any] = Model(nn.Identity(), CandidateDropout(cell, dropout) if dropout else cell, head)
    check_same(ours, plain, window)
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


def check_same(ours: Model[Any], plain: Plain, window: Window) -> None:
    """Raise `AssertionError` where the two are not the same network."""
    with torch.no_grad(), evaluating(ours), evaluating(plain):
        one = float(ours.loss(window, ours.begin(window.rows))[0].mean)
        other = float(plain(window.inputs, window.targets))
    assert abs(one - other) < 1e-3, f"these are two networks: {one} and {other} nats a point"


@torch.no_grad()
def draw_plainly(model: Model[Any], rows: int, points: int) -> None:
    """Draw rows of so many points with what PyTorch has, at a temperature of 0.4."""
    k, warmth, cell, linear = COMPONENTS, 0.5 + 0.5 * WARM, cast(Any, model.core), cast(Any, model.head).linear
    h = c = torch.zeros(rows, cell.units)
    weights = torch.cat([cell.input_weights, cell.recurrent_weights], dim=1).T.contiguous()
    y = linear(h)
    for _ in range(points):
        q, means, scales, turns, pen = y.split([k, 2 * k, 2 * k, k, 3], dim=1)
        chosen = torch.multinomial((q / warmth).softmax(1), 1)
        both = chosen.unsqueeze(2).expand(-1, 1, 2)
        mean = means.unflatten(1, (k, 2)).gather(1, both)[:, 0]
        scale = (7 * (scales.unflatten(1, (k, 2)).gather(1, both)[:, 0] / 7).tanh()).exp() * math.sqrt(WARM)
        rho = 0.999 * turns.gather(1, chosen).tanh()
        one, other = torch.randn(2, rows, 1)
        moved = mean + scale * torch.cat([one, rho * one + (1 - rho**2).sqrt() * other], dim=1)
        state = torch.multinomial((pen / warmth).softmax(1), 1)[:, 0]
        x = torch.cat([moved, nn.functional.one_hot(state, 3).float(), h], dim=1)
        i, f, g, o = torch.addmm(cell.bias, x, weights).chunk(4, dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        y = linear(h)


def measure_drawing(given: argparse.Namespace) -> dict[str, Any]:
    """Return how long one drawing and several take in native code and in a loop, in turns."""
    torch.manual_seed(0)
    model = Model(nn.Identity(), LSTM(5, given.units), Strokes(given.units, COMPONENTS)).eval()
    with torch.no_grad():
        cast(Any, model.head).linear.bias[-1] = -30.0  # no drawing ends before the others
    program, rule = DrawingProgram(model, given.storage), PenRule(WARM, softened=True)

    def drawn(rows: int) -> None:
        state = model.begin(rows)
        with torch.no_grad():
            params = model.head(state.hidden)
        found = program.draw(params, state, torch.arange(rows), most=given.points, rule=rule)
        assert found.lengths.tolist() == [given.points] * rows

    ways = {
        "one_seconds": lambda: drawn(1),
        "several_seconds": lambda: drawn(given.endings),
        "one_plain_seconds": lambda: draw_plainly(model, 1, given.points),
        "several_plain_seconds": lambda: draw_plainly(model, given.endings, given.points),
    }
    taken = calls_in_turns(list(ways.values()), given.rounds)
    found: dict[str, Any] = {name: statistics.median(some) for name, some in zip(ways, taken, strict=True)}
    one, several, one_plain, several_plain = found.values()
    found |= {"ratio_of_one": one_plain / one, "ratio_of_several": several_plain / several}
    told = {name: getattr(given, name) for name in ("endings", "storage", "units", "points", "threads")}
    return {**told, **found, "several_by_one": several / one}


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cell", choices=CELLS, default="lstm")
    parser.add_argument("--dropout", type=float, default=0.0)
    for name, usual in {"rounds": 5, "units": 512, "points": 100, "drawings": 100}.items():
        parser.add_argument(f"--{name}", type=int, default=usual)
    parser.add_argument("--save", type=Path)
    parser.add_argument("--endings", type=int, default=0)
    parser.add_argument("--storage", default="float32")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    part, found = ("drawing", measure_drawing(given)) if given.endings else ("training", measure_training(given))
    print(json.dumps(found, indent=1))
    if given.save is not None:
        keep(given.save / "sketch.json", part, found)


def measure_training(given: argparse.Namespace) -> dict[str, Any]:
    """Return how long an update of ours and one of the plain program take, in turns."""
    window = drawings(given.points, given.drawings)
    updates = both(given.cell, given.dropout, given.units, window)
    taken = calls_in_turns(updates, given.rounds)
    ratios = [plain / ours for ours, plain in zip(*taken, strict=True)]
    return {
        "cell": given.cell,
        "dropout": given.dropout,
        "units": given.units,
        "points": given.points,
        "drawings": given.drawings,
        "threads": given.threads,
        "ours_seconds": statistics.median(taken[0]),
        "plain_seconds": statistics.median(taken[1]),
        "ratio": statistics.median(ratios),
        "ratios": [round(ratio, 3) for ratio in ratios],
    }


def keep(path: Path, part: str, found: dict[str, Any]) -> None:
    """Add what was found to the others in a file, in place of what was asked the same."""
    kept = json.loads(path.read_text()) if path.exists() else {}
    asked = [name for name in ("cell", "dropout", "storage", "units", "endings", "threads") if name in found]
    others = [one for one in kept.get(part, []) if any(one.get(name) != found[name] for name in asked)]
    kept |= {part: [*others, found], "commit": commit(), "machine": machine(), "versions": versions()}
    path.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
