"""What many trials come to: how many of how many seeds met a criterion, and after how much, as JSON and as tables."""

import statistics
from collections.abc import Iterable, Sequence
from typing import Any

from statewise_lab.classics.experiment import Contender, Experiment

Record = dict[str, Any]
Summary = dict[str, Any]


def summarize(experiments: Iterable[Experiment], records: Iterable[Record]) -> list[Summary]:
    """Return each experiment with what came of each contender; one without a trial is left out."""
    by_contender: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        by_contender.setdefault((record["experiment"], record["contender"]), []).append(record)
    summaries = []
    for experiment in experiments:
        tried = [(one, by_contender.get((experiment.name, one.label), [])) for one in experiment.contenders]
        contenders = [_of_contender(one, sorted(found, key=lambda r: int(r["seed"]))) for one, found in tried if found]
        if contenders:
            summaries.append(_of_experiment(experiment, contenders))
    return summaries


def _of_experiment(experiment: Experiment, contenders: list[Summary]) -> Summary:
    return {
        "name": experiment.name,
        "title": experiment.title,
        "criterion": experiment.criterion,
        "unit": experiment.unit,
        "paper": experiment.paper._asdict(),
        "contenders": contenders,
    }


def _of_contender(contender: Contender, records: Sequence[Record]) -> Summary:
    needed = [record["sequences"] for record in records if record["is_met"]]
    first = records[0]
    return {
        "name": contender.label,
        "settings": contender.as_json(),
        "parameters": first["parameters"],
        "seeds": len(records),
        "met": len(needed),
        "needed": needed,
        "tried": max(record["sequences"] for record in records),
        "measures": {name: [record["measures"].get(name) for record in records] for name in first["measures"]},
        "looked": [record["looked"] for record in records],
        "processor_seconds": round(sum(record["seconds"] for record in records), 1),
    }


def needed_words(contender: Summary) -> str:
    """Say after how many sequences a criterion was met: the median, and the least and the most; or that it was not.

    >>> needed_words({"needed": [2000, 1000, 9000], "tried": 9000})
    '2,000 (1,000 to 9,000)'
    >>> needed_words({"needed": [], "tried": 9000})
    'not in 9,000'
    """
    needed = contender["needed"]
    if not needed:
        return f"not in {contender['tried']:,}"
    middle = f"{round(statistics.median(needed)):,}"
    return middle if len(needed) == 1 else f"{middle} ({min(needed):,} to {max(needed):,})"


def measure_words(contender: Summary) -> str:
    """Say what was measured on that by which nothing was decided: means over seeds, and the least and the most.

    The first measure and the one it is to be held against, where there is one.

    >>> measure_words({"measures": {"wrong": [1, 2], "of": [10, 10]}})
    'wrong 1.5 (1 to 2) of 10'
    >>> measure_words({"measures": {"digits right": [0.9], "by chance": [0.1]}})
    'digits right 0.9, by chance 0.1'
    """
    measures = dict(contender["measures"])
    of = measures.pop("of", None)
    if of:
        measures.pop("error", None)
    (first, values), *others = measures.items()
    words = f"{first} {_spread(values)}" + (f" of {of[0]:,}" if of else "")
    return ", ".join([words, *(f"{name} {_spread(found)}" for name, found in others[:1])])


def _spread(values: Sequence[float]) -> str:
    mean = _number(statistics.mean(values))
    return mean if len(set(values)) == 1 else f"{mean} ({_number(min(values))} to {_number(max(values))})"


def _number(value: float) -> str:
    return f"{round(value):,}" if value >= 100 else f"{value:.3g}"


def table(summaries: Sequence[Summary]) -> str:
    """Return the table for a terminal."""
    head = ("experiment", "network", "solved", "after", "in the paper", "held out")
    rows = [head, *(row for summary in summaries for row in _rows(summary))]
    return aligned_left(rows)


def _rows(summary: Summary) -> list[tuple[str, ...]]:
    paper, rows = summary["paper"]["sequences"], list[tuple[str, ...]]()
    theirs = f"{paper:,}" if paper else "-"
    for place, one in enumerate(summary["contenders"]):
        shown = (one["name"], f"{one['met']}/{one['seeds']}", needed_words(one), "" if place else theirs)
        rows.append(("" if place else summary["name"], *shown, measure_words(one)))
    return rows


def held(summaries: Iterable[Summary], source: str, name: str) -> dict[str, bool]:
    """Say for each experiment out of a paper whether this network met its criterion from every seed, soon enough.

    Soon enough is after no more sequences than the paper's.
    """
    found = {}
    for summary in summaries:
        one = next((one for one in summary["contenders"] if one["name"] == name), None)
        if one and summary["paper"]["source"].startswith(source):
            found[summary["name"]] = one["met"] == one["seeds"] and max(one["needed"]) <= summary["paper"]["sequences"]
    return found


def aligned_left(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of text as columns, all to the left."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def markdown(summaries: Sequence[Summary]) -> str:
    """Return the table for a page: experiment and criterion, the paper, ours."""
    lines = [
        "| experiment | criterion | in the paper | network | solved | after | held out |",
        "|---|---|---|---|---:|---|---|",
    ]
    for summary in summaries:
        paper = summary["paper"]
        theirs = paper["reached"] + (f"; {paper['sequences']:,} {summary['unit']}" if paper["sequences"] else "")
        for place, one in enumerate(summary["contenders"]):
            first = ("", "", "") if place else (summary["title"], summary["criterion"], theirs)
            shown = (one["name"], f"{one['met']}/{one['seeds']}", needed_words(one), measure_words(one))
            lines.append(f"| {' | '.join((*first, *shown))} |")
    return "\n".join(lines) + "\n"
