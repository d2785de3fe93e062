"""Bad input gets one clear line, the right exit code, and nothing is lost or half made."""

import errno
import os
from pathlib import Path

import pytest
import yaml

from statewise.cli.main import run
from statewise.errors import UsageError
from statewise.run.config import RENAMED
from statewise.run.directory import RunDirectory
from statewise.tasks.text.task import Text
from statewise.verbs import training

SIZES = "--hidden-size 8 --batch-size 4 --sequence-length 16 --updates 5 --orders 2 --threads 1"
TINY = SIZES.split()


def refused(capsys: pytest.CaptureFixture[str], arguments: list[str], *, code: int = 2) -> str:
    """Run a command that must fail, and return the one line that it says."""
    assert run(arguments) == code
    said = capsys.readouterr()
    assert said.out == ""
    lines = [line for line in said.err.splitlines() if line.startswith("statewise: ")]
    assert len(lines) == 1
    assert "Traceback" not in said.err
    return lines[0].removeprefix("statewise: ")


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def newest(run_path: Path) -> Path:
    return max((run_path / "checkpoints").iterdir())


def test_a_missing_file_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    line = refused(capsys, ["train", "text", "nowhere.txt", *TINY])
    assert line.startswith("'nowhere.txt' is neither a file, a folder, a pattern nor a corpus (")
    assert "python, shakespeare" in line
    assert not (tmp_path / "runs").exists()


def test_the_conversion_that_a_text_in_utf_16_needs_runs_as_it_stands(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "my notes.txt").write_bytes("Straße\n".encode("utf-16"))
    command = refused(capsys, ["train", "text", "my notes.txt", *TINY]).split("`")[1]
    assert command == "iconv -f UTF-16 -t UTF-8 'my notes.txt' > converted.txt"


@pytest.mark.parametrize("command", ["predict", "evaluate", "compare"])
def test_an_argument_that_is_missing_is_told_with_the_way_to_find_it(
    capsys: pytest.CaptureFixture[str], command: str
) -> None:
    line = refused(capsys, command.split())
    assert line.startswith("Missing argument 'RUN")
    assert line.endswith(f": `statewise {command} --help` shows what to give")


def test_an_empty_file_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "empty.txt").touch()
    assert refused(capsys, ["train", "text", "empty.txt"]) == "empty.txt is empty: give a text to learn from"
    assert not list((tmp_path / "runs").glob("text*"))


def test_an_empty_folder_and_a_pattern_without_a_match_are_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    assert "'folder' is an empty folder" in refused(capsys, ["train", "text", "folder"])
    assert "'*.tex' is a pattern that matches no file" in refused(capsys, ["train", "text", "*.tex"])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything; the next test stands in")
def test_a_file_that_may_not_be_read_is_named(capsys: pytest.CaptureFixture[str], book: Path) -> None:
    book.chmod(0)
    assert "cannot read book.txt (Permission denied)" in refused(capsys, ["train", "text", "book.txt"])


def test_a_file_that_cannot_be_opened_is_named(
    capsys: pytest.CaptureFixture[str], book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = os.open

    def refuse(path: str | Path, *how: int) -> int:
        if Path(path).name == "book.txt":
            raise PermissionError(errno.EACCES, "Permission denied")
        return opened(path, *how)

    monkeypatch.setattr("statewise.disk.reading.os.open", refuse)
    assert "cannot read book.txt (Permission denied): check" in refused(capsys, ["train", "text", "book.txt"])


@pytest.mark.parametrize(
    ("content", "what"), [(b"ab\0cd", "a zero byte at offset 2"), (b"ab \xc3\xa9 \xff", "byte 0xff at offset 6")]
)
def test_a_file_that_is_not_text_names_the_byte_and_the_way_out(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: bytes, what: str
) -> None:
    (tmp_path / "data.bin").write_bytes(content)
    line = refused(capsys, ["train", "text", "data.bin"])
    assert line.startswith(
        f"data.bin is not UTF-8 text: {what}; convert it, as `iconv -f WINDOWS-1252 -t UTF-8 data.bin"
    )
    assert line.endswith(", or learn its bytes with `statewise train text --unit byte`")


def test_a_text_shorter_than_a_window_says_how_much_is_wanted(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "short.txt").write_text("a rose is a rose " * 10)
    line = refused(
        capsys, ["train", "text", "short.txt", "--gap", "0", "--batch-size", "4", "--sequence-length", "100"]
    )
    assert line.startswith("the text has 153 characters to train on, but 4 rows of 100 steps need 401: give more text")
    assert "too few to hold out" in refused(capsys, ["train", "text", "short.txt"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--hiden-size", "3"], "--hidden-size"),
        (["--cell", "lstn"], "unknown cell 'lstn': did you mean 'lstm'?"),
        (["--hidden-size", "many"], "--hidden-size"),
        (["--hidden-size", "-1"], "setting --hidden-size of text cannot be -1"),
        (["--unit", "word"], "--unit"),
        (["--minutes", "1", "--epochs", "2"], "--minutes 1 and --epochs 2 contradict each other"),
        (["--device", "abacus"], "device 'abacus' is not on this machine, which has cpu"),
        (["--held-out", "1.5"], "setting --held-out of text cannot be 1.5"),
    ],
)
def test_an_option_that_cannot_be_is_named(
    capsys: pytest.CaptureFixture[str], book: Path, arguments: list[str], said: str
) -> None:
    assert said in refused(capsys, ["train", "text", "book.txt", *arguments])
    assert not list(Path("runs").glob("text*"))


def test_unknown_tasks_corpora_commands_and_kinds_name_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert "unknown task 'txt': did you mean 'text'?" in refused(capsys, ["train", "txt"])
    assert "unknown corpus 'shakespear': did you mean 'shakespeare'?" in refused(capsys, ["data", "get", "shakespear"])
    assert "did you mean 'train'?" in refused(capsys, ["trian"])
    assert "unknown kind 'cell': did you mean 'cells'?" in refused(capsys, ["list", "cell"])
    assert "nothing to learn from was given" in refused(capsys, ["train", "text"])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("hiden_size: 8\nsource: book.txt", "unknown setting 'hiden_size' of text: did you mean 'hidden_size'?"),
        ("hidden_size: [1", "settings.yaml is not YAML"),
        ("- 1", "settings.yaml holds list, not settings"),
        ("hidden_size: wide\nsource: book.txt", "setting --hidden-size of text cannot be 'wide'"),
    ],
)
def test_a_settings_file_that_cannot_be_is_named(
    capsys: pytest.CaptureFixture[str], book: Path, content: str, said: str
) -> None:
    Path("settings.yaml").write_text(content)
    assert said in refused(capsys, ["train", "text", "--config", "settings.yaml"])


def test_a_settings_file_that_is_missing_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert "cannot read no.yaml (No such file" in refused(capsys, ["train", "text", "--config", "no.yaml"])


def test_a_run_directory_that_exists_is_left_alone(
    capsys: pytest.CaptureFixture[str], book: Path, run_path: Path
) -> None:
    before = sorted(path.name for path in run_path.rglob("*"))
    line = refused(capsys, ["train", "text", "book.txt", *TINY, "--run", str(run_path)])
    assert line == f"{run_path} exists already: go on with `statewise resume {run_path}`, or give another --run"
    assert sorted(path.name for path in run_path.rglob("*")) == before


@pytest.mark.parametrize("verb", ["predict", "evaluate", "resume", "inspect"])
def test_a_run_that_is_missing_or_half_written_is_named(
    capsys: pytest.CaptureFixture[str], run_path: Path, verb: str
) -> None:
    assert "there is no run at nowhere" in refused(capsys, [verb, "nowhere"])
    (run_path / "run.yaml").unlink()
    assert "has no run.yaml: it is not a run, or was cut off" in refused(capsys, [verb, str(run_path)])


def change_config(run_path: Path, **changes: object) -> None:
    config = RunDirectory(run_path).read_config()
    (run_path / "run.yaml").write_text(yaml.safe_dump({**config, **changes}))


@pytest.mark.parametrize("verb", ["predict", "evaluate", "resume"])
def test_a_run_of_another_task_or_format_is_refused(
    capsys: pytest.CaptureFixture[str], run_path: Path, verb: str
) -> None:
    change_config(run_path, task="tekst")
    assert "unknown task 'tekst': did you mean 'text'?" in refused(capsys, [verb, str(run_path)])
    change_config(run_path, task="text", format=99)
    assert "has format 99, not 1: use statewise 0.1.0, which made it" in refused(capsys, [verb, str(run_path)])


def test_a_full_disk_while_saving_is_one_line_and_the_last_checkpoint_stays(
    capsys: pytest.CaptureFixture[str], book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(["train", "text", "book.txt", *TINY, "--run", "one", "--quiet"]) == 0
    before = newest(Path("one"))
    change_config(Path("one"), settings={**RunDirectory(Path("one")).read_config()["settings"], "updates": 9})
    capsys.readouterr()

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr("statewise.run.files.os.fsync", full)
        line = refused(capsys, ["resume", "one"], code=1)
    assert line.startswith("cannot save checkpoint one/checkpoints/000009 (No space left on device): free some space")
    assert [path.name for path in Path("one/checkpoints").iterdir()] == [before.name]
    assert run(["resume", "one", "--quiet"]) == 0
    assert newest(Path("one")).name == "000009"


def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(
    capsys: pytest.CaptureFixture[str], run_path: Path
) -> None:
    damage(newest(run_path) / "weights.safetensors")
    assert run(["predict", str(run_path), "It", "--length", "5"]) == 0
    said = capsys.readouterr().err
    assert "000005/weights.safetensors is damaged: its sha256 is not the one that was saved" in said
    assert "checkpoint 000004 is used instead" in said


def test_resume_says_which_checkpoint_is_damaged_and_goes_on_from_the_one_before(
    capsys: pytest.CaptureFixture[str], run_path: Path
) -> None:
    damage(newest(run_path) / "state.safetensors")
    assert run(["resume", str(run_path)]) == 0
    said = capsys.readouterr().err
    assert "state.safetensors is damaged" in said
    assert "goes on from update 4" in said


def test_evaluate_says_which_checkpoint_is_damaged(capsys: pytest.CaptureFixture[str], run_path: Path) -> None:
    damage(newest(run_path) / "weights.safetensors")
    assert run(["evaluate", str(run_path)]) == 0
    assert "checkpoint 000004 is used instead" in capsys.readouterr().err


def test_a_run_without_a_good_checkpoint_is_refused(capsys: pytest.CaptureFixture[str], run_path: Path) -> None:
    for path in (run_path / "checkpoints").glob("*/weights.safetensors"):
        damage(path)
    assert "weights.safetensors is damaged" in refused(capsys, ["predict", str(run_path)])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--length", "0"], "length 0 is not a whole number from 1 to"),
        (["--temperature", "-1"], "temperature -1 is below 0: give 0 for the likeliest, 1 for the"),
        (["--temperature", "inf"], "temperature inf is not a finite number: give 0 for the likeliest, or more"),
        (["--top-k", "0"], "top-k 0 leaves no choice: give 1 or more"),
        (["--top-p", "2"], "top-p 2 is not a share: give more than 0 and at most 1"),
        (["--choices", "-1"], "choices -1 is not a whole number from 0 to"),
        (["--interactive", "--json"], "--interactive contradicts --json and --choices"),
    ],
)
def test_a_prediction_that_cannot_be_is_refused_before_anything_is_written(
    capsys: pytest.CaptureFixture[str], run_path: Path, arguments: list[str], said: str
) -> None:
    assert said in refused(capsys, ["predict", str(run_path), "It was", *arguments])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["foo"], "unknown command 'foo': known are demo, train, resume,"),
        (["inspectt", "r"], "unknown command 'inspectt': did you mean 'inspect'? (known: demo, "),
        (["data", "gett", "x"], "unknown command 'gett': did you mean 'get'? (known: list, get, path)"),
        (["train", "tex", "a"], "unknown task 'tex': did you mean 'text'?"),
        (["train", "text", "a", "--hiden-size", "3"], "unknown flag '--hiden-size': did you mean '--hidden-size'?"),
        (["train", "text", "a", "--rate", "3"], "unknown flag '--rate': did you mean '--learning-rate'?"),
        (["predict", "run", "--lenth", "3"], "unknown flag '--lenth': did you mean '--length'?"),
        (["list", "--zzz"], "unknown flag '--zzz': `statewise list --help` names those there are"),
        (["--zzz"], "unknown flag '--zzz': `statewise --help` names those there are"),
    ],
)
def test_what_is_not_known_is_answered_with_the_nearest_or_where_to_look(
    capsys: pytest.CaptureFixture[str], run_path: Path, arguments: list[str], said: str
) -> None:
    assert refused(capsys, arguments).startswith(said)


@pytest.mark.parametrize("command", ["resume", "evaluate", "predict"])
def test_an_old_run_is_refused_by_the_names_that_are_no_longer_read_and_works_with_the_new_ones(
    capsys: pytest.CaptureFixture[str], run_path: Path, command: str
) -> None:
    config = run_path / "run.yaml"
    new, old = config.read_text(), config.read_text()
    for name, was in {v: k for k, v in RENAMED.items()}.items():
        old = old.replace(f" {name}:", f" {was}:")
    config.write_text(old)
    arguments = [command, str(run_path), *(["It", "--length", "3"] if command == "predict" else [])]
    line = "text no longer reads the settings rows, steps, rate, width: rename them to batch_size, "
    line += "sequence_length, learning_rate, hidden_size in the settings file or run.yaml"
    assert refused(capsys, arguments) == line
    config.write_text(new)
    assert run(arguments) == 0


def test_temperature_0_takes_the_likeliest(capsys: pytest.CaptureFixture[str], run_path: Path) -> None:
    written = set()
    for seed in ("1", "2"):
        assert run(["predict", str(run_path), "It", "--length", "9", "--temperature", "0", "--seed", seed]) == 0
        written.add(capsys.readouterr().out)
    assert len(written) == 1


def test_a_prompt_character_never_seen_is_named_and_read_as_unknown(
    capsys: pytest.CaptureFixture[str], run_path: Path
) -> None:
    assert run(["predict", str(run_path), "It 日本 was", "--length", "9", "--seed", "1"]) == 0
    said = capsys.readouterr()
    assert said.err == "never seen in training, read as the unknown character: '日' '本'\n"
    assert said.out.startswith("It 日本 was")


def test_a_run_that_another_process_trains_is_refused(capsys: pytest.CaptureFixture[str], run_path: Path) -> None:
    with RunDirectory(run_path).locked():
        assert f"is being trained by process {os.getpid()} on " in refused(capsys, ["resume", str(run_path)])


def test_a_run_whose_text_has_changed_is_refused(capsys: pytest.CaptureFixture[str], book: Path) -> None:
    assert run(["train", "text", "book.txt", *TINY, "--run", "one", "--quiet"]) == 0
    book.write_text(book.read_text() + "More.\n")
    capsys.readouterr()
    assert "the data of one have changed since it began" in refused(capsys, ["resume", "one"])
    book.unlink()
    assert f"'{book}' is neither a file" in refused(capsys, ["resume", "one"])


@pytest.mark.parametrize("arguments", [["train", "text", "book.txt", "--run", "r\udcff"], ["predict", "runs/\udce9"]])
def test_an_argument_that_is_no_utf_8_is_refused_before_any_work(
    arguments: list[str], book: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    assert capsys.readouterr().err == f"statewise: argument {len(arguments)} is not UTF-8 text: rename what it names\n"


def test_a_run_whose_name_is_no_utf_8_is_refused_in_python_too(book: Path) -> None:
    with pytest.raises(UsageError, match="the name of the run is not UTF-8 text"):
        next(training(Text(source="book.txt", updates=2), run="r\udcff"))
