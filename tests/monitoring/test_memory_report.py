"""Looking into runs of every cell, and leaving them as they were."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import statewise
from statewise.errors import RunError, UsageError
from statewise.registry import names

TINY: dict[str, Any] = {
    "hidden_size": 8,
    "embedding": 4,
    "batch_size": 4,
    "sequence_length": 16,
    "orders": 1,
    "threads": 1,
    "updates": 2,
}
HOW: dict[str, Any] = {"lags": 12, "probes": 24}


def contents(run: Path) -> dict[str, str]:
    files = (path for path in run.rglob("*") if path.is_file() and "report" not in path.name + path.parent.name)
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize("cell", names("cells"))
def test_a_run_of_every_cell_can_be_looked_into_and_stays_as_it_was(cell: str, book: Path) -> None:
    statewise.train(statewise.Text(source="book.txt", cell=cell, checks=1, **TINY), run="run")
    before = contents(Path("run"))
    looked = statewise.inspect_memory("run", **HOW)
    trained, untrained = looked.memories
    assert (trained.name, untrained.name) == ("run", "before training")
    assert trained.loss is not None
    assert untrained.loss is not None
    assert trained.loss < untrained.loss
    assert trained.horizon.steps.value > 0
    assert looked.warnings[0].startswith("run forgets in")
    assert json.loads(json.dumps(looked.as_json(), allow_nan=False))["memories"][0]["probes"] == 24
    assert contents(Path("run")) == before


def test_runs_are_shown_side_by_side(run_path: Path, book: Path) -> None:
    statewise.train(statewise.Text(source="book.txt", cell="elman", **TINY), run="other")
    looked = statewise.inspect_memory(run_path, compare=["other"], **HOW)
    assert [memory.name for memory in looked.memories] == ["run", "before training", "other"]
    assert all(memory.name in looked.table() for memory in looked.memories)
    with pytest.raises(UsageError, match="compared with itself"):
        statewise.inspect_memory(run_path, compare=[run_path])
    with pytest.raises(RunError, match="no run at nothing"):
        statewise.inspect_memory(run_path, compare=["nothing"])


def test_looking_twice_finds_the_same(run_path: Path, book: Path) -> None:
    one, two = (statewise.inspect_memory(run_path, **HOW).as_json() for _ in range(2))
    assert one["memories"] == two["memories"]


def test_a_forecast_is_looked_into_whatever_is_asked_for_of_its_short_series() -> None:
    table = np.zeros(150, dtype=[("time", "datetime64[s]"), ("load", float)])
    table["time"] = np.datetime64("2026-01-01T00", "s") + np.arange(150) * np.timedelta64(3600, "s")
    table["load"] = np.sin(np.arange(150) / 4) + np.arange(150) % 3
    how: dict[str, Any] = {"hidden_size": 4, "batch_size": 4, "updates": 2, "threads": 1, "horizon": 6, "context": 24}
    statewise.train(statewise.Forecast(source=table, held_out=12, **how), run="runs/load")
    for lags in (12, 5000):
        looked = statewise.inspect_memory("runs/load", lags=lags, probes=4)
        assert looked.memories[0].horizon.steps.value > 0
        flags = set(re.findall(r"--[a-z-]+", looked.words()))
        assert flags <= {"--lags", "--probes", "--sequence-length"}, "a flag that inspect or train does not have"


def test_a_recommender_is_looked_into(by_recommender: Path) -> None:
    assert statewise.inspect_memory("run", **HOW).memories[0].horizon.steps.value > 0
