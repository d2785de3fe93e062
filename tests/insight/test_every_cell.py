"""`inspect --memory` looks into a run of any cell."""

import json
import math
from pathlib import Path

import pytest

import statewise
from statewise.registry import names


@pytest.mark.parametrize("cell", names("cells"))
def test_the_memory_of_a_run_of_any_cell_is_measured(cell: str, book: Path, tmp_path: Path) -> None:
    tiny = {
        "hidden_size": 8,
        "layers": 1,
        "batch_size": 4,
        "sequence_length": 12,
        "updates": 2,
        "orders": 1,
        "threads": 1,
    }
    run = statewise.train(statewise.Text(source=str(book), cell=cell, **tiny), run=tmp_path / "run")  # type: ignore[arg-type]
    looked = statewise.inspect_memory(run.path, lags=4, probes=8)
    (trained, before) = looked.memories
    assert before.name == "before training"
    for memory in (trained, before):
        horizon, context = memory.horizon.steps, memory.context.steps
        assert 0 <= horizon.low <= horizon.value <= horizon.high <= 4
        assert 0 <= context.low <= context.value <= min(context.high, 4)
        assert memory.loss is not None
        assert math.isfinite(memory.loss)
        assert all(math.isfinite(moved) and moved >= 0 for moved in memory.cut.curve.means)
    assert json.loads(json.dumps(looked.as_json(), allow_nan=False))["memories"][0]["lags"] == 4
    assert looked.words().startswith(" ")
