"""Films get their sound: made films with recorded hits, films of a real mouth, and how long a minute takes.

    python proofs/sound.py DATA [--work FOLDER] [part ...]

DATA holds `sound_percussion`, files of recorded hits by name (`bd_*`, `tabla_*`, `hat_*` ...), and `speech_grid`, with
`lips.npz`, clips of a mouth by id, and `audio/ID.ogg`; neither is part of the project. `generated` makes films of
things that fall and are struck with pymunk, sounds them with recorded hits, learns from them by `recipes/falling.yaml`
and scores scenes and recordings that were not learned: the film is generated, the sound recorded. `mouths` learns by
`recipes/mouths.yaml` and is scored on sentences that were not learned. `minute` makes the sound of a minute of film
with the run of `generated`; `hour` that of an hour, and says how much memory that takes. `rates` scores that run on
films of 24, 25, 29.97, 30 and 60 frames a second, each by itself, and listens to what is made: how long and how loud it
is, and where strokes are heard in it again. `listen` writes films and WAV files to hear, true and made. Results go to
results/sound.json. Leaves with exit code 1 where a goal is not reached.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from outcomes import prove_parts

import statewise
from statewise.data.audio.cochleagram import CELLS_A_SECOND
from statewise.data.audio.integrated_loudness import LoudnessMeter
from statewise.data.audio.onsets import onsets
from statewise.data.audio.sound import SoundFile
from statewise.data.sounding.falling_film import write_falling_films
from statewise.data.sounding.film_hits import read_hits
from statewise.data.sounding.sounding_codec import SoundingCodec
from statewise.data.video.film import Film, Look
from statewise.data.video.film_muxing import write_with_sound
from statewise.data.video.film_sound import picture_span, sound_of
from statewise.data.video.film_writer import write_film
from statewise.run.config import build, read_yaml
from statewise.tasks.sound.answers import FilmSound, write_wave
from statewise.tasks.sound.making import SoundRules, instrument
from statewise.tasks.sound.metrics import correlation, matched
from statewise.tasks.sound.network import cells_of_steps
from statewise.tasks.sound.strokes import StrokeMade
from statewise.tasks.sound.task import Sound
from statewise.verbs import Trained

RECIPES = Path(__file__).parents[1] / "recipes"
CLIPS = (300, 30, 80)
MATERIALS = {
    "drum": ("bd_", "drum_heavy", "drum_bass", "elec_soft_kick", "elec_hollow_kick"),
    "skin": ("tabla_",),
    "metal": ("hat_", "drum_cymbal", "elec_cymbal"),
    "snare": ("sn_", "drum_snare", "elec_hi_snare", "elec_mid_snare", "elec_filt_snare"),
    "bell": ("elec_bell", "elec_ping", "elec_bl", "elec_bong", "elec_beep", "elec_plip", "elec_chime", "elec_triangle"),
}
"How the names of recordings begin that are the sound of each material."
RATES = (24.0, 25.0, float(Fraction(30000, 1001)), 30.0, 60.0)
GOALS = {"onset_f1": 0.9, "timing_error_ms": 20.0, "material_accuracy": 0.9}
PICTURE = Path(__file__).parents[1] / "docs" / "pictures" / "sound_cochleagrams.png"
DRAWN, HEARD, LISTENED, LOUDNESS = 1, 40, 6, -23.0
MINUTE_RATE, MINUTE_SIZE, HOUR_RATE = 30, (360, 640), 10


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


def generated(data: Path, work: Path) -> dict[str, Any]:
    """Sound scenes that were not learned, with recordings that were not learned."""
    run = run_of(data, work)
    report = statewise.evaluate(run)
    print(report.shown(), flush=True)
    metrics = report.metrics
    holds = metrics["onset_f1"] >= GOALS["onset_f1"] and metrics["timing_error_ms"] <= GOALS["timing_error_ms"]
    return {
        "claim": "generated film, recorded sound: onset F1 at 50 ms 0.9, off by 20 ms, 90 % of materials right",
        "holds": holds and metrics["material_accuracy"] >= GOALS["material_accuracy"],
        "generated": True,
        "clips": CLIPS,
        **trained_for(run),
        "metrics": metrics,
        "baselines": report.baselines,
        "remarks": report.as_json()["remarks"],
        "cases": _cases(statewise.load(run)),
    }


def _cases(trained: Trained) -> dict[str, Any]:
    """Return what comes of films that are asked about by themselves: nothing moves; two strokes 80 ms apart."""
    still = np.full((90, *trained.codec.shape), 90, np.uint8)
    found: dict[str, Any] = {}
    for way in ("retrieval", "parametric"):
        made: FilmSound = [*trained.predict(still, way=way, times=np.arange(90) / 30)][-1]
        assert made.samples is not None
        found[f"still_{way}"] = {"strokes": len(made.strokes), "largest_sample": float(np.abs(made.samples).max())}
    return found


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


def mouths(data: Path, work: Path) -> dict[str, Any]:
    """Sound mouths that speak sentences that were not learned."""
    run = mouths_run(data, work)
    report = statewise.evaluate(run)
    print(report.shown(), flush=True)
    metrics = report.metrics
    return {
        "claim": "real film: loudness correlates with the true one by 0.7, band envelopes by 0.5",
        "holds": metrics["loudness_correlation"] >= 0.7 and metrics["band_correlation"] >= 0.5,
        **trained_for(run),
        "facts": {name: report.data[name] for name in ("training", "validation", "held_out")},
        "metrics": metrics,
        "baselines": report.baselines,
        "remarks": report.as_json()["remarks"],
    }


def trained_for(run: Path) -> dict[str, Any]:
    """Return after how many updates the weights are that are scored, and of how many there were to be."""
    last: dict[str, Any] = {}
    for line in (run / "events.jsonl").read_text().splitlines():
        event = json.loads(line)
        if event["event"] == "updated":
            last = event
    known = max(int(path.name) for path in (run / "checkpoints").iterdir() if path.name.isdigit())
    return {"updates": known, "of_updates": round(last["update"] / last["fraction"])}


def minute(data: Path, work: Path) -> dict[str, Any]:
    """Make the sound of a minute of film, and say how the time splits."""
    run = work / "run" if (work / "run" / "report.md").exists() else work / "quick"
    if not run.exists():  # how good the weights are does not change how fast they are
        how = {"source": str(made_films(data, work)), "updates": 1, "epochs": None}
        statewise.train(build(Sound, {**read_yaml(RECIPES / "falling.yaml"), **how}), run=run)
    trained = statewise.load(run)
    path = work / "minute.mp4"
    if not path.exists():
        draw = np.random.default_rng(0)
        ground = draw.integers(0, 255, (*MINUTE_SIZE, 3), dtype=np.uint8) // 4 + 60

        def pictures() -> Any:
            for number in range(60 * MINUTE_RATE):
                picture = ground.copy()
                top = round(abs(np.sin(number / 9)) * (MINUTE_SIZE[0] - 40))
                picture[top : top + 40, 300:340] = (150, 60, 40)
                yield picture

        write_film(path, pictures(), [n / MINUTE_RATE for n in range(60 * MINUTE_RATE)])
    began = time.process_time()
    for _ in Film(path).frames(Look(*trained.codec.shape[:2], grey=False)):
        pass
    decoding = time.process_time() - began
    spent = {}
    for way in ("retrieval", "parametric"):
        began = time.process_time()
        [*trained.predict(str(path), out=str(work / f"minute-{way}.mp4"), way=way)]
        spent[way] = round(time.process_time() - began, 2)
    print({"decoding": decoding, **spent})
    return {
        "claim": "the sound of a minute of film of 640 x 360 at 30 frames a second in less than 10 s of one core",
        "holds": max(spent.values()) < 10,
        "decoding_seconds": round(decoding, 2),
        "seconds": spent,
    }


def hour(data: Path, work: Path) -> dict[str, Any]:
    """Make the sound of an hour of film, and of a minute, and say how much memory each took at most."""
    run = run_of(data, work)
    found = {}
    for name, minutes in (("minute", 1), ("hour", 60)):
        path = work / f"small-{name}.mp4"
        if not path.exists():
            write_film(
                path,
                _small_pictures(60 * minutes * HOUR_RATE),
                [n / HOUR_RATE for n in range(60 * minutes * HOUR_RATE)],
            )
        command = [
            sys.executable,
            "-m",
            "statewise",
            "predict",
            str(run),
            str(path),
            "--wav",
            str(work / f"{name}.wav"),
        ]
        process = subprocess.Popen([*command, "--quiet"], stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        if status:
            raise RuntimeError(f"predict ended with {status}")
        with wave.open(str(work / f"{name}.wav")) as sound:
            seconds = sound.getnframes() / sound.getframerate()
        found[name] = {"seconds_of_sound": round(seconds, 3), "peak_mb": round(used.ru_maxrss / 1024, 1)}
        (work / f"{name}.wav").unlink()
        print(name, found[name], flush=True)
    return {
        "claim": "an hour of film takes at most 30 MB more memory than a minute, and its sound is as long",
        "holds": found["hour"]["peak_mb"] <= found["minute"]["peak_mb"] + 30
        and abs(found["hour"]["seconds_of_sound"] - 3600) < 0.001,
        **found,
    }


def _small_pictures(count: int) -> Any:
    for number in range(count):
        picture = np.full((48, 64, 3), 80, np.uint8)
        top = round(abs(np.sin(number / 4)) * 40)
        picture[top : top + 8, 28:36] = (225, 190, 90)
        yield picture


def rates(data: Path, work: Path) -> dict[str, Any]:
    """Score films of each rate by themselves, and listen to the sound that is made for them."""
    run, found = run_of(data, work), {}
    trained = statewise.load(run)
    for rate in RATES:
        films = work / f"films-{rate:.2f}"
        if not (films / "test").exists():
            for _ in write_falling_films(recordings(data), films, clips=(0, 0, 20), seed=2, rates=(rate,)):
                pass
        report = statewise.evaluate(run, [str(films / "test")])
        heard = {way: _heard_again(trained, sorted((films / "test").glob("*.mp4"))[:LISTENED], way) for way in WAYS}
        found[f"{rate:.2f}"] = {**{name: report.metrics[name] for name in GOALS}, "heard": heard}
        print(rate, found[f"{rate:.2f}"], flush=True)
    told = [heard for one in found.values() for heard in one["heard"].values()]
    return {
        "claim": "generated film of any rate: onset F1 at 50 ms at least 0.85, sound exactly as long as the picture",
        "holds": all(one["onset_f1"] >= 0.85 for one in found.values())
        and all(one["samples_off"] == 0 for one in told),
        "generated": True,
        "by_rate": found,
    }


def _heard_again(trained: Trained, films: Sequence[Path], way: Any) -> dict[str, float]:
    """Return how many samples sounds are longer than their films, how loud, and how strokes are heard in them again.

    An onset that is heard belongs to a stroke that was made where it is within 50 ms of it.
    """
    ear, off, loud, away = trained.codec.ear, 0, [], []
    both = heard = made = 0
    for film in films:
        sound: FilmSound = [*trained.predict(str(film), way=way, loudness=LOUDNESS)][-1]
        assert sound.samples is not None
        off += abs(len(sound.samples) - round(picture_span(Film(film)).seconds * ear.rate))
        meter = LoudnessMeter(ear.rate)
        meter.push(sound.samples)
        loud.append(abs(meter.lufs() - LOUDNESS))
        times, _ = onsets(ear.of(sound.samples))
        strokes = [one.seconds for one in sound.strokes]
        pairs = matched([float(t) for t in times], strokes)
        away += [abs(float(times[a]) - strokes[b]) for a, b in pairs]
        both, heard, made = both + len(pairs), heard + len(times), made + len(strokes)
    return {
        "samples_off": off,
        "loudness_off_lu": round(float(np.median(loud)), 2),
        "onset_f1": round(2 * both / max(1, heard + made), 3),
        "timing_ms": round(1000 * float(np.mean(away)) if away else 50.0, 1),
    }


def listen(data: Path, work: Path) -> dict[str, Any]:
    """Write films to hear: their true sound, and that which is made in both ways; and draw what is in them."""
    out = work / "listen"
    out.mkdir(exist_ok=True)
    falling, mouth = statewise.load(run_of(data, work)), statewise.load(mouths_run(data, work))
    films = {f"falling-{n}": (falling, made_films(data, work) / "test" / f"scene{n:04d}.mp4") for n in range(3)}
    films["mouth"] = (mouth, _mouth_film(mouth, data, work))
    found = {}
    for seed, (name, (trained, film)) in enumerate(films.items()):
        (out / f"{name}-true.mp4").write_bytes(film.read_bytes())
        ear, span = trained.codec.ear, picture_span(Film(film))
        true = sound_of(Film(film), ear.rate, span.start, span.seconds)
        assert true is not None
        with (out / f"{name}-true.wav").open("wb") as file:
            write_wave(file, iter([true]), ear.rate)
        told: dict[str, Any] = {"seed": seed, "seconds": round(span.seconds, 3)}
        for way in WAYS:
            base, how = out / f"{name}-{way}", {"way": way, "seed": seed}
            [*trained.predict(str(film), out=f"{base}.mp4", wav=f"{base}.wav", loudness=LOUDNESS, **how)]
            made: FilmSound = [*trained.predict(str(film), **how)][-1]
            assert made.samples is not None
            heard, wanted = ear.of(made.samples).mean(axis=1), ear.of(true).mean(axis=1)
            told[f"{way}_loudness_correlation"] = round(correlation(heard, wanted[: len(heard)]), 3)
            told["strokes_made"], told["seconds_made"] = len(made.strokes), round(made.seconds, 3)
        if film.with_suffix(".csv").exists():
            hits = [hit.seconds for hit in read_hits(film.with_suffix(".csv"))]
            told["strokes"], told["found"] = len(hits), len(matched([one.seconds for one in made.strokes], hits))
        _draw_made(trained, film, PICTURE.with_name(f"listening-{name}.png"), TITLES[name.split("-")[0]])
        found[name] = told
        print(name, told, flush=True)
    (out / "index.html").write_text(_page(sorted(path.name for path in out.glob("*.mp4"))))
    print(f"open {out / 'index.html'} to hear them")
    return {"claim": "none: films to hear, true and made, by seed", "films": found}


TITLES = {
    "falling": "generated film, a scene that was not learned",
    "mouth": "real film, a sentence that was not learned",
}


def _mouth_film(trained: Trained, data: Path, work: Path) -> Path:
    """Return a film of a mouth that was not learned, with its voice."""
    path, silent = work / "mouth.mp4", work / "mouth-silent.mp4"
    clips = trained.task.prepare(work / ".data").clips
    name = clips.told[int(clips.numbers("held_out")[0])].name
    pictures = np.load(mouth_clips(data, work) / name)
    write_film(silent, list(np.repeat(pictures[..., None], 3, axis=3)), [n / 25 for n in range(len(pictures))])
    samples, rate = SoundFile((work / "mouths" / name).with_suffix(".wav")).samples()
    write_with_sound(Film(silent), path, iter([samples]), rate, 0.0, keep=False)
    return path


def _page(files: list[str]) -> str:
    rows = [
        f'<figure><video src="{name}" controls width="344"></video><figcaption>{name}</figcaption></figure>'
        for name in files
    ]
    head = "<!doctype html><meta charset=utf-8><title>Films, true and made sound</title>"
    words = "<h1>Generated film, and a real mouth: true sound, recorded pieces, noise</h1>"
    return "\n".join([head, words, *rows]) + "\n"


def _drawn(path: Path, rows: dict[str, Any], seconds: float, words: str) -> None:
    """Draw envelopes one above the other."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 1.7 * len(rows) + 0.3), layout="constrained")
    for axes, (title, cells) in zip(figure.subplots(len(rows), 1, sharex=True), rows.items(), strict=True):
        extent = (0, len(cells) / CELLS_A_SECOND, 0, cells.shape[1])
        axes.imshow(cells.T, origin="lower", aspect="auto", extent=extent, vmin=0, vmax=0.6, cmap="magma")
        axes.set_title(title, fontsize=9, loc="left")
        axes.set_ylabel("band")
        axes.set_xlim(0, seconds)
    axes.set_xlabel(f"seconds ({words})")
    figure.savefig(path, dpi=80)


def _draw_made(trained: Trained, film: Path, path: Path, words: str) -> None:
    """Draw envelopes of a film: true, said, and heard in the sound that was made in both ways."""
    codec = trained.codec
    span = picture_span(Film(film))
    true = sound_of(Film(film), codec.ear.rate, span.start, span.seconds)
    assert true is not None
    frames = list(Film(film).frames(codec.look))
    plan = codec.plan([frame.seconds - frames[0].seconds for frame in frames], span.seconds)
    said = cells_of_steps(trained.model, codec, codec.steps(np.stack([frame.picture for frame in frames]), plan), plan)
    rows = {"true sound": codec.ear.of(true), "said by the network": said[:, : codec.ear.bands]}
    for way, name in WAYS.items():
        made: FilmSound = [*trained.predict(str(film), way=way)][-1]
        assert made.samples is not None
        rows[f"made {name}"] = codec.ear.of(made.samples)
    _drawn(path, rows, span.seconds, words)


WAYS = {"retrieval": "of recorded pieces", "parametric": "of noise"}


def ear(data: Path, work: Path) -> dict[str, Any]:
    """Make sound of true envelopes and true strokes, as a network without error would say them."""
    task = build(Sound, {**read_yaml(RECIPES / "falling.yaml"), "source": str(made_films(data, work))})
    (work / ".data").mkdir(exist_ok=True)
    clips = task.prepare(work / ".data").clips
    codec = clips.codec
    found: dict[str, list[float]] = {f"{way}_{what}": [] for way in WAYS for what in ("correlation", "loudness")}
    for number in map(int, clips.numbers("held_out")[:HEARD]):
        told, true = clips.told[number], clips.envelopes(number)
        rows = {"true sound": true}
        for way, words in WAYS.items():
            heard = codec.ear.of(_made_of_truth(codec, told, true, way))[: len(true)]
            rows[f"made {words}, of true envelopes and strokes"] = heard
            found[f"{way}_correlation"].append(correlation(heard.ravel(), true[: len(heard)].ravel()))
            loud = correlation(heard.mean(axis=1), true[: len(heard)].mean(axis=1))
            found[f"{way}_loudness"].append(loud)
        if number == int(clips.numbers("held_out")[DRAWN]):
            _drawn(PICTURE, rows, told.seconds, "generated film; recordings that the pieces are not of")
    means = {name: round(float(np.mean(values)), 3) for name, values in found.items()}
    print(means)
    return {"claim": "none: what a network without error would sound like, by scenes that are scored", **means}


def simple(data: Path, work: Path) -> dict[str, Any]:
    """Score the simple methods alone, on both sets: they need no training."""
    (work / ".data").mkdir(exist_ok=True)
    sources = {"falling": made_films(data, work), "mouths": mouth_clips(data, work)}
    found = {}
    for name, source in sources.items():
        task = build(Sound, {**read_yaml(RECIPES / f"{name}.yaml"), "source": str(source)})
        found[name] = dict(task.prepare(work / ".data").baselines())
        print(name, found[name], flush=True)
    return {"claim": "none: what simple methods reach", **found}


def _made_of_truth(codec: SoundingCodec, told: Any, true: Any, way: Any) -> Any:
    cells = np.zeros((len(true), codec.said))
    cells[:, : codec.ear.bands] = true
    hits = [(t, s, codec.materials[m], min(len(true) - 1, int(t * CELLS_A_SECOND))) for t, s, m in told.hits]
    strokes = [StrokeMade(t, s, name, 1.0, cell) for t, s, name, cell in hits]
    tool: Any = instrument(codec, SoundRules(way))
    made = np.concatenate([tool.push(cells, strokes), tool.push(np.zeros((tool.lag, codec.said)), [])])
    return made[tool.lag * codec.ear.cell :]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="where the recordings are")
    parser.add_argument("--work", type=Path, help="where films and runs are kept, to be used again")
    ways: dict[str, Callable[[Path, Path], dict[str, Any]]] = {
        "generated": generated,
        "mouths": mouths,
        "minute": minute,
        "hour": hour,
        "rates": rates,
        "listen": listen,
        "ear": ear,
        "simple": simple,
    }
    parser.add_argument("parts", nargs="*", metavar="part", help=", ".join(ways))
    given = parser.parse_intermixed_args()
    if odd := [part for part in given.parts if part not in ways]:
        parser.error(f"there is no part {odd[0]!r}: give {', '.join(ways)}")
    sys.argv[1:] = given.parts
    with tempfile.TemporaryDirectory() as temporary:
        work = given.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        prove_parts(__doc__, "sound", {name: partial(way, given.data, work) for name, way in ways.items()})
