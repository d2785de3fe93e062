"""Subwords as codes: pieces of words that a byte-pair encoding learns, so that any text can be spelled."""

import codecs
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

import numpy as np

from statewise.data.codec import Codes, Decoder, TextCodec
from statewise.data.words.tokens import pieces_of
from statewise.errors import MissingExtra, RunError

LARGEST_JSON = 1 << 25
BYTES = 256


@final
@dataclass(frozen=True, repr=False)
class BytePairs(TextCodec):
    """A byte-pair encoding whose codes are numbered by frequency; every byte is a code, so nothing is unknown.

    `order` are the tokenizer's own numbers of the codes, `counts` how often each occurs in the training part. Raises
    `MissingExtra` where `tokenizers` is not installed. Source: Sennrich, Haddow & Birch 2016; bytes: Radford et al.
    2019.

    >>> codec = BytePairs.learned(["low lower lowest\\n"] * 9, 262)
    >>> codec.decode(codec.encode("lower é"))
    'lower é'
    """

    tokenizer: Any
    order: tuple[int, ...]
    counts: tuple[int, ...]

    @classmethod
    def learned(cls, texts: Iterable[str], size: int) -> "BytePairs":
        """Learn at most `size` subwords, which are at least the 256 bytes, from a text that comes in pieces."""
        tokenizers = _tokenizers()
        tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
        tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
        alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
        trainer = tokenizers.trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False)
        tokenizer.train_from_iterator(texts, trainer)
        found = tokenizer.get_vocab_size()
        return cls(tokenizer, tuple(range(found)), (0,) * found)

    def sorted_by(self, counts: Sequence[int]) -> "BytePairs":
        """Return the same subwords numbered by counts, the most frequent first."""
        by_count = np.argsort(-np.asarray(counts), kind="stable")
        order, counted = ([int(of[code]) for code in by_count] for of in (self.order, counts))
        return BytePairs(self.tokenizer, tuple(order), tuple(counted))

    @property
    def choices(self) -> int:
        """How many subwords there are."""
        return len(self.order)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Two bytes a subword up to 65,536 of them, else four."""
        return np.min_scalar_type(max(self.choices - 1, BYTES))

    @property
    def unit(self) -> str:
        """What a step reads."""
        return "subword"

    @property
    def unknown(self) -> int | None:
        """Nothing is unknown."""
        return None

    @property
    def end(self) -> int | None:
        """No code ends a paragraph: line ends are bytes as others are."""
        return None

    @property
    def beginning(self) -> int:
        """The code after which a paragraph begins: that of a line end."""
        return int(self.encode("\n")[0])

    @property
    def outside(self) -> int:
        """No word is outside."""
        return 0

    @cached_property
    def table(self) -> Codes:
        """The code of each of the tokenizer's own numbers."""
        table = np.empty(self.choices, self.dtype)
        table[list(self.order)] = np.arange(self.choices)
        return table

    @cached_property
    def spelled(self) -> tuple[bytes, ...]:
        """The bytes of each code."""
        byte_of = {letter: byte for byte, letter in enumerate(_letters())}
        pieces = map(self.tokenizer.id_to_token, self.order)
        return tuple(bytes(byte_of[letter] for letter in piece) for piece in pieces)

    def encode(self, text: str) -> Codes:
        """Return the codes of a text."""
        return np.asarray(self.table[self.tokenizer.encode(text, add_special_tokens=False).ids])

    def encode_pieces(self, texts: Iterable[str]) -> Iterator[Codes]:
        """Yield the codes of a text that comes in pieces."""
        return map(self.encode, pieces_of(texts))

    def decoder(self, last: int = 0) -> Decoder:
        """Return a decoder that waits for the last byte of a character; a broken one is shown as `�`."""
        decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        return lambda code: decode(self.spelled[code])

    def show(self, code: int) -> str:
        """Return a subword by itself, a part of a character by its bytes, as `\\\\xc3`."""
        return self.spelled[code].decode("utf-8", "backslashreplace")

    @property
    def symbols(self) -> Sequence[str]:
        """The subwords as the tokenizer writes them."""
        return tuple(map(self.tokenizer.id_to_token, self.order))

    def never(self) -> list[int]:
        """Every subword may be written."""
        return []

    def unknown_words(self, text: str) -> list[str]:
        """Return nothing: every text can be spelled."""
        return []

    def as_json(self) -> dict[str, Any]:
        """Return the tokenizer, and the order and the counts of its subwords."""
        told = json.loads(self.tokenizer.to_str())
        return {"unit": "subword", "tokenizer": told, "order": list(self.order), "counts": list(self.counts)}

    @classmethod
    def read(cls, written: Mapping[str, Any]) -> "BytePairs":
        """Return what `as_json` wrote. Raises `RunError` for anything else."""
        tokenizers = _tokenizers()
        try:
            text = json.dumps(written["tokenizer"])
            tokenizer = tokenizers.Tokenizer.from_str(text if len(text) <= LARGEST_JSON else "")
            order, counts = tuple(written["order"]), tuple(written["counts"])
            found = cls(tokenizer, order, counts)
            is_sound = sorted(order) == sorted(tokenizer.get_vocab().values()) == list(range(len(order)))
            is_sound = is_sound and len(counts) == len(order) and all(type(count) is int for count in counts)
            is_sound = is_sound and len(found.spelled) >= BYTES
        except Exception:  # what comes out of the tokenizer's own reader is of no narrower kind
            is_sound = False
        if not is_sound:
            raise RunError("codec.json has no subwords: the run is damaged or of another task")
        return found


def _letters() -> list[str]:
    """Return the letter that stands for each byte: itself where it can be printed, else one from 256 on."""
    printed = {*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(BYTES, 2 * BYTES))
    return [chr(byte) if byte in printed else chr(next(others)) for byte in range(BYTES)]


def _tokenizers() -> Any:
    try:
        import tokenizers
    except ImportError:
        raise MissingExtra("subwords need tokenizers: pip install 'statewise[language]'") from None
    return tokenizers
