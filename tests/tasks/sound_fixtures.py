"""One small network that sounds films, for all tests of it, and a film that it never saw."""

from pathlib import Path
from typing import Any

import pytest
from made_films import SOUND_RATE, one_film, sounding_films

import statewise
from statewise.verbs import Trained

LEARNED: dict[str, Any] = {
    "height": 16, "embedding": 16, "hidden_size": 24, "rate": SOUND_RATE, "bands": 8, "highest": 4000.0,
    "batch_size": 6, "updates": 220, "threads": 1, "sample_seconds": 0, "learning_rate": 0.008, "warmup": 5,
    "dropout": 0.0, "shift": 0, "validation": 0.0, "look_ahead": 0.15, "light": 0.0,
}  # fmt: skip


MADE: list[Trained] = []
"The one that all test files share, once it is made."


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    if not MADE:
        MADE.append(learned(tmp_path_factory))
    return MADE[0]


def learned(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("sounding")
    source = str(sounding_films(folder / "seen", 14))
    run = statewise.train(statewise.Sound(source=source, **LEARNED), run=folder / "run")
    metrics = run.report.metrics
    assert metrics["onset_f1"] >= 0.6
    assert metrics["timing_error_ms"] <= 40
    assert metrics["loudness_correlation"] >= 0.5
    assert set(run.report.baselines) == {
        "mean",
        "nearest frame",
        "changes of motion, random sounds",
        "linear filter of the frames",
        "another clip's sound",
    }
    return run.load()


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return one_film(tmp_path / "asked.mp4", "metal", 0.62)
