"""The example that tracks a training sends each number once, at its update, to either tracker; it is short."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import statewise

SCRIPT = Path(__file__).parents[2] / "examples" / "tracked.py"
TRACKERS = {
    "mlflow": """
import json
def start_run(): print("BEGUN")
def log_params(settings): print("SETTINGS", json.dumps(settings))
def log_metrics(numbers, step): print("LOGGED", json.dumps([numbers, step]))
""",
    "wandb": """
import json
class Run:
    def log(self, numbers, step): print("LOGGED", json.dumps([numbers, step]))
def init(project, config):
    print("BEGUN")
    print("SETTINGS", json.dumps(config))
    return Run()
""",
}
"Stand-ins with as much of each tracker as the example calls."


@pytest.fixture
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tracked", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_each_number_is_logged_once_and_a_kept_run_tells_the_same(example: ModuleType, book: Path) -> None:
    task = statewise.Text(
        source=str(book), hidden_size=4, batch_size=3, sequence_length=7, updates=5, orders=2, checks=2, threads=1
    )
    logged: list[tuple[dict[str, float], int]] = []
    events = list(example.tracked(statewise.training(task, run="tracked"), lambda *told: logged.append(told)))
    updates = [update for numbers, update in logged if "training/nats" in numbers]
    assert updates == [1, 2, 3, 4, 5]
    assert all("training/norm" in numbers for numbers, _ in logged if "training/rate" in numbers)
    assert len([numbers for numbers, _ in logged if "held_out/bits_per_character" in numbers]) == 2
    assert logged[-1][0]["final/bits_per_character"] == pytest.approx(
        events[-1].report["metrics"]["bits_per_character"]
    )
    replayed: list[tuple[dict[str, float], int]] = []
    example.replay(Path("tracked"), lambda *told: replayed.append(told))
    assert replayed == logged


@pytest.mark.parametrize("tracker", sorted(TRACKERS))
def test_it_runs_from_a_command_line_with_either_tracker(tracker: str, book: Path, tmp_path: Path) -> None:
    (tmp_path / f"{tracker}.py").write_text(TRACKERS[tracker])
    command = [sys.executable, str(SCRIPT), tracker, str(book), "--updates", "2"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={"PYTHONPATH": str(tmp_path), "OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == 0, done.stderr
    lines = [line.partition(" ") for line in done.stdout.splitlines()]
    logged: list[Any] = [json.loads(rest) for word, _, rest in lines if word == "LOGGED"]
    assert [update for numbers, update in logged if "training/nats" in numbers] == [1, 2]
    assert {"source": str(book), "updates": 2} in [json.loads(rest) for word, _, rest in lines if word == "SETTINGS"]


def test_it_is_as_short_as_the_page_says() -> None:
    assert len(SCRIPT.read_text().splitlines()) <= 80
