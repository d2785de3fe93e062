"""A made log of sessions that count on, for the tests of a recommender, and a run that has learned it."""

import random
from pathlib import Path
from typing import Any

import pytest
import torch

import statewise
from statewise.tasks.recommend.task import Recommend

SMALL: dict[str, Any] = {
    "hidden_size": 12, "embedding": 8, "batch_size": 6, "sequence_length": 5, "k": 3, "min_support": 1, "threads": 1,
    "sample_seconds": 0, "dropout_hidden": 0.0, "dropout_embedding": 0.0, "negatives": 0,
}  # fmt: skip
FILMS = 10


def write_log(sessions: int = 160) -> None:
    """Each session counts on by 1 or by 3, so that one event says little and two say all."""
    dice, lines = random.Random(0), ["session_id,item_id,timestamp"]
    for session in range(sessions):
        film, step = dice.randrange(FILMS), dice.choice((1, 3))
        for n in range(dice.randrange(4, 8)):
            lines.append(f"s{session},{film},{1000 * session + n}")
            film = (film + step) % FILMS
    Path("log.csv").write_text("\n".join(lines) + "\n")
    titles = [f"{film},Film {'ABCDEFGHIJ'[film]},{1990 + film}" for film in range(FILMS)]
    Path("films.csv").write_text("\n".join(["item_id,title,year", *titles]) + "\n")


def make_task(**settings: Any) -> Recommend:
    return Recommend(source=("log.csv", "films.csv"), **{**SMALL, **settings})


def train_in(folder: Path) -> Path:
    """Train a run called `run` on a log in that folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        torch.set_num_threads(1)
        write_log()
        statewise.train(make_task(updates=260, learning_rate=0.02, warmup=5), run="run")
    return folder
