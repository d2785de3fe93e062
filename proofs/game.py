"""A policy with a memory plays what one without cannot: poles and cars without velocities, cards of four steps ago.

    python proofs/game.py [--seeds 3] [--only cartpole] [--draw]

Trains each game with several seeds by the settings of `recipes/`, on one thread, and scores 100 episodes of fixed
seeds, next to chance, to a policy of the same size and steps without memory, and to itself with its memory erased.
`cartpole` is CartPole-v1 without velocities, `car` MountainCarContinuous-v0 without velocity, for 100,000 steps each;
`cards` is popgym's RepeatPrevious Easy for 300,000, which needs `pip install popgym`; a game whose package is missing
is left out, and said. Results go to results/game.json with the curves of the checks, each game when it is done.
With --draw nothing is trained: the curves that were kept are drawn to docs/pictures/game.svg.
Leaves with exit code 1 where a game is not solved by all seeds, or is without the memory.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from outcomes import RESULTS, made_by

import statewise
from statewise.errors import MissingExtra
from statewise.learning.events import Checked, Finished
from statewise.run.config import build, read_yaml
from statewise.tasks.game.task import Game

RECIPES, PICTURE = (Path(__file__).parents[1] / name for name in ("recipes", "docs/pictures/game.svg"))
GAMES = {
    "cartpole": ("cartpole.yaml", 500.0),
    "car": ("mountain-car.yaml", 90.0),
    "cards": ("repeat-previous.yaml", 0.9),
}
"The recipe of each game, and the mean return at which it is solved."


def asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", choices=[*GAMES], action="append")
    parser.add_argument("--draw", action="store_true")
    parser.add_argument("--save", type=Path, default=RESULTS / "game.json")
    return parser.parse_args()


def played(task: Game, folder: Path) -> dict[str, Any]:
    """Train once; return the report, and the return of each check by the steps played until then."""
    curve = []
    for event in statewise.training(task, run=folder / f"seed-{task.seed}"):
        if isinstance(event, Checked):
            updates = task.passes * (task.rollout // task.sequence_length * task.envs // task.batch_size)
            steps = event.update // updates * task.envs * task.rollout
            curve.append([steps, round(event.metrics["return"], 3)])
        if isinstance(event, Finished):
            report = event.report
    seconds = report["training"]["seconds"]
    return {
        "seed": task.seed,
        "metrics": report["metrics"],
        "baselines": report["baselines"],
        "remarks": report["remarks"],
        "memory": report["tables"],
        "curve": curve,
        "train_seconds": round(seconds, 1),
        "steps_per_second": round((task.steps_total or 0) / seconds),
    }


def proved(name: str, seeds: int) -> dict[str, Any]:
    recipe, solved = GAMES[name]
    task = build(Game, read_yaml(RECIPES / recipe))
    with tempfile.TemporaryDirectory() as folder:
        runs = [played(replace(task, seed=seed, compare=seed == 0), Path(folder)) for seed in range(seeds)]
    returns = [run["metrics"]["return"] for run in runs]
    without = max(scores["return"] for scores in runs[0]["baselines"].values())
    return {
        "claim": f"mean return of {solved:g} with every seed, and less without memory",
        "holds": min(returns) >= solved and without < solved,
        "game": task.source,
        "hidden": list(task.hide),
        "steps": task.steps_total,
        "returns": returns,
        "best_without_memory": without,
        "runs": runs,
        **made_by(),
    }


def draw(results: dict[str, Any]) -> None:
    """Draw the return of each check over the steps played until then, a panel for each game."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "statewise"
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, len(results), figsize=(3.4 * len(results), 2.8), layout="constrained")
    for panel, result in zip(panels, results.values(), strict=True):
        for run in result["runs"]:
            panel.plot(*zip(*run["curve"], strict=True), linewidth=1.4, label=f"seed {run['seed']}")
        panel.axhline(
            result["best_without_memory"], color="grey", linestyle="--", linewidth=1, label="best without memory"
        )
        panel.set_title(result["game"], fontsize=9)
        panel.set_xlabel("steps of all environments", fontsize=8)
        panel.tick_params(labelsize=7)
        panel.xaxis.set_major_formatter(lambda value, _: f"{value / 1000:.0f} k")
    panels[0].set_ylabel("return of 20 episodes", fontsize=8)
    panels[0].legend(fontsize=7)
    figure.savefig(PICTURE, metadata={"Date": None})


def main() -> None:
    given = asked()
    if given.draw:
        draw(json.loads(given.save.read_text()))
        return
    holds = True
    for name in given.only or GAMES:
        try:
            result = proved(name, given.seeds)
        except MissingExtra as missing:
            print(f"{name} is left out: {missing}", file=sys.stderr)
            continue
        kept = json.loads(given.save.read_text()) if given.save.exists() else {}
        given.save.write_text(json.dumps({**kept, name: result}, indent=1) + "\n")
        print(f"{name}: {result['returns']} with memory, {result['best_without_memory']:g} without: {result['holds']}")
        holds &= result["holds"]
    sys.exit(0 if holds else 1)


if __name__ == "__main__":
    main()
