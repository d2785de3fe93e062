"""Interpolated Kneser-Ney: what counting n-grams alone can predict of a text."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self, final

import numpy as np
from numpy.typing import NDArray

from statewise.errors import DataError, UsageError
from statewise.underway import returned

Codes = NDArray[np.integer[Any]]
Floats = NDArray[np.float64]

CHUNK = 1 << 18  # positions looked up at once, so that temporaries stay small compared with the tables


class Tally(NamedTuple):
    """Counts of the n-grams of one order, by rank, and what they come to in each context of n-1 codes."""

    counts: NDArray[np.int32]  # [grams]
    totals: NDArray[np.int32]  # [contexts] sum of the counts of all n-grams that begin with the context
    reserved: Floats  # [contexts] what those counts are discounted by, together
    discounts: Floats  # [4] of counts of none, one, two, and three or more

    def kept(self, counts: NDArray[np.integer[Any]]) -> Floats:
        """Return what is left of counts."""
        return np.asarray(np.maximum(counts - self.discounts[np.minimum(counts, 3)], 0), np.float64)


@final
@dataclass(frozen=True, eq=False, repr=False)
class KneserNey:
    r"""An interpolated Kneser-Ney model of a text, one for each order up to the fitted one.

        P_n(w | h) = (c(h w) - D(c(h w))) / c(h .)  +  D(h .) / c(h .) * P_{n-1}(w | h without its first code)
        P_0(w) = 1 / choices                          D(c) = D_n = n1 / (n1 + 2 n2)        for every c > 0; D(0) = 0

    At the order asked for, `c` counts occurrences; at every order below it, `c(g)` is the number of
    distinct codes seen to the left of `g`. `c(h .)` and `D(h .)` sum `c(h w)` and `D(c(h w))` over `w`, and `n1`,
    `n2` are how many n-grams have a `c` of one and of two. Where there are none of either, the discount is one half.
    In a context that was never seen (`c(h .) = 0`), `P_n = P_{n-1}`. So every code has a probability above zero.

    The `modified` form has three discounts at each order, for counts of one, of two, and of three or more:

        D(1) = 1 - 2 Y n2 / n1        D(2) = 2 - 3 Y n3 / n2        D(3) = 3 - 4 Y n4 / n3        Y = n1 / (n1 + 2 n2)

    Where one of them cannot be found, or is not between 0 and its count, as with few n-grams, they are 0.5, 1 and 1.5.

    A position with fewer than n-1 codes before it, as at the beginning of a text, is predicted by
    the model of the longest order that its context fills: the first code by that of order 1.
    No end or beginning is padded: a text is one stream of codes.

    Source: Kneser & Ney 1995; in this interpolated form, and modified, Chen & Goodman 1998 (Harvard TR-10-98);
    the discount: Ney, Essen & Kneser 1994.

    >>> model = KneserNey.fit(np.array([0, 1, 0, 2, 0, 1]), choices=3, order=2)
    >>> model.distribution([0]).round(4).tolist()
    [0.2, 0.5667, 0.2333]
    >>> round(model.nats(np.array([0, 1])), 4)  # -log 0.5 - log 0.5667
    1.2611
    """

    choices: int
    keys: tuple[NDArray[np.int64], ...]  # of each order: (rank of the first n-1 codes) * choices + last code, ascending
    occurrences: tuple[Tally, ...]  # of each order
    continuations: tuple[Tally, ...]  # of each order but the highest

    @classmethod
    def fit(cls, codes: Codes, choices: int, order: int = 6, *, modified: bool = False) -> Self:
        """Count every n-gram of a text up to `order` codes long.

        Shapes: `codes` `[N]` of any integer type, a `np.memmap` too; each within `[0, choices)`.
        Memory in addition to the codes: about 25 bytes a code while counting, then up to 32 a distinct n-gram.
        Raises `UsageError` for an `order` or `choices` below 1, `DataError` for codes it cannot count.
        """
        return returned(cls.fitting(codes, choices, order, modified=modified))

    @classmethod
    def fitting(
        cls, codes: Codes, choices: int, order: int = 6, *, modified: bool = False
    ) -> Generator[float, None, Self]:
        """Do as `fit`, yielding which share of the orders is counted, and return the model."""
        if order < 1:
            raise UsageError(f"order {order} is below 1: give the length of the longest n-gram, as 6")
        if choices < 1:
            raise UsageError(f"choices {choices} is below 1: give the number of different codes")
        codes = _text(codes, choices)
        if len(codes) >= 2**31 or len(codes) * choices >= 2**63:
            raise DataError(f"{len(codes)} codes of {choices} choices are too many to rank: fit a part of the text")
        keys: list[NDArray[np.int64]] = []
        occurrences, continuations = [], []
        ranks, grams = np.zeros(len(codes) + 1, np.int32), 1  # order 0: one empty gram, wherever it begins
        for n in range(1, order + 1):
            found, counts, longer = _ranked(ranks[: max(len(codes) - n + 1, 0)], codes[n - 1 :], choices)
            if n > 1:
                suffixes = np.empty(len(found), np.int32)
                suffixes[longer] = ranks[1 : len(longer) + 1]
                lefts = np.bincount(suffixes, minlength=grams).astype(np.int32)
                contexts = len(keys[-2]) if n > 2 else 1
                continuations.append(_tally(keys[-1], lefts, choices, contexts, modified=modified))
            occurrences.append(_tally(found, counts, choices, grams, modified=modified))
            keys.append(found)
            ranks, grams = longer, len(found)
            yield n / order
        return cls(choices, tuple(keys), tuple(occurrences), tuple(continuations))

    @property
    def orders(self) -> range:
        """The orders that the model answers for: 1 up to the fitted one."""
        return range(1, len(self.keys) + 1)

    def nats(self, codes: Codes, order: int | None = None) -> float:
        """Return what a text costs: the sum of `-log p` over all its codes, in nats.

        Shapes: `codes` `[N]`. `order` is the highest fitted one unless given.
        Divide by `N log 2` for bits per code.
        """
        return -sum(float(scored.sum()) for scored in self._scored(codes, order))

    def log_probabilities(self, codes: Codes, order: int | None = None) -> Floats:
        """Return the natural log of the probability of each code, given up to `order - 1` codes before it.

        Shapes: `codes` `[N]`; returns `[N]`, in nats, each below zero or zero.
        """
        return np.concatenate(list(self._scored(codes, order)))

    def distribution(self, context: Sequence[int] | Codes, order: int | None = None) -> Floats:
        """Return the probability of each code after a context, of which the last `order - 1` codes count.

        Shapes: `context` any length, also 0; returns `[choices]`, which sums to 1.
        """
        return self.foresee(context, order)[0]

    def foresee(self, context: Sequence[int] | Codes, order: int | None = None) -> tuple[Floats, int]:
        """Return what `distribution` does, and how many of the last codes were seen together, before another."""
        order = self._order(order)
        known = _checked(np.asarray(context) if len(context) else np.empty(0, np.int64), self.choices)
        order, seen = min(order, len(known) + 1), 0
        probabilities = np.full(self.choices, 1 / self.choices)
        for n in range(1, order + 1):
            rank = self._rank(known[len(known) - n + 1 :])
            if rank < 0 or not self.occurrences[n - 1].totals[rank]:
                break  # and no longer context was seen either
            seen, tally = n - 1, self._tally(n, top=n == order)
            if not tally.totals[rank]:
                continue
            keys = self.keys[n - 1]
            low, high = np.searchsorted(keys, [rank * self.choices, (rank + 1) * self.choices])
            total = float(tally.totals[rank])
            probabilities *= tally.reserved[rank] / total
            probabilities[keys[low:high] - rank * self.choices] += tally.kept(tally.counts[low:high]) / total
        return probabilities, seen

    def seen(self, codes: Codes, order: int | None = None) -> NDArray[np.int64]:
        """Return how many of the codes before each, up to `order - 1`, were seen together in the fitted text.

        Shapes: `codes` `[N]`; returns `[N]`.
        """
        order = self._order(order)
        codes = _text(codes, self.choices)
        found = []
        for start in range(0, len(codes), CHUNK):
            before = min(start, order - 1)
            found.append(self._seen(codes[start - before : start + CHUNK], order)[before:])
        return np.concatenate(found)

    def _seen(self, codes: Codes, order: int) -> NDArray[np.int64]:
        seen, contexts = np.zeros(len(codes), np.int64), np.zeros(len(codes), np.int64)
        for n in range(1, min(order, len(codes)) + 1):
            totals = self.occurrences[n - 1].totals
            seen[n - 1 :][(contexts >= 0) & (totals[contexts] > 0)] = n - 1
            contexts = _found(self.keys[n - 1], contexts * self.choices + codes[n - 1 :].astype(np.int64))[:-1]
        return seen

    def _order(self, order: int | None) -> int:
        if order is None:
            return len(self.keys)
        if order not in self.orders:
            raise UsageError(f"order {order} was not fitted: give one from 1 to {len(self.keys)}, or fit a higher one")
        return order

    def _tally(self, n: int, *, top: bool) -> Tally:
        return self.occurrences[n - 1] if top else self.continuations[n - 1]

    def _rank(self, gram: Codes) -> int:
        rank = 0
        for keys, code in zip(self.keys, gram.tolist(), strict=False):
            sought = rank * self.choices + code
            rank = int(keys.searchsorted(sought))
            if rank == len(keys) or keys[rank] != sought:
                return -1
        return rank

    def _scored(self, codes: Codes, order: int | None) -> Iterator[Floats]:
        order = self._order(order)
        codes = _text(codes, self.choices)
        for start in range(0, len(codes), CHUNK):
            before = min(start, order - 1)
            yield np.log(self._probabilities(codes[start - before : start + CHUNK], order)[before:])

    def _probabilities(self, codes: Codes, order: int) -> Floats:
        probabilities = np.full(len(codes), 1 / self.choices)
        contexts = np.zeros(len(codes), np.int64)  # at order n, item i is the context of position i + n - 1
        for n in range(1, min(order, len(codes)) + 1):
            grams = _found(self.keys[n - 1], contexts * self.choices + codes[n - 1 :].astype(np.int64))
            known = probabilities[n - 1 :]
            whole = len(known) if n == order else 1  # position n - 1 has no longer context: order n is its top
            for top, part in ((True, slice(0, whole)), (False, slice(whole, None))):
                if len(known[part]):
                    known[part] = _interpolated(self._tally(n, top=top), contexts[part], grams[part], known[part])
            contexts = grams[:-1]
        return probabilities


def _checked(codes: Codes, choices: int) -> Codes:
    codes = np.asarray(codes)
    if codes.ndim != 1 or codes.dtype.kind not in "iu":
        raise DataError(f"{codes.ndim}-d codes of {codes.dtype} given, 1-d integers wanted: encode the text first")
    low, high = (int(codes.min()), int(codes.max())) if len(codes) else (0, 0)
    if low < 0 or high >= choices:
        raise DataError(f"codes {low} to {high} given, 0 to {choices - 1} wanted: encode with the model's own alphabet")
    return codes


def _text(codes: Codes, choices: int) -> Codes:
    if not len(codes := _checked(codes, choices)):
        raise DataError("no codes given, at least one wanted: give a text that is not empty")
    return codes


def _ranked(
    prefixes: NDArray[np.int32], codes: Codes, choices: int
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32]]:
    """Return the distinct keys in order, the count of each, and at each position the rank of its key."""
    keys = prefixes.astype(np.int64)
    keys *= choices
    np.add(keys, codes, out=keys, dtype=np.int64, casting="unsafe")
    ordered = np.sort(keys)
    fresh = np.ones(len(keys), np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=fresh[1:])
    found = ordered[fresh]
    del ordered
    counts = np.diff(np.flatnonzero(fresh), append=len(keys)).astype(np.int32)
    ranks = np.empty(len(keys), np.int32)
    for start in range(0, len(keys), CHUNK):
        ranks[start : start + CHUNK] = np.searchsorted(found, keys[start : start + CHUNK])
    return found, counts, ranks


def _tally(keys: NDArray[np.int64], counts: NDArray[np.int32], choices: int, contexts: int, *, modified: bool) -> Tally:
    prefixes = keys // choices
    totals = np.bincount(prefixes, counts, minlength=contexts).astype(np.int32)
    discounts = _discounts(counts, modified=modified)
    reserved = np.bincount(prefixes, discounts[np.minimum(counts, 3)], minlength=contexts)
    return Tally(counts, totals, reserved.astype(np.float64, copy=False), discounts)


def _discounts(counts: NDArray[np.int32], *, modified: bool) -> Floats:
    """Return what counts of 0, 1, 2, and 3 or more are discounted by."""
    once, twice, thrice, more = (int((counts == n).sum()) for n in range(1, 5))
    share = once / (once + 2 * twice) if once and twice else 0.5
    if not modified:
        return np.array([0, share, share, share])
    if min(once, twice, thrice, more):
        found = 1 - 2 * share * twice / once, 2 - 3 * share * thrice / twice, 3 - 4 * share * more / thrice
        if all(0 < discount <= count for count, discount in enumerate(found, start=1)):
            return np.array([0, *found])
    return np.array([0, 0.5, 1, 1.5])


def _found(keys: NDArray[np.int64], sought: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the rank of each sought key, -1 where it was never seen; so what grows from rank -1 is not found."""
    if not len(keys):
        return np.full(len(sought), -1)
    ranks = np.searchsorted(keys, sought)
    np.minimum(ranks, len(keys) - 1, out=ranks)
    return np.where(keys[ranks] == sought, ranks, -1)


def _interpolated(tally: Tally, contexts: NDArray[np.int64], grams: NDArray[np.int64], below: Floats) -> Floats:
    """Return `P_n` where `below` is `P_{n-1}`; a rank of -1 was never seen."""
    if not len(tally.counts):  # the text was shorter than n
        return below
    totals = np.where(contexts >= 0, tally.totals[contexts], 0)
    counts = np.where(grams >= 0, tally.counts[grams], 0)
    mixed = (tally.kept(counts) + tally.reserved[contexts] * below) / np.maximum(totals, 1)
    return np.where(totals > 0, mixed, below)
