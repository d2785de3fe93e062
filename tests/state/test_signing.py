"""A signed state is the state, with a word that only a holder of the key can write."""

import pytest
import torch

from statewise.errors import DataError
from statewise.state import (
    UNSEALED,
    SigningKey,
    UnknownKey,
    check_seal,
    check_signature,
    from_bytes,
    seal,
    sign,
    to_bytes,
)
from statewise.state.tensors import filled, seal_place

KEY, OTHER = SigningKey(bytes(range(32))), SigningKey(bytes(32))
STATE = (torch.tensor([[1.0, 2.0]]), torch.tensor([[3]]))
WRITTEN = seal(to_bytes(STATE, {"format": "2", "model": "mine", "sha256": UNSEALED}))


def test_what_was_signed_is_whole_and_says_the_same() -> None:
    signed = sign(WRITTEN, KEY)
    check_seal(signed)
    check_signature(signed, [OTHER, KEY])
    state, words = from_bytes(signed, STATE, rows=1)
    assert all(map(torch.equal, state, STATE))
    assert {name: words[name] for name in ("format", "model")} == {"format": "2", "model": "mine"}
    assert KEY.secret.hex() not in signed.decode("latin-1")
    assert sign(signed, OTHER) == sign(WRITTEN, OTHER)


def test_a_state_that_was_never_sealed_is_sealed_when_it_is_signed() -> None:
    signed = sign(to_bytes(STATE), KEY)
    check_seal(signed)
    check_signature(signed, [KEY])


def test_a_key_that_is_not_at_hand_is_told_from_a_signature_that_does_not_fit() -> None:
    for data in (WRITTEN, sign(WRITTEN, OTHER), to_bytes(STATE)):
        with pytest.raises(UnknownKey, match="not signed with a key that is known here"):
            check_signature(data, [KEY])
    moved = sign(WRITTEN, KEY).replace(KEY.id.encode(), OTHER.id.encode())
    with pytest.raises(DataError, match="the snapshot is not what was signed"):
        check_signature(moved, [KEY, OTHER], "the snapshot")


def test_every_flipped_bit_of_a_signed_state_is_seen_though_the_digest_is_made_again() -> None:
    signed = sign(WRITTEN, KEY)
    sealed = seal_place(signed)
    for place in range(len(signed)):
        if sealed <= place < sealed + len(UNSEALED):
            continue  # of the digest, which is made again
        damaged = bytearray(signed)
        damaged[place] ^= 1 << place % 8
        with pytest.raises(DataError):
            check_signature(seal(filled(bytes(damaged), sealed, UNSEALED)), [KEY])
