"""Training and searching over a real Ray on this machine: run with -m ray, behind pip install 'statewise[ray]'."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

import statewise
from statewise.cli.main import run

pytestmark = [pytest.mark.ray, pytest.mark.filterwarnings("default")]
WORKER = "TrainWorker"


@pytest.fixture(scope="module", autouse=True)
def _ray() -> Iterator[None]:
    ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'statewise[ray]'")
    from statewise.tuning.over_ray import start

    start()
    yield
    ray.shutdown()


def kill_a_worker_behind_a_checkpoint(run: Path, killed: list[int]) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not list(run.glob("checkpoints/0*")):
        time.sleep(0.05)
    workers = [one for one in psutil.process_iter() if WORKER in " ".join(_command(one))]
    if workers:
        workers[-1].kill()
        killed.append(workers[-1].pid)


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def test_a_training_under_ray_loses_a_worker_and_ends_as_one_that_lost_none(book: Path) -> None:
    from statewise.tuning import over_ray

    how = {
        "hidden_size": 8,
        "embedding": 4,
        "batch_size": 4,
        "sequence_length": 16,
        "orders": 2,
        "threads": 1,
        "sample_seconds": 0.0,
    }
    task = statewise.Text(source=str(book), updates=1500, checks=3, save_seconds=0.2, **how)  # type: ignore[arg-type]
    killed: list[int] = []
    watcher = threading.Thread(target=kill_a_worker_behind_a_checkpoint, args=(Path("run"), killed))
    watcher.start()
    trained = over_ray.train(task, run="run", workers=2)
    watcher.join()
    assert killed
    events = [json.loads(line) for line in Path("run/events.jsonl").read_text().splitlines()]
    began = [event["update"] for event in events if event["event"] == "started"]
    assert began[0] == 0
    assert began[-1] > 0
    alone = statewise.train(task, run="alone")
    assert trained.metrics["bits_per_character"] == pytest.approx(alone.metrics["bits_per_character"], rel=1e-2)
    assert trained.report.training["updates"] == 1500


def test_a_search_over_ray_makes_every_trial(book: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--batch-size", "4", "--sequence-length", "16", "--orders", "2", "--updates", "12", "--threads", "1"]
    space = ["--search", "learning_rate=1e-3..1e-1:log", "--search", "hidden_size=4,8"]
    command = ["tune", "text", str(book), *flags, *space, "--trials", "4", "--over-ray", "--run", "search", "--json"]
    assert run(command) == 0
    told = json.loads(capsys.readouterr().out)
    assert sorted(trial["number"] for trial in told["trials"]) == [0, 1, 2, 3]
    assert {trial["state"] for trial in told["trials"]} <= {"complete", "pruned"}
