"""A baseline for questions about passages: where most words of the question stand, and what may be an answer there."""

import numpy as np

from statewise.tasks.answer.passage_features import PassagesCodec, asks_for, shape_of
from statewise.tasks.answer.passage_files import tokens_of

LONGEST = 6
WANTED = {3: {4, 5, 6}, 4: {4, 5, 6}, 6: {4, 5, 6}}
"Which shapes of words suit what is asked for: numbers for how many, how much and when; else words with a capital."
CAPITALS = {1, 2}


def by_sliding_window(passage: str, question: str, codec: PassagesCodec) -> str:
    """Return an answer: of the runs of words that may be one, the run with most rare words of the question around it.

    A window as wide as the question slides over the passage, and sums how rare the words of the question are
    that stand in it. Runs are of words with capitals, or with digits where a number or a time is asked for, none of
    them in the question; where there is no such run, of any words. Source: Richardson, Burges & Renshaw 2013, whose
    sliding window this follows.

    Baseline: `sliding window`.

    >>> codec = PassagesCodec(("was",), (0.1,), 9, ("a", "b"))
    >>> by_sliding_window("The king left. The queen was in Paris then.", "Where was the queen?", codec)
    'Paris'
    """
    tokens, asked = tokens_of(passage), [token.lower() for token, *_ in tokens_of(question)]
    words = [token for token, *_ in tokens]
    fits = codec.weights(words, asked)
    width, places, total = max(len(asked) // 2, 2), np.arange(len(words)), np.concatenate([[0.0], fits.cumsum()])
    around = total[np.minimum(places + width + 1, len(words))] - total[np.maximum(places - width, 0)]
    shapes = WANTED.get(asks_for(asked), CAPITALS)
    best, answer = -1.0, (0, 0)
    for wanted in (shapes, {1, 2, 3, 4, 5, 6}):
        is_wanted = [shape_of(word) in wanted and fits[at] == 0 for at, word in enumerate(words)]
        for first, is_first in enumerate(is_wanted):
            if not is_first or (first and is_wanted[first - 1]):
                continue
            last = first
            while last + 1 < len(words) and is_wanted[last + 1] and last + 1 - first < LONGEST:
                last += 1
            score = float(around[first : last + 1].mean())
            if score > best:
                best, answer = score, (first, last)
        if best >= 0:
            break
    return passage[tokens[answer[0]][1] : tokens[answer[1]][2]]
