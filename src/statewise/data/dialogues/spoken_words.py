"""The words of what is said, as they are compared."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

WORD = re.compile(r"[^\W_]+")
"Letters and digits in a row: a word is whole between anything else."
MOST_KNOWN = 50_000
"So many words of training are kept, the most frequent."


def words_in(text: str) -> list[str]:
    """Return the words of a text as they are compared: in small letters, in their plain forms, hidden signs left out.

    >>> words_in("SHUT\u200b-\uff35p, don't!")
    ['shut', 'up', 'don', 't']
    """
    return WORD.findall(plain_form(text))


def plain_form(text: str) -> str:
    """Return a text in small letters, each letter in its plain form, without signs that are not seen."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return "".join(letter for letter in folded if unicodedata.category(letter) != "Cf")


def known_words(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the different words of texts, the most frequent first.

    >>> known_words(["Oh no!", "no, 7 times"])
    ('no', 'oh', '7', 'times')
    """
    return tuple(word for word, _ in Counter(word for text in texts for word in words_in(text)).most_common(MOST_KNOWN))
