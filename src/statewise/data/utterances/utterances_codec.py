"""How utterances become what a network reads: words, letters and marks; and what its answers are called."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, final

import numpy as np
from numpy.typing import NDArray

from statewise.data.codec import Codec
from statewise.data.utterances.bot import Bot
from statewise.data.utterances.bot_reading import BotReader
from statewise.data.utterances.bot_writing import bot_as_plain
from statewise.data.utterances.lined_reader import NAME
from statewise.data.utterances.sample_utterance import (
    LONGEST_UTTERANCE,
    OUT_OF_SCOPE,
    SampleUtterance,
    SpokenWord,
    words_of_utterance,
)
from statewise.data.utterances.value_lists import ValueLists
from statewise.errors import DataError, StatewiseError
from statewise.plain.lined_yaml import lined

UNKNOWN, OTHER_LETTER = 0, 1
FIRST_LETTERS, LAST_LETTERS = 8, 6
LETTERS = FIRST_LETTERS + LAST_LETTERS
"So many letters of a word are read: of a longer one the first and the last."
SHAPES = 3
"Marks of how a word is written: a capital first, all capitals, digits."
MOST_KNOWN_WORDS = 200_000
MANY, SEEN_OFTEN = 2000, 2
"Of so many utterances, a word that stands only once is read by its letters."
MOST_CHECKS = 1000
"So many utterances that were kept for checks say how sure it may be."


@final
@dataclass(frozen=True, eq=False)
class UtterancesCodec(Codec):
    """The words, letters and lists that training saw; the bot, its intents and slots; and utterances kept for checks.

    `checks` are texts with the numbers of their intents, of which the temperature of confidences is found.
    """

    form: ClassVar[str] = "utterances"

    bot: Bot
    words: tuple[str, ...]
    alphabet: str
    intents: tuple[str, ...]
    slots: tuple[str, ...]
    lists: ValueLists
    checks: tuple[tuple[str, int], ...]
    example: str

    @classmethod
    def of(
        cls, bot: Bot, training: Sequence[SampleUtterance], checks: Sequence[SampleUtterance], lists: bool
    ) -> "UtterancesCodec":
        """Return the codec of some utterances."""
        words = Counter(word.text.casefold() for one in training for word in words_of_utterance(one.text))
        least = SEEN_OFTEN if len(training) >= MANY else 1
        letters = Counter(letter for one in training for letter in one.text if not letter.isspace())
        intents = (OUT_OF_SCOPE, *(intent.name for intent in bot.intents))
        known = {name: number for number, name in enumerate(intents)}
        step = max(1, len(checks) // MOST_CHECKS)
        kept = [(one.text, known[one.intent]) for one in checks[::step] if one.intent in known][:MOST_CHECKS]
        example = next((one.text for one in training if one.slots and one.intent != OUT_OF_SCOPE), training[0].text)
        return cls(
            bot.bare(),
            tuple(sorted((w for w in words if words[w] >= least), key=lambda w: (-words[w], w))[:MOST_KNOWN_WORDS]),
            "".join(sorted(letter for letter, count in letters.items() if count > 1)),
            intents,
            tuple(bot.slots),
            ValueLists.of(bot, training) if lists else ValueLists((), {}),
            tuple(kept),
            example,
        )

    @cached_property
    def word_codes(self) -> dict[str, int]:
        """The code of each word, from 1."""
        return {word: code for code, word in enumerate(self.words, start=1)}

    @cached_property
    def letter_codes(self) -> dict[str, int]:
        """The code of each letter, from 2."""
        return {letter: code for code, letter in enumerate(self.alphabet, start=OTHER_LETTER + 1)}

    @cached_property
    def intent_codes(self) -> dict[str, int]:
        """The number of each intent; 0 is what no intent is for."""
        return {name: code for code, name in enumerate(self.intents)}

    @property
    def symbols(self) -> Sequence[str]:
        """The words."""
        return ("", *self.words)

    @property
    def marks(self) -> int:
        """How many marks a word has."""
        return SHAPES + self.lists.marks

    @property
    def width(self) -> int:
        """How many codes a word has: of itself, of its letters, and its marks."""
        return 1 + LETTERS + self.marks

    def code(self, word: str) -> int:
        """Return the code of a word, 0 for one that training never saw."""
        return self.word_codes.get(word.casefold(), UNKNOWN)

    def rows(self, words: Sequence[SpokenWord], lists: ValueLists | None = None) -> NDArray[np.int64]:
        """Return what is read of some words, `[S, width]`; other lists may be given than those of training."""
        found = np.zeros((len(words), self.width), np.int64)
        marks = (lists or self.lists).marks_of([word.text for word in words])
        for row, word, own in zip(found, words, marks, strict=True):
            text = word.text
            read = text if len(text) <= LETTERS else text[:FIRST_LETTERS] + text[-LAST_LETTERS:]
            row[0] = self.code(text)
            row[1 : 1 + len(read)] = [self.letter_codes.get(letter, OTHER_LETTER) for letter in read]
            row[1 + LETTERS : 1 + LETTERS + SHAPES] = (
                text[0].isupper(),
                text.isupper() and len(text) > 1,
                text.isdigit(),
            )
            row[1 + LETTERS + SHAPES :] = own
        return found

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "form": self.form,
            "bot": bot_as_plain(self.bot),
            "is_given": self.bot.is_given,
            "words": list(self.words),
            "alphabet": self.alphabet,
            "intents": list(self.intents),
            "slots": list(self.slots),
            "lists": self.lists.as_json(),
            "checks": [list(check) for check in self.checks],
            "example": self.example,
        }

    @classmethod
    def read(cls, written: Mapping[str, Any]) -> "UtterancesCodec":
        """Return what `as_json` wrote. Raises `DataError` for anything else."""
        try:
            words, intents, slots = (tuple(written[name]) for name in ("words", "intents", "slots"))
            alphabet, example = written["alphabet"], written["example"]
            checks = tuple((str(text), int(code)) for text, code in written["checks"])
            names, values = written["lists"]["names"], written["lists"]["values"]
            lists = ValueLists(tuple(names), {name: tuple(values[name]) for name in names})
            bot = BotReader("the bot of codec.json", bare=True).bot(lined(written["bot"]))
            is_sound = written["form"] == cls.form and len(set(words)) == len(words) <= MOST_KNOWN_WORDS
            is_sound = is_sound and all(isinstance(text, str) for text in (*words, alphabet, example, *names))
            is_sound = is_sound and all(isinstance(one, str) and NAME.fullmatch(one) for one in (*intents, *slots))
            is_sound = is_sound and intents == (OUT_OF_SCOPE, *(intent.name for intent in bot.intents))
            is_sound = is_sound and len(alphabet) == len(set(alphabet)) and 0 < len(example) <= LONGEST_UTTERANCE
            is_sound = is_sound and all(isinstance(one, str) for name in names for one in lists.values[name])
            is_sound = is_sound and all(0 <= code < len(intents) and text for text, code in checks)
            is_sound = is_sound and isinstance(written["is_given"], bool)
        except (KeyError, TypeError, ValueError, AttributeError, StatewiseError):
            is_sound = False
        if not is_sound:
            raise DataError("codec.json is not one of utterances: it is damaged, or of another version")
        given = bot if written["is_given"] else replace(bot, is_given=False)
        return cls(given, words, alphabet, intents, slots, lists, checks, example)
