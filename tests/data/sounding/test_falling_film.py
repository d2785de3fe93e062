"""Made films: things fall and are struck when their tables say, and recordings sound then."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

from statewise.data.sounding.falling_film import (
    NEAREST,
    made_scene,
    parted_recordings,
    pictures_of,
    write_falling_films,
)
from statewise.data.sounding.film_hits import read_hits
from statewise.data.video.film import Film
from statewise.data.video.film_sound import picture_span, sound_of
from statewise.errors import DataError

pytest.importorskip("pymunk")


def recorded(folder: Path) -> dict[str, list[Path]]:
    """Two materials, of three recordings each."""
    found: dict[str, list[Path]] = {}
    times = np.arange(4000) / 44_100
    for number, name in enumerate(("metal", "wood")):
        for take in range(3):
            path = folder / f"{name}{take}.wav"
            soundfile.write(path, np.exp(-60 * times) * np.sin(2 * np.pi * (900 + 2000 * number) * times), 44_100)
            found.setdefault(name, []).append(path)
    return found


def test_films_are_written_with_sound_where_their_tables_say(tmp_path: Path) -> None:
    recordings = recorded(tmp_path)
    far = list(write_falling_films(recordings, tmp_path / "films", clips=(1, 0, 1), seconds=2.0, rates=(20.0,)))
    assert far[-1] == 1.0
    for part in ("train", "test"):
        film = Film(tmp_path / "films" / part / "scene0000.mp4")
        hits = read_hits(tmp_path / "films" / part / "scene0000.csv")
        assert hits
        assert {hit.material for hit in hits} <= {"metal", "wood"}
        assert picture_span(film).seconds == pytest.approx(2.0)
        samples = sound_of(film, 9000, 0.0, 2.0)
        assert samples is not None
        first = round(hits[0].seconds * 9000)
        assert np.abs(samples[: first - 90]).max(initial=0.0) < 0.02 < np.abs(samples[first : first + 900]).max()


def test_scenes_are_those_of_their_seed_and_hits_are_apart() -> None:
    one, same = (made_scene(3, 2.0, np.random.default_rng(5)) for _ in range(2))
    assert one.hits == same.hits
    for seed in range(4):
        times = [hit[0] for hit in made_scene(3, 2.0, np.random.default_rng(seed)).hits]
        assert all(after - before >= NEAREST for before, after in pairwise(times))


def test_a_thing_is_at_the_floor_when_it_hits() -> None:
    scene = made_scene(3, 2.0, np.random.default_rng(1))
    first, _, material = scene.hits[0]
    thing = next(one for one in scene.things if one.material == material)
    lowest = thing.places[:, 1].min()
    assert thing.places[round(first * 600), 1] == pytest.approx(lowest, abs=0.02)
    pictures = list(pictures_of(scene, [0.0, first], np.random.default_rng(0)))
    assert pictures[0].shape == (64, 86, 3)


def test_recordings_of_scored_films_are_in_no_other(tmp_path: Path) -> None:
    paths = recorded(tmp_path)["wood"]
    learned, kept = parted_recordings(paths)
    assert len(kept) == 1
    assert sorted(learned + kept) == sorted(paths)
    with pytest.raises(DataError, match="fewer than 2 recordings"):
        parted_recordings(paths[:1])
