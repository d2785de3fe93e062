"""A drawing model that is told classes may also be told none; drawings lean in training; a file says its parts."""

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import statewise
from statewise.data.strokes import offsets_of
from statewise.errors import DataError, UsageError
from statewise.tasks.sketch.data import thinned
from statewise.tasks.sketch.task import Sketch

SMALL: dict[str, Any] = {"hidden_size": 16, "batch_size": 16, "threads": 1, "components": 3, "sample_seconds": 0}
RIGHT = [[[10.0, 20.0], [10.0, 120.0], [110.0, 120.0]]]


def turning(folder: Path, count: int = 120) -> str:
    """Corners that turn to the left or to the right, by class."""
    dice, lines = random.Random(0), []
    for number in range(count):
        wide = dice.randint(80, 120) * (1 if number % 2 else -1)
        lines.append({"class": "right" if number % 2 else "left", "strokes": [[[0, 0], [0, 100], [wide, 100]]]})
    (folder / "corners.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n")
    return str(folder / "corners.jsonl")


def test_a_run_by_class_draws_without_one_where_some_drawings_were_learned_so(tmp_path: Path) -> None:
    source = turning(tmp_path)
    task = Sketch(source=source, by_class=True, class_dropout=0.5, updates=120, **SMALL)
    run = statewise.train(task, run=tmp_path / "run")
    model = statewise.load(tmp_path / "run")
    opener: Any = model.model.reader
    assert opener.labels.weight.shape[0] == 3, "two classes, and none"
    right, untold, left = (
        next(iter(model.predict(RIGHT, score=True, class_=label))).nats for label in ("right", None, "left")
    )
    assert right < untold < left
    assert run.report.metrics["nats_per_point"] < 5
    with pytest.raises(UsageError, match="class_dropout is of a run that is told classes: add by_class"):
        Sketch(source=source, class_dropout=0.5).prepare(tmp_path / "cache")


def test_a_class_is_guessed_by_what_was_drawn_and_refused_where_nothing_says_it(tmp_path: Path) -> None:
    source = turning(tmp_path)
    statewise.train(Sketch(source=source, by_class=True, updates=120, **SMALL), run=tmp_path / "run")
    statewise.train(Sketch(source=source, updates=1, **SMALL), run=tmp_path / "plain")
    model = statewise.load(tmp_path / "run")
    left = [[[110.0, 20.0], [110.0, 120.0], [10.0, 120.0]]]
    for drawing, label in ((RIGHT, "right"), (left, "left")):
        guessed, told = (list(model.predict(drawing, endings=2, **how)) for how in ({"guess": True}, {"class_": label}))
        assert [one.title for one in guessed] == [f"ending 1 of {label}", f"ending 2 of {label}"]
        assert [one.as_json() for one in guessed] == [one.as_json() for one in told]
    for drawn, how, said in (
        ((), {}, "nothing was drawn to guess a class by"),
        (RIGHT, {"class_": "left"}, "guess is of endings whose class is not given"),
        (RIGHT, {"score": True}, "guess is of endings whose class is not given"),
    ):
        with pytest.raises(UsageError, match=said):
            list(model.predict(drawn, guess=True, **how))
    with pytest.raises(UsageError, match="this run was told no classes"):
        list(statewise.load(tmp_path / "plain").predict(RIGHT, guess=True))


def test_drawings_whose_class_is_not_told_are_as_many_as_asked_and_others_keep_theirs(tmp_path: Path) -> None:
    task = Sketch(source=turning(tmp_path), by_class=True, class_dropout=0.4, **SMALL)
    windows: Any = task.prepare(tmp_path / "cache").windows("training")
    read = [windows.in_epoch(epoch, index) for epoch in range(4) for index in range(len(windows))]
    labels = torch.cat([window.context.label for window in read])
    assert 0.3 < float((labels == 2).double().mean()) < 0.5
    assert {0, 1, 2} == set(labels.tolist())
    held_out: Any = task.prepare(tmp_path / "cache").windows("held_out")
    assert 2 not in torch.cat([window.context.label for window in held_out]).tolist()


def test_a_drawing_leans_by_its_share_and_as_before_without_one() -> None:
    rows = offsets_of([np.array([[0.0, 0.0], [0.0, 100.0], [100.0, 100.0]])])
    draw = np.random.default_rng(0)
    leaning = [thinned(rows, 0.0, 0.0, draw, 0.3) for _ in range(200)]
    aside = np.array([one[0, 0] for one in leaning]) / 100
    assert 0.25 < np.abs(aside).max() <= 0.3
    assert all(one[0, 1] == 100 for one in leaning)
    plain = thinned(rows, 0.2, 0.0, np.random.default_rng(1))
    assert plain.tolist() == thinned(rows, 0.2, 0.0, np.random.default_rng(1), 0.0).tolist()


def test_a_line_says_for_which_part_its_drawing_is_kept(tmp_path: Path) -> None:
    parts = ["training"] * 5 + ["validation"] * 2 + ["held_out"] * 3
    lines = [{"strokes": [[[0, 0], [number, 9]]], "part": part} for number, part in enumerate(parts)]
    file = tmp_path / "parts.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)))
    drawings = Sketch(source=str(file), **SMALL).prepare(tmp_path / "cache").drawings
    assert [len(drawings.numbers(part)) for part in ("training", "validation", "held_out")] == [5, 2, 3]
    file.write_text(json.dumps({**lines[0], "part": "test"}))
    with pytest.raises(DataError, match=r"the part of line 1 of .* is 'test': training, validation, held_out, or none"):
        Sketch(source=str(file), **SMALL).prepare(tmp_path / "cache")
