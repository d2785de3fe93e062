"""What answers of a recommender are mixed of: its network, n-grams of items and simple methods, by learned weights."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Self, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from statewise.data.interactions.session_rows import Places, read_places
from statewise.errors import DataError
from statewise.heads import ItemHead
from statewise.model import Model
from statewise.run.recorded import Check, is_number, is_table_of, is_text, misfit
from statewise.tasks.recommend.baselines import NextItem
from statewise.tasks.recommend.queries import queries, ranking_of
from statewise.tasks.shared.kneser_ney import KneserNey
from statewise.tasks.shared.packed_codes import packed, unpacked

Floats = NDArray[np.float64]
Integers = NDArray[np.integer[Any]]

NETWORK = "network"
GRAMS = {"2-grams": 2, "3-grams": 3}
"N-grams of items, by name: interpolated Kneser-Ney over sessions, each with a mark where it begins."
STEPS = (0.5, 0.25, 0.1, 0.05)
"By so much of the whole another method may be mixed in at once."
ROUNDS, MOST_METHODS = 6, 4
"Methods are mixed in so many times at most; only the network and so many that are best by themselves."
LIKELY, SURE = 1.0, 2.0
"What is mixed in must help by SURE standard errors of its gain: small gains on a part for checks are luck."
MOST_SCORES, FEWEST_PLACES, MOST_PLACES = 1 << 23, 300, 5000
"Weights are learned from so many places at most, and fewer where the catalogue is large."
MOST_COUNTED = 1 << 20
"So many of the last places of the training part are counted."
LEAST = 1e-30
FOUND: dict[str, Check] = {
    "weights": lambda told: is_table_of(lambda one: is_number(one) and 0 <= one <= 1)(told) and bool(told),
    "places": lambda told: type(told) is int and told > 0,
    "counted": is_text,
}


@final
@dataclass(frozen=True, eq=False)
class CountedMethods:
    """The odds of each item by methods that only count, after the events of sessions."""

    places: Places
    choices: int

    @cached_property
    def names(self) -> list[str]:
        """The methods there are."""
        return [*self._counted.methods(), *GRAMS]

    def odds(self, name: str, read: Integers, begins: Integers, start: int, stop: int) -> Floats:
        """Return the odds `[n, V]` of items at some places of sessions, in the form that a `Scorer` reads them."""
        if name in GRAMS:
            return np.stack([self._after(read[begins[at] : at + 1], GRAMS[name]) for at in range(start, stop)])
        scores = self._counted.methods()[name](read, begins, start, stop)
        return np.asarray(scores / scores.sum(axis=1, keepdims=True))

    def after(self, name: str, session: Sequence[int]) -> Floats:
        """Return the odds `[V]` of items after a session, which may be empty."""
        read = np.asarray(session, np.int64)
        if not len(read) and name not in GRAMS:
            return np.asarray(self._counted.supports / self._counted.supports.sum())
        if name in GRAMS:
            return self._after(read, GRAMS[name])
        return np.asarray(self.odds(name, read, np.zeros_like(read), len(read) - 1, len(read))[0])

    def _after(self, session: Integers, order: int) -> Floats:
        known = [self.choices, *session[-order:].tolist()] if len(session) < order else session[1 - order :].tolist()
        odds, _ = self._grams.foresee(known, order)
        return np.asarray(odds[:-1] / odds[:-1].sum())

    @cached_property
    def _counted(self) -> NextItem:
        return NextItem.fit([self.places], self.choices)

    @cached_property
    def _grams(self) -> KneserNey:
        read, wanted, begins = self.places
        session, number = self.places.sessions, np.arange(len(read))
        codes = np.full(len(read) + 2 * (int(session[-1]) + 1), self.choices, np.int64)
        at = number + 2 * session + 1
        codes[at] = read
        is_last = np.append(begins[1:] == number[1:], True)
        codes[at[is_last] + 1] = wanted[is_last]
        return KneserNey.fit(codes, self.choices + 1, max(GRAMS.values()))


@final
@dataclass(frozen=True, eq=False)
class ItemBlend:
    """The weights of the network and of methods that count, and what these counted."""

    weights: dict[str, float]
    counted: CountedMethods

    @classmethod
    def read(cls, found: Mapping[str, Any], choices: int) -> Self:
        """Count again what `calibrating` found. Raises `DataError` where it is damaged."""
        odd = misfit(found, FOUND, set())
        written = None if odd else _unpacked(found["counted"], choices)
        if written is None:
            raise DataError(f"calibration.json is not that of a recommender ('{odd or 'counted'}'): the run is damaged")
        counted = CountedMethods(Places.of(written), choices)
        unknown = set(found["weights"]) - {NETWORK, *counted.names}
        if unknown:
            raise DataError(f"calibration.json weighs '{min(unknown)}', which is not a method: the run is damaged")
        return cls(dict(found["weights"]), counted)

    def scores(self, head: ItemHead, asked: Tensor, places: Places, start: int, stop: int) -> Tensor:
        """Return the log-odds `[n, V]` of items at some places, of which the queries are given."""
        total = self._network(head, asked)
        for name, weight in self.weights.items():
            if name != NETWORK:
                total += weight * self.counted.odds(name, places.read, places.begins, start, stop)
        return _logs(total)

    def after(self, head: ItemHead, asked: Tensor, sessions: Sequence[Sequence[int]]) -> Tensor:
        """Return the log-odds `[n, V]` of items after some sessions, of which the queries are given."""
        total = self._network(head, asked)
        for name, weight in self.weights.items():
            if name != NETWORK:
                total += weight * np.stack([self.counted.after(name, session) for session in sessions])
        return _logs(total)

    def _network(self, head: ItemHead, asked: Tensor) -> Floats:
        return self.weights.get(NETWORK, 0.0) * _odds_of(head, asked)

    def words(self) -> str:
        """Say what is mixed, the largest part first."""
        parts = sorted(self.weights.items(), key=lambda part: -part[1])
        return " and ".join(f"{weight:.0%} {name}" for name, weight in parts)


class _Mixed(NamedTuple):
    """Odds after another method was mixed in, and what each place is worth then."""

    name: str
    step: float
    total: Floats
    worth: Floats


def learned_weights(odds: Mapping[str, Floats], wanted: Integers, k: int) -> dict[str, float]:
    """Return weights by which the mean reciprocal rank is high, found by mixing in one after another what helps.

    The beginning is the first, the simplest, that is less than a standard error worse than the best by itself; only
    what helps beyond doubt is mixed in. So what is best by luck on these places does not displace what is simple.

    >>> one, other = np.array([[0.9, 0.1], [0.6, 0.4]] * 20), np.array([[0.4, 0.6], [0.1, 0.9]] * 20)
    >>> learned_weights({"a": one, "b": other}, np.array([0, 1] * 20), 2)
    {'a': 0.5, 'b': 0.5}
    """
    alone = {name: reciprocal_ranks(own, wanted, k) for name, own in odds.items()}
    best = max(alone, key=lambda name: float(alone[name].mean()))
    begin = next(name for name, own in alone.items() if not _gains(alone[best] - own, LIKELY))
    weights, total, worth = {begin: 1.0}, odds[begin], alone[begin]
    for _ in range(ROUNDS):
        tried = (
            _Mixed(name, step, mixed, reciprocal_ranks(mixed, wanted, k))
            for name, own in odds.items()
            for step in STEPS
            for mixed in [(1 - step) * total + step * own]
        )
        found = max(tried, key=lambda one: float(one.worth.mean()))
        if not _gains(found.worth - worth, SURE):
            break
        weights = {name: weight * (1 - found.step) for name, weight in weights.items()}
        weights[found.name] = weights.get(found.name, 0.0) + found.step
        worth, total = found.worth, found.total
    return {name: round(weight, 4) for name, weight in weights.items()}


def _gains(differences: Floats, errors: float) -> bool:
    return bool(differences.mean() > errors * differences.std() / len(differences) ** 0.5)


def reciprocal_ranks(odds: Floats, wanted: Integers, k: int) -> Floats:
    """Return 1 / rank of each wanted item where that is at most `k`, else 0; equal odds count as ranked before."""
    own = odds[np.arange(len(wanted)), wanted][:, None]
    ranks = odds.shape[1] - (odds < own).sum(axis=1)
    return np.asarray(np.where(ranks <= k, 1 / ranks, 0))


def calibrating(model: Model[Any], data: Any) -> Generator[float, None, dict[str, Any]]:
    """Return the weights at which the part for checks is ranked best; `data` is a `RecommendData`.

    What is counted for it is the training part alone, and for answers the part for checks as well.
    """
    choices = data.codec.trained
    checked = Places.joined(list(read_places(data.validation, _most_places(choices))))
    head, asked, count = ranking_of(model), queries(model, checked), len(checked.read)
    counted = CountedMethods(_last_places(data.training), choices)
    found, alone = dict[str, Floats](), dict[str, float]()
    for number, name in enumerate(counted.names, start=1):
        own = counted.odds(name, checked.read, checked.begins, 0, count)
        found[name], alone[name] = own, float(reciprocal_ranks(own, checked.wanted, data.k).mean())
        if len(alone) > MOST_METHODS:
            worst = min(alone, key=lambda name: alone[name])
            del found[worst], alone[worst]
        yield number / (len(counted.names) + 1)
    weights = learned_weights({**found, NETWORK: _odds_of(head, asked)}, checked.wanted, data.k)
    written = data.sessions.training.read()[-2 * MOST_COUNTED :]
    return {"weights": weights, "places": count, "counted": packed(written)}


def _most_places(choices: int) -> int:
    return int(np.clip(MOST_SCORES // choices, FEWEST_PLACES, MOST_PLACES))


def _last_places(codes: Any) -> Places:
    return Places.of(codes.read(max(0, len(codes) - 2 * MOST_COUNTED)).reshape(-1, 2))


def _odds_of(head: ItemHead, asked: Tensor) -> Floats:
    with torch.no_grad():
        odds: Floats = head.scores(asked).double().softmax(dim=-1).cpu().numpy()
    return odds


def _logs(odds: Floats) -> Tensor:
    return torch.from_numpy(np.log(np.maximum(odds, LEAST)))


def _unpacked(text: str, choices: int) -> NDArray[np.int32] | None:
    """Return packed places `[n, 2]`, None for what is none."""
    codes = unpacked(text, 2 * MOST_COUNTED)
    if codes is None or not len(codes) or len(codes) % 2:
        return None
    written = codes.reshape(-1, 2)
    read = np.where(written[:, 0] < 0, -1 - written[:, 0], written[:, 0])
    is_good = max(int(read.max()), int(written[:, 1].max())) < choices and int(written[:, 1].min()) >= 0
    return written if is_good else None
