"""How well drawings are foreseen: nats a point, whatever their lengths, and as the field quotes it."""

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from statewise.data.window import Window
from statewise.latent import KL
from statewise.model import Model, evaluating
from statewise.task import Score

Z95 = 1.959964


class Judged(NamedTuple):
    """Of each drawing: nats of its steps given what it began from, nats of its latent numbers, and its steps."""

    nats: NDArray[np.float64]
    latent: NDArray[np.float64]
    places: NDArray[np.int64]


def judge(model: Model[Any], windows: Sequence[Window], latent: int) -> Iterator[tuple[float, Judged]]:
    """Yield, window by window, how much is done and what was found so far; `latent` is how many numbers z has."""
    found: list[tuple[Any, Any, Any]] = []
    with evaluating(model), torch.no_grad():
        weights = next(model.parameters())
        for number, given in enumerate(windows, start=1):
            window = given.like(weights)
            mask = window.mask
            assert mask is not None
            state, terms = model.open(window.rows, window.context)
            params, _ = model.scan(window._replace(context=None, reset=None), state)
            nats = model.head.nats(params, window.targets).masked_fill(~mask, 0).sum(dim=0).double().cpu().numpy()
            places = mask.sum(dim=0).cpu().numpy()
            divergence = latent * terms[KL].double().cpu().numpy() if KL in terms else np.zeros(len(nats))
            awake = places > 0
            found.append((nats[awake], divergence[awake], places[awake]))
            yield number / len(windows), Judged(*(np.concatenate(part) for part in zip(*found, strict=True)))


def measured(nats: Any, places: Any, longest: int) -> dict[str, float]:
    """Return what drawings cost a point, their ends counted as points, and a drawing over the most points it may have.

    Metrics of sketch, handwriting:

    - `nats_per_point`: minus the log-likelihood of all drawings, in nats / their points, the end of each counted as
      one; less is better
    - `nats_over_n_max`: minus the log-likelihood of a drawing, in nats / the most points that a drawing may have, the
      mean over drawings: as Ha & Eck 2017 report it; less is better
    - `points`: points that were scored, ends included

    >>> measured(np.array([30.0, 10.0]), np.array([15, 5]), 100)
    {'nats_per_point': 2.0, 'nats_over_n_max': 0.2, 'points': 20}
    """
    total, count = float(nats.sum()), int(places.sum())
    return {"nats_per_point": total / count, "nats_over_n_max": total / len(nats) / longest, "points": count}


def difference(one: Any, other: Any, places: Any) -> tuple[float, float]:
    """Return by how many nats a point one method is above another on the same drawings, and half a 95 % interval.

    The interval is over drawings, each of which counts as a whole; one drawing alone says nothing of others.
    """
    apart, total, count = one - other, float(places.sum()), len(places)
    mean = float(apart.sum()) / total
    if count < 2:
        return mean, math.inf
    residues = apart - mean * places
    return mean, Z95 * math.sqrt(float((residues**2).sum()) * count / (count - 1)) / total


def against_the_best(score: Score, data: Any, of: str) -> str:
    """Say how far a model is from the best simple method, with an interval over drawings, or over what `of` names.

    `data` is a `SketchData`, and the details of the score are the order of what was scored, its nats and its places.
    """
    baselines = data.baselines()
    best = min(baselines, key=lambda name: baselines[name]["nats_per_point"])
    order, nats, places = score.details
    apart, half = difference(nats, data.by_drawing[best][0][order], places)
    verdict = "better" if apart + half < 0 else "worse" if apart - half > 0 else "not told apart by this part"
    return (
        f"Against the best baseline ({best}): {apart:+.3f} nats a point, 95 % interval {apart - half:+.3f} to "
        f"{apart + half:+.3f} over {of}: {verdict}."
    )
