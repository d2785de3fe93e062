"""How many bits per character do smaller weights cost, on a model of Shakespeare's plays that was trained for it?

    python benchmarks/accuracy.py [--run DIR] [--save DIR]

Scores a finished run on its held-out part with weights as float32, bfloat16 and int8. Where DIR holds no run, one is
trained there first: the recipe's network, for 1,500 updates.
"""

import argparse
import json
from pathlib import Path

import statewise
from statewise.program.plan import STORAGES
from statewise.run.config import build, read_yaml
from statewise.tasks.text.task import Text
from statewise.versions import versions
from statewise_lab.benchmarking.result import commit, machine

RECIPE = Path(__file__).parents[1] / "recipes" / "shakespeare.yaml"
BITS, UPDATES = "bits_per_character", 1500


def main() -> None:
    """Score a run with every storage, print the figures and keep them where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, default=Path("runs/proof-shakespeare"))
    parser.add_argument("--save", type=Path)
    given = parser.parse_args()
    if not given.run.exists():
        statewise.train(build(Text, {**read_yaml(RECIPE), "updates": UPDATES, "checks": 3}), run=given.run)
    result = {
        "question": "accuracy",
        BITS: bits_of(given.run),
        "updates": statewise.inspect(given.run)["last_update"]["update"],
        "commit": commit(),
        "machine": machine(),
        "versions": versions(),
    }
    print(json.dumps(result[BITS]))
    if given.save is not None:
        given.save.mkdir(parents=True, exist_ok=True)
        (given.save / "accuracy.json").write_text(json.dumps(result, indent=1) + "\n")


def bits_of(run: Path) -> dict[str, float]:
    """Return the bits per character of a run with each storage of its weights."""
    plain, *smaller = STORAGES
    bits = {}
    for storage in smaller:
        metrics = statewise.evaluate(run, storage=storage).metrics
        bits |= {plain: metrics[BITS], storage: metrics[f"{storage}_{BITS}"]}
    return bits


if __name__ == "__main__":
    main()
