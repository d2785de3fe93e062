"""Films that come by name are made once, of the recordings of a package, in the folders of their parts."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from statewise import registry
from statewise.data.corpora import corpus
from statewise.data.packages import Package, tree_digest
from statewise.data.sounding.film_corpora import DRUMKITS, MadeFilms
from statewise.data.sounding.film_hits import read_hits
from statewise.data.sounding.sounding_clips import SoundingClip, sounding_clips
from statewise.errors import DataError

pytest.importorskip("pymunk")
MATERIALS = {"metal": ("Bell-*",), "wood": ("Stick-*", "Clave-*")}


def hits_of_a_kit(folder: Path) -> None:
    folder.mkdir(parents=True)
    times = np.arange(3000) / 44_100
    for number, name in enumerate(("Bell-1", "Bell-2", "Clave-1", "Stick-1", "Kick-1")):
        samples = np.exp(-60 * times) * np.sin(2 * np.pi * (600 + 700 * number) * times)
        soundfile.write(folder / f"{name}.wav", samples, 44_100)


@pytest.fixture
def films(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MadeFilms:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    hits_of_a_kit(tmp_path / "kit")
    package = Package("debian", "a-kit", "1", "*", tree_digest(tmp_path / "kit"))
    package.folder().parent.mkdir(parents=True)
    (tmp_path / "kit").rename(package.folder())
    return MadeFilms("a-kit", "films of a kit", "CC0", "6 films", package, MATERIALS, clips=(3, 1, 2))


def test_films_are_made_once_and_are_clips_of_their_parts(films: MadeFilms, monkeypatch: pytest.MonkeyPatch) -> None:
    assert films.is_cached()
    made = films.files()
    assert len([path for path in made if path.suffix == ".mp4"]) == 6
    times = [path.stat().st_mtime_ns for path in made]
    assert films.files() == made
    assert [path.stat().st_mtime_ns for path in made] == times
    assert [path.name for path in films.folder.parent.iterdir()] == [films.folder.name]
    tables = [path for path in made if path.suffix == ".csv"]
    assert {hit.material for path in tables for hit in read_hits(path)} <= set(MATERIALS)
    real = registry.find
    monkeypatch.setattr(registry, "find", lambda kind, name: films if name == "shakespeare" else real(kind, name))
    clips = [one for one in sounding_clips(["shakespeare"], 25.0) if isinstance(one, SoundingClip)]
    assert [clip.part for clip in clips] == ["held_out"] * 2 + ["training"] * 3 + ["validation"]
    assert clips[0].name == "test/scene0000.mp4"


def test_recordings_go_by_the_beginnings_of_their_names(films: MadeFilms) -> None:
    found = films.recordings(films.package.fetch())
    names = {name: [path.stem for path in own] for name, own in found.items()}
    assert names == {"metal": ["Bell-1", "Bell-2"], "wood": ["Clave-1", "Stick-1"]}
    other = MadeFilms("b", "b", "CC0", "0", films.package, {"glass": ("Glass-*",)})
    with pytest.raises(DataError, match="Debian a-kit 1 has no recording of glass"):
        other.files()
    assert not other.folder.exists()


def test_the_corpus_of_drum_kits_is_found_by_its_name() -> None:
    assert corpus("hydrogen-drumkits") is DRUMKITS
    assert DRUMKITS.holds == "films"
