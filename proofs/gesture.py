"""Gestures are told apart: a watch on people that were left out, landmarks, paths of a fingertip, lips, made clips.

    python proofs/gesture.py [--watch NPZ] [--aeon PYTHON] [--signs NPZ] [--paths CSV] [--lips FOLDER] [part ...]

The recordings are not part of the project: the paths are yours, and `clips` needs none. `--watch` holds windows of
seven exercises (seglearn's watch data): `x` [N, T, 6], `label`, `person`, `recording`, `time`; each person is left out
in turn, and what is said of the windows of a recording is added up for the whole. `--aeon` is a Python in which aeon is
installed: MiniRocket then learns the same windows. `--signs` are takes of landmarks, `--paths` MediaPipe's
point_history.csv, split by blocks since rows overlap. `--lips` has `lips.npz`, clips by id, and `manifest.json` with
what was said. `clips` renders a thousand films of a square that circles, nods, waves or is still, made, not recorded.
Results go to results/gesture.json. Leaves with exit code 1 where a goal is not reached.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from outcomes import prove_parts

import statewise
from statewise.run.config import build, read_yaml
from statewise.tasks.gesture.baselines import AVERAGE, MAJORITY, NEAREST
from statewise.tasks.gesture.deciding import so_far
from statewise.tasks.gesture.metrics import GesturesJudged, f1_interval, macro_f1
from statewise.tasks.gesture.network import logs_of
from statewise.tasks.gesture.task import Gesture

sys.path.append(str(Path(__file__).parents[1] / "tests" / "tasks"))
from made_gestures import moved, picture  # they lie with the tests

RECIPE = Path(__file__).parents[1] / "recipes" / "watch.yaml"
LIPS: dict[str, Any] = {"height": 16, "untimed": 25.0, "rate": 25.0, "split": "recording", "held_out": 0.25}
LIPS |= {"validation": 0.0, "shift": 2, "mirror": True, "dropout": 0.3, "epochs": 15, "threads": 1}
WORDS = {"command": 0, "color": 1, "letter": 3, "digit": 4}
"The place in a sentence of GRID of each kind of word."
CLIPS = 1000
METHODS = ("this model", AVERAGE, NEAREST, MAJORITY)
ROCKET = """
import sys, numpy as np
from aeon.classification.convolution_based import MiniRocketClassifier
held = np.load(sys.argv[1]); x, y, person = held["x"].transpose(0, 2, 1).astype(float), held["label"], held["person"]
said = np.empty(len(y), y.dtype)
for name in sorted(set(person)):
    out = person == name
    said[out] = MiniRocketClassifier(random_state=0, n_jobs=1).fit(x[~out], y[~out]).predict(x[out])
np.save(sys.argv[2], said)
"""


def watch(source: Path, aeon: str | None) -> dict[str, Any]:
    """Tell seven exercises of each person by networks that never saw that person."""
    held = np.load(source)
    names, people = sorted(set(held["label"])), held["person"]
    wanted = np.array([names.index(label) for label in held["label"]])
    said, logs = _left_out(source, names)
    if aeon is not None:
        with tempfile.TemporaryDirectory() as folder:
            found = Path(folder, "said.npy")
            subprocess.run([aeon, "-c", ROCKET, str(source), str(found)], check=True)
            said["MiniRocket (aeon)"] = np.array([names.index(label) for label in np.load(found)])
    groups = np.unique(people, return_inverse=True)[1]
    windows = {name: GesturesJudged(wanted, own, groups, len(names)) for name, own in said.items()}
    recordings = _by_recording(held["recording"], wanted, groups, said, logs, len(names))
    told = {"windows": _compared(windows), "recordings": _compared(recordings)}
    ours, rest = windows["this model"], [name for name in windows if name != "this model"]
    beaten = all(macro_f1(ours.table) >= macro_f1(windows[name].table) for name in rest)
    return {
        "claim": "macro F1 of people left out above DTW and a frame average, and no lower than MiniRocket",
        "holds": beaten and len(rest) == 4,
        "people": len(set(people)),
        **told,
    }


def _left_out(source: Path, names: list[str]) -> tuple[dict[str, Any], Any]:
    """Return what each method says of each window, and our log-probabilities."""
    held = np.load(source)
    said: dict[str, Any] = {
        name: np.zeros(len(held["label"]), int) for name in ("this model", AVERAGE, NEAREST, MAJORITY)
    }
    logs = np.zeros((len(held["label"]), len(names)))
    settings = {**read_yaml(RECIPE), "source": str(source), "person": "person", "validation": 0.0}
    for name in sorted(set(held["person"])):
        own = np.flatnonzero(held["person"] == name)
        task = build(Gesture, {**settings, "held_out_people": [str(name)]})
        with tempfile.TemporaryDirectory() as folder:
            trained = statewise.train(task, run=Path(folder, "run")).load()
            data = task.prepare(Path(folder, ".data"))
            data.baselines()
            assert list(data.codec.classes) == names
            numbers = data.movement.numbers("held_out")
            for place, number in zip(own, numbers, strict=True):
                steps = data.codec.steps(data.movement.samples(int(number)))
                found = so_far(logs_of(trained.model, steps), data.codec.typical, task.early)[-1]
                said["this model"][place], logs[place] = int(found.argmax()), np.log(found)
            for method in METHODS[1:]:
                said[method][own] = data.by_method[method].said
        right = float((said["this model"][own] == [names.index(one) for one in held["label"][own]]).mean())
        print(f"without {name}: {100 * right:.1f} % of {len(own)} windows right", flush=True)
    return said, logs


def _by_recording(
    recording: Any, wanted: Any, groups: Any, said: dict[str, Any], logs: Any, classes: int
) -> dict[str, GesturesJudged]:
    """Add up what is said of the windows of each recording: votes, of our own log-probabilities."""
    found: dict[str, GesturesJudged] = {}
    numbers = sorted(set(recording.tolist()))
    first = [int(np.flatnonzero(recording == n)[0]) for n in numbers]
    for name, own in said.items():
        votes = [
            logs[recording == n].sum(axis=0)
            if name == "this model"
            else np.bincount(own[recording == n], minlength=classes)
            for n in numbers
        ]
        taken = np.array([int(vote.argmax()) for vote in votes])
        found[name] = GesturesJudged(wanted[first], taken, groups[first], classes)
    return found


def _compared(judged: dict[str, GesturesJudged]) -> dict[str, Any]:
    ours = judged["this model"]
    found = {}
    for name, one in judged.items():
        found[name] = {**one.metrics(), "places": len(one.wanted)}
        if one is not ours:
            found[name]["ours_higher_by"] = macro_f1(ours.table) - macro_f1(one.table)
            found[name]["ours_higher_by_interval"] = f1_interval(ours, one)
        print(f"{name}: macro F1 {found[name]['macro_f1']:.3f}, accuracy {found[name]['accuracy']:.3f}")
    return found


def signs(source: Path) -> dict[str, Any]:
    """Tell signs of one person by landmarks."""
    task = Gesture(source=str(source), split="recording", held_out=0.3, validation=0.0, epochs=20, threads=1)
    return _trained(task, "at least 98 % of takes that were not learned are told rightly; one person made them", 0.98)


def paths(source: Path) -> dict[str, Any]:
    """Tell paths of a fingertip, whole blocks of which were not learned."""
    task = Gesture(source=str(source), split="block", validation=0.0, epochs=15, threads=1, hidden_size=64)
    return _trained(task, "at least 98 % of windows in blocks that were not learned are told rightly; one person", 0.98)


def _trained(task: Gesture, claim: str, least: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        report = statewise.train(task, run=Path(folder, "run")).report
    told = _told(report)
    best = max(values["macro_f1"] for values in report.baselines.values())
    above = report.metrics["macro_f1"] >= best
    return {"claim": claim, "holds": report.metrics["accuracy"] >= least and above, "above_baselines": above, **told}


def lips(source: Path) -> dict[str, Any]:
    """Read words from lips: what very few clips of one person allow."""
    clips = np.load(source / "lips.npz")
    texts = {one["id"]: one["text"].split() for one in json.loads((source / "manifest.json").read_text())}
    ids = [name for name in clips.files if name in texts]
    found: dict[str, Any] = {}
    for kind, place in WORDS.items():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "lips.npz")
            labels = [texts[name][place] for name in ids]
            known = {label for label in labels if labels.count(label) >= 3}
            own = [n for n, label in enumerate(labels) if label in known]
            np.savez(path, x=np.stack([clips[ids[n]] for n in own]), label=np.array([labels[n] for n in own]))
            task = Gesture(source=str(path), **LIPS)
            found[kind] = _told(statewise.train(task, run=Path(folder, "run")).report)

    def above(kind: str) -> bool:
        told = found[kind]
        return all(told["metrics"]["macro_f1"] > one["macro_f1"] for one in told["baselines"].values())

    return {
        "claim": "command and color above every simple method",
        "holds": above("command") and above("color"),
        **found,
    }


def clips() -> dict[str, Any]:
    """Tell a thousand films that are rendered here: made, not recorded."""
    from statewise.data.video.film_writer import write_film

    draw, kinds = np.random.default_rng(0), ("circle", "nod", "wave", "none")
    with tempfile.TemporaryDirectory() as folder:
        for number in range(CLIPS):
            kind, rate = kinds[number % 4], float(draw.choice([12.0, 15.0, 25.0, 30.0]))
            steps = round(rate * draw.uniform(1.2, 2.0))
            where = 0.7 * moved(kind, steps, draw, rate) + draw.uniform(-0.3, 0.3, 2)
            pictures = [picture(x, y, 32) for x, y in where]
            Path(folder, "clips", kind).mkdir(parents=True, exist_ok=True)
            write_film(Path(folder, "clips", kind, f"{number}.mp4"), pictures, [n / rate for n in range(steps)])
        task = Gesture(
            source=str(Path(folder, "clips")),
            height=24,
            epochs=8,
            held_out=0.2,
            validation=0.0,
            threads=1,
            background="none",
        )
        report = statewise.train(task, run=Path(folder, "run")).report
    told = _told(report)
    claim = f"at least 95 % of {CLIPS:,} clips by a renderer, a fifth of them not learned, are told rightly"
    return {"claim": claim, "holds": report.metrics["accuracy"] >= 0.95, "made": True, **told}


def _told(report: Any) -> dict[str, Any]:
    print(report.shown(), flush=True)
    return {name: report.as_json()[name] for name in ("metrics", "baselines", "training", "remarks")}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for kind in ("watch", "signs", "paths", "lips"):
        parser.add_argument(f"--{kind}", type=Path, help=f"where the recordings of {kind} are")
    parser.add_argument("--aeon", help="a Python in which aeon is installed")
    parser.add_argument("parts", nargs="*", metavar="part", help="watch, signs, paths, lips, clips")
    given = parser.parse_args()
    ways: dict[str, Callable[..., dict[str, Any]]] = {"signs": signs, "paths": paths, "lips": lips}
    ways["watch"] = partial(watch, aeon=given.aeon)
    there = {name: partial(way, path) for name, way in ways.items() if (path := getattr(given, name)) is not None}
    there["clips"] = clips
    if missing := [part for part in given.parts if part not in there]:
        parser.error(f"no recordings were given for {missing[0]}: give their path")
    sys.argv[1:] = given.parts or list(there)
    prove_parts(__doc__, "gesture", there)
