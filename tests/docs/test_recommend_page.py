"""The figures of the page on recommending are those that the proof and the benchmark wrote down."""

import json
from pathlib import Path
from typing import Any

from statewise.report import Report, as_markdown, cells_of

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "tutorials" / "recommend.md").read_text()


SCALE = {
    "events": "events",
    "items": "items",
    "preparing_seconds": "to prepare, s",
    "preparing_megabytes": "memory for it, MB",
    "files_megabytes": "on disk, MB",
    "training_megabytes": "memory to train, MB",
    "training_1_steps_events_per_second": "1 step, events/s",
    "training_16_steps_events_per_second": "16 steps, events/s",
}


def result(name: str) -> Any:
    return json.loads((ROOT / name).read_text())


def tables() -> dict[str, str]:
    """Every table of the page that has figures, made of what was written down."""
    proof = result("proofs/results/recommend.json")
    speed = result("benchmarks/results/recommend.json")
    films = proof["movielens"]
    report = Report("recommend", "", films["data"], films["metrics"], films["baselines"], 0.0)
    (positions,) = films["tables"].values()
    reached = {
        f"{way}, {metric.replace('_at_', '@')}": {name: scores[name] for name in ("model", "source", "of_source")}
        for way, found in proof["markov"].items()
        if isinstance(found, dict) and "recall_at_1" in found
        for metric, scores in found.items()
    }
    windows = {
        f"{steps} step{'s' if steps != '1' else ''}": {
            **{name: found[name] for name in ("recall_at_20", "mrr_at_20", "seconds")},
            "events/s": found["events_per_second"],
        }
        for steps, found in proof["windows"].items()
        if steps.isdigit()
    }
    training = {
        f"{row['steps']} steps, {row['negatives']:,} negatives": {
            "ours, events/s": row["ours_events_per_second"],
            "plain PyTorch, events/s": row["plain_events_per_second"],
            "ours / plain": row["ratio"],
        }
        for row in speed["training"]["rows"]
    }
    serving = {
        f"{row['items']:,} items, {row['way']}, {row['at_once']} at once": {
            "median, ms": row["median_ms"],
            "99th percentile, ms": row["p99_ms"],
            "answers/s": row["answers_per_second"],
            "share of the exact list": row.get("share_of_exact", 1.0),
        }
        for row in speed["serving"]["rows"]
    }
    (large,) = speed["scale"]["rows"]
    scale = {"made log": {shown: large[name] for name, shown in SCALE.items()}}
    shown = {
        "POSITIONS": positions,
        "WINDOWS": windows,
        "MARKOV": reached,
        "SPEED": training,
        "SERVING": serving,
        "SCALE": scale,
    }
    found = {name: as_markdown(cells_of(rows)) for name, rows in shown.items()}
    return {"MOVIELENS": report.markdown(), **found}


def test_every_figure_of_a_table_is_one_that_was_written_down() -> None:
    for name, table in tables().items():
        assert table in PAGE, f"{name}: the page should have\n{table}"


def test_what_the_page_claims_is_what_the_proof_found() -> None:
    proof = result("proofs/results/recommend.json")
    assert proof["movielens"]["holds"] == ("their intervals do not meet" in PAGE)
    assert proof["markov"]["holds"] == all(
        scores["of_source"] >= 0.98
        for found in proof["markov"].values()
        if isinstance(found, dict) and "recall_at_1" in found
        for scores in found.values()
    )
