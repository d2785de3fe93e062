"""Every task keeps every law: a new task adds a line to `TASKS` in `tests/tasks/small_tasks.py` and nothing else."""

import inspect
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from measure_pages import is_defined
from small_tasks import TASKS
from subclasses import subclasses_of

import statewise
from statewise import registry
from statewise.learning.events import Checked
from statewise.task import Task
from statewise.tasks.text.task import Text
from statewise.testing import TASK_LAWS, check_task
from statewise.verbs import training


@pytest.mark.parametrize("law", TASK_LAWS)
@pytest.mark.parametrize("task", TASKS)
def test_a_task_keeps_the_law(task: str, law: int, tmp_path: Path) -> None:
    assert check_task(lambda: TASKS[task](tmp_path), laws=[law])[law].holds


def test_every_task_of_the_package_is_in_the_table(tmp_path: Path) -> None:
    tried = {type(make(tmp_path)) for make in TASKS.values()}
    written = {kind for kind in subclasses_of(Task) if not inspect.isabstract(kind)}
    assert written - tried == set(), "add a line for each to TASKS"


@pytest.mark.parametrize("task", TASKS)
def test_a_training_of_every_task_is_checked_on_the_way(task: str, tmp_path: Path) -> None:
    checked = replace(TASKS[task](tmp_path), updates=2, checks=1, keep="last", early_stop=0)
    events = list(training(checked, run=tmp_path / "run"))
    assert [event.update for event in events if isinstance(event, Checked)] == [1]


@pytest.mark.parametrize("task", registry.names("tasks"))
def test_a_run_of_every_task_in_double_precision_is_scored_and_used_as_any_other(task: str, tmp_path: Path) -> None:
    made = replace(TASKS[task](tmp_path), updates=3, checks=1, precision="64-true")
    run = statewise.train(made, run=tmp_path / "run")
    assert run.load().model.head is not None
    assert statewise.evaluate(run.path).metrics == run.report.metrics
    named = [("Metric", name) for name in run.report.metrics] + [("Baseline", name) for name in run.report.baselines]
    assert [one for one in named if not is_defined(*one, {task})] == [], "define it in a docstring, as the others are"


@pytest.mark.parametrize("task", TASKS)
def test_a_run_of_every_task_can_be_looked_into(task: str, tmp_path: Path) -> None:
    run = statewise.train(replace(TASKS[task](tmp_path), updates=2), run=tmp_path / "run")
    looked = statewise.inspect_memory(run.path, lags=3, probes=8)
    assert looked.memories[0].lags >= 2


def test_a_codec_of_no_kind_breaks_the_law_of_codecs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from statewise.tasks.text.data import TextData

    class Odd:
        def as_json(self) -> dict[str, Any]:
            return {}

    monkeypatch.setattr(TextData, "codec", Odd())
    with pytest.raises(
        AssertionError, match=r"law 2 .* its codec is a Odd, which is not a statewise\.data\.codec\.Codec"
    ):
        check_task(lambda: TASKS["text"](tmp_path), laws=[2])


@pytest.mark.parametrize(("law", "method"), [(5, "step"), (8, "sample")])
def test_a_law_that_is_broken_is_named(law: int, method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from statewise.cells import LSTM

    plain = LSTM.step
    monkeypatch.setattr(LSTM, "step", lambda cell, x, state: plain(cell, x + 0.1, state))
    monkeypatch.setattr(Text, "sample", lambda *given: str(torch.rand(())))
    with pytest.raises(AssertionError, match=f"law {law} is broken by Text"):
        check_task(lambda: TASKS["text"](tmp_path), laws=[law])
