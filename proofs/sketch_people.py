"""Networks foresee where people's pens go better than simple movements do, on two collections of real drawings.

    python proofs/sketch_people.py [omniglot] [omniglot_latent] [things] [things_latent]
        [--omniglot NPZ] [--things FILE] [--keep FOLDER]

`omniglot` trains recipes/omniglot.yaml on NPZ, the omniglot.npz of sketch-rnn, 30,000 characters that people drew, and
scores the part that it calls test. `things` trains recipes/things.yaml without classes on QuickDraw's drawings (FILE is
lines of JSON, or such in .xz); those that are scored are those of proofs/sketch_completion.py. Either is trained once
more with latent numbers, and 200 of the scored drawings are drawn again from what the reader made of them: is each more
like the one that was read than like the 199 others? Eight go to runs/ as a picture, and steps from one to another.
One seed each. With --keep the trained runs are kept in a folder, and those that are there are used. Results go to
results/sketch_people.json. Leaves with exit code 1 where a claim does not hold.
"""

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from outcomes import prove_parts
from sketch_drawings import things_of, write
from sketch_likeness import Known, ink_of
from sketch_page import PAGE, kept, written
from trained_runs import options, outcome_of, possible, trained

import statewise
from statewise.data.strokes import strokes_of
from statewise.data.strokes.drawing_pictures import DrawingPanel, svg_of
from statewise.run.config import build, read_yaml
from statewise.tasks.sketch.data import SketchData
from statewise.tasks.sketch.task import Sketch

RECIPES, RUNS = Path(__file__).parents[1] / "recipes", Path(__file__).parents[1] / "runs"
LATENT: dict[str, Any] = {"latent": 128, "reader_size": 128, "kl_weight": 0.25, "updates": 4000}
AGAIN, SHOWN, COLD = 200, 8, 0.1
"So many drawings are drawn again, and shown, at that temperature."
GIVEN = argparse.Namespace(omniglot=None, things=None, keep=None)


def omniglot() -> dict[str, Any]:
    """Train on characters."""
    return _prove("omniglot", {}, lambda given, folder: given)


def omniglot_latent() -> dict[str, Any]:
    """Train on characters with latent numbers."""
    return _prove("omniglot", LATENT, lambda given, folder: given)


def things() -> dict[str, Any]:
    """Train on things."""
    return _prove("things", NO_CLASS, _things)


def things_latent() -> dict[str, Any]:
    """Train on things with latent numbers."""
    return _prove("things", {**NO_CLASS, **LATENT}, _things)


NO_CLASS: dict[str, Any] = {"by_class": False, "class_dropout": 0.0}


def _things(given: Path, folder: Path) -> Path:
    return write(things_of(given), folder / "drawings.ndjson")


def _prove(name: str, settings: dict[str, Any], source_of: Callable[[Path, Path], Path]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(GIVEN.keep or temporary)
        folder.mkdir(parents=True, exist_ok=True)
        task = build(
            Sketch,
            {**read_yaml(RECIPES / f"{name}.yaml"), "source": str(source_of(Path(getattr(GIVEN, name)), folder))},
        )
        task = replace(task, **settings)
        report = trained(task, folder / (f"{name}-latent" if task.latent else name) / "run")
        print(report["remarks"])
        found = {"claim": "beyond every simple method, by an interval over drawings", **outcome_of(report)}
        if not task.latent:
            return found
        model = statewise.load(folder / f"{name}-latent" / "run")
        again = _drawn_again(model, task.prepare(folder / ".data"), RUNS / f"sketch-again-{name}.svg")
    print(again)
    return {**found, "claim": f"a bound {found['claim']}", "latent": task.latent, "drawn_again": again}


def _drawn_again(run: Any, data: SketchData, picture: Path) -> dict[str, Any]:
    """Draw some drawings again from their latent numbers, and find which of all of them each is most like."""
    scale, drawings = data.codec.scale, data.drawings
    numbers = np.random.default_rng(0).permutation(drawings.numbers("held_out"))[:AGAIN]
    read = [[stroke * scale for stroke in strokes_of(drawings.offsets(int(number)))] for number in numbers]
    drawn = [next(iter(run.predict(strokes, reconstruct=True, temperature=COLD))).strokes for strokes in read]
    known = Known(read)
    likeness = np.stack([known.grids @ ink_of(strokes) for strokes in drawn])
    itself, others = likeness.diagonal(), likeness[~np.eye(len(read), dtype=bool)]
    between = run.predict((read[0], read[1]), interpolate=True, temperature=COLD, count=SHOWN)
    panels = [DrawingPanel(strokes, (), f"read {number}") for number, strokes in enumerate(read[:SHOWN], 1)]
    panels += [DrawingPanel((), strokes, f"drawn again {number}") for number, strokes in enumerate(drawn[:SHOWN], 1)]
    panels += [one.panel for one in between]
    picture.parent.mkdir(exist_ok=True)
    picture.write_text(svg_of(panels, columns=SHOWN))
    return {
        "drawings": len(read),
        "most_like_itself": float((likeness.argmax(axis=1) == np.arange(len(read))).mean()),
        "like_itself": float(itself.mean()),
        "like_another": float(others.mean()),
    }


PARTS: dict[str, Callable[[], dict[str, Any]]] = {
    "omniglot": omniglot,
    "omniglot_latent": omniglot_latent,
    "things": things,
    "things_latent": things_latent,
}


if __name__ == "__main__":
    GIVEN = options("omniglot", "things", "keep")
    try:
        prove_parts(__doc__, "sketch_people", possible(PARTS, GIVEN))
    finally:
        PAGE.write_text(written(PAGE.read_text(), kept()))
