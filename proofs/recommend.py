"""A GRU recommends better than every simple method on MovieLens-100k, and as well as a known source allows.

    python proofs/recommend.py [movielens] [markov] [windows]

`movielens` trains recipes/movielens.yaml and compares it with six simple methods, by intervals of resampled sessions.
`markov` learns made sessions in which each item depends on the two before it, once against all items and once against
a few drawn, and compares with the source's own odds. `windows` trains on MovieLens with windows of several lengths for
as many epochs. Results go to results/recommend.json. Leaves with exit code 1 where a claim does not hold.
"""

import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from outcomes import prove_parts

import statewise
from statewise.data.markov import MarkovSource
from statewise.run.config import build, read_yaml
from statewise.tasks.recommend.comparing import returned, scores_of
from statewise.tasks.recommend.list_metrics import judge
from statewise.tasks.recommend.task import Recommend

HERE = Path(__file__).parent
RECIPE = HERE.parent / "recipes" / "movielens.yaml"
ITEMS, SESSIONS, LENGTH = 20, 60_000, 10
WITHIN = 0.02
"How far below the source's own score the model may be, as a share of it."


def movielens() -> dict[str, Any]:
    """Train the recipe and compare; the claim is that no interval of a simple method meets the model's."""
    with tempfile.TemporaryDirectory() as folder:
        report = statewise.train(build(Recommend, read_yaml(RECIPE)), run=Path(folder, "run")).report
    k = int(read_yaml(RECIPE).get("k", 20))
    ahead = all(
        report.metrics[f"{name}_at_{k}_low"]
        > max(scores[f"{name}_at_{k}_high"] for scores in report.baselines.values())
        for name in ("recall", "mrr")
    )
    print(report.shown())
    told = {name: report.as_json()[name] for name in ("data", "metrics", "baselines", "tables", "training", "remarks")}
    return {"claim": "ahead of every simple method in recall and MRR, intervals apart", "holds": ahead, **told}


def markov() -> dict[str, Any]:
    """Learn made sessions and compare with what their source would have said of the same held-out ones."""
    source = MarkovSource(ITEMS)
    found: dict[str, Any] = {"claim": f"within {WITHIN:.0%} of the source in recall@1 and MRR@5", "holds": True}
    with tempfile.TemporaryDirectory() as folder:
        log, made = Path(folder, "log.csv"), source.sessions(SESSIONS, LENGTH)
        lines = (f"{n},{item},{100 * n + step}" for n, items in enumerate(made) for step, item in enumerate(items))
        log.write_text("session_id,item_id,timestamp\n" + "\n".join(lines) + "\n")
        task = Recommend(
            source=str(log), k=5, negatives=0, epochs=3, hidden_size=200, batch_size=64, sequence_length=9,
            held_out=0.05, threads=1, dropout_embedding=0.0, dropout_hidden=0.0, items="separate", sample_seconds=0,
        )  # fmt: skip
        for name, this in {"all items": task, "8 items drawn": replace(task, negatives=8, alpha=0.0)}.items():
            run = statewise.train(this, run=Path(folder, name))
            model, data = run.load().model, this.prepare(Path(folder, ".data"))
            places, choices = data.places, data.codec.choices
            renamed = [int(item) for item in data.codec.ids]
            ours = returned(judge(scores_of(model, places, repeats=True), places.wanted, 5, choices))
            true = returned(judge(_truth(source, places, renamed), places.wanted, 5, choices))
            shares = {
                "recall_at_1": (float((ours.ranks == 1).mean()), float((true.ranks == 1).mean())),
                "mrr_at_5": (float(ours.values()["mrr_at_5"].mean()), float(true.values()["mrr_at_5"].mean())),
            }
            chain = run.report.baselines["Markov chain"]["mrr_at_5"]
            found[name] = {
                metric: {"model": own, "source": best, "of_source": own / best}
                for metric, (own, best) in shares.items()
            }
            found[name]["mrr_at_5"]["first_order_markov_chain"] = chain
            found["holds"] &= all(own >= (1 - WITHIN) * best for own, best in shares.values())
            print(json.dumps({name: found[name]}, indent=1), flush=True)
    return found


def _truth(source: MarkovSource, places: Any, renamed: list[int]) -> Any:
    """Return the source's odds at some places, by the numbers that items have in a catalogue."""
    old = torch.tensor(renamed)
    read = old[torch.from_numpy(places.read)].numpy()

    def scores(start: int, stop: int) -> torch.Tensor:
        return torch.from_numpy(source.scores(read, places.begins, start, stop))[:, old]

    return scores


def windows() -> dict[str, Any]:
    """Train with windows of several lengths for as many epochs: what is learned, and how fast."""
    found: dict[str, Any] = {}
    recipe = build(Recommend, read_yaml(RECIPE))
    for steps in (1, 4, 16, 32):
        with tempfile.TemporaryDirectory() as folder:
            report = statewise.train(replace(recipe, sequence_length=steps, epochs=10), run=Path(folder, "run")).report
        found[str(steps)] = {
            "recall_at_20": report.metrics["recall_at_20"],
            "mrr_at_20": report.metrics["mrr_at_20"],
            "seconds": report.training["seconds"],
            "events_per_second": report.training["places_per_second"],
        }
        print(steps, json.dumps(found[str(steps)]), flush=True)
    return found


PARTS: dict[str, Callable[[], dict[str, Any]]] = {"movielens": movielens, "markov": markov, "windows": windows}


if __name__ == "__main__":
    prove_parts(__doc__, "recommend", PARTS)
