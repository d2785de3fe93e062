"""A network and n-grams as one: the share of the network is learned on a part that neither has counted nor read."""

from collections.abc import Generator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from statewise.data.stripes import Stripes
from statewise.errors import DataError
from statewise.learning.scoring import foresee
from statewise.model import Model
from statewise.run.recorded import Check, is_number, misfit

Floats = NDArray[np.float64]

SHARES = np.linspace(0.0, 1.0, 51)
DIGITS = 2
MOST_ORDER = 12
MIXTURE: dict[str, Check] = {
    "share": lambda told: is_number(told) and 0 <= told <= 1,
    "order": lambda told: type(told) is int and 1 <= told <= MOST_ORDER,
    "codes": lambda told: type(told) is int and told > 0,
}


def read_nats(model: Model[Any], stripes: Stripes) -> Generator[float, None, tuple[Floats, NDArray[np.int64]]]:
    """Return the nats of each code that stripes foresee, and its place in the text, yielding how much is done."""
    nats, places, step = [], [], 0
    for number, seen in enumerate(foresee(model, stripes), start=1):
        with torch.no_grad():
            found = seen.model.head.nats(seen.params, seen.window.targets)
        steps, rows = seen.window.targets.shape
        nats.append(found.double().cpu().numpy().ravel())
        at = np.arange(rows)[None] * stripes.stripe + step + np.arange(steps)[:, None] + 1
        places.append(at.ravel())
        step += steps
        yield number / len(stripes)
    return np.concatenate(nats), np.concatenate(places)


def mixed_nats(network: Floats, counted: Floats, share: float) -> Floats:
    """Return the nats of codes of which a network says `share` of the odds and n-grams the rest.

    >>> mixed_nats(np.array([1.0, 2.0]), np.array([1.0, 2.0]), 0.3).round(6)
    array([1., 2.])
    """
    with np.errstate(divide="ignore"):
        return np.asarray(-np.logaddexp(np.log(share) - network, np.log1p(-share) - counted))


def learned_share(network: Floats, counted: Floats) -> float:
    """Return the share of the network at which the nats of some codes are fewest.

    >>> learned_share(np.array([1.0, 9.0]), np.array([9.0, 1.0])), learned_share(np.ones(3), np.full(3, 2.0))
    (0.5, 1.0)
    """
    means = [float(mixed_nats(network, counted, share).mean()) for share in SHARES]
    return round(float(SHARES[int(np.argmin(means))]), DIGITS)


def calibrating(model: Model[Any], data: Any) -> Generator[float, None, dict[str, Any]]:
    """Return the share of the network, and the order of n-grams, at which the part for checks takes fewest nats.

    `data` is a `TextData`, whose module imports this one.
    """
    checked = data.validating()
    stripes: Any = checked.windows("held_out")
    network, places = yield from read_nats(model, stripes)
    ngrams, codes = data.counted_ngrams(), checked.scored.read()
    by_order = {order: -ngrams.log_probabilities(codes, order)[places] for order in ngrams.orders}
    order = min(by_order, key=lambda order: float(by_order[order].mean()))
    return {"share": learned_share(network, by_order[order]), "order": order, "codes": len(network)}


def scoring(model: Model[Any], data: Any, found: Mapping[str, Any]) -> Generator[float, None, float]:
    """Return the mean nats of the mixture on what is scored. Raises `DataError` where what was found is damaged."""
    odd = misfit(found, MIXTURE, set())
    if odd is not None:
        raise DataError(f"calibration.json is not that of a text ('{odd}'): the run is damaged, resume it")
    stripes: Any = data.windows("held_out")
    network, places = yield from read_nats(model, stripes)
    ngrams = data.counted_ngrams()
    order = min(found["order"], max(ngrams.orders))
    counted = -ngrams.log_probabilities(data.scored.read(), order)[places]
    return float(mixed_nats(network, counted, found["share"]).mean())
