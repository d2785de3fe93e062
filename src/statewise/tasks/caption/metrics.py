"""How good captions are, as the field measures it: BLEU, CIDEr-D and ROUGE-L over words, and how varied they are."""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ORDERS = 4
SIGMA = 6.0
"How fast CIDEr-D falls with a difference in length, in pairs of words."
FULL = 10.0
"What a caption that says what every reference says has in CIDEr-D."
BETA = 1.2
"How much more recall counts than precision in ROUGE-L."
TINY, SMALL = 1e-15, 1e-9
SIGNATURE = "words in small letters without punctuation; BLEU of all captions together, closest length, no smoothing"
CLITIC = re.compile(r"(?<=\w)(n't|'(?:s|re|ll|ve|d|m))\b", re.IGNORECASE)
TOKEN = re.compile(r"n't\b|'(?:s|re|ll|ve|d|m)\b|[^\W_]+(?:[-/.&'][^\W_]+)*", re.IGNORECASE)
Grams = Counter[tuple[str, ...]]


def words_of(caption: str) -> list[str]:
    """Return the words of a caption as they are compared: in small letters, without punctuation.

    What is joined by a hyphen is one word, and what is short for another word stands apart, as in the Penn Treebank.

    >>> words_of("The man's well-known dog, isn't it?")
    ['the', 'man', "'s", 'well-known', 'dog', 'is', "n't", 'it']
    """
    return [word.lower() for word in TOKEN.findall(CLITIC.sub(r" \1", caption.replace("’", "'")))]


@dataclass(frozen=True, eq=False)
class JudgedCaptions:
    """How good some captions are: BLEU of 1 to 4 words from 0 to 100, CIDEr-D of each picture, ROUGE-L, and others.

    `same_everywhere` are pictures whose references hold nothing that the references of all pictures do not hold:
    CIDEr-D counts them as 0, whatever is said of them.
    """

    bleu: tuple[float, ...]
    ciders: NDArray[np.float64]
    rouge: float
    distinct: int
    words: float
    same_everywhere: int

    @property
    def cider(self) -> float:
        """The mean of CIDEr-D."""
        return float(self.ciders.mean())

    @property
    def metrics(self) -> dict[str, float]:
        """All of it by name, CIDEr-D with a 95 % interval over pictures.

        Metrics:

        - `cider_d`: how like the references the runs of 1 to 4 words are, weighed by how rare they are, from 0 to 10,
          by `statewise.tasks.caption.metrics.cider_d`; more is better
        - `bleu_N`: BLEU of runs of 1 to N words, from 0 to 100, by `statewise.tasks.caption.metrics.bleu`; more is
          better
        - `rouge_l`: F of the longest words in the same order, from 0 to 1, by
          `statewise.tasks.caption.metrics.rouge_l`; more is better
        - `distinct`: how many different captions were said
        - `words`: mean words of a caption
        """
        low, high = interval(self.ciders)
        found = {"cider_d": self.cider, "cider_d_low": low, "cider_d_high": high}
        found |= {f"bleu_{order}": value for order, value in enumerate(self.bleu, start=1)}
        return {**found, "rouge_l": self.rouge, "distinct": float(self.distinct), "words": self.words}


def interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the 95 % interval of a mean over pictures, by the bootstrap."""
    from statewise.tasks.shared.resampling import bootstrap

    return bootstrap(values, np.arange(len(values)))


def judged_captions(captions: Sequence[str], references: Sequence[Sequence[str]]) -> JudgedCaptions:
    """Return how good captions are, one for each picture, by the references of each.

    References of a picture that are the same are counted once. All words of them count, known or not.
    """
    said = [words_of(caption) for caption in captions]
    wanted = [[list(one) for one in dict.fromkeys(tuple(words_of(text)) for text in own)] for own in references]
    ciders, same = cider_d(said, wanted)
    return JudgedCaptions(
        bleu(said, wanted),
        ciders,
        float(np.mean([rouge_l(one, own) for one, own in zip(said, wanted, strict=True)])),
        len({tuple(one) for one in said}),
        float(np.mean([len(one) for one in said])),
        same,
    )


def grams(words: Sequence[str], order: int) -> Grams:
    """Return how often each run of so many words is there."""
    return Counter(tuple(words[at : at + order]) for at in range(len(words) - order + 1))


def bleu(said: Sequence[Sequence[str]], wanted: Sequence[Sequence[Sequence[str]]]) -> tuple[float, ...]:
    """Return BLEU of 1 to 4 words, from 0 to 100, of all captions together.

    The length of the closest reference counts, the shorter of two as close. Source: Papineni et al. 2002, as computed
    for COCO (Chen et al. 2015).

    >>> [round(value, 1) for value in bleu([["a", "red", "dog"]], [[["a", "dog"]]])]
    [66.7, 0.0, 0.0, 0.0]
    """
    right, made = np.zeros(ORDERS), np.zeros(ORDERS)
    length, closest = 0, 0
    for one, own in zip(said, wanted, strict=True):
        length += len(one)
        closest += min((abs(len(other) - len(one)), len(other)) for other in own)[1]
        for order in range(1, ORDERS + 1):
            most: Grams = Counter()
            for other in own:
                most |= grams(other, order)
            right[order - 1] += (grams(one, order) & most).total()
            made[order - 1] += max(0, len(one) - order + 1)
    ratio = (length + TINY) / (closest + SMALL)
    brevity = math.exp(1 - 1 / ratio) if ratio < 1 else 1.0
    product, found = 1.0, []
    for order in range(ORDERS):
        product *= (right[order] + TINY) / (made[order] + SMALL)
        found.append(float(100 * brevity * product ** (1 / (order + 1))))
    return tuple(found)


def cider_d(
    said: Sequence[Sequence[str]], wanted: Sequence[Sequence[Sequence[str]]]
) -> tuple[NDArray[np.float64], int]:
    """Return CIDEr-D of each caption, from 0 to 10, and for how many pictures it can be nothing but 0.

    Runs of 1 to 4 words are weighed by how few pictures have them in a reference. Of a single picture all weigh alike,
    since no weight could be found: else a perfect caption would have 0. Source: Vedantam, Zitnick & Parikh 2015.

    >>> [round(float(value), 3) for value in cider_d([["a", "b", "c", "d"]], [[["a", "b", "c", "d"]]])[0]]
    [10.0]
    """
    counted = [[[grams(other, order) for order in range(1, ORDERS + 1)] for other in own] for own in wanted]
    pictures: Counter[tuple[str, ...]] = Counter()
    for own in counted:
        pictures.update({gram for other in own for of_order in other for gram in of_order})
    usual = math.log(len(wanted)) if len(wanted) > 1 else 1.0

    def weighed(counts: Sequence[Grams]) -> list[dict[tuple[str, ...], float]]:
        return [{g: n * (usual - math.log(max(1, pictures[g]))) for g, n in of.items()} for of in counts]

    found, same = np.zeros(len(said)), 0
    for at, (one, own) in enumerate(zip(said, counted, strict=True)):
        caption = weighed([grams(one, order) for order in range(1, ORDERS + 1)])
        others = [weighed(other) for other in own]
        same += not any(weight for other in others for of in other for weight in of.values())
        values = [
            _alike(caption, other, max(1, len(one)) - max(1, len(text)))
            for other, text in zip(others, wanted[at], strict=True)
        ]
        found[at] = FULL * float(np.mean(values))
    return found, same


def _alike(
    one: Sequence[Mapping[tuple[str, ...], float]], other: Sequence[Mapping[tuple[str, ...], float]], longer: int
) -> float:
    penalty, total = math.exp(-(longer**2) / (2 * SIGMA**2)), 0.0
    for own, theirs in zip(one, other, strict=True):
        sizes = math.sqrt(sum(w * w for w in own.values())) * math.sqrt(sum(w * w for w in theirs.values()))
        product = sum(min(weight, theirs[gram]) * theirs[gram] for gram, weight in own.items() if gram in theirs)
        total += product / sizes if sizes else product
    return penalty * total / ORDERS


def rouge_l(one: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """Return ROUGE-L of a caption, from 0 to 1: by the longest words in the same order, best over the references.

    Source: Lin 2004, with the weights of Chen et al. 2015.

    >>> round(rouge_l(["a", "red", "dog"], [["a", "dog"]]), 3)
    0.83
    """
    common = [_longest_common(one, other) for other in references]
    precision = max((found / len(one) for found in common), default=0.0) if one else 0.0
    recall = max((found / len(other) if other else 0.0 for found, other in zip(common, references, strict=True)))
    if not precision or not recall:
        return 0.0
    return (1 + BETA**2) * precision * recall / (recall + BETA**2 * precision)


def _longest_common(one: Sequence[str], other: Sequence[str]) -> int:
    row = [0] * (len(other) + 1)
    for word in one:
        before = 0
        for at, theirs in enumerate(other, start=1):
            before, row[at] = row[at], before + 1 if word == theirs else max(row[at], row[at - 1])
    return row[-1]
