"""Subwords: pieces of words that a tokenizer learns from texts, so that any word can be spelled."""

import json
import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, final

from statewise.data.pairs.pair import MARKS, SPACE
from statewise.errors import DataError, MissingExtra

UNKNOWN, START, END = range(3)
"The first codes: what is unknown, what stands before a text, and what after it."
FEWEST, MOST = 100, 8000
PER_ROOT = 8.0
MOST_LETTERS = 4000
LARGEST_JSON = 1 << 25


def usual_size(words: int) -> int:
    """Return how many subwords suit so many words of text: 8 times their square root, from 100 to 8,000.

    >>> usual_size(100_000), usual_size(1_000_000), usual_size(9)
    (2530, 8000, 100)
    """
    return max(FEWEST, min(MOST, math.ceil(PER_ROOT * math.sqrt(words))))


class Pieces(NamedTuple):
    """The codes of a text, and where in the text each of them stands, `(begin, end)`."""

    codes: list[int]
    places: list[tuple[int, int]]


@final
class Subwords:
    """A byte-pair encoding of words, learned from texts.

    Spaces belong to the word after them, punctuation stands alone, digits are single. Raises `MissingExtra` where
    `tokenizers` is not installed. Source: Sennrich, Haddow & Birch 2016.

    >>> words = Subwords.learned(["low lower lowest", "new newer newest"] * 9, 40)
    >>> words.decode(words.encode("lower newest").codes)
    'lower newest'
    """

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.size: int = tokenizer.get_vocab_size()
        self.known = frozenset(piece for piece in tokenizer.get_vocab() if len(piece) == 1 and piece not in MARKS)

    @classmethod
    def learned(cls, texts: Iterable[str], size: int) -> "Subwords":
        """Return subwords learned from texts, at most `size` of them; the same texts always give the same."""
        tokenizers = _tokenizers()
        tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(unk_token=MARKS[UNKNOWN]))
        pre, how = tokenizers.pre_tokenizers, {"replacement": SPACE, "prepend_scheme": "first"}
        steps = [pre.Metaspace(**how), pre.Punctuation("isolated"), pre.Digits(individual_digits=True)]
        tokenizer.pre_tokenizer = pre.Sequence(steps)
        tokenizer.decoder = tokenizers.decoders.Metaspace(**how)
        trainer = tokenizers.trainers.BpeTrainer(
            vocab_size=size, special_tokens=list(MARKS), limit_alphabet=MOST_LETTERS, show_progress=False
        )
        tokenizer.train_from_iterator(texts, trainer)
        return cls(tokenizer)

    def as_json(self) -> Any:
        """Return it as plain values."""
        return json.loads(self.tokenizer.to_str())

    @classmethod
    def read(cls, written: Any) -> "Subwords":
        """Return what `as_json` wrote. Raises `DataError` for anything else."""
        tokenizers = _tokenizers()
        try:
            text = json.dumps(written)
            found = cls(tokenizers.Tokenizer.from_str(text if len(text) <= LARGEST_JSON else ""))
            vocabulary = found.tokenizer.get_vocab()
            is_sound = all(vocabulary.get(mark) == code for code, mark in enumerate(MARKS))
            is_sound = is_sound and sorted(vocabulary.values()) == list(range(found.size))
        except Exception:  # what comes out of the tokenizer's own reader is of no narrower kind
            is_sound = False
        if not is_sound:
            raise DataError("codec.json has no subwords: it is damaged, or of another version")
        return found

    def spells(self, word: str) -> bool:
        """Tell whether every letter of a word was seen in training."""
        return self.known.issuperset(word)

    def encode(self, text: str) -> Pieces:
        """Return the codes of a text."""
        found = self.tokenizer.encode(text, add_special_tokens=False)
        return Pieces(found.ids, found.offsets)

    def encode_all(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the codes of many texts."""
        return [found.ids for found in self.tokenizer.encode_batch(list(texts), add_special_tokens=False)]

    def decode(self, codes: Sequence[int]) -> str:
        """Return the text of some codes; the marks of beginning and end are not shown."""
        shown = [code for code in codes if code not in (START, END)]
        return str(self.tokenizer.decode(shown, skip_special_tokens=False))

    def begins_word(self, code: int) -> bool:
        """Tell whether a code stands at the beginning of a word, after a space."""
        return self.piece(code).startswith(SPACE)

    def piece(self, code: int) -> str:
        """Return how a code is written."""
        return str(self.tokenizer.id_to_token(code))

    def code(self, piece: str) -> int | None:
        """Return the code of a piece, if there is such a one."""
        found = self.tokenizer.token_to_id(piece)
        return None if found is None else int(found)


def _tokenizers() -> Any:
    try:
        import tokenizers
    except ImportError:
        raise MissingExtra("subwords need tokenizers: pip install 'statewise[chat]'") from None
    return tokenizers
