"""The papers' own experiments, made again from several seeds: what the papers report and what ours come to.

    python proofs/classics.py [--out DIR] [--processes 2] [--sum-up]

Goes on in DIR where it was stopped; with --sum-up it makes no more trials, and says in the result which are missing.

Writes results/classics.json, the tables of docs/tutorials/classics.md and its pictures, and prints the table. Leaves
with exit code 1 where an LSTM does not meet the criterion of an experiment of Hochreiter & Schmidhuber 1997 from every
seed, or only after more sequences than theirs.
"""

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

from outcomes import made_by

from statewise.insight.memory_pictures import LIGHT, png
from statewise_lab.classics.experiments import chosen
from statewise_lab.classics.pictures import drawings
from statewise_lab.classics.suite import Suite
from statewise_lab.classics.summary import held, markdown, summarize, table

HERE = Path(__file__).parent
RESULT = HERE / "results" / "classics.json"
PAGE = HERE.parent / "docs" / "tutorials" / "classics.md"
PICTURES = HERE.parent / "docs" / "pictures"
PLACE = re.compile(r"(<!-- table: ([\w, &-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
GROUPS = {
    "Elman": ("Elman",),
    "Hochreiter & Schmidhuber": ("Hochreiter",),
    "Pascanu": ("Pascanu",),
    "cells": ("Gers", "Minsky", "Experiment 2a", "as Le"),
}


def main() -> None:
    """Make what is missing, then sum up, write, draw and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/proof-classics"))
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--sum-up", action="store_true")
    given = parser.parse_args()
    suite = Suite(chosen(), given.out)
    count = len(suite.jobs())
    for record in suite.run(given.processes) if not given.sum_up else ():
        words = f"{'solved' if record['is_met'] else 'not solved'} after {record['sequences']:,}"
        trial = f"{record['experiment']}, {record['contender']}, seed {record['seed']}"
        print(f"{len(suite.finished())} of {count}: {trial}: {words}, {record['seconds']:.0f} s", file=sys.stderr)
    result = summed_up(suite)
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    PAGE.write_text(filled(PAGE.read_text(), result))
    for name, draw in drawings(result["experiments"]).items():
        (PICTURES / f"classics-{name}.png").write_bytes(png(draw(LIGHT)))
    print(table(result["experiments"]))
    for name, is_met in result["holds"].items():
        print(f"the LSTM meets the criterion of {name} as soon as the paper's: {'yes' if is_met else 'no'}")
    sys.exit(0 if all(result["holds"].values()) else 1)


def summed_up(suite: Suite) -> dict[str, Any]:
    """Return everything that the page says, with where it was made."""
    finished = suite.finished()
    experiments = rounded(summarize(suite.experiments, finished.values()))
    holds = held(experiments, "Hochreiter", "lstm")
    seconds = [one["processor_seconds"] for summary in experiments for one in summary["contenders"]]
    return {
        "claim": "an LSTM meets each criterion of 1997 from every seed after no more sequences than the paper's",
        "holds": holds,
        "trials": len(finished),
        "missing": ["/".join(map(str, job)) for job in suite.jobs() if job not in finished],
        "processor_seconds": round(sum(seconds)),
        "experiments": experiments,
        **made_by(),
    }


def rounded(found: Any) -> Any:
    """Return the same with numbers of at most four significant digits after the point."""
    if isinstance(found, float):
        return round(found, 4)
    if isinstance(found, dict):
        return {name: rounded(value) for name, value in found.items()}
    return [rounded(value) for value in found] if isinstance(found, list | tuple) else found


def filled(page: str, result: dict[str, Any]) -> str:
    """Return the page with its tables, and the sentences that count, written again."""

    def rewritten(found: re.Match[str]) -> str:
        own = [one for one in result["experiments"] if one["paper"]["source"].startswith(GROUPS[found[2]])]
        return f"{found[1]}\n{markdown(own)}\n{found[3]}"

    made, count = result["trials"], result["trials"] + len(result["missing"])
    took = f"{made} of its {count} trials took {result['processor_seconds'] / 60:.0f} minutes"
    reached = f"in {sum(result['holds'].values())} of {len(result['holds'])} experiments"
    page = re.sub(r"\w+ of its \w+ trials took \w+ minutes", took, PLACE.sub(rewritten, page))
    return re.sub(r"in \w+ of \w+ experiments", reached, page)


if __name__ == "__main__":
    main()
