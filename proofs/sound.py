"""Films get their sound: made films with recorded hits, films of a real mouth, and how long a minute takes.

    python proofs/sound.py DATA [--work FOLDER] [part ...]

DATA holds `sound_percussion`, files of recorded hits by name (`bd_*`, `tabla_*`, `hat_*` ...), and `speech_grid`, with
`lips.npz`, clips of a mouth by id, and `audio/ID.ogg`; neither is part of the project. `generated` makes films of
things that fall and are struck with pymunk, sounds them with recorded hits, learns from them by `recipes/falling.yaml`
and scores scenes and recordings that were not learned: the film is generated, the sound recorded. `mouths` learns by
`recipes/mouths.yaml` and is scored on sentences that were not learned. `minute` makes the sound of a minute of film
with the run of `generated`. `rates` scores that run on films of 24, 25, 29.97, 30 and 60 frames a second, each by
itself. `listen` writes films and WAV files to hear, true and made. Results go to results/sound.json. Leaves with exit
code 1 where a goal is not reached.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from outcomes import prove_parts

import statewise
from statewise.data.audio.cochleagram import CELLS_A_SECOND
from statewise.data.audio.sound import SoundFile
from statewise.data.sounding.falling_film import write_falling_films
from statewise.data.sounding.sounding_codec import SoundingCodec
from statewise.data.video.film import Film, Look
from statewise.data.video.film_sound import picture_span, sound_of
from statewise.data.video.film_writer import write_film
from statewise.run.config import build, read_yaml
from statewise.tasks.sound.answers import FilmSound
from statewise.tasks.sound.making import SoundRules, instrument
from statewise.tasks.sound.metrics import correlation
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
DRAWN, HEARD = 1, 40
MINUTE_RATE, MINUTE_SIZE = 30, (360, 640)


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


def mouths(data: Path, work: Path) -> dict[str, Any]:
    """Sound mouths that speak sentences that were not learned."""
    run = work / "mouths-run"
    if not run.exists():
        task = build(Sound, {**read_yaml(RECIPES / "mouths.yaml"), "source": str(mouth_clips(data, work))})
        statewise.train(task, run=run)
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


def rates(data: Path, work: Path) -> dict[str, Any]:
    """Score films of each rate by themselves."""
    run, found = run_of(data, work), {}
    for rate in RATES:
        films = work / f"films-{rate:.2f}"
        if not films.exists():
            for _ in write_falling_films(recordings(data), films, clips=(0, 0, 20), seed=2, rates=(rate,)):
                pass
        report = statewise.evaluate(run, [str(films / "test")])
        found[f"{rate:.2f}"] = {name: report.metrics[name] for name in GOALS}
        print(rate, found[f"{rate:.2f}"], flush=True)
    return {
        "claim": "generated film of any rate: onset F1 at 50 ms at least 0.85",
        "holds": all(one["onset_f1"] >= 0.85 for one in found.values()),
        "generated": True,
        "by_rate": found,
    }


def listen(data: Path, work: Path) -> dict[str, Any]:
    """Write films to hear: their true sound, and that which is made in both ways."""
    trained = statewise.load(run_of(data, work))
    out = work / "listen"
    out.mkdir(exist_ok=True)
    for number in range(3):
        film = work / "films" / "test" / f"scene{number:04d}.mp4"
        (out / f"{number}-true.mp4").write_bytes(film.read_bytes())
        for way in ("retrieval", "parametric"):
            base = out / f"{number}-{way}"
            [*trained.predict(str(film), out=f"{base}.mp4", wav=f"{base}.wav", way=way, seed=number, loudness=-23.0)]
    _draw_made(trained, work / "films" / "test" / f"scene{DRAWN:04d}.mp4", out / "cochleagrams.png")
    files = sorted(path.name for path in out.iterdir())
    (out / "index.html").write_text(_page(files))
    print(f"{len(files)} files in {out}, and index.html to hear them")
    return {"claim": "files to hear, true and made, by seed", "files": files}


def _page(files: list[str]) -> str:
    rows = [
        f'<figure><video src="{name}" controls width="344"></video><figcaption>{name}</figcaption></figure>'
        for name in files
        if name.endswith(".mp4")
    ]
    head = "<!doctype html><meta charset=utf-8><title>Generated film, true and made sound</title>"
    words = "<h1>Generated film: true sound, recorded pieces, noise</h1>"
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


def _draw_made(trained: Trained, film: Path, path: Path) -> None:
    """Draw envelopes of a film: true, said, and heard in the sound that was made in both ways."""
    codec = trained.codec
    span = picture_span(Film(film))
    true = sound_of(Film(film), codec.ear.rate, span.start, span.seconds)
    assert true is not None
    frames = list(Film(film).frames(codec.look))
    plan = codec.plan([frame.seconds - frames[0].seconds for frame in frames], span.seconds)
    said = cells_of_steps(trained.model, codec, codec.steps(np.stack([frame.picture for frame in frames]), plan), plan)
    rows = {"true sound": codec.ear.of(true), "said by the network": said[:, : codec.ear.bands]}
    for way, words in WAYS.items():
        made: FilmSound = [*trained.predict(str(film), way=way)][-1]
        assert made.samples is not None
        rows[f"made {words}"] = codec.ear.of(made.samples)
    _drawn(path, rows, span.seconds, "generated film, a scene that was not learned")


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
