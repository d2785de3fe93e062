"""A small network sounds films: strokes where things land, the same by the same seed, as loud as wished."""

import base64
import io
import json
import re
import wave
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from made_films import (
    RATE,
    SOUND_RATE,
    fallen,
    made,
    sounding_films,
)
from sound_fixtures import film, trained

from statewise.cli.main import run as command_line
from statewise.data.audio.integrated_loudness import LoudnessMeter
from statewise.data.sounding.film_hits import read_hits
from statewise.data.video.film import Film
from statewise.data.video.film_sound import picture_span
from statewise.errors import DataError, UsageError
from statewise.tasks.sound.strokes import StrokeMade
from statewise.underway import returned
from statewise.verbs import Trained

FIXTURES = film, trained


def test_a_stroke_is_told_and_heard_where_the_square_lands(trained: Trained, film: Path) -> None:
    *strokes, sound = trained.predict(str(film))
    assert all(isinstance(one, StrokeMade) for one in strokes)
    assert sound.strokes == tuple(strokes)
    assert min(abs(one.seconds - 0.62) for one in strokes) < 0.06
    assert len(sound.samples) == round(SOUND_RATE * picture_span(Film(film)).seconds)
    loud = np.abs(sound.samples)
    assert abs(int(np.argmax(loud > 0.3 * loud.max())) / SOUND_RATE - 0.62) < 0.08


def test_strokes_are_written_as_a_table_that_training_reads(trained: Trained, film: Path, tmp_path: Path) -> None:
    sound = made(trained, str(film), events=str(tmp_path / "events.csv"), wav=str(tmp_path / "a.wav"))
    hits = read_hits(tmp_path / "events.csv")
    assert [hit.material for hit in hits] == [one.material for one in sound.strokes]
    assert [hit.seconds for hit in hits] == pytest.approx([one.seconds for one in sound.strokes], abs=1e-4)


def test_the_same_seed_gives_the_same_samples(trained: Trained, film: Path) -> None:
    for way in ("retrieval", "parametric"):
        one, same, other = (made(trained, str(film), way=way, seed=seed).samples for seed in (3, 3, 4))
        assert np.array_equal(one, same)
        assert way == "retrieval" or not np.array_equal(one, other)


def test_gain_and_loudness_are_as_wished(trained: Trained, film: Path) -> None:
    plain, soft = (made(trained, str(film), gain=gain).samples for gain in (-6.0, -26.0))
    assert np.abs(soft).max() == pytest.approx(np.abs(plain).max() / 10, rel=1e-4)
    loud = made(trained, str(film), loudness=-40.0).samples
    meter = LoudnessMeter(SOUND_RATE)
    meter.push(loud)
    assert meter.lufs() == pytest.approx(-40, abs=0.5)
    assert np.abs(made(trained, str(film), gain=60.0).samples).max() < 1.0


def test_silence_where_nothing_moves(trained: Trained) -> None:
    still = np.full((40, 16, 16, 3), 40, np.uint8)
    for way in ("retrieval", "parametric"):
        sound = made(trained, still, way=way)
        assert sound.strokes == ()
        assert np.abs(sound.samples).max() < 0.01
        assert len(sound.samples) == round(SOUND_RATE * 40 / 25)


def only_sound(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4000), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 8000
        container.mux([*stream.encode(frame), *stream.encode(None)])


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda path: path.write_bytes(b""), "empty|not a film"),
        (lambda path: path.write_bytes(b"not a film" * 99), "not a film that can be read"),
        (only_sound, "has no pictures, only sound or data"),
        (lambda path: None, "cannot read"),
    ],
)
def test_what_is_no_film_is_refused_in_one_line(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str], make: Any, told: str
) -> None:
    path = tmp_path / "asked.mp4"
    make(path)
    assert command_line(["predict", str(trained.path), str(path), "--wav", str(tmp_path / "a.wav")]) == 2
    said = capsys.readouterr().err.strip()
    assert len(said.splitlines()) == 1
    assert re.search(told, said)
    assert not (tmp_path / "a.wav").exists()


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"out": "a.gif"}, "ends in none of .mp4"),
        ({"wav": "a.mp3"}, "does not end in .wav"),
        ({"wav": "a.wav", "events": "a.wav"}, "named for two things"),
        ({"gain": 100.0}, "out of bounds: give -60 to 60 decibels"),
        ({"loudness": 3.0}, "give -70 to 0 LUFS"),
        ({"sure": 1.5}, "sure 1.5 is not a probability"),
        ({"tone": -1.0}, "tone -1 is not a share"),
        ({"seed": -1}, "seed -1 is out of bounds"),
        ({"way": "magic"}, "way magic is not known"),
        ({"existing": "drop"}, "existing drop is not known"),
    ],
)
def test_wishes_that_cannot_be_are_refused(trained: Trained, how: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        list(trained.predict(fallen("wood", 0.5), **how))


def test_frames_in_memory_become_no_film_and_a_film_is_not_written_over_itself(trained: Trained, film: Path) -> None:
    with pytest.raises(UsageError, match="give wav instead of out"):
        list(trained.predict(fallen("wood", 0.5), out="a.mp4"))
    content = film.read_bytes()
    for name in ("out", "events"):
        with pytest.raises(UsageError, match=f"is the film itself.*another {name}"):
            list(trained.predict(str(film), **{name: str(film)}))
    assert film.read_bytes() == content


def test_the_command_line_says_each_stroke_and_what_is_written(
    trained: Trained, film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wav = tmp_path / "a.wav"
    assert command_line(["predict", str(trained.path), str(film), "--wav", str(wav), "--sure", "0.2"]) == 0
    *strokes, told, written = capsys.readouterr().out.splitlines()
    assert told.startswith("1.0")
    assert written == f"{wav} written"
    assert all("strength" in line for line in strokes)
    assert command_line(["predict", str(trained.path), str(film), "--json"]) == 0
    (answer,) = json.loads(capsys.readouterr().out)["answer"]
    with wave.open(io.BytesIO(base64.b64decode(answer["wav"]))) as opened:
        assert opened.getnframes() == round(answer["seconds"] * SOUND_RATE)


def test_a_film_that_takes_long_says_how_far_it_is(
    trained: Trained, film: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("statewise.cli.use.LINE_SECONDS", 0.0)
    assert command_line(["predict", str(trained.path), str(film)]) == 0
    said = capsys.readouterr().err.splitlines()
    assert "50% done" in said
    assert [int(line.split("%")[0]) for line in said if line.endswith("done")] == sorted(
        int(line.split("%")[0]) for line in said if line.endswith("done")
    )
    assert command_line(["predict", str(trained.path), str(film), "--quiet"]) == 0
    assert capsys.readouterr().err == ""


def test_how_likely_a_stroke_must_be_is_found_on_the_part_for_checks_alone(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = str(sounding_films(tmp_path / "seen", 24, as_arrays=True))
    task: Any = replace(trained.task, source=source, validation=0.5, untimed=RATE)  # type: ignore[call-arg]
    data = task.prepare(tmp_path / "cache")
    found = returned(task.calibrate(trained.model, data))
    assert found is not None
    scores = {}
    for sure in (found["sure"], 0.02, 0.6):
        scores[sure] = returned(task.score(trained.model, data.validating(), sure=sure)).metrics["onset_f1"]
    assert scores[found["sure"]] == pytest.approx(found["onset_f1"])
    assert max(scores.values()) == scores[found["sure"]]
    few = replace(task, validation=0.1).prepare(tmp_path / "cache")
    assert len(few.clips.numbers("validation")) < 10
    assert returned(task.calibrate(trained.model, few)) is None  # a few strokes say nothing
    known = task.calibrated_by({"sure": 0.6, "onset_f1": 1.0})
    own, said = (returned(known.score(trained.model, data, **how)).metrics for how in ({}, {"sure": 0.6}))
    assert own == said
    assert task.calibrated_by(found).live(trained.model, trained.codec).watcher.finder.sure == found["sure"]
    without = replace(task, validation=0.0).prepare(tmp_path / "cache")
    assert returned(task.calibrate(trained.model, without)) is None
    with pytest.raises(DataError, match=r"calibration\.json is not that of sound"):
        list(task.calibrated_by({"sure": 7}).predict(trained.model, trained.codec, fallen("wood", 0.5)))
