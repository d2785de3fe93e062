"""Films and runs that the proof of sound and what it listens to share: made where they are not there."""

from pathlib import Path
from typing import Any

import numpy as np

import statewise
from statewise.data.audio.sound import SoundFile
from statewise.data.sounding.falling_film import write_falling_films
from statewise.run.config import build, read_yaml
from statewise.tasks.sound.task import Sound

RECIPES = Path(__file__).parents[1] / "recipes"
CLIPS = (2400, 30, 80)
MATERIALS = {
    "drum": ("bd_", "drum_heavy", "drum_bass", "elec_soft_kick", "elec_hollow_kick"),
    "skin": ("tabla_",),
    "metal": ("hat_", "drum_cymbal", "elec_cymbal"),
    "snare": ("sn_", "drum_snare", "elec_hi_snare", "elec_mid_snare", "elec_filt_snare"),
    "bell": ("elec_bell", "elec_ping", "elec_bl", "elec_bong", "elec_beep", "elec_plip", "elec_chime", "elec_triangle"),
}
"How the names of recordings begin that are the sound of each material."
GOALS = {"onset_f1": 0.9, "timing_error_ms": 20.0, "material_accuracy": 0.9}


def recordings(data: Path) -> dict[str, list[Path]]:
    """Return the recorded hits of each material."""
    files = sorted((data / "sound_percussion").glob("*.flac"))
    return {name: [path for path in files if path.stem.startswith(begins)] for name, begins in MATERIALS.items()}


def made_films(data: Path, work: Path) -> Path:
    """Return the folder of made films, which are written where they are not there."""
    films = work / "films"
    if not (films / "whole").exists():
        for _ in write_falling_films(recordings(data), films, clips=CLIPS, seed=1):
            pass
        (films / "whole").mkdir()
    return films


def run_of(data: Path, work: Path) -> Any:
    """Return the run that learned from the made films."""
    run = work / "run"
    if not run.exists():
        task = build(Sound, {**read_yaml(RECIPES / "falling.yaml"), "source": str(made_films(data, work))})
        statewise.train(task, run=run)
    return run


def mouth_clips(data: Path, work: Path) -> Path:
    """Return the folder of clips of a mouth, which are written where they are not there."""
    source = work / "mouths"
    if source.exists():
        return source
    import soundfile

    source.mkdir(parents=True)
    with np.load(data / "speech_grid" / "lips.npz", allow_pickle=False) as clips:
        for name in clips.files:
            np.save(source / f"{name}.npy", clips[name])
            samples, rate = SoundFile(data / "speech_grid" / "audio" / f"{name}.ogg").samples()
            soundfile.write(source / f"{name}.wav", samples, rate)
    return source


def mouths_run(data: Path, work: Path) -> Path:
    """Return the run that learned from the mouths."""
    run = work / "mouths-run"
    if not run.exists():
        task = build(Sound, {**read_yaml(RECIPES / "mouths.yaml"), "source": str(mouth_clips(data, work))})
        statewise.train(task, run=run)
    return run
