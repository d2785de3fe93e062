"""Simple methods of translation: none at all, word by word, and what stands next to the nearest sentence."""

import re
from collections.abc import Sequence

import numpy as np

from statewise.data.pairs.pairs_codec import WORD
from statewise.errors import MissingExtra
from statewise.tasks.translate.ibm1 import learned

QUERIES = 64
"How many sentences are looked up at once, so that what is compared stays small."
CLOSING, OPENING = re.compile(r"\s+([.,;:!?%)\]}…’'])"), re.compile(r"([(\[{¿¡’'])\s+")


def copies(asked: Sequence[str], sources: Sequence[str], targets: Sequence[str]) -> list[str]:
    """Return each source as it is.

    Baseline: `copy`.
    """
    return list(asked)


def word_by_word(asked: Sequence[str], sources: Sequence[str], targets: Sequence[str]) -> list[str]:
    """Return for each word the likeliest one by IBM model 1, in the same order, in small letters until set right.

    Baseline: `word by word (IBM model 1)`.
    """
    cut = [[WORD.findall(text.lower()) for text in side] for side in (sources, targets)]
    table = learned(cut[0], cut[1])
    return [_written([table.likeliest(word) for word in WORD.findall(text.lower())], text) for text in asked]


def _written(words: Sequence[str], like: str) -> str:
    r"""Return words as a sentence, marks set close, its first letter a capital where the other text's is.

    >>> _written(["va", "!"], "Go!")
    'Va!'
    """
    text = OPENING.sub(r"\1", CLOSING.sub(r"\1", " ".join(words)))
    return text[:1].upper() + text[1:] if like[:1].isupper() else text


def from_memory(asked: Sequence[str], sources: Sequence[str], targets: Sequence[str]) -> list[str]:
    """Return the target of the source in the training part that is nearest: by the fewest letters put in or taken out.

    Raises `MissingExtra` where `rapidfuzz` is not installed.

    Baseline: `translation memory`.
    """
    try:
        from rapidfuzz import fuzz, process
    except ImportError:
        raise MissingExtra("a translation memory needs rapidfuzz: pip install 'statewise[translate]'") from None
    found = []
    for begin in range(0, len(asked), QUERIES):
        near = process.cdist(asked[begin : begin + QUERIES], sources, scorer=fuzz.ratio, dtype=np.float32)
        found += [targets[at] for at in near.argmax(axis=1)]
    return found
