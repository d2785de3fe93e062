"""Words as codes: a vocabulary numbered by frequency, and one code for every other word."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, final, get_args

import numpy as np

from statewise.data.codec import Codes, Decoder, TextCodec
from statewise.data.words.tokens import END, MARKS, UNKNOWN, Form, Joiner, tokens_of, words_of
from statewise.errors import RunError

UNKNOWN_CODE, END_CODE = range(2)
MOST_WORDS = 5_000_000


@final
@dataclass(frozen=True, repr=False)
class Words(TextCodec):
    """One code for each word of a vocabulary: 0 for every other word, 1 for the end of a paragraph, then by frequency.

    `counts` are how often each code occurs in the training part, `outside` how many different words of it have no code
    of their own.

    >>> codec = Words(("<unk>", "</s>", "the", "cat"), (1, 2, 9, 3), outside=1)
    >>> codec.encode("the cat sat").tolist(), codec.decode([2, 3])
    ([2, 3, 0], 'the cat')
    """

    words: tuple[str, ...]
    counts: tuple[int, ...]
    outside: int = 0
    form: Form = "running"
    lower: bool = False

    @cached_property
    def numbers(self) -> dict[str, int]:
        """The code of every word."""
        return {word: code for code, word in enumerate(self.words)}

    @property
    def choices(self) -> int:
        """The words and the two marks."""
        return len(self.words)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Two bytes a word up to 65,536 of them, else four."""
        return np.min_scalar_type(max(self.choices - 1, 256))

    @property
    def unit(self) -> str:
        """What a step reads."""
        return "word"

    def codes_of(self, words: Iterable[str]) -> Codes:
        """Return the codes of words."""
        get = self.numbers.get
        return np.fromiter((get(word, UNKNOWN_CODE) for word in words), self.dtype)

    def encode(self, text: str) -> Codes:
        """Return the codes of a text, cut into words by the rule."""
        return self.codes_of(words_of(text, self.form, lower=self.lower))

    def encode_pieces(self, texts: Iterable[str]) -> Iterator[Codes]:
        """Yield the codes of a text that comes in pieces, with the end of its last paragraph."""
        return (self.codes_of(tokens) for tokens in tokens_of(texts, self.form, lower=self.lower))

    def decoder(self, last: int = END_CODE) -> Decoder:
        """Return a decoder that puts spaces where they are usual; `last` is the word before the first."""
        join = Joiner(self.words[last])
        return lambda code: join(self.words[code])

    def show(self, code: int) -> str:
        """Return a word by itself."""
        return self.words[code]

    @property
    def symbols(self) -> Sequence[str]:
        """The words."""
        return self.words

    @property
    def unknown(self) -> int | None:
        """The code of every word that has none of its own."""
        return UNKNOWN_CODE

    @property
    def end(self) -> int | None:
        """The code of the end of a paragraph."""
        return END_CODE

    @property
    def beginning(self) -> int:
        """The code after which a paragraph begins: the end of the one before."""
        return END_CODE

    def never(self) -> list[int]:
        """The code of unknown words is never written."""
        return [UNKNOWN_CODE]

    def unknown_words(self, text: str) -> list[str]:
        """Return the words of a text that have no code, each once, in order."""
        words = words_of(text, self.form, lower=self.lower)
        return list(dict.fromkeys(word for word in words if word not in self.numbers))

    def missing(self, text: str) -> str:
        """Return the words of a text that have no code, separated by spaces."""
        return " ".join(self.unknown_words(text))

    def as_json(self) -> dict[str, Any]:
        """Return vocabulary, counts and rule."""
        told = {"unit": "word", "words": list(self.words), "counts": list(self.counts)}
        return {**told, "outside": self.outside, "form": self.form, "lower": self.lower}

    @classmethod
    def read(cls, written: Mapping[str, Any]) -> "Words":
        """Return what `as_json` wrote. Raises `RunError` for anything else."""
        match written:
            case {
                "unit": "word",
                "words": list(words),
                "counts": list(counts),
                "outside": int(outside),
                "form": str(form),
                "lower": bool(lower),
            } if _is_sound(words, counts, outside, form):
                return cls(tuple(words), tuple(counts), outside, form, lower)  # type: ignore[arg-type]
        raise RunError("codec.json is not a vocabulary: the run is damaged or of another task")

    @classmethod
    def chosen(
        cls,
        counted: Mapping[str, int],
        *,
        most: int | None,
        least_count: int,
        form: Form = "running",
        lower: bool = False,
    ) -> "Words":
        """Return the words that occur often enough, at most so many with the marks, the most frequent first.

        Words that occur equally often stand as they first occurred.

        >>> Words.chosen({"a": 2, "cat": 5, "</s>": 1, "b": 1}, most=4, least_count=1).words
        ('<unk>', '</s>', 'cat', 'a')
        """
        ordered = sorted((w for w in counted if w not in MARKS), key=lambda word: -counted[word])
        enough = [word for word in ordered if counted[word] >= least_count]
        kept = enough if most is None else enough[: max(0, most - len(MARKS))]
        unknown = counted.get(UNKNOWN, 0) + sum(counted[word] for word in ordered[len(kept) :])
        counts = unknown, counted.get(END, 0), *(counted[word] for word in kept)
        return cls((*MARKS, *kept), counts, len(ordered) - len(kept), form, lower)


def _is_sound(words: list[Any], counts: list[Any], outside: int, form: str) -> bool:
    is_whole = len(words) == len(counts) and 2 < len(words) <= MOST_WORDS and tuple(words[:2]) == MARKS
    are_words = is_whole and all(type(word) is str for word in words) and len(set(words)) == len(words)
    are_counts = are_words and all(type(count) is int and 0 <= count < 2**53 for count in counts)
    return are_counts and outside >= 0 and form in get_args(Form)
