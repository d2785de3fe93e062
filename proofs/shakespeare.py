"""The recipe trains in at most 45 minutes on 2 cores and predicts held-out plays better than a 6-gram.

    python proofs/shakespeare.py [--run DIR]      trains, unless DIR is a finished run of the recipe

Writes results/shakespeare.json, docs/pictures/shakespeare.png (bits per character against minutes) and prints the
table. Leaves with exit code 1 where a claim does not hold.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from outcomes import made_by

import statewise
from statewise.report import Report
from statewise.run.config import build, read_yaml
from statewise.run.directory import RunDirectory
from statewise.tasks.text.task import Text

HERE = Path(__file__).parent
RECIPE = HERE.parent / "recipes" / "shakespeare.yaml"
PICTURE = HERE.parent / "docs" / "pictures" / "shakespeare.png"
MOST_MINUTES = 45
BITS = "bits_per_character"


def main() -> None:
    """Train if need be, then judge, write and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, default=Path("runs/proof-shakespeare"))
    run: Path = parser.parse_args().run
    recipe = build(Text, read_yaml(RECIPE))
    if not run.exists():
        statewise.train(recipe, run=run)
    seen = statewise.inspect(run)
    if not seen["finished"]:
        statewise.resume(run)
        seen = statewise.inspect(run)
    events = list(RunDirectory(run).read_events())
    report = next(event["report"] for event in reversed(events) if event["event"] == "finished")
    result = judged(report, events, seen)
    (HERE / "results" / "shakespeare.json").write_text(json.dumps(result, indent=1) + "\n")
    draw(result)
    print(Report(**report).table())
    print(f"{result['minutes']:.1f} minutes, {result['characters_per_second']:,.0f} characters a second")
    sys.exit(0 if result["holds"] else 1)


def judged(report: dict[str, Any], events: list[dict[str, Any]], seen: dict[str, Any]) -> dict[str, Any]:
    """Return the figures, and whether the claims hold."""
    minutes = report["training"]["seconds"] / 60
    bits = {name: metrics[BITS] for name, metrics in report["baselines"].items()}
    own = report["metrics"][BITS]
    curve = [[e["seconds"] / 60, e["metrics"][BITS]] for e in events if e["event"] == "checked"]
    return {
        "claim": f"at most {MOST_MINUTES} minutes on 2 cores, better than the 6-gram",
        "holds": minutes <= MOST_MINUTES and own < bits["6-gram"] and seen["stretches"][-1]["numerics"]["threads"] <= 2,
        "minutes": minutes,
        "characters_per_second": report["training"]["places_per_second"],
        "parameters": report["training"]["parameters"],
        BITS: {"this model": own, **bits},
        "curve_minutes_and_bits": [*curve, [minutes, own]],
        "settings": {name: value for name, value in seen["settings"].items() if value is not None},
        **made_by(),
    }


def draw(result: dict[str, Any]) -> None:
    """Draw bits per character against minutes, each n-gram a line."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7.5, 5), layout="constrained")
    minutes, bits = zip(*result["curve_minutes_and_bits"], strict=True)
    blue, grey = "#0072B2", "#666666"
    axes.plot(minutes, bits, color=blue, marker="o", linewidth=2)
    place = {"textcoords": "offset points", "ha": "right"}
    axes.annotate(f"LSTM  {bits[-1]:.2f}", (minutes[-1], bits[-1]), (0, -16), color=blue, weight="bold", **place)
    for name, value in result[BITS].items():
        if name != "this model":
            axes.axhline(value, color=grey, linewidth=1, linestyle="--")
            axes.annotate(
                f"{name}  {value:.2f}",
                (minutes[-1], value),
                (0, -12 if name == "6-gram" else 3),
                color=grey,
                fontsize=9,
                **place,
            )
    axes.set(xlabel="minutes of training on 2 cores", ylabel="bits per character, held out (log scale)")
    axes.set(xlim=(0, None), yscale="log", ylim=(1.9, 5.2))
    axes.set_yticks([2, 2.5, 3, 4, 5], ["2", "2.5", "3", "4", "5"])
    axes.minorticks_off()
    axes.set_title("A character LSTM on Shakespeare's plays beside Kneser-Ney n-grams", fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)
    PICTURE.parent.mkdir(exist_ok=True)
    figure.savefig(PICTURE, dpi=120)


if __name__ == "__main__":
    main()
