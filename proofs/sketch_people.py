"""Networks foresee where people's pens go better than simple movements do, on two collections of real drawings.

    python proofs/sketch_people.py [omniglot] [omniglot_latent] [things] [things_latent]
        [--omniglot NPZ] [--things FILE] [--keep FOLDER]

`omniglot` trains recipes/omniglot.yaml on NPZ, the omniglot.npz of sketch-rnn, 30,000 characters that people drew, and
scores the part that it calls test. `things` trains recipes/things.yaml without classes on QuickDraw's drawings (FILE is
lines of JSON, or such in .xz); those that are scored are those of proofs/sketch_completion.py. Either is trained once
more with latent numbers. One seed each. With --keep the trained runs are kept in a folder, and those that are there
are used. Results go to results/sketch_people.json. Leaves with exit code 1 where a claim does not hold.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from outcomes import prove_parts
from sketch_drawings import things_of, write
from trained_runs import outcome_of, trained

from statewise.run.config import build, read_yaml
from statewise.tasks.sketch.task import Sketch

RECIPES = Path(__file__).parents[1] / "recipes"
LATENT: dict[str, Any] = {"latent": 64, "reader_size": 128}
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
    given = getattr(GIVEN, name)
    if given is None:
        print(f"{name}: give --{name} PATH; left out")
        return {"claim": "left out: no drawings were given"}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(GIVEN.keep or temporary)
        folder.mkdir(parents=True, exist_ok=True)
        task = build(Sketch, {**read_yaml(RECIPES / f"{name}.yaml"), "source": str(source_of(Path(given), folder))})
        report = trained(replace(task, **settings), folder / (f"{name}-latent" if "latent" in settings else name))
    bound = "a bound " if "latent" in settings else ""
    print(report["remarks"])
    claim = f"{bound}beyond every simple method, by an interval over drawings"
    return {"claim": claim, **outcome_of(report), **settings}


PARTS: dict[str, Callable[[], dict[str, Any]]] = {
    "omniglot": omniglot,
    "omniglot_latent": omniglot_latent,
    "things": things,
    "things_latent": things_latent,
}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(add_help=False)
    for name in vars(GIVEN):
        parser.add_argument(f"--{name}")
    GIVEN, sys.argv[1:] = parser.parse_known_args()
    prove_parts(__doc__, "sketch_people", PARTS)
