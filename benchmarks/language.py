"""How many words a second does a language model learn, by its output, and compared with plain PyTorch?

    python benchmarks/language.py [--words 200000] [--rows 128] [--steps 20] [--rounds 3] [--threads 2] [--save DIR]
    python benchmarks/language.py --cost [--threads 1]

Every way trains the same network (a table of words whose rows alone are updated, one LSTM, an output) on the same
windows, words drawn by Zipf's law; a whole update is timed: reading, the way back, clipping, Adam. They take turns in
one process; figures are medians over the rounds, ratios are taken round by round. Ours are the task's networks: a full
softmax, one trained against 4,096 words, adaptive by the cut-offs that are chosen; the same with PyTorch's usual
cut-offs is there to compare the code alone. Those of plain PyTorch are nn.Embedding(sparse=True),
nn.LSTM, and nn.AdaptiveLogSoftmaxWithLoss (2000, 10000, 50000) or nn.Linear, with SparseAdam and Adam.
`--cost` measures what `statewise.heads.cutoffs.Cost` is made of.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from statewise.data.window import Window
from statewise.data.words.words_codec import Words
from statewise.learning.learner import Learner
from statewise.run.recipe import Recipe
from statewise.tasks.language.network import LanguageNetwork
from statewise.versions import versions
from statewise_lab.benchmarking.result import commit, machine

RATE, NEGATIVES, WINDOWS = 0.001, 4096, 8
UNITS = (256, 512)
USUAL = "2000,10000,50000"
FULL, ADAPTIVE, SAMPLED = "ours, full", "ours, adaptive", "ours, sampled"
AS_THEIRS, PLAIN, PLAIN_FULL = "ours, adaptive as PyTorch's", "PyTorch, adaptive", "PyTorch, full"


def text(words: int, rows: int, steps: int) -> tuple[list[Window], Words]:
    """Return windows of words by Zipf's law, and the vocabulary that counted ten million of them."""
    odds = 1.0 / (np.arange(words) + 2.7)
    odds /= odds.sum()
    random = np.random.default_rng(0)
    counts = np.sort(random.multinomial(10_000_000, odds))[::-1]
    drawn = torch.from_numpy(random.choice(words, (WINDOWS, steps + 1, rows), p=odds))
    names = ("<unk>", "</s>", *(f"w{n}" for n in range(words - 2)))
    return [Window(codes[:-1], codes[1:]) for codes in drawn], Words(names, tuple(counts.tolist()))


def network(units: int, output: Any, cutoffs: str, places: int) -> LanguageNetwork:
    """Return the task's network without dropout."""
    return LanguageNetwork(
        cell="lstm", hidden_size=units, layers=1, embedding=units, output=output, reading="full", cutoffs=cutoffs,
        shrink=4.0, is_tied=False, negatives=NEGATIVES, sampling="log_uniform", places=places, dropout=0.0,
        input_dropout=0.0, word_dropout=0.0, weight_drop=0.0,
    )  # fmt: skip


def ours(windows: list[Window], codec: Words, made: LanguageNetwork) -> Callable[[], object]:
    """Return an update of our learner."""
    torch.manual_seed(0)
    learner = Learner(made.model(codec), windows, Recipe(learning_rate=RATE, updates=10**6))
    return learner.update


class Plain(nn.Module):
    """The same network as a user of PyTorch writes it."""

    def __init__(self, words: int, units: int, *, is_adaptive: bool) -> None:
        super().__init__()
        self.table, self.lstm = nn.Embedding(words, units, sparse=True), nn.LSTM(units, units)
        cutoffs = [int(cut) for cut in USUAL.split(",")]
        self.adaptive = nn.AdaptiveLogSoftmaxWithLoss(units, words, cutoffs, 4.0) if is_adaptive else None
        self.full = None if is_adaptive else nn.Linear(units, words)

    def loss(self, window: Window, state: Any) -> tuple[Tensor, Any]:
        """Return the mean loss and the last state."""
        ys, state = self.lstm(self.table(window.inputs), state)
        features, targets = ys.flatten(0, 1), window.targets.flatten()
        if self.adaptive is not None:
            nats = self.adaptive(features, targets).loss
        else:
            assert self.full is not None
            nats = nn.functional.cross_entropy(self.full(features), targets)
        return nats, tuple(part.detach() for part in state)


def plain(windows: list[Window], words: int, units: int, *, is_adaptive: bool) -> Callable[[], object]:
    """Return an update of the plain program."""

    def updates() -> Iterator[float]:
        torch.manual_seed(0)
        model = Plain(words, units, is_adaptive=is_adaptive)
        sparse = torch.optim.SparseAdam([model.table.weight], RATE)
        others = [weights for name, weights in model.named_parameters() if name != "table.weight"]
        dense, state = torch.optim.Adam(others, RATE, fused=True), None
        while True:
            for window in windows:
                dense.zero_grad()
                sparse.zero_grad()
                nats, state = model.loss(window, state)
                nats.backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(others, 1.0)
                dense.step()
                sparse.step()
                yield float(nats.detach())

    making = updates()
    return lambda: next(making)


def turn(update: Callable[[], object], seconds: float) -> float:
    """Return the seconds of one update, over a turn of about so many seconds, at least one update."""
    began, count = time.perf_counter(), 0
    while time.perf_counter() - began < seconds or not count:
        update()
        count += 1
    return (time.perf_counter() - began) / count


def measured(
    units: int, words: int, rows: int, steps: int, rounds: int, seconds: float, only: str | None
) -> dict[str, Any]:
    """Train every way, in turns."""
    windows, codec = text(words, rows, steps)
    chosen = network(units, "adaptive", "auto", rows * steps)
    ways: dict[str, Callable[[], object]] = {
        ADAPTIVE: ours(windows, codec, chosen),
        AS_THEIRS: ours(windows, codec, network(units, "adaptive", USUAL, rows * steps)),
        SAMPLED: ours(windows, codec, network(units, "sampled", "auto", rows * steps)),
        PLAIN: plain(windows, words, units, is_adaptive=True),
        FULL: ours(windows, codec, network(units, "full", "auto", rows * steps)),
        PLAIN_FULL: plain(windows, words, units, is_adaptive=False),
    }
    ways = {name: update for name, update in ways.items() if only is None or only in name}
    for update in ways.values():
        update()
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds):
        for name, update in ways.items():
            taken[name].append(turn(update, seconds))
            print(f"{units} units, round {number + 1}: {name} {taken[name][-1]:.3f} s", file=sys.stderr)

    def ratio(slow: str, fast: str) -> float | None:
        if slow not in ways or fast not in ways:
            return None
        return round(statistics.median(a / b for a, b in zip(taken[slow], taken[fast], strict=True)), 2)

    return {
        "case": {"units": units, "words": words, "rows": rows, "steps": steps},
        "cutoffs": chosen.cuts(codec),
        "expected_to_be_faster": round(chosen.expectation(codec), 1),
        "words_a_second": {name: round(rows * steps / statistics.median(each)) for name, each in taken.items()},
        "adaptive_to_full": ratio(FULL, ADAPTIVE),
        "sampled_to_full": ratio(FULL, SAMPLED),
        "adaptive_to_pytorch_full": ratio(PLAIN_FULL, ADAPTIVE),
        "sampled_to_pytorch_full": ratio(PLAIN_FULL, SAMPLED),
        "adaptive_to_pytorch_adaptive": ratio(PLAIN, ADAPTIVE),
        "adaptive_to_pytorch_adaptive_of_the_same_cutoffs": ratio(PLAIN, AS_THEIRS),
    }


def costs() -> dict[str, float]:
    """Return what an update's parts cost, in nanoseconds: a product, a score, a weight."""
    from statewise.heads.linear_entropy import linear_entropy

    def seconds(places: int, choices: int, width: int) -> float:
        torch.manual_seed(0)
        layer = nn.Linear(width, choices)
        features, targets = torch.randn(places, width, requires_grad=True), torch.randint(choices, (places,))
        optimizer = torch.optim.Adam(layer.parameters(), fused=True)

        def update() -> None:
            optimizer.zero_grad()
            linear_entropy(features, layer.weight, layer.bias, targets).backward()  # type: ignore[no-untyped-call]
            optimizer.step()

        update()
        return min(turn(update, 0) for _ in range(25))

    wide, narrow = seconds(2048, 4096, 512), seconds(2048, 4096, 8)
    score = narrow / (2048 * 4096) * 1e9
    product = (wide - narrow) / (3 * 2048 * 4096 * 504) * 1e9
    weight = (seconds(4, 65536, 64) * 1e9 - 4 * 65536 * (score + 3 * 64 * product)) / (65536 * 64)
    return {"product": round(product, 4), "score": round(score, 2), "weight": round(weight, 2)}


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, usual in {"words": 200_000, "rows": 128, "steps": 20, "rounds": 3, "threads": 2}.items():
        asked.add_argument(f"--{name}", type=int, default=usual)
    asked.add_argument("--units", type=int, nargs="*", default=UNITS)
    asked.add_argument("--seconds", type=float, default=2.0, help="of a turn, or one update where that is longer")
    asked.add_argument("--only", help="ways whose name holds this, such as adaptive")
    asked.add_argument("--cost", action="store_true")
    asked.add_argument("--save", type=Path)
    given = asked.parse_args()
    torch.set_num_threads(given.threads)
    if given.cost:
        print(json.dumps(costs()))
        return 0
    shape = given.words, given.rows, given.steps, given.rounds, given.seconds, given.only
    rows = [measured(units, *shape) for units in given.units]
    result = {"machine": machine(), "threads": given.threads, "commit": commit(), "versions": versions(), "rows": rows}
    print(json.dumps(result, indent=1))
    if given.save:
        given.save.mkdir(parents=True, exist_ok=True)
        (given.save / "language.json").write_text(json.dumps(result, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
