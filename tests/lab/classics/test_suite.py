"""A suite is kept trial by trial: stopped anywhere it goes on, and what was made with other settings does not count."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from statewise.cli.main import run
from statewise.errors import UsageError
from statewise_lab.classics.experiments import EXPERIMENTS
from statewise_lab.classics.suite import Job, Suite
from statewise_lab.classics.summary import held, markdown, needed_words, summarize, table
from statewise_lab.classics.trial import run_trial

COMMAND = [sys.executable, "-m", "statewise", "classics", "--only", "letters", "--seeds", "6", "--out", "kept"]


def trials(folder: Path) -> list[dict[str, object]]:
    lines = (folder / "events.jsonl").read_text().splitlines() if (folder / "events.jsonl").exists() else []
    return [json.loads(line) for line in lines]


def test_a_trial_is_the_same_from_the_same_seed() -> None:
    one, other, third = (run_trial(EXPERIMENTS["xor"], "elman", seed) for seed in (0, 0, 1))
    for record in (one, other):
        record.pop("seconds")
    assert one == other
    assert third["measures"] != one["measures"]


def test_a_contender_that_may_learn_little_stops_there() -> None:
    experiment = EXPERIMENTS["reber"]
    short = replace(experiment, contenders=tuple(replace(one, most=400, rows=8) for one in experiment.contenders))
    record = run_trial(short, "elman", 0)
    assert not record["is_met"]
    assert record["sequences"] == 404


def test_a_network_that_explodes_is_lost_and_not_an_error() -> None:
    experiment = EXPERIMENTS["order-20"]
    wild = replace(experiment.contender("elman, SGD"), cell="irnn", rate=1e3, most=4000)
    record = run_trial(replace(experiment, contenders=(wild,)), "elman, SGD", 0)
    assert not record["is_met"]
    assert record["sequences"] < 4000


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGKILL, -signal.SIGKILL)],
)
def test_a_suite_that_was_stopped_ends_with_its_processes_and_goes_on(
    number: signal.Signals, code: int, tmp_path: Path
) -> None:
    command = [*COMMAND, "--processes", "1"]
    stopped = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 90
    while not trials(tmp_path / "kept") and time.monotonic() < deadline:
        time.sleep(0.02)
    children = Path(f"/proc/{stopped.pid}/task/{stopped.pid}/children").read_text().split()
    for process in [*map(int, children), stopped.pid] if number in (signal.SIGINT, signal.SIGHUP) else [stopped.pid]:
        os.kill(process, number)  # a terminal tells all of them
    _, said = stopped.communicate(timeout=30)
    assert stopped.returncode == code
    assert "Traceback" not in said
    assert ("stopped; finished trials are kept: go on with the same command" in said) is (number != signal.SIGKILL)
    assert children
    while any(_lives(int(child)) for child in children) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(_lives(int(child)) for child in children)
    before = trials(tmp_path / "kept")
    assert before
    with (tmp_path / "kept" / "events.jsonl").open("a") as file:
        file.write('{"experiment": "le')  # as if it had been cut off while it wrote
    went_on = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    assert "of 12 trials are done already" in went_on.stderr
    lines = (tmp_path / "kept" / "events.jsonl").read_text().splitlines()
    done = [json.loads(line) for line in lines if not line.endswith('"le')]
    assert len(done) == 12 == len({(d["experiment"], d["contender"], d["seed"]) for d in done})
    assert done[: len(before)] == before


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
        state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_what_was_made_with_other_settings_does_not_count(tmp_path: Path) -> None:
    suite = Suite([EXPERIMENTS["xor"]], tmp_path / "kept", seeds=1)
    (tmp_path / "kept").mkdir()
    record = {
        "event": "trial",
        **Job("xor", "elman", 0)._asdict(),
        "settings": EXPERIMENTS["xor"].contender("elman").as_json(),
    }
    suite.kept.append_event(record)
    suite.kept.append_event({**record, "contender": "lstm"})  # an Elman network's settings
    suite.kept.append_event({**record, "seed": 5})
    assert list(suite.finished()) == [Job("xor", "elman", 0)]


def test_a_tiny_run_of_the_command_leaves_a_table_pictures_and_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["classics", "--only", "xor", "--only", "2b", "--seeds", "1", "--out", "kept"]
    assert run([*arguments, "--processes", "1"]) == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[0].split()[:3] == ["experiment", "network", "solved"]
    assert "4 of 4: " in said.err
    assert {path.name for path in (tmp_path / "kept").glob("*.png")} == {"needed-light.png", "needed-dark.png"}
    assert "| exclusive or in time |" in (tmp_path / "kept" / "table.md").read_text()
    assert run([*arguments, "--json", "--quiet"]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    told = json.loads(said.out)
    assert told == json.loads((tmp_path / "kept" / "classics.json").read_text())
    assert [one["name"] for one in told["experiments"]] == ["xor", "2b"]
    assert told["experiments"][1]["paper"]["sequences"] == 5_680


def test_experiments_are_listed_without_being_tried(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["classics", "--list"]) == 0
    assert "adding-1000" in capsys.readouterr().out
    assert run(["classics", "--list", "--only", "6*", "--json"]) == 0
    assert [one["name"] for one in json.loads(capsys.readouterr().out)] == ["6a", "6b"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--only", "ading-100"], "did you mean 'adding-100'"),
        (["--seeds", "0"], "seeds 0 tries nothing"),
        (["--processes", "0"], "processes"),
        (["--out", "book.txt"], "book.txt is a file"),
        (["--out", "other"], "holds something else"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(
    arguments: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "book.txt").write_text("a book")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "book.txt").write_text("a book")
    assert run(["classics", *arguments]) == 2
    said = capsys.readouterr()
    assert words in said.err
    assert len(said.err.splitlines()) == 1


def test_a_folder_that_cannot_be_made_is_a_failed_run_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["classics", "--only", "xor", "--out", "/proc/nowhere"]) == 1
    assert "cannot save /proc/nowhere" in capsys.readouterr().err


def test_two_suites_do_not_share_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    suite = Suite([EXPERIMENTS["xor"]], tmp_path / "kept")
    (tmp_path / "kept").mkdir()
    suite.kept.events.touch()
    with suite.kept.locked():
        assert run(["classics", "--only", "xor", "--out", "kept"]) == 2
    assert "wait for it or stop it" in capsys.readouterr().err


def test_a_summary_tells_seeds_spread_and_what_was_held_out() -> None:
    experiment = EXPERIMENTS["6a"]
    settings = experiment.contender("lstm").as_json()
    record = {
        "experiment": "6a",
        "contender": "lstm",
        "settings": settings,
        "parameters": 9,
        "looked": {},
        "seconds": 2.5,
    }
    records = [
        {
            **record,
            "seed": seed,
            "is_met": seed < 2,
            "sequences": 1000 * (seed + 1),
            "measures": {"wrong": seed, "of": 9},
        }
        for seed in (1, 0, 2)
    ]
    (summary,) = summarize([experiment, EXPERIMENTS["6b"]], records)
    (lstm,) = summary["contenders"]
    assert (lstm["met"], lstm["seeds"], lstm["needed"], lstm["processor_seconds"]) == (2, 3, [1000, 2000], 7.5)
    assert needed_words(lstm) == "1,500 (1,000 to 2,000)"
    assert "2/3" in table([summary])
    assert "31,390 sequences | lstm | 2/3 | 1,500 (1,000 to 2,000) | wrong 1 (0 to 2) of 9 |" in markdown([summary])
    assert held([summary], "Hochreiter", "lstm") == {"6a": False}
    assert held(summarize([experiment], records[:2]), "Hochreiter", "lstm") == {"6a": True}
    assert held([summary], "Elman", "lstm") == {}
    with pytest.raises(UsageError, match="seeds -1"):
        Suite([experiment], Path("kept"), seeds=-1)
