"""Clips to learn from: films, frames with files of sound, folders of parts; what is no clip is named and counted."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_films import RATE, click, fallen, one_film, sounding_films, write_wave_file

import statewise
from statewise.data.video.film import Film
from statewise.data.video.film_muxing import write_with_sound
from statewise.data.video.film_sound import sound_of
from statewise.data.video.film_writer import write_film
from statewise.errors import DataError, UsageError


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
    said = data.task.size(data.facts)
    assert said.startswith("3 clips (0.1 min, 3 strokes) to learn, 1 clip (0.0 min, 1 stroke) for checks, 2 clips")


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
