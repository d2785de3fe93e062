"""Words that are never said, whatever subwords spell them and whatever their letters look like."""

import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import final

from statewise.bounds import shown
from statewise.data.dialogues.dialogue_codec import DialogueCodec
from statewise.data.dialogues.spoken_words import WORD, plain_form, words_in
from statewise.data.pairs.subwords import END
from statewise.decode import Barring
from statewise.errors import UsageError

MOST = 10_000
SPACE = "\u2581"


@final
class NeverSaid:
    """Words, and words in a row, that no reply has. Raises `UsageError` for what has no word.

    >>> never = NeverSaid.of(["Darn, shut up"])
    >>> never.is_in("Oh DARN!"), never.is_in("Shut it up"), never.is_in("darned")
    (True, False, False)
    """

    def __init__(self, phrases: Iterable[tuple[str, ...]]) -> None:
        self.phrases = frozenset(phrases)
        if len(self.phrases) > MOST:
            raise UsageError(f"{len(self.phrases):,} words that are never said are too many: give at most {MOST:,}")

    @classmethod
    def of(cls, given: Sequence[str]) -> "NeverSaid":
        """Return those of some texts, in which commas and lines stand between them."""
        phrases = []
        for text in given:
            if not isinstance(text, str):
                raise UsageError(f"what is never said is words, not {shown(text)}: give text")
            for part in re.split(r"[,\n]", text):
                words = tuple(words_in(part))
                if words:
                    phrases.append(words)
                elif part.strip():
                    raise UsageError(f"{shown(part)} has no word that could be said: give words, with commas between")
        return cls(phrases)

    def __or__(self, other: "NeverSaid") -> "NeverSaid":
        """Return both together."""
        return NeverSaid(self.phrases | other.phrases)

    def __bool__(self) -> bool:
        return bool(self.phrases)

    @cached_property
    def _lengths(self) -> list[int]:
        return sorted({len(phrase) for phrase in self.phrases})

    def is_in(self, text: str) -> bool:
        """Tell whether a text has any of them, as whole words."""
        words = words_in(text)
        return any(self._ends(words[: at + 1]) for at in range(len(words)))

    def _ends(self, words: Sequence[str]) -> bool:
        return any(tuple(words[-length:]) in self.phrases for length in self._lengths if length <= len(words))

    def barring(self, codec: DialogueCodec) -> Barring | None:
        """Return what bars the end of a word that may not be said: what is spelled so far may still become another."""
        if not self:
            return None
        closing = [code for code in range(codec.size) if code == END or _closes(codec.subwords.piece(code))]

        def barred(codes: Sequence[int]) -> Sequence[int]:
            text = plain_form(codec.decode(codes))
            return closing if WORD.match(text[-1:]) and self._ends(WORD.findall(text)) else ()

        return barred


def _closes(piece: str) -> bool:
    """Tell whether what a piece begins with ends the word before it.

    >>> [_closes(piece) for piece in ("\u2581a", "a", "!", "7", "\u200ba", "\u200b")]
    [True, False, True, False, False, False]
    """
    plain = plain_form(piece)
    return bool(plain) and not WORD.match(plain[0])
