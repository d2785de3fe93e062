"""A search for settings: where it may look, what it tries, that it can be gone on with, and what it writes down."""

import json
import os
import platform
from pathlib import Path
from typing import Any

import pytest
import yaml

from statewise.cli.main import run
from statewise.errors import UsageError
from statewise.run.directory import RunDirectory
from statewise.tuning.search import Search
from statewise.tuning.space import Choice, Range, as_plain, parse_space

SMALL = ["--batch-size", "4", "--sequence-length", "16", "--orders", "2", "--updates", "12", "--embedding", "4"]
SMALL += ["--threads", "1", "--sample-seconds", "0", "--warmup", "0"]
SPACE = ["--search", "learning_rate=1e-3..1e-1:log", "--search", "hidden_size=4,8", "--search", "layers=1..2"]


def tune(*more: str) -> int:
    return run(["tune", "text", "book.txt", *SMALL, *more])


def test_a_space_is_read_and_written_as_it_is_said() -> None:
    asked = ["learning-rate=1e-4..1e-2:log", "layers=1..3", "cell=lstm,gru", "clip=0.5..2.5", "weight-decay=1e-3,0.1"]
    space = parse_space(asked, ["learning_rate", "layers", "cell", "clip", "weight_decay"])
    assert space == {
        "learning_rate": Range(1e-4, 1e-2, True),
        "layers": Range(1, 3),
        "cell": Choice(("lstm", "gru")),
        "clip": Range(0.5, 2.5),
        "weight_decay": Choice((0.001, 0.1)),
    }
    assert parse_space([f"{name}={value}" for name, value in as_plain(space).items()], space) == space


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("layers", "'layers' has no range or choices"),
        ("learning-raet=1..2", "unknown setting 'learning_raet': did you mean 'learning_rate'?"),
        ("learning_rate=1..x", "'1..x' of learning_rate is not a range"),
        ("learning_rate=2..1", "the range 2..1 of learning_rate is empty"),
        ("learning_rate=0..1:log", "the range 0..1:log of learning_rate is empty: give a low end above 0 "),
    ],
)
def test_what_is_no_space_is_refused(asked: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        parse_space([asked], ["learning_rate", "layers"])


def test_a_search_that_is_stopped_goes_on_to_the_same_end(
    book: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("optuna")
    assert tune(*SPACE, "--trials", "6", "--run", "whole", "--json") == 0
    whole = json.loads(capsys.readouterr().out)
    assert [trial["number"] for trial in whole["trials"]] == list(range(6))
    complete = [trial for trial in whole["trials"] if trial["state"] == "complete"]
    assert whole["best"] == min(complete, key=lambda trial: float(trial["judged"]))
    assert set(whole["baselines"]) == {"1-gram", "2-gram"}

    made = Search._train
    calls: list[int] = []

    def stops(self: Search, study: Any, trial: Any, task: Any, run: Path) -> float:
        calls.append(trial.number)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return made(self, study, trial, task, run)

    with monkeypatch.context() as patch:
        patch.setattr(Search, "_train", stops)
        with pytest.raises(KeyboardInterrupt):
            tune(*SPACE, "--trials", "6", "--run", "stopped", "--json")
    assert "go on with the same command and --run stopped" in capsys.readouterr().err
    assert tune(*SPACE, "--trials", "6", "--run", "stopped", "--json") == 0
    again = json.loads(capsys.readouterr().out)
    for one, other in zip(again["trials"], whole["trials"], strict=True):
        assert {**one, "run": ""} == {**other, "run": ""}

    assert tune(*SPACE, "--trials", "6", "--run", "stopped") == 0
    table = capsys.readouterr().out.splitlines()
    assert table[0].split() == ["trial", "learning_rate", "hidden_size", "layers", "bits", "per", "character"]
    assert table[1].split()[0] == str(again["best"]["number"])
    assert sum(line.endswith("baseline") for line in table) == 2
    best = yaml.safe_load(Path("stopped/best.yaml").read_text())
    assert {name: best[name] for name in again["best"]["settings"]} == again["best"]["settings"]
    assert run(["train", "text", "--config", "stopped/best.yaml", "--run", "best", "--quiet"]) == 0


@pytest.mark.parametrize("space", [SPACE, ["--search", "learning_rate=1e-4..1e-2"]])
@pytest.mark.parametrize("has_begun", [False, True])
def test_a_second_search_in_one_folder_is_refused_and_changes_nothing(
    book: Path, capsys: pytest.CaptureFixture[str], space: list[str], has_begun: bool
) -> None:
    pytest.importorskip("optuna")
    folder = Path("found")
    if has_begun:
        assert tune(*SPACE, "--trials", "1", "--run", "found", "--quiet") == 0
    folder.mkdir(exist_ok=True)
    with RunDirectory(folder).locked():
        before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        capsys.readouterr()
        assert tune(*space, "--trials", "2", "--run", "found") == 2
        said = capsys.readouterr()
        assert said.err == f"statewise: found is being trained by process {os.getpid()} on {platform.node()}: " + (
            "wait for it or stop it\n"
        )
        assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert tune(*SPACE, "--trials", "1", "--run", "found", "--quiet") == 0


def test_a_search_is_written_in_a_file_too_and_settings_that_do_not_fit_are_failed_trials(
    book: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("optuna")
    Path("space.yaml").write_text("source: book.txt\nsearch:\n  stride: [5, 8]\n")
    assert run(["tune", "text", "--config", "space.yaml", *SMALL, "--trials", "3", "--run", "search", "--json"]) == 0
    states = {trial["settings"]["stride"]: trial["state"] for trial in json.loads(capsys.readouterr().out)["trials"]}
    assert states == {5: "failed", 8: "complete"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "nothing to search among was given"),
        (["--search", "learning_rate=1e-3..1e-2:log", "--run", "taken"], "taken exists already and is not a search"),
    ],
)
def test_what_cannot_be_searched_is_said_in_one_line(
    book: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("taken").mkdir()
    Path("taken/mine").touch()
    assert tune(*arguments) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1


def test_a_search_that_has_a_validation_part_says_what_the_best_scores_on_the_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("optuna")
    rows = [f"2026-11-{1 + t // 24:02d}T{t % 24:02d}:00,{(t * 7) % 24 + (t * 37 % 11)}" for t in range(200)]
    Path("t.csv").write_text("\n".join(["time,a", *rows]) + "\n")
    asked = [
        "tune",
        "forecast",
        "t.csv",
        "--run",
        "s",
        "--search",
        "hidden_size=3,4",
        "--trials",
        "2",
        "--updates",
        "4",
    ]
    asked += ["--horizon", "6h", "--held-out", "24h", "--validation", "48h", "--context", "24h", "--batch-size", "4"]
    assert run([*asked, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["best"]["metrics"].keys() == told["held_out"].keys()
    assert told["best"]["metrics"] != told["held_out"]
    report = json.loads(Path(told["best"]["run"], "events.jsonl").read_text().splitlines()[-1])
    assert told["held_out"] == report["report"]["metrics"]
    there = report["report"]["baselines"]
    assert there.keys() - told["baselines"].keys() == {"seasonal naive, 168"}  # a week lies before that part alone
    assert all(metrics != there[name] for name, metrics in told["baselines"].items())
    assert run(asked) == 0
    assert "by the validation part" in capsys.readouterr().out
