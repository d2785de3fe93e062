"""Signatures of saved states: only a holder of the key can make one.

The seal of a state is a digest, which anyone can make: it shows damage. A signature is an HMAC-SHA256 over the whole,
with the places of the signature and of the seal filled with zeros. It shows that a holder of the key wrote the state.
Source: Krawczyk, Bellare & Canetti 1997, RFC 2104.
"""

import hashlib
import hmac
from collections.abc import Iterable
from typing import NamedTuple

from statewise.errors import DataError
from statewise.state.tensors import (
    LARGEST_HEADER_BYTES,
    PREFIX_BYTES,
    UNSEALED,
    filled,
    seal,
    seal_place,
    with_words,
    words_of,
)

SIGNATURE = "signature"
FORMAT = b"statewise state 1\n"
KEY_BYTES = 32


class UnknownKey(DataError):
    """A state is signed with an unknown key, or not signed."""


class SigningKey(NamedTuple):
    """A secret that signs states; `id` says which one it is without telling it."""

    secret: bytes

    @property
    def id(self) -> str:
        """The beginning of a digest of the secret.

        >>> SigningKey(bytes(32)).id
        '5c3e4f1c2ab191f4'
        """
        return hashlib.sha256(b"statewise key\n" + self.secret).hexdigest()[:16]


def sign(data: bytes, key: SigningKey) -> bytes:
    """Return a sealed state with a signature among its words, sealed again.

    >>> import torch
    >>> from statewise.state.tensors import to_bytes
    >>> key, state = SigningKey(bytes(32)), seal(to_bytes(torch.ones(1, 2), {"sha256": UNSEALED}))
    >>> check_signature(sign(state, key), [key])
    """
    words = {**words_of(data), "sha256": UNSEALED, SIGNATURE: f"{key.id}:{UNSEALED}"}
    blank = with_words(data, words)
    place = _signature_place(blank, key)
    return seal(filled(blank, place, _digest(blank, key)))


def unsigned(data: bytes) -> bytes:
    """Return a signed state as it was before.

    >>> import torch
    >>> from statewise.state.tensors import to_bytes
    >>> state = seal(to_bytes(torch.ones(1, 2), {"sha256": UNSEALED}))
    >>> unsigned(sign(state, SigningKey(bytes(32)))) == state
    True
    """
    words = {name: word for name, word in words_of(data).items() if name != SIGNATURE}
    return seal(with_words(data, {**words, "sha256": UNSEALED}))


def check_signature(data: bytes, keys: Iterable[SigningKey], what: str = "the state") -> None:
    """Raise `DataError` where no holder of one of the keys has signed these bytes, `UnknownKey` where none is named."""
    named = words_of(data, what).get(SIGNATURE, "").partition(":")[0]
    key = next((key for key in keys if key.id == named), None)
    if key is None:
        raise UnknownKey(f"{what} is not signed with a key that is known here: use one that was made here")
    place, sealed = _signature_place(data, key), seal_place(data)
    blank = filled(filled(data, place, UNSEALED), sealed, UNSEALED)
    given = data[place : place + len(UNSEALED)]
    if min(place, sealed) < 0 or not hmac.compare_digest(given, _digest(blank, key).encode()):
        raise DataError(f"{what} is not what was signed: use another copy")


def _digest(blank: bytes, key: SigningKey) -> str:
    return hmac.new(key.secret, FORMAT + blank, hashlib.sha256).hexdigest()


def _signature_place(data: bytes, key: SigningKey) -> int:
    begin = f'"{SIGNATURE}":"{key.id}:'.encode()
    found = data.find(begin, 0, PREFIX_BYTES + LARGEST_HEADER_BYTES)
    return -1 if found < 0 else found + len(begin)
