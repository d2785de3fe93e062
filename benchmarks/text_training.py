"""How fast is our training loop compared with a plain PyTorch loop with nn.LSTM, and what does the loop itself cost?

    python benchmarks/text_training.py [--rounds 7] [--json] [--save DIR]

Both train the same network on the same windows, in turns of a few updates, in one process; each figure is the median
over the turns, and the ratio is taken turn by turn. The overhead is the time of one of our updates less that of its
forward pass, backward pass and optimizer step alone, as a share of the update.
"""

import argparse
import importlib.util
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from statewise.data.code_file import CodeFile
from statewise.data.codec import Characters
from statewise.data.stripes import Stripes
from statewise.learning.learner import Learner
from statewise.run.recipe import Recipe
from statewise.state import detach
from statewise.tasks.text.task import Text
from statewise.versions import versions
from statewise_lab.benchmarking.result import commit, machine

SHAPES = [(128, 1), (256, 1), (256, 2), (512, 1), (512, 2)]
ROWS, STEPS, EMBEDDING, CHOICES = 32, 64, 64, 80
TURN_SECONDS = 1.0


def plain_torch() -> Any:
    """Return the plain loop of the examples."""
    path = Path(__file__).parents[1] / "examples" / "plain_torch.py"
    spec = importlib.util.spec_from_file_location("plain_torch", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def turn(update: Callable[[], object], updates: int) -> float:
    """Return the seconds of one update, over a turn."""
    began = time.perf_counter()
    for _ in range(updates):
        update()
    return (time.perf_counter() - began) / updates


def compare(width: int, layers: int, rounds: int, codes_path: Path) -> dict[str, float]:
    """Train one shape both ways, in turns."""
    codes = CodeFile.whole(codes_path, np.dtype(np.uint8))
    torch.manual_seed(0)
    task = Text(source="unused", hidden_size=width, layers=layers, embedding=EMBEDDING)
    ours = task.model(Characters("".join(chr(ord("!") + i) for i in range(CHOICES - 1))))
    learner = Learner(
        ours,
        Stripes(codes, ROWS, STEPS, begin_in_turn=True),
        Recipe(batch_size=ROWS, sequence_length=STEPS, updates=10**6),
    )
    plain_module = plain_torch()
    plain = plain_module.CharacterLSTM(CHOICES, EMBEDDING, width, layers)
    their = plain_module.train(
        plain, torch.from_numpy(codes.read().astype("int64")), batch_size=ROWS, sequence_length=STEPS, updates=10**6
    )
    core = bare(learner)
    ways: dict[str, Callable[[], object]] = {"ours": learner.update, "plain": lambda: next(their), "core": core}
    updates = max(1, round(TURN_SECONDS / max(turn(way, 2) for way in ways.values())))
    seconds = {name: [] for name in ways}  # type: dict[str, list[float]]
    for _ in range(rounds):
        for name, way in ways.items():
            seconds[name].append(turn(way, updates))
    pairs = list(zip(seconds["ours"], seconds["plain"], seconds["core"], strict=True))
    places = ROWS * STEPS
    return {
        "width": width,
        "layers": layers,
        "ours_characters_per_second": places / statistics.median(seconds["ours"]),
        "plain_characters_per_second": places / statistics.median(seconds["plain"]),
        "ratio": statistics.median(plain / own for own, plain, _ in pairs),
        "overhead": statistics.median(1 - core / own for own, _, core in pairs),
    }


def bare(learner: Learner) -> Callable[[], None]:
    """Return an update that is forward, backward and optimizer alone, on one window that is there already."""
    window, model, optimizer = learner.windows[1], learner.model, learner.optimizer
    state = model.begin(ROWS)

    def update() -> None:
        nonlocal state
        optimizer.zero_grad()
        loss, after = model.loss(window, state)
        loss.mean.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        state = detach(after)

    return update


def main() -> None:
    """Print a row for each shape, or all of it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--save", type=Path, help="keep the result here, as JSON")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "codes.bin")
        path.write_bytes(np.random.default_rng(0).integers(1, CHOICES, 2_000_000, dtype=np.uint8).tobytes())
        rows = []
        if not given.json:
            print(f"{'width x layers':>14}  {'ours':>9}  {'plain':>9}  {'ours/plain':>10}  {'overhead':>8}", flush=True)
        for width, layers in SHAPES:
            row = compare(width, layers, given.rounds, path)
            rows.append(row)
            if not given.json:
                ours, plain = row["ours_characters_per_second"], row["plain_characters_per_second"]
                shape, ratio, overhead = f"{width} x {layers}", row["ratio"], row["overhead"]
                print(f"{shape:>14}  {ours:9,.0f}  {plain:9,.0f}  {ratio:10.2f}  {overhead:8.1%}", flush=True)
    told = {**machine(), "threads": torch.get_num_threads()}
    result = {"commit": commit(), "machine": told, "versions": versions(), "rounds": given.rounds, "rows": rows}
    if given.json:
        print(json.dumps(result))
    if given.save is not None:
        given.save.mkdir(parents=True, exist_ok=True)
        (given.save / "text_training.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
