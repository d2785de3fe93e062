"""Texts and logs that nobody had seen, each learned by one command that says no more than the minutes.

    python proofs/defaults.py texts --packages FOLDER [--kept | --all] [--minutes 4] [--only WORDS]
    python proofs/defaults.py logs --packages FOLDER [--minutes 4] [--only WORDS]

How to fill FOLDER is said by public_texts.py and public_logs.py. Without --kept or --all the four texts are left out
that were not read until the end. Results go to results/defaults.json after each row, with those of other rows that were
there; each row says how many minutes it had, and how many seconds of a processor it got in them.
Leaves with exit code 1 where a claim does not hold.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from outcomes import RESULTS, made_by
from public_logs import LOGS, PublicLog
from public_texts import TEXTS, PublicText

import statewise
from statewise.tasks.recommend.comparing import scores_by
from statewise.tasks.recommend.list_metrics import judge
from statewise.underway import returned

SAVED = RESULTS / "defaults.json"
BITS, NETWORK = "bits_per_character", "network_bits_per_character"
LARGE, LESS = 500_000, 0.97
ALLOWED = 0.9
Row = dict[str, Any]


def trained(task: Any, folder: Path) -> tuple[statewise.Run, Row]:
    """Train, and say what it took."""
    began, processor = time.monotonic(), time.process_time()
    run = statewise.train(task, run=folder / "run")
    report = run.report.as_json()
    return run, {
        "chosen": report["data"]["chosen"],
        "updates": report["training"]["updates"],
        "epochs": round(report["training"]["epochs"], 1),
        "training_seconds": round(report["training"]["seconds"], 1),
        "seconds": round(time.monotonic() - began, 1),
        "processor_seconds": round(time.process_time() - processor, 1),
        "load_at_the_end": round(os.getloadavg()[0], 1),
        "remarks": report["remarks"],
    }


def learn_text(text: PublicText, packages: Path, minutes: float) -> Row:
    """Train on one text as a newcomer does, and score it beside n-grams."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        characters = text.write(packages, folder / "text.txt")
        run, took = trained(statewise.Text(source=str(folder / "text.txt"), minutes=minutes, threads=1), folder)
        report = run.report.as_json()
    return {
        "package": text.package,
        "script": text.script,
        "unread_until_the_end": text.is_kept,
        "command": f"statewise train text text.txt --minutes {minutes:g}",
        "minutes": minutes,
        "characters": characters,
        "alphabet": report["data"]["choices"],
        "this model": report["metrics"][BITS],
        "network alone": report["metrics"].get(NETWORK, report["metrics"][BITS]),
        "baselines": {name: found[BITS] for name, found in report["baselines"].items()},
        **took,
    }


def learn_log(log: PublicLog, packages: Path, minutes: float) -> Row:
    """Train on one log as a newcomer does, and score it beside simple methods and what its source allows."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        source = log.write(packages, folder)
        run, took = trained(statewise.Recommend(source=source, minutes=minutes, threads=1), folder)
        report, data = run.report.as_json(), run.load().data()
        assert hasattr(data, "places")
        mrr, allowed = f"mrr_at_{data.k}", None
        if log.best is not None:
            best = scores_by(_renumbered(log, data), data.places, repeats=True)
            judged = returned(judge(best, data.places.wanted, data.k, data.codec.trained))
            allowed = float(judged.values()[mrr].mean())
    return {
        "package": log.package,
        "command": f"statewise train recommend {Path(source).name} --minutes {minutes:g}",
        "minutes": minutes,
        "events": report["data"]["events"],
        "items": report["data"]["choices"],
        "k": data.k,
        "this model": report["metrics"][mrr],
        "network alone": report["metrics"].get(f"network_{mrr}", report["metrics"][mrr]),
        "baselines": {name: found[mrr] for name, found in report["baselines"].items()},
        "allowed": allowed,
        **took,
    }


def _renumbered(log: PublicLog, data: Any) -> Any:
    """Return the true odds by the numbers that items have in a run."""
    numbers = [int(name) for name in data.codec.ids[: data.codec.trained]]

    def scores(read: Any, begins: Any, start: int, stop: int) -> Any:
        assert log.best is not None
        old = data.places.read.copy()
        old[:] = [numbers[item] for item in data.places.read]
        return log.best(old, begins, start, stop)[:, numbers]

    return scores


def claims(saved: Row) -> dict[str, Any]:
    """Return which of the claims hold, of the rows that there are."""
    texts, logs = saved.get("texts", {}), saved.get("logs", {})
    no_worse = [row["this model"] <= min(row["baselines"].values()) for row in texts.values()]
    large = [row for row in texts.values() if row["characters"] > LARGE]
    below = [row["this model"] <= LESS * min(row["baselines"].values()) for row in large]
    best = [row["this model"] >= max(row["baselines"].values()) for row in logs.values()]
    known = [row["this model"] >= ALLOWED * row["allowed"] for row in logs.values() if row["allowed"]]
    return {
        "bits at most those of the best n-gram, 11 of 12 texts": [sum(no_worse), len(no_worse)],
        "3 % below it above 500,000 characters": [sum(below), len(below)],
        "MRR at least that of every baseline, 6 of 6 logs": [sum(best), len(best)],
        "90 % of what a known source allows": [sum(known), len(known)],
    }


def holds(saved: Row) -> bool:
    """Say whether every claim holds: of texts one may fail."""
    found = claims(saved)
    return all(good >= of - (name.startswith("bits")) for name, (good, of) in found.items())


def page(saved: Row) -> str:
    """Return the texts as a table, those that were not read until the end last, and what they come to."""
    head = (
        f"{'':24}{'characters':>11}{'minutes':>9}{'processor s':>13}{'this model':>12}{'network':>9}{'best n-gram':>13}"
    )
    rows = saved["texts"]
    lines = [head, *(_text_line(name, row) for name, row in rows.items() if not row["unread_until_the_end"])]
    kept = [_text_line(name, row) for name, row in rows.items() if row["unread_until_the_end"]]
    lines += ["not read until the end:", *kept] if kept else []
    found = claims(saved)
    return "\n".join([*lines, *(f"{name}: {good} of {of}" for name, (good, of) in list(found.items())[:2])])


def _text_line(name: str, row: Row) -> str:
    best = min(row["baselines"], key=lambda one: row["baselines"][one])
    told = f"{row['characters']:11,}{row['minutes']:9g}{row['processor_seconds']:13.0f}"
    shown = f"{row['baselines'][best]:.3f} ({best[0]})"
    return f"{name:24}{told}{row['this model']:12.3f}{row['network alone']:9.3f}{shown:>13}"


def logs_page(saved: Row) -> str:
    """Return the logs as a table, and what they come to."""
    head = f"{'':24}{'events':>9}{'minutes':>9}{'processor s':>13}{'this model':>12}{'network':>9}{'allowed':>9}"
    lines = [head + "  best baseline"]
    for name, row in saved["logs"].items():
        best = max(row["baselines"], key=lambda one: row["baselines"][one])
        allowed = f"{row['allowed']:9.3f}" if row["allowed"] else f"{'':9}"
        told = f"{row['events']:9,}{row['minutes']:9g}{row['processor_seconds']:13.0f}{row['this model']:12.3f}"
        lines.append(f"{name:24}{told}{row['network alone']:9.3f}{allowed}  {row['baselines'][best]:.3f} {best}")
    found = claims(saved)
    return "\n".join([*lines, *(f"{name}: {good} of {of}" for name, (good, of) in list(found.items())[2:])])


def main() -> None:
    """Learn what was asked for, and keep what was found after each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("texts", "logs"))
    parser.add_argument("--packages", type=Path, required=True, help="the folder of downloaded packages")
    parser.add_argument("--minutes", type=float, default=10.0, help="the time of each training")
    parser.add_argument("--kept", action="store_true", help="only the texts that were not read until the end")
    parser.add_argument("--all", action="store_true", help="these as well")
    parser.add_argument("--only", default="", help="only what has these words in its name")
    asked = parser.parse_args()
    for one in TEXTS if asked.what == "texts" else LOGS:
        is_wanted = not isinstance(one, PublicText) or asked.all or one.is_kept == asked.kept
        if asked.only not in one.name or not is_wanted:
            continue
        learn: Any = learn_text if isinstance(one, PublicText) else learn_log
        row = {**learn(one, asked.packages, asked.minutes), **made_by()}
        saved: Row = json.loads(SAVED.read_text()) if SAVED.exists() else {}
        saved.setdefault(asked.what, {})[one.name] = row
        SAVED.write_text(json.dumps({**saved, "claims": claims(saved)}, indent=1) + "\n")
        print(_text_line(one.name, row) if isinstance(one, PublicText) else f"{one.name}: {row['this model']:.3f}")
    saved = json.loads(SAVED.read_text())
    print((page if asked.what == "texts" else logs_page)(saved))
    sys.exit(0 if holds(saved) else 1)


if __name__ == "__main__":
    main()
