"""A language model of words foresees novels of other writers better than modified Kneser-Ney n-grams of order 5.

    python proofs/language.py FOLDER [--kept Dracula Jane-Eyre Woman-in-White] [--updates N] [--plain] [--busy]

FOLDER holds novels as .txt or .txt.xz, which are yours to bring. Those whose names hold one of the words in --kept are
kept aside: neither words nor counts are learned from them. Trains recipes/novels.yaml, for so many updates where they
are given, on the rest; then scores what was kept aside, from its beginning, alone, while a copy goes on learning, with
a cache, and with both, next to n-grams over the same vocabulary counted on the same text. With --plain also trains the
program that a user of PyTorch writes (nn.Embedding, nn.LSTM, nn.AdaptiveLogSoftmaxWithLoss, Adam) on the same windows
for as many seconds as ours took. Leaves with exit code 1 where the 95 % interval of the difference to the best n-grams,
over stretches of the text, is not below 0.
"""

import argparse
import lzma
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from outcomes import RESULTS, conclude
from torch import Tensor, nn

import statewise
from statewise.learning.optimizers import rate_at
from statewise.run.config import build, read_yaml
from statewise.tasks.language.data import LanguageData
from statewise.tasks.language.scoring import JudgedWords, blocks_of, interval_of
from statewise.tasks.language.task import Language

RECIPE = Path(__file__).parents[1] / "recipes" / "novels.yaml"
KEPT = ["Dracula", "Jane-Eyre", "Woman-in-White"]
PROMPT, CUTOFFS = "it was the", (2000, 10000)
EVALUATED: dict[str, Any] = {"dynamic": True, "dynamic_rate": 0.1, "cache": 2000}


def asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--kept", nargs="+", default=KEPT, help=f"words of names that are kept aside [{' '.join(KEPT)}]"
    )
    budget = parser.add_mutually_exclusive_group()
    budget.add_argument("--updates", type=int, help="in place of the recipe's minutes")
    budget.add_argument("--minutes", type=float, help="in place of the recipe's minutes")
    parser.add_argument("--scored", type=int, default=200_000, help="words of what was kept aside to score [200000]")
    parser.add_argument("--plain", action="store_true")
    parser.add_argument("--busy", action="store_true", help="say in the result that other work had the machine, too")
    parser.add_argument("--save", type=Path, default=RESULTS / "language.json")
    return parser.parse_args()


def novels(folder: Path, kept: list[str], into: Path) -> tuple[Path, list[Path]]:
    """Write novels as plain texts, those to learn from into a folder; return it and the files that are kept aside."""
    training, held = into / "training", into / "held"
    training.mkdir()
    held.mkdir()
    for path in sorted([*folder.glob("*.txt"), *folder.glob("*.txt.xz")]):
        if path.name.lower().startswith("readme"):
            continue
        raw = lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()
        chosen = held if any(word in path.name for word in kept) else training
        (chosen / path.name.removesuffix(".xz")).write_bytes(raw)
    return training, sorted(held.iterdir())


class Plain(nn.Module):
    """A language model as a user of PyTorch writes it."""

    def __init__(self, words: int, units: int) -> None:
        super().__init__()
        self.table, self.lstm = nn.Embedding(words, units), nn.LSTM(units, units)
        self.dropout = nn.Dropout(0.1)
        self.head = nn.AdaptiveLogSoftmaxWithLoss(units, words, [cut for cut in CUTOFFS if cut < words], 4.0)

    def forward(self, codes: Tensor, targets: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Return the log-probabilities of targets, and the last state."""
        ys, state = self.lstm(self.dropout(self.table(codes)), state)
        said = self.head(self.dropout(ys).flatten(0, 1), targets.flatten())
        return said.output, tuple(part.detach() for part in state)


def plain_nats(task: Language, data: LanguageData, kept: LanguageData, seconds: float) -> tuple[np.ndarray, int]:
    """Train the plain program for so many seconds; return the nats of each word of what was kept aside, and updates."""
    torch.manual_seed(0)
    model, windows = Plain(data.codec.choices, task.hidden_size), data.windows("training")
    optimizer = torch.optim.Adam(model.parameters(), task.learning_rate, fused=True)
    began, state, updates = time.perf_counter(), None, 0
    while (taken := time.perf_counter() - began) < seconds:
        for group in optimizer.param_groups:
            group["lr"] = rate_at(task, updates, taken / seconds)
        window = windows[updates % len(windows)]
        optimizer.zero_grad()
        said, state = model(window.inputs, window.targets, state)
        (-said.mean()).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        updates += 1
    model.eval()
    state, nats = None, []
    with torch.no_grad():
        for window in kept.windows("held_out", rows=1):
            said, state = model(window.inputs, window.targets, state)
            nats.append(-said.double().numpy())
    return np.concatenate(nats), updates


def main() -> None:
    given = asked()
    with tempfile.TemporaryDirectory() as temporary:
        training, held = novels(given.folder, given.kept, Path(temporary))
        recipe = {**read_yaml(RECIPE), "source": str(training), "scored": given.scored, "sample_seconds": 0}
        if given.updates:
            recipe = {**recipe, "minutes": None, "updates": given.updates}
        if given.minutes:
            recipe = {**recipe, "minutes": given.minutes}
        task = build(Language, recipe)
        run = statewise.train(task, run=Path(temporary, "run"))
        trained, data = run.load(), run.load().data()
        report = statewise.evaluate(run.path, [str(path) for path in held], **EVALUATED)
        kept: Any = data.on([str(path) for path in held], Path(temporary))
        result = {
            "claim": "below the best n-grams in nats a word, by a 95 % interval over stretches of the text",
            "holds": any(remark.endswith("of the text: better.") for remark in report.remarks),
            "busy_machine": given.busy,
            "words": report.in_short(),
            "kept_aside": [path.stem for path in held],
            "settings": {name: getattr(task, name) for name in recipe if name not in ("source", "sample_seconds")},
            "metrics": report.metrics,
            "baselines": report.baselines,
            "remarks": report.remarks,
            "validation": run.report.metrics,
            "validation_baselines": run.report.baselines,
            "data": {name: data.facts[name] for name in ("training", "types", "choices", "sha256")},
            "seconds": run.report.seconds,
            "updates": trained.update,
            "words_a_second": round(trained.update * task.batch_size * task.sequence_length / run.report.seconds),
            "written": PROMPT + "".join(trained.predict(PROMPT, length=60, temperature=0.8, seed=1)),
        }
        if given.plain:
            result["plain"] = against_plain(task, data, kept, run.report.seconds)
    print(report.shown())
    conclude(result, given.save)


def against_plain(task: Language, data: Any, kept: Any, seconds: float) -> dict[str, Any]:
    """Return what the plain program reaches in the same time, and whether n-grams are better."""
    nats, updates = plain_nats(task, data, kept, seconds)
    judged = JudgedWords.of(nats, kept.targets[: len(nats)], kept.codec.unknown)
    metrics = judged.metrics(kept.codec.unit, kept.unknown_types)
    best = min(kept.baseline_blocks.values(), key=lambda blocks: float(blocks.mean()))
    difference = interval_of(blocks_of(nats) - best)
    return {"updates": updates, "metrics": metrics, "nats_to_best_n_grams": difference}


if __name__ == "__main__":
    main()
