"""What is read of each word of a passage: the word, what the question asks for, and how well what is around it fits."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, final

import numpy as np
from numpy.typing import NDArray

from statewise.data.codec import Codec
from statewise.errors import DataError
from statewise.tasks.answer.linking import stem
from statewise.tasks.answer.passage_files import PassageQuestion, tokens_of

NONE = 0
FEWEST, MOST_WORDS = 3, 20_000
"A word of fewer questions and passages than this is read as unknown."
ASKS = ("what", "which", "how many", "how much", "how", "when", "where", "why")
"What a question asks for, by its words; a ninth kind is that of persons, a tenth any other."
PERSON = "who"
AROUND = (-1, 0, 1, 2)
"Which words around a word are read with it."
WIDTHS = (4, 9, 18)
"How many words before and after a word are looked at for words of the question."
SHAPES = 7
NUMBERS = 4 + 2 * len(WIDTHS) + 2
"How many numbers are read of each word."
OUTSIDE, BEGIN, INSIDE, LAST, SINGLE = range(5)
TAGS = 5
"What may be said of a word: the answer is elsewhere, begins with it, goes on, ends with it, or is that word alone."


def asks_for(words: Sequence[str]) -> int:
    """Return the number of what a question asks for.

    >>> asks_for(["in", "how", "many", "years"]), asks_for(["name", "it"])
    (3, 10)
    """
    text = f" {' '.join(words)} "
    places = [(text.find(f" {each} "), number) for number, each in enumerate((*ASKS, PERSON), start=1)]
    found = [(place, -len(f"{(*ASKS, PERSON)[number - 1]}"), number) for place, number in places if place >= 0]
    return min(found)[2] if found else len(ASKS) + 2


def shape_of(word: str) -> int:
    """Return the number of how a word looks: 0 for none.

    >>> [shape_of(word) for word in ("Paris", "NATO", "word", "1914", "15", "3rd", ",")]
    [1, 2, 3, 4, 5, 6, 7]
    """
    if word.isdigit():
        return 4 if len(word) == 4 else 5
    if any(letter.isdigit() for letter in word):
        return 6
    if not word[:1].isalpha():
        return 7
    return 2 if word.isupper() and len(word) > 1 else 1 if word[0].isupper() else 3


@final
@dataclass(frozen=True, eq=False)
class PassagesCodec(Codec):
    """The words that training saw, with how rare each is, and an example."""

    form: ClassVar[str] = "passages"

    words: tuple[str, ...]
    rareness: tuple[float, ...]
    longest: int
    example: tuple[str, str]

    @classmethod
    def of(cls, questions: Iterable[PassageQuestion]) -> "PassagesCodec":
        """Return the codec of some questions."""
        found = list(questions)
        texts = [*dict.fromkeys(one.passage for one in found), *(one.text for one in found)]
        counts = Counter(word for text in texts for word in {token.lower() for token, *_ in tokens_of(text)})
        words = sorted(sorted(counts), key=lambda word: -counts[word])[:MOST_WORDS]
        words = sorted(word for word in words if counts[word] >= FEWEST)
        rare = tuple(round(math.log(len(texts) / counts[word]), 4) for word in words)
        example = min(found, key=lambda one: len(one.passage))
        longest = max(len(tokens_of(text)) for text in texts)
        return cls(tuple(words), rare, longest, (example.passage, example.text))

    @cached_property
    def codes(self) -> dict[str, int]:
        """The code of each word, from 1."""
        return {word: code for code, word in enumerate(self.words, start=1)}

    @cached_property
    def rarest(self) -> float:
        """How rare a word is that training never saw."""
        return max(self.rareness, default=1.0)

    @property
    def choices(self) -> list[int]:
        """How many codes each column of codes has."""
        return [len(self.words) + 1] * len(AROUND) + [len(ASKS) + 3, SHAPES + 1, SHAPES + 1]

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        told = {"words": list(self.words), "rareness": list(self.rareness), "longest": self.longest}
        return {"form": self.form, **told, "example": list(self.example)}

    @classmethod
    def read(cls, written: Mapping[str, Any]) -> "PassagesCodec":
        """Return what `as_json` wrote. Raises `DataError` for anything else."""
        try:
            words, rareness, example = (tuple(written[name]) for name in ("words", "rareness", "example"))
            longest = written["longest"]
            is_sound = written["form"] == cls.form and len(words) == len(rareness) == len(set(words))
            is_sound = is_sound and all(isinstance(text, str) for text in (*words, *example)) and len(example) == 2
            is_sound = is_sound and all(isinstance(one, float | int) and 0 <= one < 100 for one in rareness)
            is_sound = is_sound and type(longest) is int and 0 < longest < 1 << 20
        except (KeyError, TypeError):
            is_sound = False
        if not is_sound:
            raise DataError("codec.json is not one of passages: it is damaged, or of another version")
        return cls(words, rareness, longest, (example[0], example[1]))

    def rows(self, passage: str, question: str) -> NDArray[np.float32]:
        """Return what is read of each word of a passage, `[T, C + D]`: codes, then numbers."""
        words = [token for token, *_ in tokens_of(passage)]
        asked = [token.lower() for token, *_ in tokens_of(question)]
        codes = np.array([self.codes.get(word.lower(), NONE) for word in words])
        shapes = np.array([shape_of(word) for word in words])
        columns = [_moved(codes, by) for by in AROUND]
        columns += [np.full(len(words), asks_for(asked)), shapes, _moved(shapes, 1)]
        return np.stack([*columns, *self._numbers(words, asked)], axis=1).astype(np.float32)

    def weights(self, words: Sequence[str], asked: Sequence[str]) -> NDArray[np.float64]:
        """Return how rare each word is that the question has as well, 0 for others, `[T]`."""
        stems = {stem(word) for word in asked if word[:1].isalnum() and word not in ASKS and word != PERSON}
        rare = dict(zip(self.words, self.rareness, strict=True))
        return np.array([rare.get(word.lower(), self.rarest) if stem(word) in stems else 0.0 for word in words]) / max(
            self.rarest, 1e-9
        )

    def _numbers(self, words: Sequence[str], asked: Sequence[str]) -> list[NDArray[np.float64]]:
        fits = self.weights(words, asked)
        total = np.concatenate([[0.0], fits.cumsum()])
        places, found = np.arange(len(words)), [_moved(fits, by) for by in (-1, 0, 1, 2)]
        for width in WIDTHS:
            found.append(total[places] - total[np.maximum(places - width, 0)])
            found.append(total[np.minimum(places + 1 + width, len(words))] - total[places + 1])
        sentence = np.cumsum([word in ".?!" for word in words]) - np.array([word in ".?!" for word in words])
        of_sentence = np.bincount(sentence, weights=fits)
        found.append(of_sentence[sentence])
        found.append((of_sentence[sentence] >= of_sentence.max()).astype(np.float64))
        return found


def _moved(values: NDArray[Any], by: int) -> NDArray[Any]:
    """Return for each place the value of the place so far after it, 0 beyond the ends.

    >>> _moved(np.array([1, 2, 3]), 1).tolist(), _moved(np.array([1, 2, 3]), -1).tolist()
    ([2, 3, 0], [0, 1, 2])
    """
    found = np.zeros_like(values)
    if by >= 0:
        found[: len(values) - by] = values[by:]
    else:
        found[-by:] = values[:by]
    return found


def tags_of(one: PassageQuestion) -> list[int]:
    """Return of each word of a passage which part of the answer it is, if any.

    >>> tags_of(PassageQuestion("It was in May 1914.", "When?", ("in May 1914",), 7, ""))
    [0, 0, 1, 2, 3, 0]
    """
    end = one.begin + len(one.answers[0])
    inside = [n for n, (_, begin, stop) in enumerate(tokens_of(one.passage)) if begin < end and stop > one.begin]
    tags = [INSIDE if number in inside else OUTSIDE for number in range(len(tokens_of(one.passage)))]
    if inside:
        tags[inside[0]], tags[inside[-1]] = BEGIN, LAST
    if len(inside) == 1:
        tags[inside[0]] = SINGLE
    return tags
