"""A network translates sentences that it never saw better than copying, single words and a translation memory do.

    python proofs/translate.py [PAIRS.tsv] [--from en] [--to fr] [--shortest 20000] [--updates 1500] [--hidden 128]

Trains on the shortest pairs of a file of lines SOURCE<tab>TARGET, split so that no source is in two parts, and scores
BLEU and chrF by sacrebleu next to the simple methods. Without a file it trains recipes/help-fr.yaml, which takes 45
minutes. Results go to results/translate.json, with what some sentences became, not chosen: the first held-out ones.
Leaves with exit code 1 where the 95 % interval of the paired bootstrap is not above the best simple method.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

from outcomes import RESULTS, conclude

import statewise
from statewise.run.config import build, read_yaml
from statewise.tasks.translate.task import Translate

RECIPE = Path(__file__).parents[1] / "recipes" / "help-fr.yaml"
SHOWN = 12


def asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", nargs="?", type=Path, help="lines SOURCE<tab>TARGET; without it the recipe's corpus")
    parser.add_argument("--from", dest="from_language", default="en")
    parser.add_argument("--to", dest="to_language", default="fr")
    parser.add_argument("--shortest", type=int, default=20_000, help="so many of the shortest pairs [20000]")
    parser.add_argument("--updates", type=int, default=1500)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--save", type=Path, default=RESULTS / "translate.json")
    return parser.parse_args()


def task_of(given: argparse.Namespace, folder: Path) -> Translate:
    if given.pairs is None:
        return build(Translate, read_yaml(RECIPE))
    lines = [line for line in given.pairs.read_text(encoding="utf-8").splitlines() if "\t" in line]
    some = folder / "shortest.tsv"
    some.write_text("\n".join(sorted(lines, key=lambda line: len(line.partition("\t")[0]))[: given.shortest]) + "\n")
    return Translate(
        source=str(some),
        from_language=given.from_language,
        to_language=given.to_language,
        updates=given.updates,
        hidden_size=given.hidden,
        embedding=given.hidden,
        subwords=2000,
        learning_rate=0.004,
        validation=0.02,
        scored=0,
        threads=1,
        sample_seconds=0,
    )


def main() -> None:
    given = asked()
    with tempfile.TemporaryDirectory() as folder:
        task = task_of(given, Path(folder))
        run = statewise.train(task, run=Path(folder, "run"))
        trained = run.load()
        data: Any = trained.data()
        shown = data.asked.sources[:SHOWN]
        told = [one.text for one in trained.predict("\n".join(shown))]
        settings = {name: getattr(task, name) for name in ("updates", "minutes", "hidden_size", "embedding", "seed")}
        report = run.report
    print(report.shown())
    result = {
        "claim": "above every simple method, by an interval of the paired bootstrap over sentences",
        "holds": any(remark.endswith("bootstrap: better.") for remark in report.remarks),
        "words": report.in_short(),
        "pairs": given.pairs.name if given.pairs else task.source,
        "settings": settings,
        "metrics": report.metrics,
        "baselines": report.baselines,
        "remarks": report.remarks,
        "data": {key: report.data[key] for key in ("training", "held_out", "held_out_sources", "subwords", "sha256")},
        "seconds": report.seconds,
        "sentences": [list(pair) for pair in zip(shown, told, strict=True)],
    }
    conclude(result, given.save)


if __name__ == "__main__":
    main()
