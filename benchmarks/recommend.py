"""How many events a second does a recommender learn, compared with plain PyTorch, and how soon does it answer?

    python benchmarks/recommend.py [training] [serving] [scale] [--rounds 5] [--threads 2] [--save DIR]
    python benchmarks/recommend.py scale [--events 100000000] [--folder DIR] [--save DIR]

`training`: our learner and an independent loop of plain PyTorch (nn.GRU, nn.Embedding with sparse gradients, SparseAdam
and Adam) train the same network on the same windows of the same sessions, with as many negatives by the same odds, in
turns, in one process; figures are medians over the turns, the ratio is taken turn by turn.
`serving`: the top 20 of a catalogue for one of 1,000 sessions under way: an event is read and the list made, on one
core; also 32 of them at once. `scale`: a log of many events is cut, split, written and trained on, in how much memory;
what was written stays in `--folder`, where there is one, to be trained on again.
The sessions are made: items by Zipf's law, of which each tends to be followed by a few others.
"""

import argparse
import json
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from statewise.cells import GRU
from statewise.data.code_file import CodeFile
from statewise.data.interactions.session_rows import SessionRows
from statewise.data.interactions.session_table import (
    HELD_OUT,
    PLACE,
    TRAINING,
    LogEvents,
    Rules,
    as_places,
    write_sessions,
)
from statewise.data.window import Window
from statewise.heads import Ranking
from statewise.heads.ranking import item_table
from statewise.learning.learner import Learner
from statewise.model import Model
from statewise.run.recipe import Recipe
from statewise.state import select_rows
from statewise.tasks.recommend.approximate import ApproximateIndex
from statewise.tasks.recommend.queries import lists, ranking_of
from statewise.versions import versions
from statewise_lab.benchmarking.result import commit, machine

UNITS, ROWS, ITEMS, LISTED, SESSIONS = 100, 50, 10_000, 20, 1000
RATE, ALPHA = 0.004, 0.5
SHAPES = [(1, 2048), (16, 512), (16, 2048), (32, 2048)]
"Steps in a window, and negatives drawn for it."
CATALOGUES = [10_000, 100_000, 1_000_000]
TURN_SECONDS = 1.0
QUESTIONS = ["training", "serving", "scale"]


def popularity(items: int) -> np.ndarray[Any, Any]:
    """Return the odds of each item."""
    odds = 1.0 / (10 + np.arange(items))
    return odds / odds.sum()


def some_sessions(count: int, items: int, seed: int = 0) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return the items and the lengths of sessions of 2 events and more, 6 on average."""
    random = np.random.default_rng(seed)
    lengths = 2 + random.geometric(0.2, count) - 1
    drawn = random.choice(items, lengths.sum(), p=popularity(items))
    follows = random.random(len(drawn)) < 0.5
    follows[0] = False
    after = (np.roll(drawn, 1) * 7 + random.integers(3, size=len(drawn))) % items
    return np.where(follows, after, drawn), lengths


class Plain(nn.Module):
    """The same network as a user of PyTorch writes it."""

    def __init__(self, supports: Tensor) -> None:
        super().__init__()
        self.table = nn.Embedding(len(supports), UNITS, sparse=True)
        nn.init.normal_(self.table.weight, std=UNITS**-0.5)
        self.bias = nn.Embedding(len(supports), 1, sparse=True)
        self.gru = nn.GRU(UNITS, UNITS)
        self.shares = supports / supports.sum()
        odds = supports**ALPHA
        self.odds = odds / odds.sum()

    def loss(self, window: Window, hidden: Tensor, negatives: int) -> tuple[Tensor, Tensor]:
        """Return the corrected cross-entropy, and the last state."""
        assert window.reset is not None
        embedded, outputs = self.table(window.inputs), []
        for t in range(len(window.inputs)):  # rows begin again at steps of their own
            hidden = torch.where(window.reset[t].view(1, -1, 1), 0, hidden)
            output, hidden = self.gru(embedded[t : t + 1], hidden)
            outputs.append(output)
        queries = torch.cat(outputs)
        drawn = torch.multinomial(self.odds, negatives, replacement=True)
        own, own_bias = self.table(window.targets), self.bias(window.targets)
        expected = (queries.shape[1] - 1) * self.shares + negatives * self.odds
        of_rows = queries @ own.transpose(1, 2) + own_bias.transpose(1, 2) - expected[window.targets].log().unsqueeze(1)
        others = queries @ self.table(drawn).T + self.bias(drawn).T - expected[drawn].log()
        of_rows = of_rows.masked_fill(window.targets.unsqueeze(1) == window.targets.unsqueeze(2), -torch.inf)
        others = others.masked_fill(drawn == window.targets.unsqueeze(2), -torch.inf)
        wanted = (queries * own).sum(-1, keepdim=True) + own_bias
        logits = torch.cat([wanted, of_rows, others], dim=-1).flatten(0, 1)
        nats = nn.functional.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.long))
        return nats, hidden.detach()


def plain_updates(windows: SessionRows, supports: Tensor, negatives: int) -> Iterator[float]:
    """Train the plain network, an update at a time."""
    model = Plain(supports)
    dense = torch.optim.Adam(model.gru.parameters(), RATE, fused=True)
    sparse = torch.optim.SparseAdam([model.table.weight, model.bias.weight], RATE)
    hidden = torch.zeros(1, windows.rows, UNITS)
    while True:
        for number in range(len(windows)):
            dense.zero_grad()
            sparse.zero_grad()
            nats, hidden = model.loss(windows[number], hidden, negatives)
            nats.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(model.gru.parameters(), 1.0)
            dense.step()
            sparse.step()
            yield float(nats.detach())


def our_model(supports: Tensor, negatives: int) -> Model[Tensor]:
    """Return the network as the task makes it, without dropout, which the plain one does not have."""
    table = item_table(len(supports), UNITS, sparse=negatives > 0)
    return Model(table, GRU(UNITS, UNITS), Ranking(UNITS, supports, table=table, negatives=negatives, alpha=ALPHA))


def turn(update: Callable[[], object], updates: int) -> float:
    """Return the seconds of one update, over a turn."""
    began = time.perf_counter()
    for _ in range(updates):
        update()
    return (time.perf_counter() - began) / updates


def training(rounds: int) -> list[dict[str, Any]]:
    """Train both ways, in turns."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        items, lengths = some_sessions(200_000, ITEMS)
        path = Path(folder, TRAINING)
        path.write_bytes(as_places(items, lengths).tobytes())
        supports = torch.from_numpy(np.bincount(items, minlength=ITEMS)).float()
        for steps, negatives in SHAPES:
            windows = SessionRows(CodeFile.whole(path, PLACE), ROWS, steps)
            torch.manual_seed(0)
            learner = Learner(our_model(supports, negatives), windows, Recipe(updates=10**9, learning_rate=RATE))
            plain = plain_updates(windows, supports, negatives)
            ways: dict[str, Callable[[], object]] = {"ours": learner.update, "plain": lambda it=plain: next(it)}  # type: ignore[misc]
            updates = max(1, round(TURN_SECONDS / max(turn(way, 3) for way in ways.values())))
            seconds: dict[str, list[float]] = {name: [] for name in ways}
            for _ in range(rounds):
                for name, way in ways.items():
                    seconds[name].append(turn(way, updates))
            ratios = [theirs / own for own, theirs in zip(seconds["ours"], seconds["plain"], strict=True)]
            places = ROWS * steps
            row = {"steps": steps, "negatives": negatives}
            row |= {f"{name}_events_per_second": places / statistics.median(took) for name, took in seconds.items()}
            rows.append({**row, "ratio": statistics.median(ratios)})
            print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    return rows


def serving(requests: int) -> list[dict[str, Any]]:
    """Answer events of sessions under way, one by one and many at once, on one core; many items by an index, too."""
    torch.set_num_threads(1)
    rows = []
    for choices in CATALOGUES:
        model = our_model(torch.ones(choices), 1).eval()
        centres = torch.randn(1000, UNITS) / UNITS**0.5  # items lie in groups, as trained ones do
        with torch.no_grad():
            model.encoder.weight.copy_(centres[torch.arange(choices) % 1000] + 0.03 * torch.randn(choices, UNITS))  # type: ignore[operator, union-attr]
        ways: dict[str, ApproximateIndex | None] = {"exact": None}
        if choices > ITEMS:
            began = time.perf_counter()
            ways["index"] = ApproximateIndex(ranking_of(model))
            print(f"index of {choices:,} made in {time.perf_counter() - began:.1f} s", file=sys.stderr, flush=True)
        for way, index in ways.items():
            for at_once in (1, 32):
                answers = max(50, requests * 10_000 // choices // at_once)
                rows.append(
                    {"items": choices, "way": way, "at_once": at_once, **answered(model, index, at_once, answers)}
                )
                print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    return rows


def answered(model: Model[Tensor], index: ApproximateIndex | None, at_once: int, answers: int) -> dict[str, float]:
    """Return how long it takes to read an event and make the list, and how much of the exact list an index finds."""
    state, choices = model.begin(SESSIONS), ranking_of(model).choices
    random, took, found = np.random.default_rng(0), [], []
    for _ in range(answers):
        whose = torch.from_numpy(random.choice(SESSIONS, at_once, replace=False))
        event = torch.from_numpy(random.integers(choices, size=at_once))
        began = time.perf_counter()
        with torch.no_grad():
            query, after = model.step(event, select_rows(state, whose))
            listed = lists(model, query, LISTED, index=index)
        took.append(1000 * (time.perf_counter() - began))
        for old, new in zip(state, after, strict=True):
            old[whose] = new
        if index is not None and len(found) < 200:
            exact = lists(model, query, LISTED).items
            pairs = zip(listed.items.tolist(), exact.tolist(), strict=True)
            found += [len(set(one) & set(other)) / LISTED for one, other in pairs]
    middle, late, worst = np.quantile(took, (0.5, 0.99, 1.0))
    row = {"answers": answers * at_once, "median_ms": float(middle), "p99_ms": float(late), "worst_ms": float(worst)}
    shared = {"share_of_exact": statistics.mean(found)} if found else {}
    return {**row, "answers_per_second": 1000 * at_once / statistics.mean(took), **shared}


def made_log(events: int, items: int) -> Iterator[LogEvents]:
    """Yield a log a piece at a time, of sessions that are not in order."""
    done, piece = 0, 1_000_000
    while done < events:
        found, lengths = some_sessions(piece // 6, items, seed=done)
        whose = done + np.repeat(np.arange(len(lengths)), lengths)
        times = whose + np.arange(len(found)) * 1e-7
        yield LogEvents(whose.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15), found, times)
        done += len(found)


def peak_megabytes() -> int:
    """Return how much memory this process has had at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def prepared(events: int, items: int, folder: Path) -> dict[str, Any]:
    """Cut, split and write a log of many events that is made as it is read; what is in the folder already stays."""
    told, supports = folder / "prepared.json", folder / "supports.npy"
    if not told.exists():
        began = time.perf_counter()
        written = write_sessions(made_log(events, items), Rules(held_out=0.01, min_support=1), folder)
        found = {"events": written.facts["events"], "sessions": written.facts["sessions"], "items": items}
        found |= {"trained_items": len(written.items), "preparing_seconds": round(time.perf_counter() - began)}
        found |= {"preparing_megabytes": peak_megabytes()}
        found["files_megabytes"] = sum((folder / name).stat().st_size for name in (TRAINING, HELD_OUT)) >> 20
        np.save(supports, written.supports)
        told.write_text(json.dumps(found))
    kept: dict[str, Any] = json.loads(told.read_text())
    return kept


def scale(events: int, folder: Path, items: int = 1_000_000) -> list[dict[str, Any]]:
    """Train for a while on a log of many events over many items, which is never in memory whole."""
    row = prepared(events, items, folder)
    supports = torch.from_numpy(np.load(folder / "supports.npy")).float()
    for steps in (1, 16):
        windows = SessionRows(CodeFile.whole(folder / TRAINING, PLACE), ROWS, steps)
        learner = Learner(our_model(supports, 2048), windows, Recipe(updates=10**9, learning_rate=RATE))
        turn(learner.update, 20)
        took = [turn(learner.update, 1600 // steps // 4) for _ in range(9)]
        row[f"training_{steps}_steps_events_per_second"] = round(ROWS * steps / statistics.median(took))
    print(json.dumps(row), file=sys.stderr, flush=True)
    return [{**row, "training_megabytes": peak_megabytes()}]


def main() -> None:
    """Answer the questions asked, as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("questions", nargs="*", default=QUESTIONS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--events", type=int, default=100_000_000)
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--save", type=Path)
    given = parser.parse_args()
    if unknown := set(given.questions) - set(QUESTIONS):
        parser.error(f"no question is called {', '.join(sorted(unknown))}: give some of {', '.join(QUESTIONS)}")
    torch.set_num_threads(given.threads)
    made_by = {"date": time.strftime("%Y-%m-%d"), "commit": commit(), "versions": versions()}
    made_by["machine"] = {**machine(), "threads": given.threads}
    found: dict[str, Any] = {}
    for question in given.questions:
        with tempfile.TemporaryDirectory() as temporary:
            folder = given.folder or Path(temporary)
            folder.mkdir(parents=True, exist_ok=True)
            answers: dict[str, Callable[[], Any]] = {
                "training": lambda: training(given.rounds),
                "serving": lambda: serving(given.requests),
                "scale": lambda folder=folder: scale(given.events, folder),
            }
            found[question] = {**made_by, "rows": answers[question]()}
        if given.save:
            given.save.mkdir(parents=True, exist_ok=True)
            path = given.save / "recommend.json"
            kept = json.loads(path.read_text()) if path.exists() else {}
            path.write_text(json.dumps({**kept, **found}, indent=1) + "\n")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
