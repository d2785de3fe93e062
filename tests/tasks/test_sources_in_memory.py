"""Every task that can be given its source in memory learns from it what it learns from the file."""

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import made_games
import numpy as np
import pytest
from small_tasks import BOT, MOVED, SAID, SPOKEN, TASKS

import statewise
from statewise import registry
from statewise.errors import DataError, UsageError
from statewise.tasks.caption.task import Caption
from statewise.tasks.dialogue.task import Dialogue
from statewise.tasks.gesture.task import Gesture
from statewise.tasks.speech.task import Speech

Sources = Iterator[tuple[Any, Any]]
"A task with its source as a file, and the same source in memory."


def in_pandas(columns: dict[str, Any]) -> Any:
    return pytest.importorskip("pandas").DataFrame(columns)


def in_polars(columns: dict[str, Any]) -> Any:
    return pytest.importorskip("polars").DataFrame(columns)


def columns_of_csv(path: Path) -> dict[str, list[str]]:
    head, *rows = csv.reader(path.read_text().splitlines())
    return {name: [row[at] for row in rows] for at, name in enumerate(head)}


def source_of(task: Any) -> Path:
    return Path(task.source)


def of_texts(name: str) -> Callable[[Path], Sources]:
    def make(folder: Path) -> Sources:
        task: Any = TASKS[name](folder)
        lines = source_of(task).read_text().splitlines()
        source_of(task).write_text("\n".join(lines) + "\n")
        yield task, np.array(lines)
        yield task, in_pandas({"text": lines})["text"]
        yield task, in_polars({"text": lines})
        yield task, {"text": lines}

    return make


def of_lines(name: str, row: Callable[[dict[str, Any]], Any] | None = None) -> Callable[[Path], Sources]:
    def make(folder: Path) -> Sources:
        task: Any = TASKS[name](folder)
        rows = [json.loads(line) for line in source_of(task).read_text().splitlines()]
        yield task, rows
        if row is not None:
            plain = folder / "plain.jsonl"
            plain.write_text("\n".join(json.dumps({k: v for k, v in one.items() if k in PLAIN}) for one in rows))
            yield replace(task, source=str(plain)), [row(one) for one in rows]

    return make


PLAIN = {"strokes", "text", "turns"}


def of_table(name: str, make_frame: Callable[[dict[str, Any]], Any] = in_pandas) -> Callable[[Path], Sources]:
    def make(folder: Path) -> Sources:
        task: Any = TASKS[name](folder)
        yield task, make_frame(columns_of_csv(source_of(task)))

    return make


def of_pairs(folder: Path) -> Sources:
    task = TASKS["translate"](folder)
    pairs = [line.split("\t") for line in source_of(task).read_text().splitlines()]
    english, french = zip(*pairs, strict=True)
    yield task, pairs
    yield task, in_polars({"en": english, "fr": french})
    yield task, [{"en": one, "fr": other} for one, other in pairs]


def of_utterances(folder: Path) -> Sources:
    rows = [(text, intent) for n in range(30) for text, intent in ((f"go to {n}", "go"), (f"stop at {n}", "stop"))]
    path = folder / "said.csv"
    path.write_text("text,intent\n" + "".join(f"{text},{intent}\n" for text, intent in rows))
    task = Dialogue(source=str(path), **BOT)
    yield task, rows
    yield task, in_pandas(columns_of_csv(path))


def of_pictures(folder: Path) -> Sources:
    TASKS["caption"](folder)
    shown = sorted((folder / "shown").glob("*.jpg")) or sorted((folder / "shown").glob("*.png"))
    rows = [(path.name, path.with_suffix(".txt").read_text().splitlines()[0]) for path in shown]
    path = folder / "captions.csv"
    path.write_text("image,caption\n" + "".join(f"{image},{caption}\n" for image, caption in rows))
    task = Caption(source=str(path), pictures=str(folder / "shown"), **SAID)
    yield task, rows
    yield task, in_pandas({"image": [name for name, _ in rows], "caption": [caption for _, caption in rows]})


def of_recordings(folder: Path) -> Sources:
    TASKS["speech"](folder)
    rows = [(str(path), path.stem.split("_")[0]) for path in sorted((folder / "said").glob("*.wav"))]
    path = folder / "list.jsonl"
    path.write_text("\n".join(json.dumps({"audio_filepath": sound, "text": text}) for sound, text in rows))
    task = Speech(source=str(path), **{**SPOKEN, "held_out": 0.3})
    yield task, rows
    yield task, in_pandas({"audio_filepath": [sound for sound, _ in rows], "text": [text for _, text in rows]})


def of_movements(folder: Path) -> Sources:
    yield from of_table("gesture", in_polars)(folder)
    draw = np.random.default_rng(0)
    arrays: dict[str, Any] = {
        "x": draw.normal(size=(40, 9, 2)).astype(np.float32),
        "label": np.array(["nod", "shake"] * 20),
    }
    np.savez(folder / "moved.npz", **arrays)
    yield Gesture(source=str(folder / "moved.npz"), **MOVED), arrays


def of_games(folder: Path) -> Sources:
    yield TASKS["game"](folder), made_games.Recall


IN_MEMORY: dict[str, Callable[[Path], Sources]] = {
    "text": of_texts("text"),
    "language": of_texts("language"),
    "forecast": of_table("forecast"),
    "traffic": of_table("traffic", in_polars),
    "stocks": of_table("stocks"),
    "recommend": of_table("recommend"),
    "translate": of_pairs,
    "chat": of_lines("chat", lambda one: one["turns"]),
    "sketch": of_lines("sketch", lambda one: [np.array(stroke) for stroke in one["strokes"]]),
    "handwriting": of_lines("handwriting", lambda one: (one["text"], one["strokes"])),
    "dialogue": of_utterances,
    "caption": of_pictures,
    "answer": of_table("answer-a-table"),
    "speech": of_recordings,
    "gesture": of_movements,
    "game": of_games,
}
FILES_ALONE = {"sound"}


@pytest.mark.parametrize("name", IN_MEMORY)
def test_a_source_in_memory_is_learned_from_as_its_file_and_is_there_again_for_scoring(
    name: str, tmp_path: Path
) -> None:
    for number, (task, source) in enumerate(IN_MEMORY[name](tmp_path)):
        of_file = statewise.train(task, run=tmp_path / f"file-{number}").metrics
        run = statewise.train(replace(task, source=source), run=tmp_path / f"memory-{number}")
        assert run.metrics == pytest.approx(of_file), type(source)
        del source
        assert statewise.evaluate(run.path).metrics == pytest.approx(of_file)


def test_every_task_is_tried_or_reads_files_alone() -> None:
    assert {*IN_MEMORY} | FILES_ALONE == {*registry.names("tasks")}


@pytest.mark.parametrize(
    ("name", "source", "words"),
    [
        (
            "text",
            [[1, 2]],
            "text reads no list: give a path, or the name of a corpus, or a NumPy array or a series of strings",
        ),
        ("text", np.array([1.5]), "text reads no ndarray"),
        (
            "translate",
            [("a", "b", "c")],
            "translate reads no list: give a path, or the name of a corpus, or a frame or a list of rows",
        ),
        ("translate", [{"en": object(), "fr": "x"}], "a row holds a object: give text, numbers"),
        ("gesture", {"x": np.zeros((2, 2, 2)), "label": np.array([{}, {}])}, "the array label holds objects"),
        ("game", lambda: None, "define it at the top of a module other than __main__"),
        ("sound", np.zeros(3), "sound reads no ndarray: give a path"),
    ],
)
def test_what_a_task_does_not_read_is_refused_in_one_line(name: str, source: Any, words: str, tmp_path: Path) -> None:
    made: Any = TASKS[name](tmp_path)
    task = replace(made, source=source)
    with pytest.raises((UsageError, DataError), match=words) as raised:
        statewise.train(task, run=tmp_path / "none")
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "none").exists()
