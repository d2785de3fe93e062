"""How good answers out of passages are: exact match and F1, as SQuAD counts them."""

import re
import string
from collections import Counter
from collections.abc import Callable, Sequence

ARTICLES = re.compile(r"\b(a|an|the)\b")
MARKS = str.maketrans("", "", string.punctuation)


def normal(text: str) -> str:
    """Return a text in small letters, without marks, articles and further spaces.

    >>> normal("The  Eiffel-Tower!")
    'eiffeltower'
    """
    return " ".join(ARTICLES.sub(" ", text.lower().translate(MARKS)).split())


def exact_match(told: str, wanted: str) -> float:
    """Return 1 where two answers are the same."""
    return float(normal(told) == normal(wanted))


def f1(told: str, wanted: str) -> float:
    """Return the harmonic mean of precision and recall of words.

    >>> f1("the red house", "house"), f1("", "")
    (0.6666666666666666, 1.0)
    """
    one, other = normal(told).split(), normal(wanted).split()
    common = sum((Counter(one) & Counter(other)).values())
    if not one or not other:
        return float(one == other)
    return 2 * common / (len(one) + len(other))


def best_of(measure: Callable[[str, str], float], told: str, wanted: Sequence[str]) -> float:
    """Return what an answer scores by the right answer that suits it best."""
    return max(measure(told, one) for one in wanted)
