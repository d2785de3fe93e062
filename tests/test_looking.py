"""Looking into runs of every cell, and leaving them as they were."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

import statewise
from statewise.errors import RunError, UsageError
from statewise.registry import names

TINY: dict[str, Any] = {"width": 8, "embedding": 4, "rows": 4, "steps": 16, "orders": 1, "threads": 1, "updates": 2}
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
    assert trained.horizon.horizon.value > 0
    assert looked.warnings[0].startswith("run forgets in")
    assert json.loads(json.dumps(looked.as_json(), allow_nan=False))["memories"][0]["probes"] == 24
    assert contents(Path("run")) == before


def test_runs_stand_beside_each_other(run_path: Path, book: Path) -> None:
    statewise.train(statewise.Text(source="book.txt", cell="elman", **TINY), run="other")
    looked = statewise.inspect_memory(run_path, beside=["other"], **HOW)
    assert [memory.name for memory in looked.memories] == ["run", "before training", "other"]
    assert all(memory.name in looked.table() for memory in looked.memories)
    with pytest.raises(UsageError, match="beside itself"):
        statewise.inspect_memory(run_path, beside=[run_path])
    with pytest.raises(RunError, match="no run at nothing"):
        statewise.inspect_memory(run_path, beside=["nothing"])


def test_looking_twice_finds_the_same(run_path: Path, book: Path) -> None:
    one, two = (statewise.inspect_memory(run_path, **HOW).as_json() for _ in range(2))
    assert one["memories"] == two["memories"]
