"""What comes out where: results on standard output, progress on standard error, one object under --json."""

import io
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from statewise import registry
from statewise.cli.look import KINDS
from statewise.cli.main import run

SIZES = "--hidden-size 8 --embedding 4 --batch-size 4 --sequence-length 16"
FLAGS = f"{SIZES} --updates 5 --orders 2 --threads 1 --sample-seconds 0"
TINY = FLAGS.split()
KEYS = {"task", "run", "data", "metrics", "baselines", "seconds"}
SENTENCE = "It was the best of times, it was the worst of times.\n"


def output(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[str, str]:
    """Run a command that must succeed, and return its two outputs."""
    assert run(list(arguments)) == 0
    said = capsys.readouterr()
    return said.out, said.err


def one_object(text: str) -> dict[str, Any]:
    assert text.count("\n") == 1
    found = json.loads(text)
    assert found.keys() >= KEYS
    return dict(found)


def test_train_prints_one_object_under_json(capsys: pytest.CaptureFixture[str], book: Path) -> None:
    out, err = output(capsys, "train", "text", "book.txt", "--run", "r", "--json", *TINY)
    report = one_object(out)
    assert (report["task"], report["run"]) == ("text", "r")
    assert report["metrics"].keys() == {"bits_per_character", "perplexity", "characters"}
    assert report["baselines"].keys() == {"1-gram", "2-gram"}
    assert err.startswith("r trains: ")


def test_evaluate_prints_one_object_under_json(capsys: pytest.CaptureFixture[str], run_path: Path) -> None:
    out, err = output(capsys, "evaluate", "run", "--dynamic", "--json")
    report = one_object(out)
    assert report["metrics"].keys() > {"bits_per_character", "dynamic_bits_per_character"}
    assert err == "scoring run and learning on\n"


def test_predict_prints_one_object_under_json(capsys: pytest.CaptureFixture[str], run_path: Path) -> None:
    out, err = output(capsys, "predict", "run", "It was", "--length", "9", "--seed", "3", "--json")
    answer = one_object(out)
    assert answer["data"] == {"prompt": "It was"}
    assert len(answer["text"]) == answer["metrics"]["characters"] == 9
    assert err == ""
    plain, _ = output(capsys, "predict", "run", "It was", "--length", "9", "--seed", "3")
    assert plain == f"It was{answer['text']}\n"


def test_choices_under_json_name_every_position(capsys: pytest.CaptureFixture[str], run_path: Path) -> None:
    answer = one_object(output(capsys, "predict", "run", "It", "--length", "3", "--choices", "4", "--json")[0])
    assert [position["character"] for position in answer["choices"]] == ["I", "t", *answer["text"]]
    assert all(len(position["choices"]) == 4 for position in answer["choices"])


def test_choices_are_shown_a_position_a_line_likeliest_first(
    capsys: pytest.CaptureFixture[str], run_path: Path
) -> None:
    out, _ = output(capsys, "predict", "run", "t ", "--length", "3", "--choices", "5")
    rows = [line.split() for line in out.splitlines()]
    assert [row[0] for row in rows[:2]] == ["t", "␣"]
    assert {len(row) for row in rows} == {1 + 2 * 5}
    shares = [float(share) for share in rows[0][2::2]]
    assert shares == sorted(shares, reverse=True)


@pytest.mark.parametrize("command", [["train", "text", "book.txt", *TINY], ["evaluate", "run"]])
def test_quiet_prints_nothing_but_the_table(
    command: list[str], capsys: pytest.CaptureFixture[str], book: Path, run_path: Path
) -> None:
    out, err = output(capsys, *command, "--quiet")
    assert err == ""
    assert [line[:10].rstrip() for line in out.splitlines()] == ["", "this model", "1-gram", "2-gram"]


def test_quiet_prints_nothing_but_the_answer(capsys: pytest.CaptureFixture[str], run_path: Path) -> None:
    out, err = output(capsys, "predict", "run", "zebra£", "--length", "9", "--quiet")
    assert err == ""
    assert (out[:6], out[-1], len(out)) == ("zebra£", "\n", 6 + 9 + 1)


def test_standard_input_is_learned_and_kept_so_that_the_run_can_be_resumed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(SENTENCE.encode() * 100)))
    out, _ = output(capsys, "train", "text", "-", "--run", "r", "--json", *TINY)
    assert one_object(out)["data"]["length"] == len(SENTENCE) * 100
    again, _ = output(capsys, "resume", "r", "--json")
    assert one_object(again)["metrics"] == one_object(out)["metrics"]


@pytest.mark.parametrize("source", [["letters"], ["letters/*.txt"], ["letters/a.txt", "letters/b.txt"]])
def test_a_folder_a_pattern_and_several_files_are_read_as_one_text(
    source: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("letters").mkdir()
    for name, times in (("a.txt", 70), ("b.txt", 50)):
        Path("letters", name).write_text(SENTENCE * times)
    data = one_object(output(capsys, "train", "text", *source, "--run", "r", "--json", *TINY)[0])["data"]
    assert (data["files"], data["length"]) == (2, 120 * len(SENTENCE))


def test_a_recipe_gives_the_settings_and_flags_come_before_them(capsys: pytest.CaptureFixture[str], book: Path) -> None:
    recipe = {
        "source": "book.txt",
        "hidden_size": 9,
        "embedding": 4,
        "batch_size": 4,
        "sequence_length": 16,
        "epochs": 7,
        "orders": 2,
    }
    Path("recipe.yaml").write_text(yaml.safe_dump(recipe))
    output(
        capsys,
        "train",
        "text",
        "--config",
        "recipe.yaml",
        "--run",
        "r",
        "--updates",
        "3",
        "--batch-size",
        "5",
        "--quiet",
    )
    settings = yaml.safe_load(Path("r/run.yaml").read_text())["settings"]
    assert [settings[name] for name in ("hidden_size", "batch_size", "updates", "epochs")] == [9, 5, 3, None]


def test_the_settings_of_a_run_train_it_again_to_the_same_score(
    capsys: pytest.CaptureFixture[str], run_path: Path
) -> None:
    before, _ = output(capsys, "evaluate", "run", "--json")
    out, _ = output(capsys, "train", "text", "--config", "run/run.yaml", "--run", "again", "--json")
    assert one_object(out)["metrics"] == one_object(before)["metrics"]


@pytest.mark.parametrize("command", ["list", "--help", "predict run --length 30", "evaluate run"])
def test_a_closed_pipe_ends_a_command_without_a_word(
    command: str, run_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)  # with it nothing is left to be written when Python ends
    reads, writes = os.pipe()
    os.close(reads)
    program = [sys.executable, "-m", "statewise", *command.split()]
    left = subprocess.run(program, check=False, stdout=writes, stderr=subprocess.PIPE, timeout=60)
    os.close(writes)
    assert left.returncode == 1
    said = left.stderr.splitlines()
    assert said[:1] == ([b"scoring run"] if command == "evaluate run" else [])
    assert all(line.startswith(b"scoring  ") for line in said[1:])  # how far it is, on a busy machine


def test_list_names_every_kind_in_words_and_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    known = {kind: registry.names(kind) for kind in KINDS}
    for kind, names in known.items():
        one, _ = output(capsys, "list", kind)
        shown = [line.split()[0] for line in one.splitlines() if kind != "cells" or not line.startswith(" ")]
        assert shown == ([] if kind == "cells" else [kind]) + names
    listed = json.loads(output(capsys, "list", "--json")[0])
    assert {kind: list(things) for kind, things in listed.items()} == known
    assert all(words for things in listed.values() for words in things.values())


@pytest.mark.parametrize("columns", [80, 120])
def test_the_cells_are_listed_with_all_that_is_known_of_them_in_the_columns_there_are(
    columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    shown, _ = output(capsys, "list", "cells")
    assert max(map(len, shown.splitlines())) <= columns
    known = json.loads(output(capsys, "list", "cells", "--json")[0])
    assert not any(line.lstrip().startswith("[") for line in shown.splitlines())  # no shape without its name
    words = " ".join(shown.split())
    for name, of in known.items():
        assert of.keys() == {"title", "width", "parameters", "state", "steps", "parallel", "kernels"}
        assert f"{name} {of['title']} {of['parameters']:,} weights at width 128; state: " in words
    assert known["tdnn"]["state"] == {"past": [2, 128]}
    kernels = ", ".join(known["lstm"]["kernels"])
    assert f"state: hidden [128], cell [128] steps, scans step by step; kernels: {kernels}" in words
    assert "state: hidden [128], steps (a number) steps, scans step by step" in words
    assert "stabilizer [1] steps, scans in parallel; kernels: reference" in words


def test_doctor_names_versions_threads_vectors_and_the_kernels_of_every_cell(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = json.loads(output(capsys, "doctor", "--json")[0])
    assert found["threads"] == 1
    assert {"statewise", "python", "torch"} <= found["versions"].keys()
    assert list(found["kernels"]) == registry.names("cells")
    shown, _ = output(capsys, "doctor")
    assert f"  torch             {found['versions']['torch']}" in shown.splitlines()
    assert "threads  1" in shown.splitlines()
    assert f"processor  {found['processor']}" in shown.splitlines()
    assert f"vectors of PyTorch  {found['vectors']['torch']}" in shown.splitlines()
    assert f"native kernels  {found['vectors']['statewise']}" in shown


def test_inspect_shows_settings_results_and_samples(capsys: pytest.CaptureFixture[str], run_path: Path) -> None:
    sample = {"event": "sampled", "update": 4, "seconds": 1.0, "sample": "\nIt was\r\n\x1b[2Jthe age"}
    with (run_path / "events.jsonl").open("a") as events:
        events.write(json.dumps(sample) + "\n")
    shown, _ = output(capsys, "inspect", "run")
    assert re.search(r"one step at a time +(step program|a step program needs the native kernels)", shown)
    lines = shown.splitlines()
    assert lines[0].startswith("run: text, ")
    assert any(line.split() == ["hidden_size", "8"] for line in lines)
    assert any(line.startswith("this model ") for line in lines)
    assert shown.endswith("--- update 4 ---\nIt was\n�[2Jthe age\n")
    seen = json.loads(output(capsys, "inspect", "run", "--json")[0])
    assert (seen["run"], seen["finished"], seen["samples"]["4"]) == ("run", True, sample["sample"])


def test_a_training_ends_with_commands_that_can_be_typed_next(capsys: pytest.CaptureFixture[str], book: Path) -> None:
    _, err = output(capsys, "train", "text", "book.txt", "--run", "my run", *TINY)
    last = err.splitlines()[-1]
    further = "or statewise stream 'my run', or statewise serve 'my run'"
    assert last == f"next: statewise predict 'my run' 'It was' --length 80, {further}"
    asked = shlex.split(last.partition("statewise ")[2].partition(", or")[0])
    assert len(output(capsys, *asked)[0]) > len("It was")
    assert "next:" not in output(capsys, "resume", "my run", "--quiet")[1]


def test_inspect_lists_the_characters_that_a_run_knows(capsys: pytest.CaptureFixture[str], run_path: Path) -> None:
    known = json.loads(output(capsys, "inspect", "run", "--names", "--json")[0])
    assert {"character": "\n"} in known["characters"]
    lines = output(capsys, "inspect", "run", "--names")[0].splitlines()
    assert lines[0] == f"{len(known['characters'])} characters"
    assert {"  '\\n'", "  ' '", "  t"} <= {*lines}
    assert len(lines) == len(known["characters"]) + 1
    assert run(["inspect", "run", "--names", "--memory"]) == 2


def test_a_sample_of_blanks_is_shown_in_words(capsys: pytest.CaptureFixture[str], run_path: Path) -> None:
    with (run_path / "events.jsonl").open("a") as events:
        events.write(json.dumps({"event": "sampled", "update": 4, "seconds": 1.0, "sample": " \n " * 4}) + "\n")
    assert output(capsys, "inspect", "run")[0].endswith("--- update 4 ---\n(12 blanks)\n")


def test_the_corpora_are_listed_with_their_licences(capsys: pytest.CaptureFixture[str]) -> None:
    listed = json.loads(output(capsys, "data", "list", "--json")[0])
    assert list(listed) == registry.names("corpora")
    shown, _ = output(capsys, "data", "list")
    for name, row in listed.items():
        assert any(line.startswith(name) and row["title"] in line for line in shown.splitlines())
        assert f"; {row['licence']}; " in shown


def test_the_files_of_a_corpus_come_one_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    paths = output(capsys, "data", "path", "python")[0].splitlines()
    assert len(paths) > 99
    assert all(Path(path).is_file() for path in paths)
    assert f"python: {len(paths):,} files".replace(",", "") in output(capsys, "data", "get", "python")[0]


def test_a_training_of_moments_is_told_in_seconds(capsys: pytest.CaptureFixture[str], book: Path) -> None:
    assert run(["train", "text", "book.txt", *TINY, "--run", "moments"]) == 0
    assert re.search(r"updates in [0-5]\.\d seconds, ", capsys.readouterr().out)
