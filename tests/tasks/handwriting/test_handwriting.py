"""A writing task learns, beats simple movements, writes to the end of a text, and refuses what cannot be written."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from made_handwriting import SMALL, strokes_for, write_lines

import statewise
from statewise.errors import DataError, StatewiseError, UsageError
from statewise.tasks.handwriting.answers import lines_of
from statewise.tasks.handwriting.task import Handwriting


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("handwriting")
    task = Handwriting(source=write_lines(folder), updates=400, sample_seconds=0, learning_rate=0.02, **SMALL)
    statewise.train(task, run=folder / "run")
    return folder / "run"


def test_it_beats_simple_movements_beyond_doubt_on_a_writer_it_never_saw(run: Path) -> None:
    report = statewise.evaluate(run)
    best = min(scores["nats_per_point"] for scores in report.baselines.values())
    assert report.metrics["nats_per_point"] < best, report.table()
    assert list(report.baselines) == ["one Gaussian a pen state", "bigram of movements"]
    assert report.remarks[-1].endswith("over lines: better.")
    assert report.data["held_out_writers"] == 1


def test_a_text_is_written_to_its_end_and_no_further_and_repeats_by_seed(run: Path) -> None:
    model = statewise.load(run)
    for text in ("ab", "abba", "b ab"):
        written = list(model.predict(text, bias=2.0, temperature=0.3, samples=200, seed=1))
        assert all(line.has_ended for one in written for line in one.lines)
        wanted = len(text.replace(" ", ""))
        counts = [len(one.strokes) for one in written]
        assert sum(count == wanted for count in counts) >= 176, (text, counts)  # 188 on average
    again = list(model.predict("b ab", bias=2.0, temperature=0.3, samples=20, seed=1))
    assert [one.as_json() for one in again] == [one.as_json() for one in written[:20]]
    other = list(model.predict("b ab", bias=0.0, samples=5, seed=2))
    assert [one.as_json() for one in other] != [one.as_json() for one in written]


def test_the_window_goes_along_the_text_as_it_is_written(run: Path) -> None:
    (written,) = statewise.load(run).predict("abab", bias=3.0, seed=0)
    (line,) = written.lines
    places = line.heights.argmax(axis=1)
    assert places[0] == 0
    assert places[-1] == 4
    assert line.heights.shape == (line.points, 5)


def test_a_pen_that_never_comes_to_the_end_is_stopped_at_the_limit(tmp_path: Path) -> None:
    task = Handwriting(source=write_lines(tmp_path), **SMALL)
    codec = task.prepare(tmp_path / "cache").codec
    model: Any = task.model(codec)
    window = next(iter(model.core)).attention
    with torch.no_grad():
        window.bias[2 * window.hills :] = -20.0
    (written,) = task.predict(model, codec, "ab")
    (line,) = written.lines
    assert not line.has_ended
    assert line.points == int(2 * codec.points_per_letter * 4)
    assert "cut at the limit" in str(written)


def test_a_window_that_is_past_the_end_takes_a_lifted_pen_away(tmp_path: Path) -> None:
    task = Handwriting(source=write_lines(tmp_path), **SMALL)
    codec = task.prepare(tmp_path / "cache").codec
    model: Any = task.model(codec)
    window = next(iter(model.core)).attention
    with torch.no_grad():
        window.bias[2 * window.hills :] = 3.0  # twenty letters a point
        model.head.linear.bias[-3:] = torch.tensor([-9.0, 9.0, -9.0])  # every point is a stroke of its own
    (written,) = task.predict(model, codec, "ab")
    assert written.lines[0].has_ended
    assert len(written.strokes) == 1


def test_several_lines_lie_below_each_other_from_the_same_edge(run: Path) -> None:
    (written,) = statewise.load(run).predict("ab\nba", bias=2.0)
    assert [line.text for line in written.lines] == ["ab", "ba"]
    tops = []
    for line in written.lines:
        points = np.concatenate([*line.strokes])
        assert points[:, 0].min() == pytest.approx(0)
        tops.append(float(np.median(points[:, 1])))
    assert tops == pytest.approx([0, 110])


def test_lines_are_broken_between_words() -> None:
    assert lines_of("one two  three\n\nfour", 8) == ["one two", "three", "four"]
    assert lines_of("unbreakable", 4) == ["unbreakable"]
    for empty in ("", " \n "):
        with pytest.raises(UsageError, match="has no letter: give what to write"):
            lines_of(empty, 9)


@pytest.mark.parametrize(
    ("text", "how", "said"),
    [
        ("aQéb", {}, "this run was never trained on 'Q', 'é': write with the 3 letters that it knows: ab"),
        ("", {}, "'' has no letter: give what to write"),
        ("ab", {"samples": 0}, "samples 0 is not a whole number from 1 to 1000"),
        ("ab", {"bias": -1}, "bias -1 is not in range: give a number from 0"),
        ("ab", {"temperature": -1}, "temperature -1 is below 0"),
        ("ab", {"seed": -1}, "seed -1 is not a whole number"),
    ],
)
def test_what_cannot_be_written_is_said_in_one_line(run: Path, text: str, how: Any, said: str) -> None:
    with pytest.raises(StatewiseError, match=said):
        list(statewise.load(run).predict(text, **how))


def test_pictures_and_strokes_come_out(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    model = statewise.load(run)
    answer = model.answer(text="ab", samples=2, picture="two.svg", animated=True)
    assert list(answer.notices) == ["two.svg shows 2"]
    assert Path("two.svg").read_text().count("<animate ") > 1
    model.answer(text="ab", picture="one.png")
    assert Path("one.png").read_bytes().startswith(b"\x89PNG")
    for wrong in ("one.gif", "one"):
        with pytest.raises(UsageError, match=r"is neither .svg nor .png"):
            model.answer(text="ab", picture=wrong)
    with pytest.raises(UsageError, match="only an SVG writes itself"):
        model.answer(text="ab", picture="one.png", animated=True)
    with pytest.raises(UsageError, match="paper is of a picture: give picture"):
        model.answer(text="ab", paper="a4")
    told = model.answer(text="ab", samples=2).as_json()["answer"]
    assert [one["title"] for one in told] == ["writing 1", "writing 2"]
    assert json.loads(json.dumps(told)) == told


def until_refused(live: Any, line: str) -> str:
    try:
        for _ in range(9):
            live.push(line)
    except UsageError as error:
        return str(error)
    return "never refused"


def test_strokes_are_read_written_taken_back_forked_and_saved(run: Path) -> None:
    model = statewise.load(run)
    live: Any = model.live(None, text="ab", ink=70.0, bias=2.0)
    first = live.push(strokes_for("a")[0])
    assert (first.strokes, first.letters) == (1, 2)
    second = live.push("write")
    assert second.strokes == 2
    assert second.stroke[0][0] == pytest.approx(45, abs=25)
    assert second.end > first.end
    other = live.fork()
    assert other.push("undo") == first
    assert other.push("write") == second
    assert model.live(live.save()).push("undo") == first
    for line, said in (("rite", "the line 'rite' is no stroke"), ("[[1]]", "has the shape"), ("[]", "has no point")):
        with pytest.raises(StatewiseError, match=said):
            live.push(line)
    assert until_refused(live, "write") == "the text is written to its end: take a stroke back, or begin another text"
    assert until_refused(live, "undo") == "there is no stroke to take back: draw one first"
    with pytest.raises(DataError, match="the saved text"):
        model.live(live.save()[:-1] + b"!!")
    with pytest.raises(UsageError, match="never trained on 'c'"):
        model.live(text="abc")


def test_a_text_that_strokes_are_written_to_one_by_one_is_the_same_as_at_once(run: Path) -> None:
    model = statewise.load(run)
    live: Any = model.live(None, text="ab", bias=50.0)
    ones = [live.push("write").stroke for _ in range(2)]
    (whole,) = model.predict("ab", bias=50.0)
    for one, stroke in zip(ones, whole.strokes, strict=True):
        moved = np.array(one) - np.array(ones[0][0])
        assert moved == pytest.approx(stroke - whole.strokes[0][0], abs=8)


def test_how_far_back_a_run_remembers_is_measured_with_its_text_read(run: Path) -> None:
    report = statewise.inspect_memory(run, lags=3, probes=2)
    assert "GaussianWindow" in str(report.as_json())
