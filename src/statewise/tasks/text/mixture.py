"""A network and n-grams as one: the shares of the two are learned on a part that neither has counted nor read."""

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any, Self, final

import numpy as np
import torch
from numpy.typing import NDArray

from statewise.data.stripes import Stripes
from statewise.errors import DataError
from statewise.learning.scoring import foresee
from statewise.model import Model
from statewise.run.recorded import Check, is_list_of, is_number, is_text, misfit
from statewise.tasks.shared.kneser_ney import KneserNey
from statewise.tasks.shared.packed_codes import packed, unpacked

Floats = NDArray[np.float64]

SHARES = np.linspace(0.0, 1.0, 51)
DIGITS = 2
MOST_ORDER, MOST_COUNTED = 12, 1 << 21
LONGEST_MIXED, FEW_CODES = 8, 50_000
"N-grams are tried up to that length; from fewer codes they are counted plain, for want of counts to modify them by."
FEWEST_PLACES = 500
"A share is learned from so many characters at least; where fewer are there, it is that of all."
MIXTURE: dict[str, Check] = {
    "shares": lambda told: (
        is_list_of(lambda one: is_number(one) and 0 <= one <= 1)(told) and 1 <= len(told) <= MOST_ORDER
    ),
    "codes": lambda told: type(told) is int and told > 0,
    "modified": lambda told: type(told) is bool,
    "counted": is_text,
}


@final
@dataclass(frozen=True, eq=False)
class NgramMixture:
    """N-grams, and the share of the odds that the network has, by how many codes before were seen together.

    The order of the n-grams is how many shares there are: none to one less than the order can have been seen together.
    """

    ngrams: KneserNey
    shares: Floats
    digest: bytes

    @property
    def order(self) -> int:
        """The length of the longest n-gram."""
        return len(self.shares)

    @classmethod
    def read(cls, found: Mapping[str, Any], choices: int) -> Self:
        """Count again what `calibrating` found. Raises `DataError` where it is damaged."""
        odd = misfit(found, MIXTURE, set())
        codes = None if odd else unpacked(found["counted"], MOST_COUNTED)
        if codes is None or not len(codes) or not 0 <= int(codes.min()) <= int(codes.max()) < choices:
            raise DataError(f"calibration.json is not that of a text ('{odd or 'counted'}'): the run is damaged")
        ngrams = KneserNey.fit(codes, choices, len(found["shares"]), modified=found["modified"])
        return cls(ngrams, np.array(found["shares"], np.float64), found["counted"].encode())

    def nats(self, network: Floats, codes: NDArray[np.integer[Any]], places: NDArray[np.int64]) -> Floats:
        """Return the nats of the codes at some places of a text, of which the network's are given."""
        counted = -self.ngrams.log_probabilities(codes, self.order)[places]
        return mixed_nats(network, counted, self.shares[self.ngrams.seen(codes, self.order)[places]])


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


def mixed_nats(network: Floats, counted: Floats, share: float | Floats) -> Floats:
    """Return the nats of codes of which a network says `share` of the odds and n-grams the rest.

    >>> mixed_nats(np.array([1.0, 2.0]), np.array([1.0, 2.0]), 0.3).round(6)
    array([1., 2.])
    """
    with np.errstate(divide="ignore"):
        return np.asarray(-np.logaddexp(np.log(share) - network, np.log1p(-np.asarray(share)) - counted))


def learned_share(network: Floats, counted: Floats) -> float:
    """Return the share of the network at which the nats of some codes are fewest.

    >>> learned_share(np.array([1.0, 9.0]), np.array([9.0, 1.0])), learned_share(np.ones(3), np.full(3, 2.0))
    (0.5, 1.0)
    """
    means = [float(mixed_nats(network, counted, share).mean()) for share in SHARES]
    return round(float(SHARES[int(np.argmin(means))]), DIGITS)


def learned_shares(network: Floats, counted: Floats, seen: NDArray[np.int64], order: int) -> list[float]:
    """Return the share of the network for each number of codes seen together, from 0 to one less than the order."""
    of_all = learned_share(network, counted)
    parts = [seen == length for length in range(order)]
    return [learned_share(network[at], counted[at]) if at.sum() >= FEWEST_PLACES else of_all for at in parts]


def calibrating(model: Model[Any], data: Any) -> Generator[float, None, dict[str, Any]]:
    """Return the shares of the network, at the order of n-grams that alone takes fewest nats on the part for checks.

    The n-grams that answers are mixed from count that part as well, so their codes are returned, too.
    `data` is a `TextData`, whose module imports this one.
    """
    checked = data.validating()
    stripes: Any = checked.windows("held_out")
    network, places = yield from read_nats(model, stripes)
    counted, learned = data.counted()[-MOST_COUNTED:], data.counted(with_checks=False)[-MOST_COUNTED:]
    longest, is_modified = max(data.task.orders, LONGEST_MIXED), len(counted) >= FEW_CODES
    ngrams = KneserNey.fit(learned, data.codec.choices, longest, modified=is_modified)
    codes = checked.scored.read()
    by_order = {order: -ngrams.log_probabilities(codes, order)[places] for order in ngrams.orders}
    order = min(by_order, key=lambda order: float(by_order[order].mean()))
    shares = learned_shares(network, by_order[order], ngrams.seen(codes, order)[places], order)
    return {"shares": shares, "codes": len(network), "modified": is_modified, "counted": packed(counted)}


def scoring(model: Model[Any], data: Any, mixture: NgramMixture) -> Generator[float, None, float]:
    """Return the mean nats of the mixture on what is scored."""
    stripes: Any = data.windows("held_out")
    network, places = yield from read_nats(model, stripes)
    return float(mixture.nats(network, data.scored.read(), places).mean())
