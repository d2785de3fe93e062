"""Small films with sound that tests write: a bright square falls, stops with a click, and stands still."""

import wave
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from statewise.data.sounding.film_hits import FilmHit, hits_table
from statewise.data.video.film import Film
from statewise.data.video.film_muxing import write_with_sound
from statewise.data.video.film_sound import picture_span, sound_pieces
from statewise.data.video.film_writer import write_film
from statewise.tasks.sound.answers import FilmSound
from statewise.verbs import Trained

RATE, SOUND_RATE = 20.0, 9000
KINDS = {"wood": (500.0, (200, 120, 60)), "metal": (2500.0, (120, 160, 220))}


def fallen(kind: str, at: float, seconds: float = 1.0, rate: float = RATE, size: int = 16) -> NDArray[np.uint8]:
    """Return the frames of a square that lands at some time."""
    frames = np.full((round(seconds * rate), size, size, 3), 40, np.uint8)
    for number, frame in enumerate(frames):
        time = number / rate
        top = min(size - 4, round((size - 4) * (max(0.0, time - at + 0.4) / 0.4) ** 2))
        frame[top : top + 4, 6:10] = KINDS[kind][1]
    return frames


def click(kind: str, at: float, seconds: float = 1.0, rate: int = SOUND_RATE) -> NDArray[np.float32]:
    """Return silence with one tone that dies away."""
    times = np.arange(round(seconds * rate)) / rate - at
    tone = np.sin(2 * np.pi * KINDS[kind][0] * times) * np.exp(-times.clip(0) / 0.05)
    return np.where(times >= 0, 0.6 * tone, 0.0).astype(np.float32)


def one_film(path: Path, kind: str = "wood", at: float = 0.6, rate: float = RATE, **how: Any) -> Path:
    """Write a film with its sound, and next to it what is struck."""
    frames = fallen(kind, at, rate=rate)
    times = [n / rate for n in range(len(frames))]
    silent = path.with_name(f".silent-{path.stem}{'.mkv' if path.suffix == '.mkv' else path.suffix}")
    silent = silent.with_suffix(".mp4")
    write_film(silent, list(frames), times, **how)
    write_with_sound(Film(silent), path, iter([click(kind, at)]), SOUND_RATE, 0.0, keep=False)
    silent.unlink()
    path.with_suffix(".csv").write_text(hits_table([FilmHit(at, 0.8, kind)]))
    return path


def sounding_films(folder: Path, count: int = 10, *, as_arrays: bool = False, labelled: bool = True) -> Path:
    """Write clips of two materials in a folder: films, or frames with files of sound."""
    import soundfile

    folder.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(5)
    for number in range(count):
        kind, at = ("wood", "metal")[number % 2], float(draw.uniform(0.45, 0.75))
        path = folder / f"clip{number}.mp4"
        if as_arrays:
            np.save(path.with_suffix(".npy"), fallen(kind, at))
            soundfile.write(path.with_suffix(".wav"), click(kind, at, rate=8000), 8000)
            path.with_suffix(".csv").write_text(hits_table([FilmHit(at, None, kind)]))
        else:
            one_film(path, kind, at)
        if not labelled:
            path.with_suffix(".csv").unlink()
    return folder


def made(trained: Trained, film: Any, **how: Any) -> Any:
    *_, last = trained.predict(film, **how)
    assert isinstance(last, FilmSound)
    return last


def decoded(path: Path, rate: int = SOUND_RATE) -> Any:
    return np.concatenate(list(sound_pieces(Film(path), rate, picture_span(Film(path)).start)))


def packets(path: Path) -> list[tuple[int, bytes]]:
    with av.open(str(path)) as container:
        return [(round(1000 * p.pts * p.time_base), bytes(p)) for p in container.demux(video=0) if p.pts is not None]


def write_wave_file(path: Path, samples: Any, rate: int = SOUND_RATE) -> None:
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes((samples * 32767).astype("<i2").tobytes())
