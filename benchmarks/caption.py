"""How fast is a captioner trained, and how fast does a beam caption 100 pictures, next to plain PyTorch?

    python benchmarks/caption.py [--rounds 7] [--pictures 100] [--save DIR]

The peer is the loop that an expert writes: an LSTMCell that reads word and glimpse, attention by a product over 49
places with a gate, a tied table, cross-entropy with the doubly stochastic term, Adam and clipping; its beam goes
through pictures one after another, as such programs do. Ours is the same network of the same sizes, trained by the
learner, with its beam over 32 pictures at once. Features are drawn. Both on one thread, in turns; seconds are those of
the processor, figures are medians over the turns, and ratios are taken turn by turn.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from statewise.data.pairs.subwords import END, START
from statewise.data.window import Window
from statewise.decode import Limits, SearchRule, search
from statewise.learning.learner import Learner
from statewise.model import evaluating
from statewise.tasks.caption.network import CaptionNetwork, caption_model
from statewise.tasks.caption.task import Caption
from statewise.versions import versions
from statewise_lab.benchmarking.result import commit, machine

ROWS, STEPS, PLACES, FEATURES, UNITS, WORDS = 32, 12, 49, 1280, 256, 2000
BEAM, LONGEST, AT_ONCE = 5, 12, 32
RESULTS = Path(__file__).parent / "results"


class Plain(nn.Module):
    """The same network as plain modules of PyTorch."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(WORDS, UNITS)
        self.narrow, self.norm = nn.Linear(FEATURES, UNITS), nn.LayerNorm(UNITS)
        self.positions = nn.Parameter(torch.randn(PLACES, UNITS) * 0.1)
        self.first = nn.Linear(UNITS, 2 * UNITS)
        self.cell = nn.LSTMCell(2 * UNITS, UNITS)
        self.ask, self.gate = nn.Linear(UNITS, UNITS, bias=False), nn.Linear(UNITS, 1)
        self.out, self.bias = nn.Linear(2 * UNITS, UNITS), nn.Parameter(torch.zeros(WORDS))

    def begin(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        memory = self.norm(self.narrow(features)) + self.positions
        h, c = self.first(memory.mean(1)).chunk(2, dim=-1)
        return memory, h, c, torch.zeros_like(h)

    def step(self, words: Tensor, memory: Tensor, h: Tensor, c: Tensor, glimpse: Tensor) -> tuple[Tensor, ...]:
        h, c = self.cell(torch.cat([self.table(words), glimpse], -1), (h, c))
        shares = torch.bmm(memory, self.ask(h).unsqueeze(-1)).squeeze(-1).softmax(-1)
        glimpse = torch.bmm(shares.unsqueeze(1), memory).squeeze(1) * torch.sigmoid(self.gate(h))
        return h, c, glimpse, shares

    def odds(self, h: Tensor, glimpse: Tensor) -> Tensor:
        return torch.tanh(self.out(torch.cat([h, glimpse], -1))) @ self.table.weight.T + self.bias

    def forward(self, words: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        memory, h, c, glimpse = self.begin(features)
        hs, glimpses, read = [], [], torch.zeros(len(features), PLACES)
        for one in words:
            h, c, glimpse, shares = self.step(one, memory, h, c, glimpse)
            hs.append(h)
            glimpses.append(glimpse)
            read = read + shares
        return self.odds(torch.stack(hs), torch.stack(glimpses)), read


def drawn() -> Window:
    words = torch.randint(3, WORDS, (STEPS, ROWS))
    features = torch.rand(ROWS, PLACES, FEATURES).mul(6).clamp(min=5).sub(5)
    return Window(words, words.roll(-1, 0), context=features)


def ours() -> Learner:
    settings = CaptionNetwork(
        "lstm", UNITS, UNITS, 1, "general", "places", has_gate=True, is_tied=True, words=0.0, values=0.0, smooths=False
    )
    task = Caption(source="drawn", updates=10**9, smoothing=0.0, coverage=1.0, dropout=0.0, word_dropout=0.0, threads=1)
    model = caption_model(settings, WORDS, PLACES, FEATURES)
    return Learner(model, [drawn() for _ in range(4)], task)


def plain_update(model: Plain, optimizer: Any, window: Window) -> None:
    optimizer.zero_grad()
    odds, read = model(window.inputs, window.context)
    loss = cross_entropy(odds.flatten(0, 1), window.targets.flatten()) + (1 - read).square().mean()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()


@torch.no_grad()
def plain_beam(model: Plain, features: Tensor) -> None:
    for one in features:
        memory, h, c, glimpse = (part.expand(BEAM, *part.shape[1:]) for part in model.begin(one.unsqueeze(0)))
        words, scores = torch.full((BEAM,), START), torch.tensor([0.0] + [-1e9] * (BEAM - 1))
        paths: list[list[int]] = [[] for _ in range(BEAM)]
        for _ in range(LONGEST):
            h, c, glimpse, _ = model.step(words, memory, h, c, glimpse)
            totals = scores.unsqueeze(1) + model.odds(h, glimpse).log_softmax(-1)
            totals[:, END] = -1e9
            scores, at = totals.flatten().topk(BEAM)
            parents, words = at // WORDS, at % WORDS
            h, c, glimpse = h[parents], c[parents], glimpse[parents]
            paths = [[*paths[parent], word] for parent, word in zip(parents.tolist(), words.tolist(), strict=True)]


@torch.no_grad()
def our_beam(model: Any, features: Tensor) -> None:
    rule = SearchRule(BEAM, never=(END,))
    with evaluating(model):
        for begin in range(0, len(features), AT_ONCE):
            some = features[begin : begin + AT_ONCE]
            state = model.begin(len(some), some)
            search(model, state, [START] * len(some), END, [Limits(1, LONGEST - 1)] * len(some), rule)


def seconds(work: Callable[[], None]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--pictures", type=int, default=100)
    parser.add_argument("--save", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    learner, model, window = ours(), Plain(), drawn()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.002)
    features = torch.rand(given.pictures, PLACES, FEATURES)
    cases = {
        "an update": (
            lambda: [learner.update() for _ in range(4)],
            lambda: [plain_update(model, optimizer, window) for _ in range(4)],
        ),
        f"a beam of {BEAM} over {given.pictures} pictures": (
            lambda: our_beam(learner.model, features),
            lambda: plain_beam(model, features),
        ),
    }
    told: dict[str, Any] = {}
    for name, (own, theirs) in cases.items():
        own(), theirs()  # type: ignore[operator]
        turns = [(seconds(own), seconds(theirs)) for _ in range(given.rounds)]  # type: ignore[arg-type]
        told[name] = {
            "ours": statistics.median(one for one, _ in turns),
            "plain PyTorch": statistics.median(other for _, other in turns),
            "ratio": statistics.median(other / one for one, other in turns),
        }
        print(name, {key: round(value, 3) for key, value in told[name].items()}, file=sys.stderr)
    result = {"rounds": given.rounds, "cases": told, "machine": machine(), "versions": versions(), "commit": commit()}
    text = json.dumps(result, indent=1)
    if given.save:
        (given.save / "caption.json").write_text(text + "\n")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
