"""A run directory is made once, named without clashes, and says what is wrong with it where something is."""

import errno
import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

import statewise
from statewise.data.cache import building
from statewise.errors import DataError, RunError, TrainingError, UsageError
from statewise.run.directory import RunDirectory, create_run, refuse_taken
from statewise.run.recorded import LARGEST_EVENT

KILLED_IN_THE_LOCK = """
import os, pathlib, signal, sys
from statewise.run.directory import RunDirectory
with RunDirectory(pathlib.Path(sys.argv[1])).locked():
    os.kill(os.getpid(), signal.SIGKILL)
"""
CONFIG: dict[str, Any] = {"task": "text", "settings": {"hidden_size": 3}, "versions": {"statewise": "0.0.7"}}


@pytest.fixture
def directory(tmp_path: Path) -> RunDirectory:
    made = create_run("text", "a", tmp_path / "run")
    made.begin(CONFIG, {"unit": "byte"})
    return made


def test_a_fresh_run_holds_its_settings_and_its_codec_and_reads_them_back(directory: RunDirectory) -> None:
    assert sorted(path.name for path in directory.path.iterdir()) == ["codec.json", "run.yaml"]
    assert directory.read_config() == {"format": 1, "sources": {}, "data": {}, "parameters": 0, **CONFIG}
    assert directory.read_codec() == {"unit": "byte"}
    assert directory.config.read_text().startswith("format: 1\ntask: text\n")


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("Moby Dick", "text-moby-dick-1"),
        ("日本", "text-run-1"),
        ("-a_b.C-", "text-a-b-c-1"),
        ("x" * 99, f"text-{'x' * 30}-1"),
    ],
)
def test_a_run_without_a_name_is_called_after_its_task_and_source(name: str, folder: str) -> None:
    assert create_run("text", name).path == Path("runs", folder)
    assert Path("runs", folder).is_dir()


def test_runs_are_numbered_from_the_highest_there_is_and_never_after_others() -> None:
    for taken in ("text-a-2", "text-a-10", "text-a-b-50", "text-a-x", "other-a-70"):
        Path("runs", taken).mkdir(parents=True)
    assert [create_run("text", "a").path.name for _ in range(2)] == ["text-a-11", "text-a-12"]


def test_a_number_that_another_process_takes_meanwhile_is_left_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("runs/text-a-1").mkdir(parents=True)
    with monkeypatch.context() as late:
        late.setattr("statewise.run.directory.Path.iterdir", lambda self: iter(()))
        assert create_run("text", "a").path.name == "text-a-2"


def test_a_folder_that_is_empty_or_missing_becomes_a_run(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("empty", "deep/inside"):
        assert create_run("text", "a", tmp_path / name).path.is_dir()


def test_a_folder_that_holds_anything_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "thesis.txt").touch()
    for taken in (tmp_path / "taken", tmp_path / "taken" / "thesis.txt"):
        with pytest.raises(RunError, match=r"exists already: go on with `statewise resume .*`, or give another run$"):
            refuse_taken(taken)
        with pytest.raises(RunError, match="exists already"):
            create_run("text", "a", taken)
    assert [path.name for path in (tmp_path / "taken").iterdir()] == ["thesis.txt"]


def test_a_place_where_no_folder_can_be_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TrainingError, match=r"^cannot save the run directory \(Not a directory\): give another folder"):
        create_run("text", "a", tmp_path / "file" / "run")


def test_a_run_that_was_cut_off_while_it_was_made_is_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = create_run("text", "a", tmp_path / "run")
    with monkeypatch.context() as disk:

        def full(path: Path, content: bytes) -> None:
            if path.name == "run.yaml":
                raise OSError(errno.ENOSPC, "No space left on device")
            path.write_bytes(content)

        disk.setattr("statewise.run.directory.write_whole", full)
        with pytest.raises(TrainingError, match=r"run \(No space left on device\): free some space and train again"):
            made.begin(CONFIG, {"unit": "byte"})
    assert made.codec.is_file()
    with pytest.raises(RunError, match=r"run has no run\.yaml: it is not a run, or was cut off while it was made"):
        made.read_config()


def test_a_missing_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="there is no run at nowhere: give the folder that `statewise train` named"):
        RunDirectory(Path("nowhere")).read_config()
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="there is no run at file"):
        RunDirectory(Path("file")).read_config()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            b"format: [1",
            "line 2, column 1): the run is damaged",
        ),
        (b"\xff\xff", "invalid start byte): the run is damaged"),
        (b"format: 1\nformat: 1", "run.yaml cannot be read ('format' is named twice): the run is damaged"),
        (
            b"{format: 1, task: [a], settings: {}}",
            "run.yaml has a task of another type than it may be: the run is damaged",
        ),
        (b"{format: 1, task: a, settings: [1]}", "a settings of another type than it may be: the run is damaged"),
        (
            b"{format: 1, task: a, settings: {}, processes: 9999}",
            "a processes of another type than it may be: the run is damaged",
        ),
        (b"", "run.yaml lacks format, task or settings: the run is damaged"),
        (b"format: 1\ntask: text\n", "run.yaml lacks format, task or settings: the run is damaged"),
        (b"- format\n- task\n- settings\n", "run.yaml lacks format, task or settings: the run is damaged"),
        (b"format: 2\ntask: text\nsettings: {}\n", "has format 2, not 1: use statewise another version, which made it"),
        (b"{format: 0, task: a, settings: {}, versions: {statewise: 9.9.9}}", "use statewise 9.9.9, which made it"),
        (b"{format: 2, task: a, settings: {}, versions: null}", "use statewise another version, which made it"),
    ],
)
def test_settings_that_are_damaged_or_of_another_version_are_named(
    directory: RunDirectory, content: bytes, said: str
) -> None:
    directory.config.write_bytes(content)
    with pytest.raises(RunError) as raised:
        directory.read_config()
    assert str(raised.value).endswith(said)
    assert str(directory.path) in str(raised.value)


@pytest.mark.parametrize("content", [None, b"", b"[1]", b'{"unit": "by', b"\xff"])
def test_a_codec_that_is_missing_or_damaged_is_named(directory: RunDirectory, content: bytes | None) -> None:
    directory.codec.unlink() if content is None else directory.codec.write_bytes(content)
    with pytest.raises(RunError, match=r"codec\.json (is damaged.*: the run cannot be decoded|\(No such file .*)$"):
        directory.read_codec()


@pytest.mark.parametrize("use", [statewise.load, statewise.resume, statewise.evaluate])
def test_a_run_of_an_unknown_task_or_without_a_table_of_settings_is_refused(run_path: Path, use: Any) -> None:
    directory = RunDirectory(run_path)
    config = directory.read_config()
    directory.config.write_text(yaml.safe_dump({**config, "task": "txet"}))
    with pytest.raises(UsageError, match="unknown task 'txet': did you mean 'text'"):
        use(run_path)
    directory.config.write_text(yaml.safe_dump({**config, "settings": [1]}))
    with pytest.raises(RunError, match=r"run\.yaml has a settings of another type than it may be: the run is damaged"):
        use(run_path)


def test_a_codec_of_another_task_is_refused(run_path: Path) -> None:
    RunDirectory(run_path).codec.write_text(json.dumps({"unit": "stroke"}))
    with pytest.raises(RunError, match="is not a text codec: the run is damaged or of another task"):
        statewise.load(run_path)


def test_events_come_back_in_order_and_none_is_no_error(directory: RunDirectory) -> None:
    assert list(directory.read_events()) == []
    events: list[dict[str, Any]] = [
        {"event": "sampled", "update": 3, "sample": "日本\n\u2028 é"},
        {"event": "updated", "update": 4, "nats": 1.5, "norm": math.inf},
        {"event": "of a later version", "update": "?"},
    ]
    for event in events:
        directory.append_event(event)
    assert list(directory.read_events()) == events
    assert "日本" in directory.events.read_text(encoding="utf-8")


@pytest.mark.parametrize("cut", [1, 25, 33, 36, 39])
def test_an_event_that_was_cut_off_costs_only_itself(directory: RunDirectory, cut: int) -> None:
    first, last = {"event": "started", "update": 0}, {"event": "saved", "update": 5}
    lost = {"event": "sampled", "sample": "日本", "update": 3}
    directory.append_event(first)
    whole = directory.events.stat().st_size
    directory.append_event(lost)
    directory.events.write_bytes(directory.events.read_bytes()[: whole + cut])
    assert list(directory.read_events()) == [first]
    directory.append_event(last)
    assert list(directory.read_events()) == [first, last]


def test_what_a_run_writes_is_whole_and_a_full_disk_is_named(
    directory: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = directory.samples / "000005.txt"
    directory.write(sample, "日本")
    assert sample.read_text(encoding="utf-8") == "日本"

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("statewise.run.files.os.fsync", full)
    with pytest.raises(TrainingError, match=r"000005\.txt \(No space left on device\): free some space, then"):
        directory.write(sample, "other")
    assert sample.read_text(encoding="utf-8") == "日本"


def test_a_run_is_trained_by_one_process_at_a_time(directory: RunDirectory) -> None:
    with directory.locked():
        for said in (f"is being trained by process {os.getpid()} on [^ ]+: wait for it or stop it$", "wait for it"):
            with pytest.raises(RunError, match=said), directory.locked():
                pass  # and the one who may not have it leaves it as it was


def test_a_lock_that_a_killed_process_left_is_taken_over(directory: RunDirectory) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED_IN_THE_LOCK, directory.path], check=False)
    assert killed.returncode == -signal.SIGKILL
    left = (directory.path / "lock").read_text()
    assert left.startswith("process ")
    with directory.locked():
        assert (directory.path / "lock").read_text().startswith(f"process {os.getpid()} on ")
        assert f"process {os.getpid()} " not in left


def test_a_lock_that_says_anything_else_is_not_repeated(directory: RunDirectory) -> None:
    with directory.locked():
        (directory.path / "lock").write_text("\x1b[2J")
        with pytest.raises(RunError, match="is being trained by another process"), directory.locked():
            pass


def test_a_disk_that_knows_no_locks_is_named(directory: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("statewise.run.directory.lock", unknown)
    said = r"cannot be locked \(No locks available\): give run on a disk"
    with pytest.raises(RunError, match=said), directory.locked():
        pass


def test_a_run_that_was_killed_while_it_was_made_may_be_made_again(tmp_path: Path) -> None:
    for left in ("codec.json", ".codec.json.77.tmp", ".run.yaml.77.tmp"):
        (tmp_path / left).write_text("{")
    directory = create_run("text", "book", tmp_path)
    directory.begin({"task": "text", "settings": {}}, {})
    directory.sweep()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["codec.json", "run.yaml"]
    with pytest.raises(RunError, match="exists already"):
        create_run("text", "book", tmp_path)


def test_files_that_were_being_written_are_swept_and_others_stay(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    directory.sweep()
    directory.write(directory.samples / "000003.txt", "To be")
    for orphan in (tmp_path / ".report.md.7.tmp", directory.samples / ".000005.txt.7.tmp"):
        orphan.write_text("cut")
    directory.sweep()
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["000003.txt", "samples"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"[]", "it is not an event"),
        (b"3", "it is not an event"),
        (b'{"update": 3}', "it is not an event"),
        (b'{"event": ["saved"]}', "it is not an event"),
        (b'{"event": "updated", "update": 3}', "its 'nats' is missing"),
        (b'{"event": "updated", "update": -1, "nats": 1, "norm": 1}', "its 'update' is missing or of another type"),
        (b'{"event": "updated", "update": true, "nats": 1, "norm": 1}', "its 'update' is missing or of another type"),
        (b'{"event": "updated", "update": 3, "nats": "1", "norm": 1}', "its 'nats' is missing or of another type"),
        (b'{"event": "updated", "update": 3, "nats": 1, "norm": 1, "layers": {"a": [1]}}', "its 'layers' is"),
        (b'{"event": "checked", "update": 3, "metrics": {"a": "b"}, "judged": 1}', "its 'metrics' is missing or of"),
        (
            b'{"event": "finished", "update": 3, "report": {"metrics": {}}}',
            "its 'report' is missing or of another type",
        ),
        (b'{"event": "sampled", "update": 3, "sample": null}', "its 'sample' is missing or of another type"),
    ],
)
def test_a_line_that_is_whole_and_no_event_is_named(directory: RunDirectory, line: bytes, said: str) -> None:
    directory.events.write_bytes(b'{"event": "started", "update": 0}\n' + line + b"\n")
    with pytest.raises(RunError) as raised:
        list(directory.read_events())
    assert str(raised.value).startswith(f"{directory.events} line 2 is damaged ({said}")
    assert str(raised.value).endswith("): leave it out")


def test_a_line_without_an_end_is_refused_and_not_read(directory: RunDirectory) -> None:
    with directory.events.open("wb") as file:
        file.truncate(LARGEST_EVENT * 100)
    with pytest.raises(RunError, match=r"events\.jsonl has a line 1 of endless length: the run is damaged"):
        list(directory.read_events())


@pytest.mark.parametrize("name", ["run.yaml", "codec.json", "events.jsonl"])
def test_a_pipe_in_place_of_a_file_is_refused_and_not_waited_for(directory: RunDirectory, name: str) -> None:
    (directory.path / name).unlink(missing_ok=True)
    os.mkfifo(directory.path / name)
    reads = {"run.yaml": directory.read_config, "codec.json": directory.read_codec}
    with pytest.raises(RunError, match=rf"{name} is not a plain file: give one that is"):
        reads.get(name, lambda: list(directory.read_events()))()


@pytest.mark.parametrize("name", ["lock", "events.jsonl", "report.md", "samples"])
def test_nothing_is_written_through_a_link_out_of_a_run(directory: RunDirectory, tmp_path: Path, name: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir() if name == "samples" else outside.write_text("mine")
    (directory.path / name).symlink_to(outside)
    writes: dict[str, Callable[[], None]] = {
        "lock": lambda: directory.locked().__enter__(),
        "events.jsonl": lambda: directory.append_event({"event": "saved", "update": 3}),
        "samples": lambda: directory.write(directory.samples / "3.txt", "words"),
        "report.md": lambda: directory.write(directory.report, "words"),
    }
    with pytest.raises(RunError, match=rf"{name} is a link, and writing there would change what it leads to: put a"):
        writes[name]()
    assert list(outside.iterdir()) == [] if name == "samples" else outside.read_text() == "mine"


def test_a_lock_that_is_a_pipe_is_refused_and_not_waited_for(directory: RunDirectory) -> None:
    os.mkfifo(directory.path / "lock")
    with pytest.raises(RunError, match="lock is not a plain file"), directory.locked():
        pass


def test_more_than_can_be_read_again_is_not_written(directory: RunDirectory) -> None:
    with pytest.raises(
        UsageError, match=r"run\.yaml would have more than 4,194,304 bytes: give fewer names or sources"
    ):
        directory.begin({**CONFIG, "settings": {"source": ["x" * 1000] * 5000}}, {"unit": "byte"})
    assert directory.read_config()["settings"] == {"hidden_size": 3}


def test_a_folder_that_cannot_be_written_is_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = create_run("text", "a", tmp_path / "r")
    monkeypatch.setattr("os.access", lambda path, how: False)  # as to a user who may only read
    words = r"cannot be written \(permission denied, or a disk that is only read\): "
    with pytest.raises(RunError, match=f"r {words}go on with a copy of it"), directory.locked():
        pass
    with (
        pytest.raises(DataError, match=rf"\.data {words}data are made ready there; copy the run"),
        building(tmp_path / ".data"),
    ):
        pass
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"cannot be written \(not a directory\)"), building(tmp_path / "file" / "data"):
        pass
