"""What made sound is like: at every rate of frames, next to the true one, and of true envelopes."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from sound_runs import GOALS, RECIPES, made_films, mouth_clips, mouths_run, recordings, run_of

import statewise
from statewise.data.audio.cochleagram import CELLS_A_SECOND
from statewise.data.audio.integrated_loudness import LoudnessMeter
from statewise.data.audio.onsets import onsets
from statewise.data.audio.sound import SoundFile
from statewise.data.sounding.falling_film import write_falling_films
from statewise.data.sounding.film_hits import read_hits
from statewise.data.sounding.sounding_codec import SoundingCodec
from statewise.data.video.film import Film
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
from statewise.underway import returned
from statewise.verbs import Trained

RATES = (24.0, 25.0, float(Fraction(30000, 1001)), 30.0, 60.0)
PICTURE = Path(__file__).parents[1] / "docs" / "pictures" / "sound_cochleagrams.png"
DRAWN, HEARD, LISTENED, LOUDNESS = 1, 40, 6, -23.0
WAYS = {"retrieval": "of recorded pieces", "parametric": "of noise"}


def rates(data: Path, work: Path) -> dict[str, Any]:
    """Score films of each rate by themselves, and listen to the sound that is made for them."""
    run, found = run_of(data, work), {}
    trained = statewise.load(run)
    (work / ".data").mkdir(exist_ok=True)
    known: Any = trained.task.prepare(work / ".data")
    for rate in RATES:
        films = work / f"films-{rate:.2f}"
        if not (films / "test").exists():
            for _ in write_falling_films(recordings(data), films, clips=(0, 0, 20), seed=2, rates=(rate,)):
                pass
        others = known.on([str(films / "test")], work / ".data")
        metrics = returned(trained.task.score(trained.model, others)).metrics
        heard = {way: _heard_again(trained, sorted((films / "test").glob("*.mp4"))[:LISTENED], way) for way in WAYS}
        found[f"{rate:.2f}"] = {**{name: metrics[name] for name in GOALS}, "heard": heard}
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


def _made_of_truth(codec: SoundingCodec, told: Any, true: Any, way: Any) -> Any:
    cells = np.zeros((len(true), codec.said))
    cells[:, : codec.ear.bands] = true
    hits = [(t, s, codec.materials[m], min(len(true) - 1, int(t * CELLS_A_SECOND))) for t, s, m in told.hits]
    strokes = [StrokeMade(t, s, name, 1.0, cell) for t, s, name, cell in hits]
    tool: Any = instrument(codec, SoundRules(way))
    made = np.concatenate([tool.push(cells, strokes), tool.push(np.zeros((tool.lag, codec.said)), [])])
    return made[tool.lag * codec.ear.cell :]
