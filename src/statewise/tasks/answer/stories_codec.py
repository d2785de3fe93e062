"""How stories and questions become what a network reads: a code for each word, a code for each answer."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, final

from statewise.data.codec import Codec
from statewise.errors import DataError
from statewise.tasks.answer.kinds import kind_of, open_words
from statewise.tasks.answer.story_files import MOST_WORDS, StoryQuestion, words_of

NONE = 0
"The code of a word or an answer that training never saw, and of no word."
LONGEST = 1 << 20


@final
@dataclass(frozen=True, eq=False)
class StoriesCodec(Codec):
    """What turns words into codes from 1, and answers into codes from 1; 0 is what training never saw.

    `widest` is how many words a sentence of training has at most, `longest` how many sentences a story. `kinds` are the
    kinds of questions that training saw, `opened` the words that are taken out of them. `example` is a story of
    training, its question last.
    """

    form: ClassVar[str] = "stories"

    words: tuple[str, ...]
    answers: tuple[str, ...]
    widest: int
    longest: int
    opened: frozenset[str]
    kinds: frozenset[str]
    example: tuple[str, ...]

    @classmethod
    def of(cls, questions: Iterable[StoryQuestion]) -> "StoriesCodec":
        """Return the codec of some questions."""
        found = list(questions)
        texts = {text for one in found for text in (*one.sentences, one.text)}
        cut = {text: words_of(text) for text in texts}
        asked = [cut[one.text] for one in found]
        opened = open_words(asked)
        example = min(found, key=lambda one: (not 2 <= len(one.sentences) <= 8, len(one.text)))
        return cls(
            tuple(sorted({word for words in cut.values() for word in words})),
            tuple(sorted({one.answer for one in found})),
            max(map(len, cut.values())),
            max(len(one.sentences) for one in found),
            frozenset(opened),
            frozenset(kind_of(words, opened) for words in asked),
            (*example.sentences, example.text),
        )

    @cached_property
    def word_codes(self) -> dict[str, int]:
        """The code of each word."""
        return {word: code for code, word in enumerate(self.words, start=1)}

    @cached_property
    def answer_codes(self) -> dict[str, int]:
        """The code of each answer."""
        return {answer: code for code, answer in enumerate(self.answers, start=1)}

    @property
    def symbols(self) -> Sequence[str]:
        """What training never saw, called "", and the words."""
        return ("", *self.words)

    def coded(self, text: str) -> list[int]:
        """Return the codes of the words of a text."""
        return [self.word_codes.get(word, NONE) for word in words_of(text)]

    def unknown(self, text: str) -> list[str]:
        """Return the words of a text that training never saw, each once."""
        return list(dict.fromkeys(word for word in words_of(text) if word not in self.word_codes))

    def knows_kind(self, question: str) -> bool:
        """Say whether training saw a question of this kind."""
        return kind_of(words_of(question), self.opened) in self.kinds

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "form": self.form,
            "words": list(self.words),
            "answers": list(self.answers),
            "widest": self.widest,
            "longest": self.longest,
            "opened": sorted(self.opened),
            "kinds": sorted(self.kinds),
            "example": list(self.example),
        }

    @classmethod
    def read(cls, written: Any) -> "StoriesCodec":
        """Return what `as_json` wrote. Raises `DataError` for anything else."""
        try:
            lists = {name: written[name] for name in ("words", "answers", "opened", "kinds", "example")}
            widest, longest = written["widest"], written["longest"]
            is_sound = written["form"] == cls.form and all(_are_texts(each) for each in lists.values())
            is_sound = is_sound and type(widest) is int and 0 < widest <= MOST_WORDS and len(lists["example"]) > 1
            is_sound = is_sound and type(longest) is int and 0 < longest <= LONGEST
            is_sound = is_sound and all(0 < len(set(lists[name])) == len(lists[name]) for name in ("words", "answers"))
        except (KeyError, TypeError):
            is_sound = False
        if not is_sound:
            raise DataError("codec.json is not one of stories: it is damaged, or of another version")
        return cls(
            tuple(lists["words"]),
            tuple(lists["answers"]),
            widest,
            longest,
            frozenset(lists["opened"]),
            frozenset(lists["kinds"]),
            tuple(lists["example"]),
        )


def _are_texts(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)
