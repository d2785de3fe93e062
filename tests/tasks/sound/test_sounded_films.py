"""Films as people have them keep their pictures, their times and how they are turned, whatever they are."""

import wave
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from made_films import KINDS, RATE, SOUND_RATE, decoded, fallen, made, packets
from sound_fixtures import film, trained

from statewise.data.video.film import Film, Look
from statewise.data.video.film_sound import picture_span
from statewise.data.video.film_writer import write_film
from statewise.errors import DataError
from statewise.verbs import Trained

FIXTURES = film, trained


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


def test_one_frame_is_sounded_for_as_long_as_it_is_shown(trained: Trained) -> None:
    sound = made(trained, fallen("wood", 0.5)[:1])
    assert len(sound.samples) == round(SOUND_RATE / 25)


def test_frames_are_seen_as_small_as_asked(film: Path) -> None:
    frames = list(Film(film).frames(Look(8, 8)))
    assert len(frames) == 20
    assert frames[0].picture.shape == (8, 8, 3)
    assert set(KINDS) == {"wood", "metal"}
