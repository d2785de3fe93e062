"""How good replies are: whether the true one is found among others, and how varied what is said is."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from statewise.data.pairs.pairs_codec import WORD
from statewise.data.pairs.prepared_pairs import key_of
from statewise.tasks.shared.resampling import bootstrap

Floats = NDArray[np.float64]
SEED = 12345
AMONG = 20
"Among so many replies the true one is looked for."


@dataclass(frozen=True)
class PlacesAsked:
    """Turns before replies, the true replies, and for each those among which it is to be found, itself the first.

    `among` `[N, K]` are numbers of replies of the same list, drawn by a seed from those with other words, no words
    twice; `conversations` says which conversation each is of.
    """

    said: list[list[str]]
    replies: list[str]
    conversations: NDArray[np.int32]
    among: NDArray[np.int64]

    @classmethod
    def of(cls, said: list[list[str]], replies: list[str], conversations: NDArray[np.int32]) -> "PlacesAsked":
        """Return them with others to be told from."""
        first: dict[str, int] = {}
        keys = [key_of(reply) for reply in replies]
        for number, key in enumerate(keys):
            first.setdefault(key, number)
        many, dice = min(AMONG, len(first)), np.random.default_rng(SEED)
        distinct = np.array(list(first.values()))
        among = np.empty((len(replies), many), np.int64)
        for number, key in enumerate(keys):
            others = distinct[distinct != first[key]]
            among[number] = [number, *dice.choice(others, many - 1, replace=False)]
        return cls(said, replies, conversations, among)


def hits(scores: NDArray[np.floating[Any]]) -> Floats:
    """Return for each row of scores, the true one the first, whether it is the highest; a tie counts its share.

    >>> hits(np.array([[3.0, 1.0, 2.0], [1.0, 2.0, 0.0], [2.0, 2.0, 1.0]])).tolist()
    [1.0, 0.0, 0.5]
    """
    is_best = scores == scores.max(axis=1, keepdims=True)
    return np.asarray(is_best[:, 0] / is_best.sum(axis=1), np.float64)


def hit_metrics(found: Floats, conversations: NDArray[np.int32]) -> dict[str, float]:
    """Return how often the true reply was found, with a 95 % interval over conversations.

    Metrics:

    - `hits_at_1`: the share of places at which, among twenty replies, the true one is the likeliest; ties count their
      share; drawn again by conversation for the interval; more is better
    """
    low, high = bootstrap(found, conversations)
    return {"hits_at_1": float(found.mean()), "hits_at_1_low": low, "hits_at_1_high": high}


def variety(replies: Sequence[str]) -> dict[str, float]:
    """Return how varied replies are: distinct words and pairs of words among all, and the share that is generic.

    A reply is generic here where its words, capitals and marks aside, are said more than once to what was asked. Source
    of distinct-1 and distinct-2: Li et al. 2016.

    Metrics:

    - `distinct_1`, `distinct_2`: different words, or pairs of words / all of them, over all replies; more is better
    - `generic`: the share of replies that are said more than once; less is better

    >>> variety(["I see.", "I see!", "Do you?"])
    {'distinct_1': 0.6666666666666666, 'distinct_2': 0.6666666666666666, 'generic': 0.6666666666666666}
    """
    words = [[word for word in WORD.findall(reply.casefold()) if any(map(str.isalnum, word))] for reply in replies]
    singles = [word for each in words for word in each]
    pairs = [pair for each in words for pair in pairwise(each)]
    return {
        "distinct_1": len(set(singles)) / max(1, len(singles)),
        "distinct_2": len(set(pairs)) / max(1, len(pairs)),
        "generic": sum(count for _, count in commonest(replies) if count > 1) / max(1, len(replies)),
    }


def commonest(replies: Sequence[str]) -> list[tuple[str, int]]:
    """Return how often each reply is said, capitals and marks aside, the commonest first, as it was first written."""
    written: dict[str, str] = {}
    for reply in replies:
        written.setdefault(key_of(reply), reply)
    return [(written[key], count) for key, count in Counter(map(key_of, replies)).most_common()]


def words_a_reply(replies: Sequence[str]) -> float:
    """Return the mean number of words of a reply."""
    return float(np.mean([len(reply.split()) for reply in replies]))


def difference(one: Floats, other: Floats, conversations: NDArray[np.int32]) -> tuple[float, float, float]:
    """Return by how much one mean is above another at the same places, with the 95 % interval over conversations."""
    return float((one - other).mean()), *bootstrap(one - other, conversations)
