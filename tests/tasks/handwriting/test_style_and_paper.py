"""A style is read, saved and used again, its ink never written; lines go onto paper; the window is drawn."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_handwriting import SMALL, strokes_for, write_lines

import statewise
from statewise.data.strokes.drawing import drawing_of
from statewise.data.strokes.paper import fitting, on_paper
from statewise.errors import DataError, StatewiseError, UsageError
from statewise.tasks.handwriting.style import Style, style_of
from statewise.tasks.handwriting.task import Handwriting
from statewise.tasks.handwriting.writing_on import Wrote

MINE: dict[str, Any] = {"text": "aba", "strokes": strokes_for("aba", 3.0)}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("styles")
    task = Handwriting(source=write_lines(folder), updates=150, sample_seconds=0, learning_rate=0.02, **SMALL)
    statewise.train(task, run=folder / "run")
    return folder / "run"


def ink_file(folder: Path, *lines: Any, name: str = "mine.jsonl") -> str:
    (folder / name).write_text("\n".join(map(json.dumps, lines)) + "\n")
    return str(folder / name)


def test_a_style_that_was_saved_writes_what_its_lines_write(run: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    model = statewise.load(run)
    lines = ink_file(tmp_path, MINE, {"text": "bb", "strokes": strokes_for("bb", 3.0)})
    one = model.answer(text="ab", style=lines, save_style="style.json", picture="one.svg", seed=3)
    assert list(one.notices)[-1] == "style.json holds the style: give it as --style again"
    other = model.answer(text="ab", style="style.json", save_style="again.json", picture="other.svg", seed=3)
    assert one.as_json() == other.as_json()
    assert Path("one.svg").read_text() == Path("other.svg").read_text()
    assert Path("style.json").read_text() == Path("again.json").read_text()
    by_json = next(iter(model.predict("ab", hand=Path("style.json").read_text(), seed=3)))
    assert by_json.as_json() == one.as_json()["answer"][0]
    assert next(iter(model.predict("ab", seed=3))).as_json() != by_json.as_json()


def test_the_ink_of_a_style_is_not_written_again_and_its_size_is_kept(run: Path) -> None:
    model = statewise.load(run)
    for factor in (1.0, 50.0):
        mine = {**MINE, "strokes": [[[factor * x, factor * y] for x, y in one] for one in MINE["strokes"]]}
        (written,) = model.predict("bb", style=mine, bias=1.0, seed=1)
        (line,) = written.lines
        assert line.heights.shape[1] == 3  # of the text alone
        given = {tuple(map(tuple, np.round(stroke, 2))) for stroke in mine["strokes"]}
        assert not given & {tuple(map(tuple, np.round(stroke, 2))) for stroke in written.strokes}
        if factor == 1.0:
            first = written.strokes
    for small, large in zip(first, written.strokes, strict=True):
        assert large / 50 == pytest.approx(small, abs=0.3)


def test_lines_of_a_style_lie_side_by_side_in_letters_of_a_hundred() -> None:
    lines = [drawing_of([[[5, 0], [5, 40]]], "one", text="a"), drawing_of([[[9, 7], [9, 67]]], "two", text="b")]
    style = Style.of(lines)
    assert (style.text, style.ink) == ("a b", 50.0)
    assert [stroke.tolist() for stroke in style.strokes] == [[[0, -40], [0, 40]], [[40, -60], [40, 60]]]
    assert style_of(style.as_json()).as_json() == style.as_json()


@pytest.mark.parametrize(
    ("style", "how", "said"),
    [
        ({"strokes": MINE["strokes"]}, {}, "the style says nowhere what its ink reads: give"),
        ({"strokes": []}, {"style_text": "ab"}, "the style has no point: give a few lines"),
        ({"strokes": [[[1, 1]]], "text": "a"}, {}, "the style has no line of ink"),
        ({**MINE, "text": "aqa"}, {}, "never trained on 'q'"),
        ({"text": "ab"}, {}, "the style has no strokes: give"),
        (
            {"format": "statewise-style-1", "strokes": MINE["strokes"], "text": "aba"},
            {},
            "is no style that was exported",
        ),
        ("nothing.jsonl", {}, "there is no file nothing.jsonl: give a style"),
        ("raster.png", {}, "raster.png is a raster image"),
        ("broken.json", {}, "broken.json is no JSON"),
        (None, {"hand": "{"}, r"the style '\{' is no JSON"),
        (None, {"style_text": "ab"}, "a text of a style was given without its ink"),
        (MINE, {"hand": "{}"}, "a style was given and a hand as well"),
        (MINE, {"save_style": "mine.txt"}, "a style is saved as .json"),
        (None, {"save_style": "mine.json"}, "a style is saved as .json, and is given by style"),
        ({"text": "ab" * 300, "strokes": strokes_for("ab" * 300)}, {}, r"the style has [\d,]+ points and this run"),
        (None, {"window": "w.gif"}, "w.gif is neither .svg nor .png"),
        (None, {"letters_a_line": 0}, "letters_a_line 0 is not a whole number"),
    ],
)
def test_a_style_that_cannot_be_used_is_said_in_one_line(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, style: Any, how: Any, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("raster.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    Path("broken.json").write_text("{")
    with pytest.raises(StatewiseError, match=said):
        statewise.load(run).answer(text="ab", style=style, **how)


def test_a_style_of_a_hand_that_gives_its_text_apart(run: Path, tmp_path: Path) -> None:
    path = ink_file(tmp_path, {"strokes": MINE["strokes"]})
    assert next(iter(statewise.load(run).predict("ab", style=path, style_text="aba"))).lines


def test_a_page_has_margins_and_a_line_for_each_line(run: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    model = statewise.load(run)
    how: dict[str, Any] = {"letters_a_line": 3, "bias": 1.0, "paper": "a5", "margin": 15.0, "pitch": 12.0}
    answer = model.answer(text="ab ab\nb", picture="page.svg", **how)
    assert [line["text"] for line in answer.as_json()["answer"][0]["lines"]] == ["ab", "ab", "b"]
    page = Path("page.svg").read_text()
    assert 'width="148mm" height="210mm"' in page
    lines = [
        np.array([point.split(",") for point in found.split()], float)
        for found in re.findall(r'points="([^"]*)"', page)
    ]
    points = np.concatenate(lines)
    assert points[:, 0].min() == pytest.approx(15, abs=0.01)
    assert points[:, 0].max() <= 133 + 0.01
    model.answer(text="ab", picture="page.png", **how)
    assert Path("page.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("name", "how", "said"),
    [
        ("a3", {}, "there is no paper 'a3': give one of a4, a5, letter"),
        ("a5", {"margin": 100.0}, "a margin of 100 mm and lines of 10 mm do not fit on a5"),
        ("a5", {"pitch": 90.0}, "3 lines were written and the page holds 1"),
    ],
)
def test_what_does_not_fit_on_paper_is_refused(name: str, how: Any, said: str) -> None:
    line = [np.array([[0.0, 0.0], [5.0, 5.0]])]
    with pytest.raises(UsageError, match=said):
        on_paper([line] * 3, 10.0, name, **how)


def test_a_long_line_is_made_as_wide_as_the_page_and_a_short_one_as_high_as_the_pitch() -> None:
    long, short = ([np.array([[0.0, 0.0], [wide, 1.0]])] for wide in (1000.0, 10.0))
    assert on_paper([long], 10.0, "a4").strokes[0][1].tolist() == pytest.approx([190, 25.17])
    assert on_paper([short], 10.0, "a4").strokes[0].tolist() == [[20, 25], [30, 26]]
    sheet = fitting([short], 10.0)
    assert (sheet.width, sheet.height) == (17, 8)
    assert fitting([[]], 10.0).svg().startswith("<svg")


def test_the_window_is_drawn_and_the_same_window_is_the_same_file(run: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    model = statewise.load(run)
    for name in ("one.svg", "other.svg", "one.png"):
        model.answer(text="ab\nba", window=name, seed=1)
    assert Path("one.svg").read_bytes() == Path("other.svg").read_bytes()
    assert Path("one.png").read_bytes().startswith(b"\x89PNG")


def test_a_damaged_file_of_lines_is_no_style(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        style_of(ink_file(tmp_path, {"strokes": "none"}))


def test_strokes_that_finish_the_letters_of_a_style_are_not_written_again() -> None:
    rows = np.array([[1, 0, 0], [1, 0, 1], [5, 0, 0], [1, 0, 0], [1, 0, 1], [7, 0, 1]], np.float32)
    heights = np.eye(4, dtype=np.float32)[[1, 1, 1, 2, 2, 3, 3]]
    wrote = Wrote(rows, np.arange(7.0), True, heights)
    after = wrote.after(2)
    assert after.rows.tolist() == rows[2:].tolist()  # of the second stroke most points are of the text
    assert (after.nats, after.points) == (20.0, 5)
    assert after.heights.tolist() == heights[2:, 2:].tolist()
    assert len(wrote.after(4).rows) == 0
