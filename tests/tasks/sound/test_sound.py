"""A small network sounds films: on the command line, from Python, as frames come, and of films as people have them."""

import base64
import io
import json
import re
import wave
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from made_films import KINDS, RATE, SOUND_RATE, click, fallen, one_film, sounding_films

import statewise
from statewise.cli.main import run as command_line
from statewise.data.audio.integrated_loudness import LoudnessMeter
from statewise.data.sounding.film_hits import read_hits
from statewise.data.video.film import Film, Look
from statewise.data.video.film_sound import picture_span, sound_of, sound_pieces
from statewise.data.video.film_writer import write_film
from statewise.errors import DataError, UsageError
from statewise.tasks.sound.answers import FilmSound
from statewise.tasks.sound.strokes import StrokeMade
from statewise.verbs import Trained

LEARNED: dict[str, Any] = {
    "height": 16, "embedding": 16, "hidden_size": 24, "rate": SOUND_RATE, "bands": 8, "highest": 4000.0,
    "batch_size": 6, "updates": 220, "threads": 1, "sample_seconds": 0, "learning_rate": 0.008, "warmup": 5,
    "dropout": 0.0, "shift": 0, "validation": 0.0, "look_ahead": 0.15, "light": 0.0,
}  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("sounding")
    source = str(sounding_films(folder / "seen", 14))
    run = statewise.train(statewise.Sound(source=source, **LEARNED), run=folder / "run")
    metrics = run.report.metrics
    assert metrics["onset_f1"] >= 0.6
    assert metrics["timing_error_ms"] <= 40
    assert metrics["loudness_correlation"] >= 0.5
    assert set(run.report.baselines) == {
        "mean",
        "nearest frame",
        "changes of motion, random sounds",
        "linear filter of the frames",
        "another clip's sound",
    }
    return run.load()


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return one_film(tmp_path / "asked.mp4", "metal", 0.62)


def made(trained: Trained, film: Any, **how: Any) -> Any:
    *_, last = trained.predict(film, **how)
    assert isinstance(last, FilmSound)
    return last


def decoded(path: Path, rate: int = SOUND_RATE) -> Any:
    return np.concatenate(list(sound_pieces(Film(path), rate, picture_span(Film(path)).start)))


def packets(path: Path) -> list[tuple[int, bytes]]:
    with av.open(str(path)) as container:
        return [(round(1000 * p.pts * p.time_base), bytes(p)) for p in container.demux(video=0) if p.pts is not None]


def test_a_stroke_is_told_and_heard_where_the_square_lands(trained: Trained, film: Path) -> None:
    *strokes, sound = trained.predict(str(film))
    assert all(isinstance(one, StrokeMade) for one in strokes)
    assert sound.strokes == tuple(strokes)
    assert min(abs(one.seconds - 0.62) for one in strokes) < 0.06
    assert len(sound.samples) == round(SOUND_RATE * picture_span(Film(film)).seconds)
    loud = np.abs(sound.samples)
    assert abs(int(np.argmax(loud > 0.3 * loud.max())) / SOUND_RATE - 0.62) < 0.08


@pytest.mark.parametrize("way", ["retrieval", "parametric"])
def test_the_pictures_of_the_film_are_untouched_and_its_sound_is_as_long(
    trained: Trained, film: Path, tmp_path: Path, way: Any
) -> None:
    out, wav = tmp_path / "out.mp4", tmp_path / "out.wav"
    sound = made(trained, str(film), out=str(out), wav=str(wav), way=way)
    assert sound.files == (str(out), str(wav))
    assert sound.samples is None
    assert packets(out) == packets(film)
    with wave.open(str(wav)) as opened:
        frames, rate = opened.getnframes(), opened.getframerate()
    assert rate == SOUND_RATE
    assert abs(frames / rate - picture_span(Film(film)).seconds) < 1 / rate
    assert abs(len(decoded(out)) - frames) <= 1024
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("ending", [".mkv", ".mov"])
def test_films_of_other_endings_are_written(trained: Trained, film: Path, tmp_path: Path, ending: str) -> None:
    out = tmp_path / f"out{ending}"
    made(trained, str(film), out=str(out))
    assert [content for _, content in packets(out)] == [content for _, content in packets(film)]


def test_pictures_that_do_not_fit_an_ending_are_refused_and_nothing_is_left(
    trained: Trained, film: Path, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=r"cannot be put into \.webm .*\.mkv"):
        made(trained, str(film), out=str(tmp_path / "out.webm"))
    assert not (tmp_path / "out.webm").exists()
    assert not list(tmp_path.glob(".*"))


def test_sound_that_is_there_is_replaced_or_kept_as_the_first_track(
    trained: Trained, film: Path, tmp_path: Path
) -> None:
    for existing, tracks in (("replace", 1), ("keep", 2)):
        out = tmp_path / f"{existing}.mkv"
        made(trained, str(film), out=str(out), existing=existing)
        with av.open(str(out)) as container:
            assert len(container.streams.audio) == tracks
    kept, own = (np.abs(decoded(path)) for path in (tmp_path / "keep.mkv", film))
    assert kept.max() == pytest.approx(own.max(), rel=0.1)
    assert abs(int(np.argmax(kept > 0.2)) - int(np.argmax(own > 0.2))) < 0.005 * SOUND_RATE


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


@pytest.mark.parametrize("way", ["retrieval", "parametric"])
@pytest.mark.parametrize("cut", [0, 1, 9, 19])
def test_frames_as_they_come_sound_as_the_whole_film_also_after_a_save(trained: Trained, way: Any, cut: int) -> None:
    frames, times = fallen("wood", 0.55), np.arange(20) / RATE
    whole = made(trained, frames, times=times, way=way, sure=0.1)
    live, parts, strokes = trained.live(way=way, sure=0.1), [], []
    for number, (time, frame) in enumerate(zip(times, frames, strict=True)):
        if number == cut:
            live = trained.live(live.save(), way=way, sure=0.1)
        said = live.push({"time": float(time), "image": frame})
        parts.append(said.samples)
        strokes += said.strokes
        assert said.seconds >= time - said.delay
    last = live.push("finish")
    found = np.concatenate([*parts, last.samples])
    assert len(found) == len(whole.samples)
    assert np.array_equal(found * np.float32(10 ** (whole.decibels / 20)), whole.samples)
    assert (*strokes, *last.strokes) == whole.strokes


def png(frame: Any) -> str:
    with io.BytesIO() as file:
        with av.open(file, "w", format="image2pipe") as container:
            stream = container.add_stream("png", rate=1)
            stream.width, stream.height, stream.pix_fmt = 16, 16, "rgb24"
            for packet in [*stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")), *stream.encode(None)]:
                container.mux(packet)
        return base64.b64encode(file.getvalue()).decode()


def test_frames_in_base_64_are_watched_and_sound_is_answered(trained: Trained) -> None:
    live, frames = trained.live(), fallen("metal", 0.5)
    for number, frame in enumerate(frames):
        said = live.push(png(frame) if number % 2 else json.dumps({"time": number / RATE, "image": png(frame)}))
    told = said.as_json()
    assert told["rate"] == SOUND_RATE
    assert len(base64.b64decode(told["sound"])) == 2 * len(said.samples)
    assert live.push("restart").seconds == 0


@pytest.mark.parametrize("given", ["", "no", "{}", '{"image": 3}', '{"time": "now", "image": ""}', '{"sound": 1}', 7])
def test_what_is_no_frame_is_refused_and_changes_nothing(trained: Trained, given: Any) -> None:
    live = trained.live()
    live.push({"time": 0.0, "image": fallen("wood", 0.5)[0]})
    before = live.save()
    with pytest.raises((UsageError, DataError)):
        live.push(given)
    assert live.save() == before


@pytest.mark.parametrize("saved", [b"", b"nonsense" * 99])
def test_damaged_states_are_refused(trained: Trained, saved: bytes) -> None:
    with pytest.raises(DataError):
        trained.live(saved)


def test_the_state_of_one_way_is_not_gone_on_in_the_other(trained: Trained) -> None:
    live = trained.live(way="parametric")
    live.push({"time": 0.0, "image": fallen("wood", 0.5)[0]})
    with pytest.raises(DataError, match="the saved sound is damaged, or is something else"):
        trained.live(live.save(), way="retrieval")


def odd_film(path: Path, form: str = "yuv444p", width: int = 21, height: int = 17, first: float = 0.0) -> Path:
    frames = fallen("wood", 0.6, size=max(width, height))[:, :height, :width]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=20)
        stream.width, stream.height, stream.pix_fmt = width, height, form
        stream.codec_context.time_base = Fraction(1, 1000)
        for number, frame in enumerate(frames):
            shown = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24").reformat(format=form)
            shown.pts, shown.time_base = round(1000 * (first + number / RATE)), Fraction(1, 1000)
            container.mux(stream.encode(shown))
        container.mux(stream.encode(None))
    return path


def test_odd_sizes_and_full_colors_are_kept(trained: Trained, tmp_path: Path) -> None:
    film, out = odd_film(tmp_path / "odd.mkv"), tmp_path / "out.mkv"
    made(trained, str(film), out=str(out))
    assert [content for _, content in packets(out)] == [content for _, content in packets(film)]
    facts = Film(out).facts()
    assert (facts.height, facts.width) == (17, 21)


def test_a_first_time_stamp_that_is_not_nought_is_kept_and_sound_begins_there(trained: Trained, tmp_path: Path) -> None:
    film, out = odd_film(tmp_path / "late.mkv", "yuv420p", 16, 16, first=5.0), tmp_path / "out.mkv"
    sound = made(trained, str(film), out=str(out))
    assert [time for time, _ in packets(out)] == [time for time, _ in packets(film)]
    assert packets(out)[0][0] == 5000
    with av.open(str(out)) as container:
        first = next(float(p.pts * p.time_base) for p in container.demux(audio=0) if p.pts is not None)
        assert first == pytest.approx(5.0, abs=0.03)
    assert sound.seconds == pytest.approx(1.0, abs=0.06)


def test_a_turned_film_stays_turned(trained: Trained, tmp_path: Path) -> None:
    film, out = tmp_path / "turned.mp4", tmp_path / "out.mp4"
    write_film(film, list(fallen("wood", 0.6)[:, :, :12]), [n / RATE for n in range(20)], turned=90)
    made(trained, str(film), out=str(out))
    assert Film(out).facts()[:2] == Film(film).facts()[:2] == (12, 16)
    assert np.array_equal(next(Film(out).frames()).picture, next(Film(film).frames()).picture)


def test_strokes_of_uneven_frames_come_at_their_times(trained: Trained, tmp_path: Path) -> None:
    path, draw = tmp_path / "uneven.mp4", np.random.default_rng(0)
    frames, times = fallen("metal", 0.6, rate=60.0), np.arange(60) / 60
    kept = np.flatnonzero(draw.random(60) < 0.45)
    write_film(path, list(frames[kept]), times[kept].tolist())
    strokes = made(trained, str(path)).strokes
    assert min((abs(one.seconds + times[kept[0]] - 0.6) for one in strokes), default=1.0) < 0.12


@pytest.mark.parametrize(("first", "count", "is_read"), [(200, 400, True), (300, 800, False)])
def test_a_film_that_is_broken_in_the_middle_is_sounded_for_its_whole_length_or_refused(
    trained: Trained, film: Path, tmp_path: Path, first: int, count: int, is_read: bool
) -> None:
    content = bytearray(film.read_bytes())
    place = content.find(b"mdat") + first
    content[place : place + count] = bytes(count)
    path = tmp_path / "broken.mp4"
    path.write_bytes(bytes(content))
    if is_read:
        assert made(trained, str(path)).seconds == pytest.approx(picture_span(Film(film)).seconds, abs=0.06)
    else:
        with pytest.raises(DataError, match="has no frame that can be read"):
            made(trained, str(path))


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


def test_one_frame_is_sounded_for_as_long_as_it_is_shown(trained: Trained) -> None:
    sound = made(trained, fallen("wood", 0.5)[:1])
    assert len(sound.samples) == round(SOUND_RATE / 25)


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
    with pytest.raises(UsageError, match="is the film itself"):
        list(trained.predict(str(film), out=str(film)))
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


def test_clips_without_sound_or_with_one_frame_or_silent_are_named_and_counted(tmp_path: Path) -> None:
    folder = sounding_films(tmp_path / "seen", 6)
    write_film(folder / "mute.mp4", list(fallen("wood", 0.5)), [n / RATE for n in range(20)])
    write_film(folder / "single.mp4", list(fallen("wood", 0.5)[:1]), [0.0])
    write_wave_file(folder / "single.wav", click("wood", 0.5))
    np.save(folder / "hushed.npy", fallen("wood", 0.5))
    write_wave_file(folder / "hushed.wav", np.zeros(9000, np.float32))
    np.save(folder / "alone.npy", fallen("wood", 0.5))
    (folder / "torn.mp4").write_bytes(b"torn")
    data = small(folder).prepare(tmp_path / "cache")
    assert data.facts["left_out"] == {"without sound": 2, "that cannot be read": 2, "that are silent": 1}
    told = "\n".join(data.notices)
    assert "2 clips left out: without sound (the first: alone.npy)" in told
    assert "has one frame only" in told or "torn.mp4" in told
    assert sum(data.facts[part] for part in ("training", "validation", "held_out")) == 6


def write_wave_file(path: Path, samples: Any, rate: int = SOUND_RATE) -> None:
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes((samples * 32767).astype("<i2").tobytes())


def small(source: Path, **how: Any) -> Any:
    given = {"height": 8, "embedding": 4, "rate": 9000, "bands": 4, "highest": 4000.0, "pieces": 4, "hidden_size": 4}
    return statewise.Sound(source=str(source), **{**given, **how})


@pytest.mark.parametrize(("rate", "seconds"), [(8000, 0.4), (8000, 1.7), (44_100, 1.0)])
def test_sound_of_another_rate_or_length_is_cut_or_followed_by_silence(
    tmp_path: Path, rate: int, seconds: float
) -> None:
    folder = tmp_path / "seen"
    folder.mkdir()
    for number in range(5):
        np.save(folder / f"{number}.npy", fallen("wood", 0.3 + number / 50))
        write_wave_file(folder / f"{number}.wav", click("wood", 0.2 + number / 50, seconds, rate), rate)
    data = small(folder, untimed=20.0).prepare(tmp_path / "cache")
    assert {one.cells for one in data.clips.told} == {90}
    assert {one.seconds for one in data.clips.told} == {1.0}
    (number,) = data.clips.numbers("held_out")[:1]
    (at, _, material) = data.clips.told[number].hits[0]
    assert 0.17 < at < 0.32
    assert material == -1
    assert data.codec.goes_on


def test_sound_that_begins_later_than_the_picture_stays_late(tmp_path: Path) -> None:
    from statewise.data.video.film_muxing import write_with_sound

    silent, path = tmp_path / "silent.mp4", tmp_path / "late.mkv"
    write_film(silent, list(fallen("wood", 0.5)), [n / RATE for n in range(20)])
    tone = np.full(4000, 0.5, np.float32)
    write_with_sound(Film(silent), path, iter([tone]), 8000, 0.4, keep=False)
    samples = sound_of(Film(path), 9000, 0.0, 1.0)
    assert samples is not None
    assert np.flatnonzero(np.abs(samples) > 0.2)[0] / 9000 == pytest.approx(0.4, abs=0.02)
    assert len(samples) == 9000


def test_folders_of_parts_are_the_parts_and_equal_clips_are_on_one_side(tmp_path: Path) -> None:
    for part, count in (("train", 4), ("validation", 2), ("test", 3)):
        sounding_films(tmp_path / "seen" / part, count, as_arrays=True)
    data = small(tmp_path / "seen").prepare(tmp_path / "cache")
    assert [data.facts[part] for part in ("training", "validation", "held_out")] == [4, 2, 3]
    folder = sounding_films(tmp_path / "twice", 4, as_arrays=True)
    for path in sorted(folder.iterdir()):
        (folder / f"again_{path.name}").write_bytes(path.read_bytes())
    twice = small(folder, held_out=0.3).prepare(tmp_path / "cache").clips
    part_of: dict[str, set[str]] = {}
    for one in twice.told:
        part_of.setdefault(one.name.removeprefix("again_"), set()).add(one.part)
    assert all(len(parts) == 1 for parts in part_of.values())


def test_the_layout_of_the_greatest_hits_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "hits"
    folder.mkdir()
    for number in range(10):
        kind, name = ("wood", "metal")[number % 2], f"2015-02-16-{number}"
        one_film(folder / f"{name}_mic.mp4", kind, 0.5 + number / 50)
        (folder / f"{name}_mic.csv").unlink()
        write_wave_file(folder / f"{name}_denoised.wav", click(kind, 0.5))
        (folder / f"{name}_times.txt").write_text(f"0.5 {kind} hit static\n0.8 None None None\n")
    data = small(folder).prepare(tmp_path / "cache")
    assert data.codec.materials == ("metal", "wood")
    assert {len(one.hits) for one in data.clips.told} == {2}


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"rate": 16_000}, "rate 16,000 is not a multiple of 90"),
        ({"highest": 6000.0}, "cannot be heard at 9,000 samples a second"),
        ({"held_out": 0.6, "validation": 0.4}, "leave nothing to learn from"),
        ({"held_out": 0.85}, "would be kept from training"),
    ],
)
def test_settings_that_cannot_be_are_refused(tmp_path: Path, how: dict[str, Any], told: str) -> None:
    folder = sounding_films(tmp_path / "seen", 5, as_arrays=True)
    with pytest.raises(UsageError, match=told):
        small(folder, **how).prepare(tmp_path / "cache")


def test_a_folder_without_sounding_films_says_what_is_wanted(tmp_path: Path) -> None:
    (tmp_path / "seen").mkdir()
    np.save(tmp_path / "seen" / "a.npy", fallen("wood", 0.5))
    with pytest.raises(DataError, match=r"holds no film with sound \(1 clip left out: without sound .*a\.npy"):
        small(tmp_path / "seen").prepare(tmp_path / "cache")


def test_frames_are_seen_as_small_as_asked(film: Path) -> None:
    frames = list(Film(film).frames(Look(8, 8)))
    assert len(frames) == 20
    assert frames[0].picture.shape == (8, 8, 3)
    assert set(KINDS) == {"wood", "metal"}
