"""Trainings that a studio starts, stops, and knows again after it was itself started again."""

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from made_studio import problem

import statewise
from statewise.studio.launches import Launches

TOKEN = "a" * 22
SOON_SECONDS = 90


def wait_for(found: Callable[[], Any]) -> Any:
    end = time.monotonic() + SOON_SECONDS
    while time.monotonic() < end:
        if (value := found()) is not None:
            return value
        time.sleep(0.1)
    raise AssertionError("it did not happen")


def test_a_training_is_started_once_stopped_and_gone_on_with(asked: Any, book: Path, tmp_path: Path) -> None:
    shutil.copy(book, tmp_path / "data" / "book.txt")
    settings = {"source": ["book.txt"], "hidden_size": 4, "embedding": 4, "orders": 1, "threads": 1, "minutes": 20}
    body = {"task": "text", "settings": settings, "key": "mine"}
    first = asked.post("/studio/train", json=body)
    assert first.status_code == 201
    name = first.json()["run"]
    assert asked.post("/studio/train", json=body).json() == first.json()  # a double click
    assert f"--run runs/{name}" in first.json()["command"]

    def at(state: str) -> Any:
        told = {run["name"]: run for run in asked.get("/studio/runs").json()["runs"]}[name]
        assert told["state"] != "failed", told
        return told if told["state"] == state and (told.get("last") or state != "training") else None

    try:
        wait_for(lambda: at("training"))
        assert problem(asked.post(f"/studio/runs/{name}/resume"))[0] == 409
        assert asked.post(f"/studio/runs/{name}/stop").status_code == 200
        stopped = wait_for(lambda: at("stopped"))
        assert (tmp_path / "runs" / name / "checkpoints").exists()
        assert problem(asked.post(f"/studio/runs/{name}/stop"))[0] == 409
        assert asked.post(f"/studio/runs/{name}/resume").json()["command"] == f"statewise resume runs/{name}"
        going = wait_for(lambda: at("training"))
        assert going["last"]["update"] >= stopped["last"]["update"] - 1
    finally:
        asked.post(f"/studio/runs/{name}/stop")
    wait_for(lambda: at("stopped"))


def test_a_training_that_fails_before_it_makes_a_run_says_why_and_can_be_forgotten(asked: Any) -> None:
    body = {"task": "text", "settings": {"source": "nothing-of-this-name"}}
    name = asked.post("/studio/train", json=body).json()["run"]

    def failed() -> Any:
        told = asked.get(f"/studio/runs/{name}").json()
        return told if told["state"] == "failed" else None

    told = wait_for(failed)
    assert "nothing-of-this-name" in told["process"]["said"]
    assert told["process"]["code"] == 2
    assert asked.post(f"/studio/runs/{name}/forget").status_code == 200
    assert asked.get(f"/studio/runs/{name}").status_code == 404


def test_another_studio_of_the_folder_knows_what_was_started_here(tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    launches = Launches(folder)
    launches.start("mine", ["train", "text", "nothing-of-this-name"])
    process = launches._processes["mine"]
    other = Launches(folder)
    assert other.started() == ["mine"]
    with pytest.raises(statewise.errors.UsageError, match="started already"):
        other.start("mine", ["train", "text", "x"])
    process.wait(SOON_SECONDS)
    told = other.under_way("mine")
    assert told is not None
    assert told["alive"] is False
    assert "nothing-of-this-name" in told["said"]


def test_another_studio_stops_a_training_that_has_made_no_run_yet_and_no_other_process(tmp_path: Path) -> None:
    launches, other = (Launches(tmp_path) for _ in range(2))
    launches.start("mine", ["train", "text", "nothing-of-this-name"])
    process = launches._processes["mine"]
    deadline = time.monotonic() + SOON_SECONDS
    while not other.is_alive("mine") and time.monotonic() < deadline:  # its command line is there a moment later
        time.sleep(0.001)
    other.stop("mine", tmp_path / "mine")
    assert process.wait(SOON_SECONDS) != 0
    note = tmp_path / ".studio" / "mine.json"
    note.write_text(json.dumps({**json.loads(note.read_text()), "process": os.getpid()}))  # its number is another's
    assert not other.is_alive("mine")
    with pytest.raises(statewise.errors.RunError, match="is not being trained"):
        other.stop("mine", tmp_path / "mine")


@pytest.mark.parametrize("name", ["../x", ".x", "a/b", "", "x" * 101, "a b", "-x"])
def test_a_run_is_named_plainly(tmp_path: Path, name: str) -> None:
    with pytest.raises(statewise.errors.UsageError, match="cannot be named so"):
        Launches(tmp_path / "runs").start(name, ["list"])
