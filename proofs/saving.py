"""Saving at the default interval costs less than a fiftieth of the time of training, also of wide networks.

    python proofs/saving.py [--minutes 2.2] [--save FILE]

Trains the default network for some minutes, as users do, and adds up what its saves take. Then times single saves of
wider networks, each into a folder that holds the two before it: snapshot, digests, fsync, checking the one before and
removing the oldest; and says how far apart the default interval sets them. Exit code 1 where the default network's
saves take more than that.
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest import mock

import runs
import torch
from outcomes import RESULTS, conclude

import statewise
from statewise.data.window import Window
from statewise.learning.checkpoint import save_checkpoint
from statewise.learning.learner import Learner
from statewise.run.recipe import LARGEST_SHARE_OF_SAVING, Recipe
from statewise.session import TrainingSession
from statewise.tasks.text.task import Text

CLAIM = "saving at the default interval takes less than 2 % of the time of training"
SHARE, TIMES = LARGEST_SHARE_OF_SAVING, 5
WIDTHS = [256, 512, 1024, 2048]


def main() -> None:
    """Train, time, and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=2.2)
    parser.add_argument("--save", type=Path, default=RESULTS / "saving.json")
    asked = parser.parse_args()
    save = asked.save.resolve()
    with tempfile.TemporaryDirectory() as folder:
        runs.begin_in(Path(folder, "here"), runs.TEXT * 20)
        torch.set_num_threads(os.cpu_count() or 1)
        share, saves = share_of_saving(asked.minutes)
        single = [single_save(width) for width in WIDTHS]
        os.chdir("/")
    conclude(judged(share, saves, single), save)


def judged(share: float, saves: int, single: list[dict[str, float]]) -> dict[str, Any]:
    """Return the figures, and whether the claim holds."""
    wide = single[-1]
    words = (
        f"{100 * share:.2f} % for the default network; one of width {wide['width']:,}, {wide['megabytes']:,.0f} MB, "
    )
    return {
        "claim": CLAIM,
        "words": f"{CLAIM}: {words}saves every {wide['interval_seconds']:.0f} s",
        "holds": share < SHARE,
        "share_of_training": share,
        "saves": saves,
        "single_saves": single,
    }


def share_of_saving(minutes: float) -> tuple[float, int]:
    """Train the default network and return what share of the time its saves took, and how many there were."""
    took: list[float] = []
    save = TrainingSession._save

    def timed(self: TrainingSession) -> Any:
        began = time.perf_counter()
        saved = save(self)
        took.append(time.perf_counter() - began)
        return saved

    with mock.patch.object(TrainingSession, "_save", timed):
        began = time.perf_counter()
        statewise.train(Text(source="book.txt", minutes=minutes, orders=1), run="run")
    return sum(took) / (time.perf_counter() - began), len(took)


def single_save(width: int) -> dict[str, float]:
    """Return how large a checkpoint of that width is, and how long one takes (median)."""
    codes = torch.randint(80, (65, 32))
    task = Text(source="unused", hidden_size=width, updates=99)
    data = statewise.Text(source="book.txt").prepare(Path("cache"))
    learner = Learner(task.model(data.codec), [Window(codes[:-1] % 20, codes[1:] % 20)], task)
    learner.update()
    seconds = []
    for number in range(TIMES + 2):
        began = time.perf_counter()
        path = save_checkpoint(Path(f"width-{width}"), number, learner.snapshot())
        seconds.append(time.perf_counter() - began)
    size = sum(file.stat().st_size for file in path.iterdir())
    took = statistics.median(seconds[2:])
    interval = Recipe().save_interval(took)
    return {"width": width, "megabytes": size / 1e6, "seconds": took, "interval_seconds": interval}


if __name__ == "__main__":
    main()
