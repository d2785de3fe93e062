"""IBM model 1: how likely each word is the translation of another, learned from pairs of sentences alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ITERATIONS = 5
MOST_LINKS = 30_000_000
"So many pairs of words, one of a source and one of its target, are counted; what stands after them is not."


@dataclass(frozen=True)
class WordTranslations:
    """Odds `t(target | source)` of pairs of words that stand in the same pair of sentences."""

    odds: dict[tuple[str, str], float]
    best: dict[str, str]

    def likeliest(self, word: str) -> str:
        """Return the likeliest translation of a word; one that was never seen is its own."""
        return self.best.get(word, word)


def learned(
    sources: Sequence[Sequence[str]], targets: Sequence[Sequence[str]], iterations: int = ITERATIONS
) -> WordTranslations:
    """Return what expectation maximisation finds from even odds, so many times round.

        c(t | s) = sum over pairs of t(t | s) / sum_s' t(t | s')        t(t | s) = c(t | s) / sum_t' c(t' | s)

    There is no empty word. Source: Brown et al. 1993, section 4.1, as Koehn 2010, chapter 4, has it.

    >>> found = learned([["das", "Haus"], ["das", "Buch"], ["ein", "Buch"]],
    ...                 [["the", "house"], ["the", "book"], ["a", "book"]], iterations=2)
    >>> round(found.odds["das", "the"], 4), found.likeliest("Buch")
    (0.6364, 'book')
    """
    source_words, target_words = _numbered(sources), _numbered(targets)
    kinds, places, links = _links(sources, targets, source_words, target_words)
    of_source = kinds // len(target_words)
    odds = np.full(len(kinds), 1 / max(1, len(target_words)))
    for _ in range(iterations):
        share = odds[links]
        share /= np.bincount(places, share)[places]
        expected = np.bincount(links, share, minlength=len(kinds))
        odds = expected / np.bincount(of_source, expected, minlength=len(source_words))[of_source]
    names = list(source_words), list(target_words)
    pairs = [(names[0][kind // len(target_words)], names[1][kind % len(target_words)]) for kind in kinds.tolist()]
    best: dict[str, tuple[float, str]] = {}
    for (source, target), value in zip(pairs, odds.tolist(), strict=True):
        if value > best.get(source, (0.0, ""))[0]:
            best[source] = value, target
    return WordTranslations(
        dict(zip(pairs, odds.tolist(), strict=True)), {source: target for source, (_, target) in best.items()}
    )


def _numbered(texts: Sequence[Sequence[str]]) -> dict[str, int]:
    return {word: number for number, word in enumerate(dict.fromkeys(word for text in texts for word in text))}


def _links(
    sources: Sequence[Sequence[str]],
    targets: Sequence[Sequence[str]],
    source_words: dict[str, int],
    target_words: dict[str, int],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return each pair of words that stands somewhere, and of each place which word of a target it is, and its pair."""
    whole, of_target, begin, seen = [], [], 0, 0
    for source, target in zip(sources, targets, strict=True):
        seen += len(source) * len(target)
        if seen > MOST_LINKS:
            break
        one = np.array([source_words[word] for word in source], np.int64)
        other = np.array([target_words[word] for word in target], np.int64)
        whole.append((one[:, None] * len(target_words) + other).ravel())
        of_target.append(np.tile(np.arange(begin, begin + len(other)), len(one)))
        begin += len(other)
    kinds, links = np.unique(np.concatenate(whole), return_inverse=True)
    return kinds, np.concatenate(of_target), links
