"""A network ends what people began to draw, and a judge that was trained apart says what the ended drawings are.

    python proofs/sketch_completion.py [letters] [things] [--letters ZIP] [--things FILE] [--keep FOLDER]

`letters` are those of five alphabets by twenty drawers (Omniglot; ZIP is its strokes_background_small1.zip), of whom
four are kept; `things` are QuickDraw's (FILE is lines of JSON, as Google publishes them, or such in .xz), of whose 50
classes with most recognised drawings ten each are kept. The network learns recipes/letters.yaml or recipes/things.yaml
from all others. It is given half of the strokes of 500 that were kept, of a drawing of one stroke half of its points,
and how large the whole was; it is told the class, guesses it, or draws without. The judge learned the names of whole
drawings of people, none of them among the 500. Compared with the network's endings are the real ones, none, and the
rest of the nearest drawing that it learned from. The claim is of a network that is told the class; what comes without
is told next to it. Intervals are by bootstrap over drawings, in pairs. With --keep the trained networks and judges are
kept in a folder, and those that are there are used. Pictures with the nearest learned drawings go to runs/.
Results go to results/sketch_completion.json. Leaves with exit code 1 where a claim does not hold.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from outcomes import prove_parts
from sketch_drawings import letters_of, things_of, write
from sketch_ended import Begun, Pen, begun_of, ended, pictured
from sketch_halves import Neighbours, halved
from sketch_judge import judge_of, named
from sketch_likeness import Known
from sketch_page import PAGE, kept, written
from trained_runs import options, outcome_of, possible, trained

import statewise
from statewise.data.strokes import Drawing, read_drawings
from statewise.run.config import build, read_yaml
from statewise.task import Score
from statewise.tasks.sketch.data import SketchData
from statewise.tasks.sketch.task import Sketch
from statewise.underway import returned

RECIPES, RUNS = Path(__file__).parents[1] / "recipes", Path(__file__).parents[1] / "runs"
JUDGED, RESAMPLED = 500, 10_000
WANTED = 0.85
"Of the judge's accuracy on real endings."
GIVEN = argparse.Namespace(letters=None, things=None, keep=None)
Right = np.ndarray[Any, Any]


def letters() -> dict[str, Any]:
    """Prove it on letters by drawers that the network never saw."""
    return _prove("letters", letters_of)


def things() -> dict[str, Any]:
    """Prove it on things."""
    return _prove("things", things_of)


def _prove(name: str, drawings_of: Callable[[Path], Iterator[dict[str, Any]]]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(GIVEN.keep or temporary, name)
        folder.mkdir(parents=True, exist_ok=True)
        source = write(drawings_of(Path(getattr(GIVEN, name))), folder / "drawings.ndjson")
        task = build(Sketch, {**read_yaml(RECIPES / f"{name}.yaml"), "source": str(source)})
        report = outcome_of(trained(task, folder / "run"))
        data = task.prepare(folder / ".data")
        pen = Pen(statewise.load(folder / "run").model, data.codec)
        drawings = [*read_drawings([source])]
        classes = sorted({str(one.label) for one in drawings if one.part == "held_out"})
        learned = [one for one in drawings if one.part == "training"]
        judge = judge_of([one for one in learned if one.label in classes], classes, folder / "judge.safetensors")
        report["metrics_not_told_the_class"] = _untold(task, pen, data)
    begun = begun_of(drawings, classes, "held_out", JUDGED)
    ways = _ways(pen, begun, learned)
    right = {way: named(judge, strokes) == begun.labels for way, strokes in ways.items()}
    pictured(begun, ways, learned, RUNS / f"sketch-endings-{name}.svg")
    found = _compared(right, begun, learned, ways)
    for way, row in found["ways"].items():
        print(f"{way}: {row}")
    claim = (
        f"told its class, what the network ended is named right at least {WANTED:.0%} as often as what people did, and "
        "more often than the rest of the nearest drawing glued on"
    )
    return {**report, "claim": claim, "holds": report["holds"] and found["claims"]["told_the_class"]["holds"], **found}


def _untold(task: Sketch, pen: Pen, data: SketchData) -> dict[str, float]:
    """Return how well held-out drawings are foreseen where no class is told: the number after those of the classes."""
    labels = np.full_like(data.drawings.labels, len(pen.codec.classes))
    score: Score = returned(task.score(pen.model, replace(data, drawings=replace(data.drawings, labels=labels))))
    return dict(score.metrics)


def _ways(pen: Pen, begun: Begun, learned: Sequence[Drawing]) -> dict[str, list[Any]]:
    """Return the drawings with each of the ways to end them."""
    neighbours = Neighbours([halved(one.strokes) for one in learned], [begun.number(one) for one in learned])
    halves, labels = begun.halves, begun.labels.tolist()
    return {
        "real": [one.strokes for one in begun.whole],
        "none": [half.given for half in halves],
        "glued": [neighbours.glued(half) for half in halves],
        "network": ended(pen, begun, "untold"),
        "network_guessing_the_class": ended(pen, begun, "guessed"),
        "glued_of_the_class": [neighbours.glued(half, label) for half, label in zip(halves, labels, strict=True)],
        "network_told_the_class": ended(pen, begun, "told"),
    }


def _compared(
    right: dict[str, Right], begun: Begun, learned: Sequence[Drawing], ways: dict[str, list[Any]]
) -> dict[str, Any]:
    known = Known([one.strokes for one in learned])
    like = {way: np.array([known.nearest(one)[1] for one in ways[way]]) for way in ways if way != "none"}
    rows = {
        way: {
            "named_right": float(found.mean()),
            "interval": _interval(lambda chosen, found=found: found[chosen].mean(axis=1), len(found)),
            **({"like_the_nearest": float(like[way].mean())} if way in like else {}),
        }
        for way, found in right.items()
    }
    claims = {name: _claim(right["real"], right[way], right["glued"]) for name, way in CLAIMS.items()}
    claims["told_the_class"]["above_glued_of_the_class"] = _above(
        right["network_told_the_class"], right["glued_of_the_class"]
    )
    return {"drawings": len(begun.whole), "classes": len(begun.classes), "ways": rows, "claims": claims}


CLAIMS = {
    "told_the_class": "network_told_the_class",
    "guessing_the_class": "network_guessing_the_class",
    "not_told_the_class": "network",
}


def _claim(real: Right, network: Right, glued: Right) -> dict[str, Any]:
    """Compare what was named right: the share of what is with real endings, and how far above glued ones."""
    above, share = _above(network, glued), float(network.mean() / real.mean())
    return {
        "share_of_real": share,
        "share_interval": _interval(lambda chosen: network[chosen].mean(axis=1) / real[chosen].mean(axis=1), len(real)),
        "above_glued": above,
        "holds": share >= WANTED and above["interval"][0] > 0,
    }


def _above(one: Right, other: Right) -> dict[str, Any]:
    """Return by how much more is named right one way than another, on the same drawings."""
    mean = float(one.mean() - other.mean())
    return {"mean": mean, "interval": _interval(lambda of: one[of].mean(axis=1) - other[of].mean(axis=1), len(one))}


def _interval(of: Callable[[Right], Right], count: int) -> list[float]:
    """Return a 95 % interval of what is worked out of drawings, chosen again and again from the same."""
    chosen = np.random.default_rng(0).integers(0, count, (RESAMPLED, count))
    return [float(edge) for edge in np.percentile(of(chosen), [2.5, 97.5])]


PARTS: dict[str, Callable[[], dict[str, Any]]] = {"letters": letters, "things": things}


if __name__ == "__main__":
    GIVEN = options("letters", "things", "keep")
    try:
        prove_parts(__doc__, "sketch_completion", possible(PARTS, GIVEN))
    finally:
        PAGE.write_text(written(PAGE.read_text(), kept()))
