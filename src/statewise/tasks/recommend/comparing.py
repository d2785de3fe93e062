"""A model and simple methods, scored at the same places, with the same items excluded for all of them."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from statewise.data.code_file import CodeFile
from statewise.data.interactions.session_rows import Places, read_places
from statewise.model import Model
from statewise.tasks.recommend.baselines import NextItem, Scorer, history
from statewise.tasks.recommend.blend import ItemBlend
from statewise.tasks.recommend.list_metrics import ScoresOf
from statewise.tasks.recommend.queries import queries, ranking_of


def scores_of(model: Model[Any], places: Places, *, repeats: bool, blend: ItemBlend | None = None) -> ScoresOf:
    """Return what gives a model's scores at some places, with a blend those of all that is mixed."""
    asked, head = queries(model, places), ranking_of(model)

    def scores(start: int, stop: int) -> Tensor:
        if blend is not None:
            found = blend.scores(head, asked[start:stop], places, start, stop)
        else:
            with torch.no_grad():
                found = head.scores(asked[start:stop])
        return found if repeats else _without_seen(found, places, start, stop)

    return scores


def scores_by(method: Scorer, places: Places, *, repeats: bool) -> ScoresOf:
    """Return what gives a simple method's scores at some places."""

    def scores(start: int, stop: int) -> Tensor:
        found = torch.from_numpy(method(places.read, places.begins, start, stop))
        return found if repeats else _without_seen(found, places, start, stop)

    return scores


def _without_seen(scores: Tensor, places: Places, start: int, stop: int) -> Tensor:
    which, items = history(places.read, places.begins, start, stop)
    scores[torch.from_numpy(which), torch.from_numpy(items)] = -torch.inf
    return scores


def fit_baselines(training: CodeFile, counted: int, choices: int) -> NextItem:
    """Count the last places of the training part."""
    first = max(0, len(training) // 2 - counted)
    part = training.part(2 * first, len(training))
    return NextItem.fit(((p.read, p.wanted, p.begins) for p in read_places(part, counted)), choices)


def verdicts(metrics: Mapping[str, float], baselines: Mapping[str, Mapping[str, float]], k: int) -> list[str]:
    """Say of recall and MRR which baseline is best, and whether the intervals leave a doubt."""
    said = []
    for name in (f"recall_at_{k}", f"mrr_at_{k}"):
        best = max(baselines, key=lambda method: baselines[method][name])
        other, words = baselines[best], name.replace("_at_", "@").replace("mrr", "MRR")
        if metrics[f"{name}_low"] > other[f"{name}_high"]:
            said.append(f"{words}: ahead of the best baseline ({best}); their intervals do not meet.")
        elif metrics[name] > other[name]:
            said.append(f"{words}: ahead of the best baseline ({best}), but their intervals overlap.")
        elif metrics[name] == other[name]:
            said.append(f"{words}: level with the best baseline ({best}).")
        else:
            said.append(f"{words}: the best baseline ({best}) is ahead.")
    return said
