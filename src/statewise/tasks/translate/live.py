"""A translation under way: a person writes word after word, and is told what would come next."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import torch

from statewise.bounds import shown
from statewise.data.pairs.pair import cleaned
from statewise.errors import DataError, UsageError
from statewise.inputs import Inputs
from statewise.state import read_tensors, write_tensors
from statewise.task import Live
from statewise.tasks.translate.translator import LONGEST_ASKED, Translator

UNDO = "undo"
WORDS = 'the next word of the translation, "" for the one that was proposed, or "undo" for the last one'
MOST_WORDS = 1000


@dataclass(frozen=True)
class WordWritten:
    """The translation so far, which word would come next ("" where it ends here), and the rest of it."""

    text: str
    next_word: str
    rest: str

    def __str__(self) -> str:
        return f"{self.text} | {self.rest}" if self.rest else f"{self.text} |"

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return dict(vars(self))


@dataclass
class TranslationUnderWay(Live):
    """Takes a translation of a known sentence word by word, and proposes the rest of it after each.

    The words themselves are what is known: so a fork is a copy of them, and the same words are gone on from alike.
    """

    translator: Translator
    source: str
    written: list[str] = field(default_factory=list)

    @property
    def inputs(self) -> Inputs:
        """What `push` takes: a word, nothing, or `undo`."""
        return Inputs(WORDS, ("string",), "")

    def push(self, line: Any) -> WordWritten:
        """Take a word, or the one that was proposed, or the last one back, and return what would follow.

        Raises `UsageError` where there is nothing to take back, and for what is no word.
        """
        if not isinstance(line, str) or len(line) > LONGEST_ASKED:
            raise UsageError(f"the input {shown(line)} is not a word: give {WORDS}")
        words, given = [*self.written], cleaned(line)
        if given == UNDO:
            if not words:
                raise UsageError("there is no word to take back: give one first")
            words.pop()
        elif given:
            words += given.split()
        else:
            words += [*islice(self._rest(words), 1)]
        if len(words) > MOST_WORDS:
            raise UsageError(f"the translation has more than {MOST_WORDS:,} words: take one back")
        rest = [*self._rest(words)]
        self.written = words
        return WordWritten(" ".join(words), rest[0] if rest else "", " ".join(rest))

    def _rest(self, words: Sequence[str]) -> list[str]:
        """Return the words that would follow, as the model has it."""
        codec = self.translator.codec
        before = codec.encode_target(" ".join(words))[:-1] if words else []
        whole = " ".join(self.translator.words(self.source, before)).split()
        return whole[len(words) :]

    def fork(self) -> "TranslationUnderWay":
        """Return the same words once more, to go on otherwise."""
        return TranslationUnderWay(self.translator, self.source, [*self.written])

    def save(self) -> bytes:
        """Return the sentence and the words, as bytes."""
        letters = {"source": self.source, "written": "\n".join(self.written)}
        return write_tensors(
            {name: torch.tensor([*map(ord, text)], dtype=torch.int64) for name, text in letters.items()}
        )

    @classmethod
    def open(cls, translator: Translator, saved: bytes) -> "TranslationUnderWay":
        """Go on from saved bytes. Raises `DataError` where they are something else."""
        try:
            tensors, _ = read_tensors(saved, "the saved translation")
            source, written = ("".join(map(chr, tensors[name].tolist())) for name in ("source", "written"))
            is_sound = bool(cleaned(source)) and len(source) <= LONGEST_ASKED and cleaned(source) == source
            words = written.split("\n") if written else []
            is_sound = is_sound and len(words) <= MOST_WORDS and all(words) and len(written) <= LONGEST_ASKED * 2
        except (KeyError, ValueError, TypeError, OverflowError):
            is_sound = False
        if not is_sound:
            raise DataError("the saved translation is damaged, or is something else: start again")
        return cls(translator, source, words)
