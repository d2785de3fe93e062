"""A small network that watches movements: asked in every way, streamed, saved, cut at any place."""

import base64
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_gestures import CLASSES, RATE, clips, hands, moved, picture, sensor_table, stretches_table

import statewise
from statewise.cli.main import run as command_line
from statewise.data.video.film_writer import write_film
from statewise.errors import DataError, UsageError
from statewise.tasks.gesture.events import EventFinder, EventRules
from statewise.tasks.gesture.task import Gesture
from statewise.verbs import Trained

LEARNED: dict[str, Any] = {
    "hidden_size": 16, "batch_size": 8, "updates": 150, "threads": 1, "sample_seconds": 0, "learning_rate": 0.01,
    "warmup": 5, "dropout": 0.0,
}  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("moved")
    source = str(sensor_table(folder, people=5, each=4))
    run = statewise.train(Gesture(source=source, person="person", **LEARNED), run=folder / "run")
    assert run.report.metrics["macro_f1"] >= 0.95
    return run.load()


@pytest.fixture(scope="module")
def watching(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("watched")
    source = str(stretches_table(folder, recordings=12))
    how = {**LEARNED, "updates": 250, "sequence_length": 60}
    run = statewise.train(Gesture(source=source, held_out=0.25, **how), run=folder / "run")
    metrics = run.report.metrics
    assert metrics["macro_f1"] >= 0.85
    assert metrics["event_f1"] >= 0.8
    assert metrics["false_events_per_minute"] <= 1.0
    assert "one step alone" in run.report.baselines
    return run.load()


def long_recording(parts: list[tuple[str, float]], rate: float = RATE, seed: int = 9) -> Any:
    """Return times and samples of gestures one after another."""
    draw = np.random.default_rng(seed)
    samples = np.concatenate([moved(kind, round(seconds * rate), draw, rate) for kind, seconds in parts])
    return np.arange(len(samples)) / rate, samples


def test_a_recording_is_told_with_its_confidence_and_how_early_it_was_clear(trained: Trained) -> None:
    times, samples = long_recording([("wave", 1.5)])
    (said,) = trained.predict(samples, times=times)
    assert said.label == "wave"
    assert 0.7 < said.confidence <= 1
    assert sum(said.likely.values()) == pytest.approx(1)
    assert 0 < said.share <= 1
    assert said.decided == pytest.approx(said.share * said.seconds)
    (sooner,) = trained.predict(samples, times=times, sure=0.5)
    assert sooner.decided <= said.decided


def test_a_recording_may_be_a_table_in_memory(trained: Trained) -> None:
    _, samples = long_recording([("wave", 1.5)])
    columns = {"x": samples[:, 0].tolist(), "y": samples[:, 1].tolist(), "time": (np.arange(30) / RATE).tolist()}
    ((one,), (other,)) = trained.predict(table=columns), trained.predict(samples, times=columns["time"])
    assert one.as_json() == other.as_json()
    with pytest.raises(DataError, match="columns of equal length"):
        [*trained.predict(table={"x": [1.0], "y": []})]


def test_each_row_of_a_table_without_names_is_a_recording(trained: Trained, tmp_path: Path) -> None:
    moves = {kind: long_recording([(kind, 1.5)])[1] for kind in ("wave", "circle")}
    lines = [",".join(map(repr, samples.ravel().tolist())) for samples in moves.values()]
    for begins in ("", "7,"):  # the number of a class may stand first, and is not looked at
        (tmp_path / "rows.csv").write_text("".join(f"{begins}{line}\n" for line in lines))
        said = [*trained.predict(tmp_path / "rows.csv")]
        alone = [one for samples in moves.values() for one in trained.predict(samples)]
        assert [one.label for one in said] == [*moves]
        assert [one.as_json() for one in said] == [one.as_json() for one in alone]
    (tmp_path / "rows.csv").write_text("1,2,3,4\n1,2,a,4\n")
    with pytest.raises(DataError, match="row 2 has a cell that is not a number"):
        [*trained.predict(tmp_path / "rows.csv")]


def test_people_are_kept_apart_and_told_of(trained: Trained) -> None:
    facts = trained.task.trained_facts
    assert set(facts["training_people"]) & set(facts["held_out_people"]) == set()


@pytest.mark.parametrize("piece", [1, 3, 7, 1000])
def test_a_stream_says_what_the_whole_recording_does_however_it_is_cut(watching: Trained, piece: int) -> None:
    from statewise.tasks.gesture.answers import Watcher

    times, samples = long_recording([("none", 1.5), ("circle", 1.7), ("none", 1.5), ("nod", 1.6), ("none", 1.5)])
    (whole,) = watching.predict(samples, times=times)
    assert [event.label for event in whole.events] == ["circle", "nod"]
    watcher = Watcher(watching.model, watching.codec, EventRules())
    values, found = samples.astype(np.float32), []
    for start in range(0, len(times), piece):
        found += [
            e for step in watcher.push(times[start : start + piece], values[start : start + piece]) for e in step.events
        ]
    found += watcher.finish()
    assert [event.label for event in found] == [event.label for event in whole.events]
    ours = [(event.start, event.end, event.known, event.confidence) for event in found]
    assert np.allclose(ours, [event[1:] for event in whole.events], atol=1e-4)


def test_steps_of_a_stream_equal_those_of_a_scan(watching: Trained) -> None:
    from statewise.tasks.gesture.network import logs_of

    _, samples = long_recording([("wave", 1.7), ("none", 1.0)])
    codec = watching.codec
    steps = codec.steps(samples.astype(np.float32))
    stream = watching.stream()
    ours = np.stack([stream.push(step).double().log_softmax(dim=-1).numpy() for step in steps])
    assert np.abs(ours - logs_of(watching.model, steps)).max() < 1e-4


@pytest.mark.parametrize("rate", [15.0, 30.0, 55.0])
def test_another_rate_of_samples_gives_the_same_events(watching: Trained, rate: float) -> None:
    times, samples = long_recording([("none", 1.5), ("circle", 1.8), ("none", 1.5)], rate)
    (said,) = watching.predict(samples, times=times)
    assert [event.label for event in said.events] == ["circle"]
    (event,) = said.events
    assert abs(event.start - 1.5) < 0.6
    assert abs(event.end - 3.3) < 0.6


def test_an_empty_room_has_no_event_and_no_flicker(watching: Trained) -> None:
    times, samples = long_recording([("none", 60.0)])
    (said,) = watching.predict(samples, times=times)
    assert said.events == ()
    seen = [*watching.predict(samples, times=times, steps=True)]
    labels = [step.label for step in seen if hasattr(step, "going_on")]
    assert sum(a != b for a, b in pairwise(labels)) <= 1


def test_samples_that_come_late_are_left_out_and_counted(watching: Trained) -> None:
    times, samples = long_recording([("none", 1.5), ("nod", 1.7), ("none", 1.5)])
    mixed = times.copy()
    mixed[[20, 40]] = mixed[[19, 38]]
    (said,) = watching.predict(samples, times=mixed)
    assert said.left_out == 2
    assert [event.label for event in said.events] == ["nod"]
    holes = times.copy()
    holes[[10, 11, 50]] = np.nan
    (said,) = watching.predict(samples, times=holes)
    assert [event.label for event in said.events] == ["nod"]


def test_time_that_jumps_or_is_nowhere_is_refused(watching: Trained) -> None:
    times, samples = long_recording([("nod", 1.0)])
    with pytest.raises(DataError, match="time jumps by 86,4"):
        [*watching.predict(samples, times=np.where(times < 0.5, times, times + 86_400))]
    with pytest.raises(DataError, match="no time at any sample"):
        [*watching.predict(samples, times=np.full(len(times), np.nan))]
    with pytest.raises(UsageError, match="give one for each"):
        [*watching.predict(samples, times=times[1:])]


def test_a_single_sample_and_a_missing_sensor_have_an_answer(trained: Trained) -> None:
    (said,) = trained.predict(np.array([[0.1, 0.2]]))
    assert said.label in CLASSES
    _, samples = long_recording([("nod", 1.5)])
    samples[:, 0] = np.nan
    (said,) = trained.predict(samples)
    assert np.isfinite(said.confidence)
    samples[:] = np.nan
    (said,) = trained.predict(samples)
    assert np.isfinite(said.confidence)


def test_a_recording_of_other_numbers_is_refused_in_one_line(trained: Trained, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has 3 numbers in a sample, and this run reads 2"):
        [*trained.predict(np.zeros((4, 3)))]
    with pytest.raises(DataError, match="no sample"):
        [*trained.predict(np.zeros((0, 2)))]
    (tmp_path / "a.csv").write_text("time,x,y\n")
    with pytest.raises(DataError, match="no sample"):
        [*trained.predict(tmp_path / "a.csv")]
    (tmp_path / "a.csv").write_text("time,x,z\n0,1,2\n")
    with pytest.raises(DataError, match=r"no column y.*: it reads x, y"):
        [*trained.predict(tmp_path / "a.csv")]
    with pytest.raises(UsageError, match="a film was given"):
        [*trained.predict(b"GIF89a")]
    with pytest.raises(UsageError, match="give one recording"):
        [*trained.predict()]


def test_live_samples_are_saved_and_gone_on_from_to_the_same_events(watching: Trained) -> None:
    times, samples = long_recording([("none", 1.5), ("circle", 1.7), ("none", 1.5)])
    lines = [json.dumps({"time": t, "values": v.tolist()}) for t, v in zip(times, samples, strict=True)]
    whole, found = watching.live(), []
    said = [whole.push(line) for line in lines] + [whole.push("finish")]
    other = watching.live()
    for number, line in enumerate(lines):
        if number in (7, 45, 60):
            other = watching.live(other.save())
        found.append(other.push(line))
    found.append(other.push("finish"))
    assert [one.as_json() for one in found] == [one.as_json() for one in said]
    assert [event.label for one in said for event in one.events] == ["circle"]


def test_what_is_saved_of_a_live_watch_does_not_grow(watching: Trained) -> None:
    live, sizes = watching.live(), set[int]()
    _, samples = long_recording([("none", 60.0)])
    for number, sample in enumerate(samples):
        live.push(sample.tolist())
        if number > 10 and number % 200 == 0:
            sizes.add(len(live.save()))
    assert max(sizes) - min(sizes) < 64  # numbers are written with their digits


@pytest.mark.parametrize(
    "line", ["", "x", "1,2,3,4", "[1]", '{"time": 1}', '{"values": [1, 2], "what": 3}', "[[1, 2]]"]
)
def test_a_line_that_is_no_sample_is_refused_and_changes_nothing(watching: Trained, line: str) -> None:
    live = watching.live()
    live.push([0.5, 0.5])
    before = live.save()
    with pytest.raises(UsageError, match=r"cannot be read: give a sample of 2 numbers"):
        live.push(line)
    assert live.save() == before


def test_a_line_may_be_json_or_numbers_between_commas_with_or_without_a_time(watching: Trained) -> None:
    one, other = watching.live(), watching.live()
    said = [one.push(line) for line in ("[0.5, null]", '{"time": 0.05, "values": [0.5, 0.1]}')]
    same = [other.push(line) for line in ("0,0.5,", "0.05, 0.5, 0.1")]
    assert [a.as_json() for a in said] == [b.as_json() for b in same]


def test_saved_bytes_of_something_else_are_refused(trained: Trained, watching: Trained) -> None:
    with pytest.raises(DataError):
        watching.live(b"nothing")
    live = trained.live()
    live.push([0.5, 0.5])
    with pytest.raises(DataError):
        watching.live(live.save())


def test_landmarks_are_mirrored_and_a_hand_that_is_not_seen_is_masked(tmp_path: Path) -> None:
    source = str(hands(tmp_path / "hands", each=10))
    run = statewise.train(Gesture(source=source, mirror=True, **LEARNED), run=tmp_path / "run")
    trained = run.load()
    assert trained.codec.kind == "landmarks"
    samples = np.load(tmp_path / "hands" / "nod" / "0.npy")
    mirrored = samples.copy()
    mirrored[:, 0::3] = np.where(samples[:, 0::3] == 0, 0, 1 - samples[:, 0::3])
    ((one,), (other,)) = trained.predict(samples), trained.predict(mirrored)
    assert one.label == other.label == "nod"
    unseen = samples.copy()
    unseen[3] = 0.0
    missing = samples.copy()
    missing[3] = np.nan
    ((one,), (other,)) = trained.predict(unseen), trained.predict(missing)
    assert one.as_json() == other.as_json()


def test_a_network_that_reads_both_ways_is_scored_and_says_that_it_cannot_stream(tmp_path: Path) -> None:
    source = str(sensor_table(tmp_path))
    how = {**LEARNED, "updates": 60}
    run = statewise.train(Gesture(source=source, two_way=True, layers=2, **how), run=tmp_path / "run")
    trained = run.load()
    assert run.report.metrics["macro_f1"] > 0.5
    (said,) = trained.predict(tmp_path / "asked.csv")
    assert said.label in CLASSES
    for use in (trained.live, trained.stream, lambda: [*trained.predict(tmp_path / "asked.csv", steps=True)]):
        with pytest.raises(UsageError, match="reads both ways cannot stream"):
            use()


def test_clips_are_watched_from_files_bytes_frames_and_lines(tmp_path: Path) -> None:
    source = clips(tmp_path / "clips", each=12)
    how = {**LEARNED, "updates": 80, "height": 16, "embedding": 12}
    run = statewise.train(Gesture(source=str(source), held_out=0.25, **how), run=tmp_path / "run")
    trained = run.load()
    path = source / "nod" / "3.mp4"
    (said,) = trained.predict(path)
    assert said.label == "nod"
    (again,) = trained.predict(film=base64.b64encode(path.read_bytes()).decode())
    assert again.as_json() == said.as_json()
    frames = np.stack([picture(0, 0)] * 5)
    with pytest.raises(UsageError, match="5 frames were given with 3 times"):
        [*trained.predict(frames, times=np.arange(3) / 10)]
    live = trained.live()

    write_film(tmp_path / "one.gif", [picture(0, 0)], [0.0])
    seen = live.push(base64.b64encode((tmp_path / "one.gif").read_bytes()).decode())
    assert len(seen.steps) == 1
    with pytest.raises(UsageError, match="cannot be read"):
        live.push("####")
    for name in ("empty.mp4", "text.mp4"):
        (tmp_path / name).write_bytes(b"" if name == "empty.mp4" else b"hello" * 50)
        with pytest.raises(DataError, match="is not a film that can be read"):
            [*trained.predict(tmp_path / name)]


def test_the_command_line_draws_confusions_and_what_moved_a_decision(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = sensor_table(tmp_path)
    how = ["--updates", "40", "--hidden-size", "8", "--threads", "1", "--quiet", "--run", str(tmp_path / "run")]
    assert command_line(["train", "gesture", str(source), "--person", "person", *how]) == 0
    run, picture, moved_by = (str(tmp_path / name) for name in ("run", "wrong.svg", "why.svg"))
    assert command_line(["evaluate", run, "--confusions", picture, "--quiet"]) == 0
    assert "was there" in Path(picture).read_text()
    capsys.readouterr()
    assert command_line(["predict", run, str(tmp_path / "asked.csv"), "--why", moved_by, "--json"]) == 0
    (said,) = json.loads(capsys.readouterr().out)["answer"]
    assert said["label"] in CLASSES
    assert "<svg" in Path(moved_by).read_text()
    assert command_line(["evaluate", run, "--confusions", "wrong.jpg"]) == 2


def test_each_person_is_left_out_in_turn(tmp_path: Path) -> None:
    from statewise.tasks.gesture.people import leave_each_person_out

    how = {**LEARNED, "updates": 30}
    task = Gesture(source=str(sensor_table(tmp_path, people=3)), person="person", **how)
    found = [*leave_each_person_out(task, tmp_path / "runs")]
    assert [one.person for one in found] == ["p0", "p1", "p2"]
    for person, report in found:
        assert report.data["held_out_people"] == [person]
        assert list(report.tables["By person"]) == [person]
    with pytest.raises(UsageError, match="0 people are known"):
        next(leave_each_person_out(Gesture(source=task.source, **how), tmp_path / "other"))


def test_events_have_hysteresis_a_least_duration_and_a_time_between_them() -> None:
    def events(chances: list[float], **how: float) -> list[tuple[str, float, float]]:
        finder = EventFinder(("none", "wave"), 0, EventRules(smooth=0.0, **how))
        found = [e for n, p in enumerate(chances) for e in finder.push(n / 10, np.array([1 - p, p]))]
        return [(e.label, e.start, e.end) for e in [*found, *finder.finish()]]

    one = [0.1] * 3 + [0.8, 0.5, 0.8, 0.5, 0.8] + [0.1] * 3
    assert events(one) == [("wave", 0.3, 0.8)]  # between off and on it goes on
    assert len(events(one, off=0.6, refractory=0.0, least=0.0)) == 3
    assert events(one, off=0.6, refractory=5.0, least=0.0) == [("wave", 0.3, 0.4)]
    assert events([0.1, 0.9, 0.1, 0.1]) == []  # a tenth of a second is none
    assert events([0.1, 0.5, 0.5, 0.9, 0.9, 0.1]) == [("wave", 0.1, 0.5)]  # it began as it rose
    assert events([0.1, 0.9, 0.9, 0.9]) == [("wave", 0.1, 0.3)]  # one that goes on at the end
    with pytest.raises(UsageError, match="give probabilities"):
        EventRules(on=0.3, off=0.5)
