"""Codecs: characters or bytes to whole numbers and back."""

import codecs
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, SupportsInt, final

import numpy as np
from numpy.typing import NDArray

from statewise.data.composing import compose
from statewise.errors import RunError

Codes = NDArray[np.integer[Any]]

UNKNOWN = 0
UNKNOWN_SHOWN = "\N{REPLACEMENT CHARACTER}"
CODE_POINTS = 0x110000


class Decoder(Protocol):
    """Turns codes back into text, one at a time."""

    def __call__(self, code: int) -> str:
        """Return the text that this code completes; empty where it only begins a character."""


class Codec(ABC):
    """Turns raw data into numbers and back; saved in `codec.json`, so that a model can be used without its data."""

    @abstractmethod
    def as_json(self) -> dict[str, Any]:
        """Return what the task's `codec` needs to build it again."""

    @property
    def symbols(self) -> Sequence[str]:
        """What the rows of the model's tables stand for, in order, so that another run's can be taken over; or none."""
        return ()


class TextCodec(Codec):
    """A reversible map between text and codes from 0 to `choices - 1`."""

    @property
    @abstractmethod
    def choices(self) -> int:
        """How many different codes there are."""

    @property
    @abstractmethod
    def dtype(self) -> np.dtype[Any]:
        """The smallest integer type that holds every code."""

    @abstractmethod
    def encode(self, text: str) -> Codes:
        """Return the codes of a text."""

    @abstractmethod
    def decoder(self) -> Decoder:
        """Return a decoder that begins at a character's start."""

    @abstractmethod
    def never(self) -> list[int]:
        """Return the codes that are never to be written."""

    def decode(self, codes: Iterable[SupportsInt]) -> str:
        """Return the text of some codes."""
        decoder = self.decoder()
        return "".join(decoder(int(code)) for code in codes)

    def show(self, code: int) -> str:
        """Return what one code by itself is shown as."""
        return self.decode([code])

    def missing(self, text: str) -> str:
        """Return the characters of a text that have no code of their own, each once."""
        return ""


@final
@dataclass(frozen=True)
class Characters(TextCodec):
    """One code for each character of an alphabet, and code 0 for any other.

    Text is brought to Unicode's composed form (NFC) first, so an accented letter typed as one code point or as two
    is the same character. A character outside the alphabet is read as code 0, which no training text holds.

    >>> codec = Characters("abc")
    >>> codec.encode("cab?").tolist(), codec.decode(codec.encode("cab?"))
    ([3, 1, 2, 0], 'cab�')
    """

    alphabet: str

    @cached_property
    def table(self) -> NDArray[np.uint32]:
        """The code of every code point."""
        table = np.zeros(CODE_POINTS, np.uint32)
        table[np.frombuffer(self.alphabet.encode("utf-32-le"), np.uint32)] = np.arange(1, self.choices)
        return table

    @property
    def choices(self) -> int:
        """The alphabet and the one code for what is not in it."""
        return len(self.alphabet) + 1

    @property
    def dtype(self) -> np.dtype[Any]:
        """One byte a character up to 255 characters, else two or four."""
        return np.min_scalar_type(self.choices - 1)

    def encode(self, text: str) -> Codes:
        """Return one code for each character of the composed text."""
        composed = compose(text)
        points = np.frombuffer(composed.encode("utf-32-le", "surrogatepass"), np.uint32)
        return self.table[points].astype(self.dtype)

    def decoder(self) -> Decoder:
        """Return a decoder; code 0 is shown as the replacement character."""
        shown = UNKNOWN_SHOWN + self.alphabet
        return lambda code: shown[code]

    @property
    def symbols(self) -> Sequence[str]:
        """The one for what is not in the alphabet, called "", and the alphabet."""
        return ("", *self.alphabet)

    def never(self) -> list[int]:
        """Code 0 is never written."""
        return [UNKNOWN]

    def as_json(self) -> dict[str, Any]:
        """Return the alphabet."""
        return {"unit": "character", "alphabet": self.alphabet}

    def missing(self, text: str) -> str:
        """Return the characters outside the alphabet.

        >>> Characters("abc").missing("a?b!?")
        '?!'
        """
        return "".join(dict.fromkeys(c for c in compose(text) if c not in self.alphabet))


@final
@dataclass(frozen=True)
class Bytes(TextCodec):
    """One code for each byte of UTF-8: nothing is unknown, and any file can be read.

    >>> codec = Bytes()
    >>> codec.encode("é").tolist(), codec.decode(codec.encode("é"))
    ([195, 169], 'é')
    """

    @property
    def choices(self) -> int:
        """The 256 bytes."""
        return 256

    @property
    def dtype(self) -> np.dtype[Any]:
        """One byte a byte."""
        return np.dtype(np.uint8)

    def encode(self, text: str) -> Codes:
        """Return the bytes of a text in UTF-8."""
        return np.frombuffer(text.encode("utf-8", "surrogateescape"), np.uint8)

    def decoder(self) -> Decoder:
        """Return a decoder that waits for the last byte of a character; a broken one is shown as `�`."""
        decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        return lambda code: decode(bytes([code]))

    def show(self, code: int) -> str:
        """Return a byte as its character, or as its number where it is only part of one.

        >>> Bytes().show(97), Bytes().show(195)
        ('a', '\\\\xc3')
        """
        return bytes([code]).decode("utf-8", "backslashreplace")

    def never(self) -> list[int]:
        """Every byte may be written."""
        return []

    def as_json(self) -> dict[str, Any]:
        """Return the unit, which says it all."""
        return {"unit": "byte"}


def _is_alphabet(characters: str) -> bool:
    return len(set(characters)) == len(characters) and not any("\ud800" <= c <= "\udfff" for c in characters)


def text_codec(written: Mapping[str, Any]) -> TextCodec:
    """Return the codec that `as_json` wrote down.

    Raises `RunError` where it is none.

    >>> text_codec(Characters("abc").as_json())
    Characters(alphabet='abc')
    """
    match written:
        case {"unit": "byte"}:
            return Bytes()
        case {"unit": "character", "alphabet": str(alphabet)} if _is_alphabet(alphabet):
            return Characters(alphabet)
    raise RunError("codec.json is not a text codec: the run is damaged or of another task")
