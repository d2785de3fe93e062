"""A drawing task learns, beats simple movements, ends what was begun, and refuses what cannot be done."""

import json
import math
import random
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

import statewise
from statewise.cells import LSTM, CandidateDropout, Conditioned, Fed
from statewise.data.strokes import offsets_of
from statewise.errors import DataError, StatewiseError, UsageError
from statewise.learning.events import Updated
from statewise.tasks.sketch.baselines import Movements, parts_of
from statewise.tasks.sketch.data import SketchData, thinned
from statewise.tasks.sketch.drawing_on import between
from statewise.tasks.sketch.metrics import difference
from statewise.tasks.sketch.task import Sketch
from statewise.testing import check_cell

SMALL: dict[str, Any] = {"hidden_size": 24, "batch_size": 16, "threads": 1, "components": 3, "sample_seconds": 0}
LATENT: dict[str, Any] = {"latent": 3, "reader_size": 8, "by_class": True}
CORNER = [[[10.0, 20.0], [10.0, 120.0], [110.0, 120.0]]]


def write(folder: Path, name: str = "drawings.jsonl", count: int = 150) -> str:
    """Squares in two strokes, which turn to the left or to the right: no movement says which before it is made."""
    dice, lines = random.Random(0), []
    for number in range(count):
        wide, high = dice.randint(80, 120), dice.randint(80, 120)
        turned = wide if number % 2 else -wide
        strokes = [[[0, 0], [0, high], [turned, high]], [[turned, 0], [0, 0]]]
        lines.append(json.dumps({"class": "left" if number % 2 else "right", "strokes": strokes}))
    (folder / name).write_text("\n".join(lines) + "\n")
    return str(folder / name)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sketch")
    source = write(folder)
    statewise.train(Sketch(source=source, updates=250, **SMALL), run=folder / "plain")
    statewise.train(Sketch(source=source, updates=120, **SMALL, **LATENT), run=folder / "latent")
    return folder


def test_it_beats_simple_movements_beyond_doubt(runs: Path) -> None:
    report = statewise.evaluate(runs / "plain")
    best = min(scores["nats_per_point"] for scores in report.baselines.values())
    assert report.metrics["nats_per_point"] < best, report.table()
    assert list(report.baselines) == ["one Gaussian a pen state", "bigram of movements"]
    assert report.remarks[-1].startswith("Against the best baseline (one Gaussian a pen state): -")
    assert report.remarks[-1].endswith("over drawings: better.")


def test_a_latent_model_says_its_bound_its_reconstruction_and_its_divergence(runs: Path) -> None:
    found = statewise.evaluate(runs / "latent").metrics
    per_point = 3 * found["kl"] * (found["points"] / 6) / found["points"]
    assert found["nats_per_point"] == pytest.approx(found["reconstruction_nats_per_point"] + per_point, rel=0.05)
    assert found["kl"] > 0


def test_endings_begin_at_the_last_point_in_the_users_units_and_repeat_by_seed(runs: Path) -> None:
    model = statewise.load(runs / "plain")
    first = list(model.predict(CORNER, endings=4, seed=1))
    assert [len(ending.given) for ending in first] == [1] * 4
    again = list(model.predict(CORNER, endings=4, seed=1))
    assert [one.as_json() for one in first] == [one.as_json() for one in again]
    assert len({str(one.as_json()["strokes"]) for one in first}) > 1
    assert any(one.has_ended for one in first)
    for scale in (1.0, 4.0):
        larger = [[[scale * x + 7, scale * y] for x, y in stroke] for stroke in CORNER]
        (ending,) = model.predict(larger, endings=1, temperature=0, seed=1)
        points = np.concatenate([*ending.strokes])
        moved = (points - [7, 0]) / scale
        if scale == 1.0:
            base = moved
    assert moved == pytest.approx(base, abs=0.05)


def test_strokes_may_be_given_as_json_as_a_client_of_a_server_does(runs: Path) -> None:
    model = statewise.load(runs / "plain")
    one, other = model.predict(CORNER, endings=1), model.predict(strokes=json.dumps(CORNER), endings=1)
    assert next(iter(one)).as_json() == next(iter(other)).as_json()


def test_with_the_pen_down_the_last_stroke_goes_on_from_its_last_point(runs: Path) -> None:
    model = statewise.load(runs / "plain")
    for ending in model.predict(CORNER, endings=3, pen_down=True, temperature=1.0):
        assert ending.strokes[0][0].tolist() == pytest.approx([110, 120], abs=1e-3)


def test_how_likely_a_drawing_is_is_what_it_cost_to_draw_it(runs: Path) -> None:
    model = statewise.load(runs / "plain")
    (usual,) = model.predict([[[0, 0], [0, 100], [100, 100]], [[100, 0], [0, 0]]], score=True)
    (odd,) = model.predict([[[0, 0], [90, -70], [10, 80], [100, 100]], [[5, 5], [7, 60]]], score=True)
    assert usual.nats_per_point < odd.nats_per_point
    assert usual.nats == pytest.approx(sum(usual.by_point))
    assert usual.points == 5


def test_a_drawing_ends_at_the_limit_where_the_pen_never_ends_it(tmp_path: Path) -> None:
    task = Sketch(source=write(tmp_path), sequence_length=12, **SMALL)
    data = task.prepare(tmp_path / "cache")
    model: Any = task.model(data.codec)
    with torch.no_grad():
        model.head.linear.bias[-1] = -1e9
    for drawn in task.predict(model, data.codec, endings=2):
        assert (drawn.points, drawn.has_ended) == (12, False)
        assert math.isfinite(drawn.nats)


def test_latent_numbers_draw_again_vary_and_lead_from_one_to_another(runs: Path, tmp_path: Path) -> None:
    model = statewise.load(runs / "latent")
    other = [[[0, 0], [0, 90], [90, 90]], [[90, 0], [0, 0]]]
    ask = {"class_": "right"}
    assert [one.title for one in model.predict(CORNER, reconstruct=True, **ask)] == ["reconstruction"]
    assert len(list(model.predict(CORNER, vary=3, **ask))) == 3
    one, two = (next(model.predict(CORNER, vary=count, **ask)) for count in (1, 2))
    assert all(np.allclose(a, b) for a, b in zip(one.strokes, two.strokes, strict=True)), "it hangs on how many follow"
    steps = list(model.predict((CORNER, other), interpolate=True, count=5, temperature=0, **ask))
    ends = [next(iter(model.predict(one, reconstruct=True, temperature=0, **ask))) for one in (CORNER, other)]
    assert len(steps) == 5
    for step, end in ((steps[0], ends[0]), (steps[-1], ends[1])):
        assert step.nats == pytest.approx(end.nats, rel=1e-3)
    (scored,) = model.predict(other, score=True, **ask)
    assert scored.nats > sum(scored.by_point)


@pytest.mark.parametrize("conditioned", [False, True])
def test_a_recurrence_that_is_fed_its_context_keeps_every_law_and_heeds_it_at_every_step(conditioned: bool) -> None:
    def make() -> Fed[Any]:
        part: Any = LSTM(5 + 2, 4)
        return Fed(Conditioned(part, 2) if conditioned else part, 2)

    assert all(verdict.holds for verdict in check_cell(make).values())
    fed = make()
    xs, state = torch.zeros(3, 1, 5), fed.initial(1, torch.ones(1, 2))
    other = fed.initial(1, torch.zeros(1, 2))._replace(part=state.part)
    assert not torch.equal(fed.scan(xs, state)[0][-1], fed.scan(xs, other)[0][-1])
    with pytest.raises(UsageError, match=r"a context of shape \[1, 3\] where \[1, 2\] is wanted"):
        fed.initial(1, torch.ones(1, 3))


def test_between_two_vectors_lie_points_of_the_arc() -> None:
    found = between(torch.tensor([2.0, 0.0]), torch.tensor([0.0, 2.0]), 3)
    assert found.norm(dim=1).tolist() == pytest.approx([2, 2, 2])
    assert between(torch.ones(2), torch.ones(2), 2).tolist() == [[1, 1], [1, 1]]


@pytest.mark.parametrize(
    ("run", "drawing", "how", "said"),
    [
        ("plain", [], {}, "the drawing has no point: draw a line"),
        ("plain", "cat.png", {}, "cat.png is a raster image"),
        ("plain", "nothing.svg", {}, "there is no file nothing.svg"),
        ("plain", CORNER, {"class_": "cat"}, "this run draws without a class: leave out 'cat'"),
        ("plain", CORNER, {"reconstruct": True}, "this run has no latent numbers to read a drawing to"),
        ("plain", CORNER, {"vary": 2, "score": True}, "vary and score contradict each other: ask for one"),
        ("plain", CORNER, {"temperature": -1}, "temperature -1 is below 0"),
        ("plain", CORNER, {"endings": 0}, "endings 0 is not a whole number from 1 to 1000"),
        ("plain", CORNER, {"side": 0}, "side 0 is not a length"),
        ("plain", (CORNER, CORNER), {}, "2 drawings were given: give one, or ask for interpolate or score"),
        ("plain", (), {"score": True}, "score is of a drawing: give one"),
        ("plain", (), {"strokes": "[[[0,"}, r"the strokes '\[\[\[0,' are not JSON"),
        ("plain", (), {"strokes": "3"}, "the drawing is 3: a list of strokes is wanted"),
        ("plain", CORNER, {"strokes": "[]"}, "a drawing was given and strokes as well"),
        (
            "plain",
            [[[n, 40 * (n % 2)] for n in range(300)]],
            {},
            r"the drawing has \d+ points once it is simplified, and this run",
        ),
        ("latent", CORNER, {"class_": "rigt"}, "unknown class 'rigt': did you mean 'right'?"),
        ("latent", CORNER, {}, "this run draws by class: give class_, one of left, right"),
        (
            "latent",
            CORNER,
            {"class_": "right", "interpolate": True},
            "leads from one drawing to another, and 1 drawing came: give two",
        ),
    ],
)
def test_what_cannot_be_drawn_is_said_in_one_line(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: str, drawing: Any, how: Any, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("cat.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(StatewiseError, match=said):
        list(statewise.load(runs / run).predict(drawing, **how))


def test_a_dot_and_a_drawing_of_many_points_have_endings(runs: Path) -> None:
    model = statewise.load(runs / "plain")
    assert len(list(model.predict([[[3, 4]]], endings=2))) == 2
    circle = [[[100 * math.cos(n / 3000), 100 * math.sin(n / 3000)] for n in range(20_000)]]
    assert len(list(model.predict(circle, endings=2))) == 2


def test_pictures_hold_what_was_given_and_drawn(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("corner.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg"><path fill="none" stroke="black" d="M10 20 v100 h100"/></svg>'
    )
    model = statewise.load(runs / "plain")
    answer = model.answer(("corner.svg",), endings=1, picture="one.svg", animated=True)
    assert list(answer.notices) == ["one.svg shows 1"]
    assert "ending 1: " in "".join(answer.pieces)
    root = ElementTree.parse("one.svg").getroot()
    lines = root.findall(".//{http://www.w3.org/2000/svg}polyline")
    assert lines[0].get("points") == "10,20 10,120 110,120"
    assert len(root.findall(".//{http://www.w3.org/2000/svg}animate")) == len(lines) > 1
    model.answer(("corner.svg",), picture="nine.png")
    assert Path("nine.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(UsageError, match=r"nine.gif is neither .svg nor .png"):
        model.answer(("corner.svg",), picture="nine.gif")
    with pytest.raises(UsageError, match="only an SVG draws itself"):
        model.answer(("corner.svg",), picture="nine.png", animated=True)
    told = model.answer(("corner.svg",), endings=2).as_json()["answer"]
    assert [one["title"] for one in told] == ["ending 1", "ending 2"]


def test_what_was_drawn_can_be_read_again(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    model = statewise.load(runs / "plain")
    answer = model.answer((), endings=1, picture="new.svg")
    (drawn,) = answer.as_json()["answer"]
    (scored,) = model.predict("new.svg", score=True)
    found = [stroke.tolist() for stroke in scored.given]
    assert [len(stroke) for stroke in found] == [len(stroke) for stroke in drawn["strokes"]]
    assert np.concatenate(found) == pytest.approx(np.concatenate(drawn["strokes"]), abs=1e-2)


def test_strokes_come_as_they_are_drawn_are_taken_back_forked_and_saved(runs: Path) -> None:
    model = statewise.load(runs / "plain")
    live: Any = model.live(None, side=100.0)
    first = live.push("[[0, 0], [0, 100], [100, 100]]")
    second = live.push([[100, 0], [0, 0]])
    assert (first.strokes, second.strokes) == (1, 2)
    assert first.end < second.end
    other = live.fork()
    assert other.push("undo") == first
    again: Any = model.live(live.save())
    assert again.push("undo") == first
    assert live.push("undo") == first
    for line, said in (
        ("undone", "the line 'undone' is not a stroke"),
        ("[[1]]", "has the shape"),
        ("[]", "has no point"),
    ):
        with pytest.raises(StatewiseError, match=said):
            live.push(line)
    assert live.push([[100, 0], [0, 0]]) == second
    live.push("undo")
    live.push("undo")
    with pytest.raises(UsageError, match="there is no stroke to take back"):
        live.push("undo")
    with pytest.raises(DataError, match="the saved drawing"):
        model.live(live.save()[:-1] + b"!!")


def test_a_stream_of_offsets_says_what_the_answers_say(runs: Path) -> None:
    model = statewise.load(runs / "plain")
    sheet_score = next(iter(model.predict(CORNER, score=True)))
    stream = model.stream()
    rows = offsets_of(model.codec.preparing.strokes([np.array(CORNER[0])]))
    params, nats = stream.push([0, 0, 0]), []
    for row in rows:
        target = stream.encode(row)
        nats.append(float(model.model.head.nats(params, target)))
        params = stream.push(row.tolist())
    assert nats == pytest.approx(list(sheet_score.by_point[:-1]), abs=1e-4)
    with pytest.raises(UsageError, match=r"the offset \[1, 2\] cannot be read: give \[dx, dy, lift\]"):
        stream.push([1, 2])


def test_movements_are_scored_as_scipy_scores_them() -> None:
    rows = [np.array([[1, 0, 0], [2, 1, 1], [-3, 2, 0], [1, 1, 1]], np.float32), np.array([[2, 1, 1]], np.float32)]
    method = Movements.fit(rows, sees_last=False)
    moved, before, pen = parts_of(rows[0])
    down = np.array([[1, 0], [2, 1], [1, 1], [2, 1]], float)
    mean, spread = down.mean(axis=0), np.cov(down.T, bias=True) + 1e-6 * np.eye(2)
    wanted = -sum(multivariate_normal(mean, spread).logpdf(move) for move in moved[[0, 1, 3]])
    lifted = multivariate_normal([-3, 2], 1e-6 * np.eye(2)).logpdf([-3, 2])
    odds = np.array([[2, 4, 1], [2, 1, 3]]) / np.array([[7], [6]])
    pens = -np.log(odds[[0, 0, 1, 0, 1], [0, 1, 0, 1, 2]]).sum()
    assert method.nats(moved, before, pen) == pytest.approx(wanted - lifted + pens)


def test_a_bigram_sees_the_last_movement() -> None:
    rows = [np.array([[1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 1]] * 5, np.float32) for _ in range(4)]
    turning, blind = (Movements.fit(rows, sees_last=sees).nats(*parts_of(rows[0])) for sees in (True, False))
    assert turning < blind - 20


def test_each_epoch_sees_other_forms_of_a_drawing_and_the_same_when_it_is_repeated(tmp_path: Path) -> None:
    data = Sketch(source=write(tmp_path), **SMALL).prepare(tmp_path / "cache")
    windows: Any = data.windows("training")
    one, other = windows.in_epoch(0, 0), windows.in_epoch(1, 0)
    assert torch.equal(one.inputs, windows.in_epoch(0, 0).inputs)
    assert one.inputs.shape != other.inputs.shape or not torch.equal(one.inputs, other.inputs)
    rows = np.array([[3, 1, 0], [1, 3, 0], [1, 1, 1], [5, 5, 0], [2, 2, 1]], np.float32)
    bare = thinned(rows, 0.0, 0.999, np.random.default_rng(0))
    assert bare.tolist() == [[5, 5, 1], [5, 5, 0], [2, 2, 1]]
    wide = thinned(rows, 0.15, 0.0, np.random.default_rng(0))
    assert len(set((wide[:, 0] / rows[:, 0]).round(4))) == 1


def test_the_parts_of_a_source_keep_writers_and_copies_together(tmp_path: Path) -> None:
    lines = [{"strokes": [[[0, 0], [n % 40, 90]]], "writer": f"w{n % 7}" if n < 100 else None} for n in range(300)]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    data = Sketch(source=str(path), held_out=0.3, validation=0.2, **SMALL).prepare(tmp_path / "cache")
    assert isinstance(data, SketchData)
    parts = data.drawings.parts
    assert all(len(set(parts[[n for n in range(100) if n % 7 == writer]])) == 1 for writer in range(7))
    assert all(len(set(parts[[n for n in range(100, 300) if n % 40 == copy]])) == 1 for copy in range(40))
    assert set(parts) == {0, 1, 2}
    assert data.validating().scored == "validation"


def test_classes_are_chosen_and_missing_ones_named(tmp_path: Path) -> None:
    source = write(tmp_path)
    only = Sketch(source=source, only=("left",), **SMALL).prepare(tmp_path / "cache")
    assert only.facts["left_out"] == {"of other classes": 75}
    assert only.codec.classes == ("left",)
    for settings, said in (
        ({"only": ("lef",)}, "unknown class 'lef': did you mean 'left'"),
        ({"only": ("left",), "by_class": True}, "by_class tells classes apart, and these drawings have one"),
        ({"held_out": 0.6, "validation": 0.5}, "leave nothing to learn from"),
        ({"sequence_length": 1}, "of 0 drawings none is left for the training part: give more"),
    ):
        with pytest.raises(StatewiseError, match=said):
            Sketch(source=source, **SMALL, **settings).prepare(tmp_path / "cache")


def test_other_drawings_are_scored_by_a_run(runs: Path, tmp_path: Path) -> None:
    report = statewise.evaluate(runs / "plain", write(tmp_path, "more.jsonl", 20))
    assert report.data["held_out_drawings"] == 20
    assert report.metrics["points"] == 20 * 5


def test_drawings_of_other_classes_are_counted_where_a_run_goes_by_class(runs: Path, tmp_path: Path) -> None:
    source = Path(write(tmp_path, "more.jsonl", 20))
    source.write_text(source.read_text().replace('"left"', '"cat"'))
    report = statewise.evaluate(runs / "latent", str(source))
    assert report.data["left_out"] == {"of a class that this run does not know": 10}
    assert report.data["held_out_drawings"] == 10
    source.write_text(source.read_text().replace('"right"', '"dog"'))
    with pytest.raises(DataError, match="has no drawing of a class that this run knows"):
        statewise.evaluate(runs / "latent", str(source))
    assert statewise.evaluate(runs / "plain", str(source)).data["held_out_drawings"] == 20


def test_the_divergence_counts_above_its_tolerance_and_more_with_time() -> None:
    task = Sketch(source="a.ndjson", latent=3, kl_weight=0.5, kl_tolerance=0.2, kl_first=0.01, kl_decay=0.5)
    term = torch.tensor(0.6)
    assert float(task.weighed("kl", term, 0, 0.0)) == pytest.approx(0.5 * 0.01 * 0.6)
    assert float(task.weighed("kl", term, 1, 0.0)) == pytest.approx(0.5 * (1 - 0.99 * 0.5) * 0.6)
    assert float(task.weighed("kl", torch.tensor(0.1), 99, 0.0)) == pytest.approx(0.5 * 0.2)


def test_a_difference_has_an_interval_over_drawings() -> None:
    one, other, places = np.array([3.0, 5.0, 1.0]), np.array([2.0, 2.0, 2.0]), np.array([4, 2, 6])
    mean, half = difference(one, other, places)
    assert mean == pytest.approx(3 / 12)
    assert half == pytest.approx(1.959964 * math.sqrt((0.0 + 2.5**2 + 2.5**2) * 3 / 2) / 12)
    assert difference(one[:1], other[:1], places[:1]) == (0.25, math.inf)


@pytest.mark.parametrize("cell", ["lstm", "layer_norm_lstm", "hyper_lstm"])
def test_candidates_are_lost_in_training_and_a_resumed_run_loses_the_same(cell: str, tmp_path: Path) -> None:
    task = Sketch(source=write(tmp_path, count=60), cell=cell, recurrent_dropout=0.3, updates=4, **SMALL)
    model: Any = task.model(task.prepare(tmp_path / "cache").codec)
    assert [part.rate for part in model.modules() if isinstance(part, CandidateDropout)] == [0.3]
    whole = statewise.train(task, run=tmp_path / "whole").metrics
    events = statewise.training(task, run=tmp_path / "halved")
    while not (isinstance(event := next(events), Updated) and event.update == 2):
        pass
    events.close()
    halved = statewise.resume(tmp_path / "halved").metrics
    assert halved["nats_per_point"] == whole["nats_per_point"]
    plain = statewise.train(replace(task, recurrent_dropout=0.0), run=tmp_path / "plain").metrics
    assert plain["nats_per_point"] != whole["nats_per_point"]


def test_candidates_of_a_cell_without_them_are_not_lost(tmp_path: Path) -> None:
    task = Sketch(source=write(tmp_path, count=60), cell="gru", recurrent_dropout=0.3, updates=4, **SMALL)
    with pytest.raises(UsageError, match="given a GRU where a cell with a candidate is wanted: give an LSTM"):
        statewise.train(task, run=tmp_path / "run")


@pytest.mark.parametrize("cell", ["layer_norm_lstm", "hyper_lstm", "gru"])
def test_other_cells_learn_to_draw(cell: str, tmp_path: Path) -> None:
    task = Sketch(source=write(tmp_path, count=60), cell=cell, updates=2, latent=2, reader_size=4, **SMALL)
    found = statewise.train(task, run=tmp_path / "run").metrics
    assert math.isfinite(found["nats_per_point"])
    assert len(list(statewise.load(tmp_path / "run").predict(CORNER, endings=2))) == 2
