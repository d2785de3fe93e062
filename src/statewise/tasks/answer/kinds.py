"""Kinds of questions: what questions have in common once the words that may be others are taken out."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

OPEN = "_"
"What stands where a question may have this word or that."
FEWEST = 2
"So many different words at one place of otherwise equal questions make it open."


def open_words(questions: Iterable[Sequence[str]]) -> set[str]:
    """Return the words that stand where another may stand: in a question that is the same but for that word.

    >>> sorted(open_words([["where", "is", "mary"], ["where", "is", "john"], ["when", "left"]]))
    ['john', 'mary']
    """
    seen: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for words in {tuple(question) for question in questions}:
        for place, word in enumerate(words[1:], start=1):
            seen[*words[:place], OPEN, *words[place + 1 :]].add(word)
    return {word for found in seen.values() if len(found) >= FEWEST for word in found}


def kind_of(words: Sequence[str], opened: set[str] | frozenset[str]) -> str:
    """Return a question with its open words taken out.

    >>> kind_of(["where", "is", "mary"], {"mary", "john"})
    'where is _'
    """
    return " ".join(OPEN if word in opened else word for word in words)
