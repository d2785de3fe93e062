"""A network foresees where a pen goes better than simple movements do, and nine endings cost little more than one.

    python proofs/sketch.py [kanji] [latent] [endings]

`kanji` trains recipes/kanji.yaml and compares it with a Gaussian for each state of the pen and a bigram of movements,
on characters that it never saw, with an interval over drawings. It draws new characters as docs/pictures/sketch.svg,
and as runs/sketch-neighbours.svg with the nearest of the training part below each, so that copying would be seen.
`latent` trains the same with 32 latent numbers. `endings` times nine endings of a drawing and one, in turns, medians.
Results go to results/sketch.json. Leaves with exit code 1 where a claim does not hold.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from outcomes import prove_parts
from sketch_likeness import Known
from trained_runs import outcome_of

import statewise
from statewise.data.strokes import strokes_of
from statewise.data.strokes.drawing_pictures import DrawingPanel, svg_of
from statewise.run.config import build, read_yaml
from statewise.tasks.sketch.answers import Artist, blank, endings
from statewise.tasks.sketch.task import Sketch

HERE = Path(__file__).parent
RECIPE = HERE.parent / "recipes" / "kanji.yaml"
PICTURE = HERE.parent / "docs" / "pictures" / "sketch.svg"
NEIGHBOURS = HERE.parent / "runs" / "sketch-neighbours.svg"
"Drawings of the training part are other people's: they are shown, and not kept with the project."
SHOWN, COLUMNS = 6, 6
TIMES = 15
DEAREST = 2.5
"Nine endings may cost so many times what one does."


def kanji() -> dict[str, Any]:
    """Train the recipe and compare; the claim is that no interval over drawings reaches the best simple method."""
    task = build(Sketch, read_yaml(RECIPE))
    with tempfile.TemporaryDirectory() as folder:
        run = statewise.train(task, run=Path(folder, "run"))
        _draw(run, task, Path(folder, ".data"))
    print(run.report.shown())
    return {"claim": "beyond every simple method, by an interval over drawings", **outcome_of(run.report.as_json())}


def latent() -> dict[str, Any]:
    """Train with latent numbers; the claim is the same, of the bound that counts what they say."""
    task = replace(build(Sketch, read_yaml(RECIPE)), latent=32, reader_size=96)
    with tempfile.TemporaryDirectory() as folder:
        report = statewise.train(task, run=Path(folder, "run")).report
    print(report.shown())
    return {"claim": "a bound beyond every simple method, by an interval over drawings", **outcome_of(report.as_json())}


def endings_cost() -> dict[str, Any]:
    """Time endings of half a character, the weights of no matter: nine and one, in turns, on one thread.

    Seconds are of the processor, so that what else the machine does counts little.
    """
    torch.set_num_threads(1)
    task = replace(build(Sketch, read_yaml(RECIPE)), hidden_size=512)
    with tempfile.TemporaryDirectory() as folder:
        codec = task.prepare(Path(folder)).codec
    model = task.model(codec)
    head: Any = model.head
    with torch.no_grad():
        head.linear.bias[-1] = -30.0  # no drawing ends before its limit, so that all are as long
    codec = replace(codec, longest=60)
    half = [[[0.0, 0.0], [0.0, 200.0], [180.0, 200.0]]]
    seconds: dict[int, list[float]] = {1: [], 9: []}
    for _ in range(TIMES):
        for count, taken in seconds.items():
            began = time.process_time()
            list(task.predict(model, codec, half, endings=count))
            taken.append(time.process_time() - began)
    one, nine = (statistics.median(taken) for taken in seconds.values())
    print(f"one ending {1000 * one:.1f} ms, nine {1000 * nine:.1f} ms: {nine / one:.2f} times")
    return {
        "claim": f"nine endings cost no more than {DEAREST} times one",
        "holds": nine <= DEAREST * one,
        "one_seconds": one,
        "nine_seconds": nine,
        "ratio": nine / one,
    }


def _draw(run: Any, task: Sketch, cache: Path) -> None:
    """Draw new characters, and once more with the nearest ones of the training part below them."""
    trained, data = run.load(), task.prepare(cache)
    codec = data.codec
    drawn = list(endings(Artist.of(trained.model, codec, 0.4, None, 1), blank(codec), SHOWN))
    numbers = data.drawings.numbers("training")
    known = [strokes_of(data.drawings.offsets(int(number)).astype(float)) for number in numbers]
    likest = Known(known)
    new = [DrawingPanel((), one.strokes, f"drawn {number}") for number, one in enumerate(drawn, 1)]
    near = [
        DrawingPanel(known[likest.nearest(one.strokes)[0]], (), f"nearest to {number}")
        for number, one in enumerate(drawn, 1)
    ]
    scaled = [DrawingPanel([stroke * codec.scale for stroke in panel.given], (), panel.title) for panel in near]
    PICTURE.write_text(svg_of(new, columns=COLUMNS))
    NEIGHBOURS.parent.mkdir(exist_ok=True)
    NEIGHBOURS.write_text(svg_of([*new, *scaled], columns=COLUMNS))


PARTS: dict[str, Callable[[], dict[str, Any]]] = {"kanji": kanji, "latent": latent, "endings": endings_cost}


if __name__ == "__main__":
    prove_parts(__doc__, "sketch", PARTS)
