"""A team of six learns by playing itself, and is judged by matches against chance, a script and its past selves.

    python proofs/battle.py [--run runs/battle] [--matches 100] [--only league] [--draw]

Trains by `recipes/battle.yaml`, on one thread; a run that is there is only scored, and one that was stopped is to be
finished by `statewise resume` before. Then 100 matches of fixed seeds are played against a team that acts at random, a
team that attacks the nearest opponent it sees, and the policy itself with its memory erased before each step; and a
league is played with four of its past selves. Needs `pip install magent2`.

Results go to results/battle.json, each part when it is done, with the curve of the checks, each of 20 matches against
the scripted team. With --draw nothing is played: the curves that were kept are drawn to docs/pictures/battle.svg.
Leaves with exit code 1 where fewer than 90 of 100 matches are won against either team.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from outcomes import RESULTS, made_by

import statewise
from statewise.errors import MissingExtra
from statewise.run.config import build, read_yaml
from statewise.tasks.game.task import Game
from statewise.tasks.game.teams.league import league_of
from statewise.underway import returned

ROOT = Path(__file__).parents[1]
RECIPE, PICTURE = ROOT / "recipes" / "battle.yaml", ROOT / "docs" / "pictures" / "battle.svg"
WON = 0.9
"The share of matches that is to be won against chance and against the script."
SELVES = 4


def asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, default=Path("runs/battle"))
    parser.add_argument("--matches", type=int, default=100)
    parser.add_argument("--only", choices=[*PARTS], action="append")
    parser.add_argument("--draw", action="store_true")
    parser.add_argument("--save", type=Path, default=RESULTS / "battle.json")
    return parser.parse_args()


def checks_of(run: Path) -> tuple[list[list[float]], float]:
    """Return update, return and wins of each check against the script, and the seconds of training."""
    events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    told = [event for event in events if event["event"] == "checked"]
    curve = [[one["update"], one["metrics"]["return"], one["metrics"]["wins"]] for one in told]
    return curve, max(one["seconds"] for one in events if "seconds" in one)


def played(run: Path, matches: int) -> dict[str, Any]:
    """Play matches against chance, the script and itself without memory."""
    report = statewise.evaluate(run, episodes=matches)
    against = report.tables["Matches, by opponent"]
    curve, seconds = checks_of(run)
    wins = {name: row["wins"] for name, row in against.items()}
    trained = statewise.load(run)
    return {
        "claim": f"{WON:.0%} of matches won against chance and against the script",
        "holds": wins["random"] >= WON and wins["scripted"] >= WON,
        "steps": trained.task.steps_total,
        "updates": trained.update,
        "train_seconds": round(seconds),
        "matches": matches,
        "against": against,
        "memory": report.tables["What the memory is worth"],
        "baselines": report.baselines,
        "remarks": report.remarks,
        "checks": curve,
        **made_by(),
    }


def rated(run: Path, matches: int) -> dict[str, Any]:
    """Play a league; each pair plays a fifth as many matches."""
    each = max(2, matches // 5)
    return {**returned(league_of(run, each, SELVES)).as_json(), "matches_of_a_pair": each, **made_by()}


PARTS = {"matches": played, "league": rated}


def draw(result: dict[str, Any]) -> None:
    """Draw the return against the script by checks, and the rating of past selves with its interval, over updates."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "statewise"
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(7.6, 2.9), layout="constrained")
    updates, returns, wins = zip(*result["matches"]["checks"], strict=True)
    left.plot(updates, returns, linewidth=1.4, label="return")
    share = left.twinx()
    share.plot(updates, [100 * won for won in wins], linewidth=1.2, linestyle=":", color="grey")
    share.set_ylabel("matches won, % (dotted)", fontsize=8)
    share.set_ylim(0, 100)
    share.tick_params(labelsize=7)
    left.set_title("20 matches against the scripted team", fontsize=9)
    left.set_ylabel("return of a fighter", fontsize=8)
    selves = sorted((one for one in result["league"]["standings"] if one["update"] is not None), key=by_update)
    rating, low, high = ([one[name] for one in selves] for name in ("rating", "rating_low", "rating_high"))
    errors = [[r - at for r, at in zip(rating, low, strict=True)], [at - r for r, at in zip(rating, high, strict=True)]]
    right.errorbar([one["update"] for one in selves], rating, yerr=errors, marker="o", markersize=3, linewidth=1.4)
    script = next(one["rating"] for one in result["league"]["standings"] if one["name"] == "scripted")
    right.axhline(script, color="grey", linestyle="--", linewidth=1, label="scripted")
    right.set_title("rating of past selves above chance", fontsize=9)
    right.legend(fontsize=7, loc="lower right")
    for panel in (left, right):
        panel.set_xlabel("updates", fontsize=8)
        panel.tick_params(labelsize=7)
    figure.savefig(PICTURE, metadata={"Date": None})


def by_update(standing: dict[str, Any]) -> int:
    return int(standing["update"])


def main() -> None:
    given = asked()
    if given.draw:
        draw(json.loads(given.save.read_text()))
        return
    try:
        if not (given.run / "run.yaml").exists():
            statewise.train(build(Game, read_yaml(RECIPE)), run=given.run)
        for name in given.only or PARTS:
            part = PARTS[name](given.run, given.matches)
            kept = json.loads(given.save.read_text()) if given.save.exists() else {}
            given.save.write_text(json.dumps({**kept, name: part}, indent=1) + "\n")
    except MissingExtra as missing:
        sys.exit(f"the battle is left out: {missing}")
    result = json.loads(given.save.read_text()).get("matches")
    if result is None:
        return
    for name, row in result["against"].items():
        print(f"{row['wins']:.0%} won against {name}, 95 % interval {row['wins_low']:.0%} to {row['wins_high']:.0%}")
    print(f"{result['claim']}: {result['holds']}")
    sys.exit(0 if result["holds"] else 1)


if __name__ == "__main__":
    main()
