"""What the events of a run tell counts as it was made last, whatever was undone before, and alike for every face."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import statewise
from statewise.cli.main import run
from statewise.run.directory import RunDirectory
from statewise.run.history import RunHistory, lasting


def updated(number: int, nats: float, **more: Any) -> dict[str, Any]:
    return {"event": "updated", "update": number, "nats": nats, "norm": 1.0, "seconds": 1.0 * number, **more}


def checked(number: int, judged: float) -> dict[str, Any]:
    return {"event": "checked", "update": number, "seconds": 1.0, "metrics": {"error": judged}, "judged": judged}


ROLLED_BACK = [
    {"event": "started", "update": 0, "numerics": {"threads": 1}},
    updated(1, 5.0),
    updated(2, 4.0, layers={"head": [1.0, 0.5]}),
    checked(2, 0.5),
    {"event": "saved", "update": 2},
    updated(3, 3.0, layers={"head": [2.0, 0.5]}),
    checked(3, 0.1),
    {"event": "sampled", "update": 3, "sample": "undone"},
    {"event": "rolledback", "update": 2, "reason": "no number"},
    updated(3, 3.5),
]


def test_what_was_undone_by_a_rollback_counts_no_more() -> None:
    history = RunHistory.from_events(ROLLED_BACK)
    assert history.updates.numbers.tolist() == [1, 2, 3]
    assert history.updates["nats"].tolist() == [5.0, 4.0, 3.5]
    assert history.updates.of_last() == {"update": 3, "fraction": 0.0, "seconds": 3.0, "nats": 3.5}
    assert dict(history.updates.layers[2]) == {"head": [1.0, 0.5]}
    assert list(history.updates.layers) == [2]
    assert history.best_check == checked(2, 0.5)
    assert history.sampled == {}
    assert history.stretches == [{"update": 0, "numerics": {"threads": 1}}]
    assert RunHistory.from_events(ROLLED_BACK[:-1]).updates.of_last() == {
        "update": 2,
        "fraction": 0.0,
        "seconds": 2.0,
        "nats": 4.0,
    }


def test_a_report_counts_until_training_goes_back_before_it() -> None:
    report = {"metrics": {"error": 0.2}, "baselines": {"last": {"error": 0.4}}}
    events = [*ROLLED_BACK, {"event": "finished", "update": 3, "report": report}]
    assert RunHistory.from_events([*events, {"event": "started", "update": 3}]).metrics == {"error": 0.2}
    gone_back = RunHistory.from_events([*events, {"event": "started", "update": 2}])
    assert (gone_back.report, gone_back.metrics, gone_back.baselines) == (None, {"error": 0.5}, {})


@pytest.fixture
def rolled_back(run_path: Path) -> Path:
    """A run that was finished, whose events say that an update and a check were undone."""
    directory = RunDirectory(run_path)
    directory.events.write_text("".join(f"{json.dumps(event)}\n" for event in ROLLED_BACK))
    return run_path


def test_every_face_tells_the_same_of_a_run_that_went_back(
    rolled_back: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = statewise.inspect(rolled_back)
    assert told["last_update"]["nats"] == 3.5
    assert told["best"] == {"error": 0.5}
    assert told["samples"] == {}
    assert run(["compare", str(rolled_back), str(rolled_back), "--json"]) == 0
    compared = json.loads(capsys.readouterr().out)
    assert compared["metrics"] == {"error": [0.5, 0.5]}
    assert compared["training"]["minutes"] == [0.05, 0.05]


def test_a_trial_is_judged_by_checks_that_were_not_undone(rolled_back: Path) -> None:
    optuna = pytest.importorskip("optuna")
    from statewise.tuning.search import Search
    from statewise.tuning.space import Range

    task = statewise.Text(source="book.txt", updates=5, checks=2)
    search = Search.begin(Path("search"), task, {"learning_rate": Range(0.001, 0.01)})
    study = search._study(0)
    trial = study.ask()
    for step, judged in enumerate((0.5, 0.1)):
        trial.report(judged, step)
    study.tell(trial, state=optuna.trial.TrialState.PRUNED)
    shutil.copytree(rolled_back, "search/trials/0000")
    (found,) = search.trials()
    assert (found.judged, found.metrics) == (0.5, {"error": 0.5})


def test_tensorboard_shows_nothing_that_was_undone(rolled_back: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    assert [event["update"] for _, event in lasting(RunDirectory(rolled_back))] == [0, 1, 2, 2, 2, 2, 3]
    assert run(["tensorboard", str(rolled_back), "--save", "board"]) == 0
    reader = EventAccumulator("board")
    reader.Reload()
    assert [(event.step, event.value) for event in reader.Scalars("training/nats")] == [(1, 5.0), (2, 4.0), (3, 3.5)]
    assert [event.value for event in reader.Scalars("held_out/error")] == [0.5]


def test_a_run_that_is_followed_takes_back_what_was_undone_meanwhile(
    rolled_back: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    directory = RunDirectory(rolled_back)
    lines = directory.events.read_text().splitlines(keepends=True)
    directory.events.write_text("".join(lines[:8]))
    report = {"task": "text", "run": "a", "data": {}, "metrics": {}, "baselines": {}, "seconds": 1.0}
    to_come = [*lines[8:], json.dumps({"event": "finished", "update": 3, "report": report}) + "\n"]

    def wait(seconds: float) -> None:
        with directory.events.open("a") as file:
            file.write(to_come.pop(0))

    monkeypatch.setattr("statewise.monitoring.tensorboard.time.sleep", wait)
    assert run(["tensorboard", str(rolled_back), "--save", "board", "--follow"]) == 0
    reader = EventAccumulator("board")
    reader.Reload()
    assert [(event.step, event.value) for event in reader.Scalars("training/nats")] == [(1, 5.0), (2, 4.0), (3, 3.5)]
