"""How pairs become what a network reads and writes: subwords, and names that are copied instead of spelled."""

import re
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, final

from statewise.data.codec import Codec
from statewise.data.pairs.pair import LONGEST_TEXT, MARKS
from statewise.data.pairs.subwords import END, UNKNOWN, Pieces, Subwords
from statewise.errors import DataError

WORD = re.compile(r"\w+(?:[-'’]\w+)*|\S")
"A word, or a single mark."
LANGUAGE = re.compile(r"[a-zA-Z]{2,3}([-_][a-zA-Z0-9]{2,8}){0,3}")
HIDDEN = MARKS[UNKNOWN]
LONGEST = 1 << 16


class Coded(NamedTuple):
    """A text as codes, the end as the last, and what each code stands for: unknown ones for words as they are.

    `words` says of each code which word of the text it belongs to; the end belongs to none, "".
    """

    codes: list[int]
    words: list[str]


@final
@dataclass(frozen=True, eq=False)
class PairsCodec(Codec):
    """What turns pairs of two languages into codes, and codes into texts.

    `subwords` are of the source and the target, or of both where they are `shared`. `names` are the words, in small
    letters, that training saw in sources; a word that begins with a capital and is not among them is taken for a name:
    it is read as unknown, and where the translation has an unknown word, it is copied. None means that no word is.
    `longest` is how many codes a side of a pair may have, `example` a source that training saw.
    """

    languages: tuple[str, str]
    subwords: tuple[Subwords, ...]
    longest: int
    names: frozenset[str] | None
    example: str

    @property
    def is_shared(self) -> bool:
        """Whether both languages have the same subwords."""
        return len(self.subwords) == 1

    @property
    def source(self) -> Subwords:
        """The subwords of the source."""
        return self.subwords[0]

    @property
    def target(self) -> Subwords:
        """The subwords of the target."""
        return self.subwords[-1]

    @property
    def symbols(self) -> Sequence[str]:
        """The subwords of the target."""
        return [self.target.piece(code) for code in range(self.target.size)]

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        told = {"languages": list(self.languages), "longest": self.longest, "example": self.example}
        names = None if self.names is None else sorted(self.names)
        return {**told, "names": names, "subwords": [subwords.as_json() for subwords in self.subwords]}

    @classmethod
    def read(cls, written: Any) -> "PairsCodec":
        """Return what `as_json` wrote. Raises `DataError` for anything else."""
        try:
            languages, longest, names = written["languages"], written["longest"], written["names"]
            example = written["example"]
            subwords = [Subwords.read(one) for one in written["subwords"]]
            is_sound = len(languages) == 2 and all(LANGUAGE.fullmatch(one) for one in languages)
            is_sound = is_sound and type(longest) is int and 0 < longest < LONGEST and len(subwords) in (1, 2)
            is_sound = is_sound and isinstance(example, str) and 0 < len(example) <= LONGEST_TEXT
            is_sound = is_sound and (names is None or all(isinstance(name, str) for name in names))
        except (KeyError, TypeError):
            is_sound = False
        if not is_sound:
            raise DataError("codec.json is not one of pairs: it is damaged, or of another version")
        known = None if names is None else frozenset(names)
        return cls((languages[0], languages[1]), tuple(subwords), longest, known, example)

    def hide_source(self, text: str, also: Collection[str] = ()) -> tuple[str, list[str]]:
        """Return a source with marks in the place of names that are not known, of letters never seen, and of others.

        What is hidden comes as well, in order.
        """
        return _with_hidden(text, lambda word: word in also or self._is_name(word) or not self.source.spells(word))

    def hide_target(self, text: str, hidden: Iterable[str] = ()) -> str:
        """Return a target with marks in the place of the source's `hidden` words, and of letters never seen."""
        copied = set(hidden)
        return _with_hidden(text, lambda word: word in copied or not self.target.spells(word))[0]

    def encode_source(self, text: str) -> Coded:
        """Return a source, which is `cleaned`, as codes."""
        whole, hidden = self.hide_source(text)
        pieces = self.source.encode(whole)
        return Coded([*pieces.codes, END], [*_words_of(whole, pieces, hidden), ""])

    def encode_target(self, text: str, hidden: Iterable[str] = ()) -> list[int]:
        """Return a target, which is `cleaned`, as codes, with the `hidden` words of its source as unknown."""
        return [*self.target.encode(self.hide_target(text, hidden)).codes, END]

    def unseen(self, text: str) -> list[str]:
        """Return the words of a source that training never saw and that are not copied, each once, in order.

        They are spelled out of pieces, and what stands for them is a guess. Nothing is known where no word is copied.
        """
        if self.names is None:
            return []
        found = dict.fromkeys(WORD.findall(self.hide_source(text)[0]))
        return [word for word in found if word[:1].isalpha() and word.lower() not in self.names]

    def _is_name(self, word: str) -> bool:
        return self.names is not None and word[:1].isupper() and word.lower() not in self.names

    def decode(self, codes: Sequence[int], copied: Sequence[str] = ()) -> str:
        """Return the text of some codes of the target; each unknown one is a word that is copied, in order.

        What is unknown beyond those is not shown.
        """
        text, words = self.target.decode(codes), iter(copied)
        return " ".join(re.sub(HIDDEN, lambda _: next(words, ""), text).split())


def _with_hidden(text: str, is_hidden: Callable[[str], bool]) -> tuple[str, list[str]]:
    """Return a text with a mark in the place of some words, and these words."""
    hidden: list[str] = []

    def seen(found: re.Match[str]) -> str:
        if not is_hidden(found[0]):
            return found[0]
        hidden.append(found[0])
        return HIDDEN

    return WORD.sub(seen, text), hidden


def _words_of(text: str, pieces: Pieces, hidden: Sequence[str]) -> Iterator[str]:
    """Yield the word that each piece of a text belongs to, hidden ones as they were; a space to the next."""
    names, words = iter(hidden), list[tuple[int, str]]()
    for found in WORD.finditer(text):
        words.append((found.end(), next(names, "") if found[0] == HIDDEN else found[0]))
    ends = [end for end, _ in words]
    for _, end in pieces.places:
        at = bisect_left(ends, end)
        yield words[at][1] if at < len(words) else ""
