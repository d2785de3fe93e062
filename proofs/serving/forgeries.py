"""Snapshots that no server made: of other rows, numbers, types and models, cut, lengthened, and sealed again."""

import json
import random
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from statewise.state import UNSEALED, SigningKey, leaves, rebuild, seal, sign, to_bytes, words_of
from statewise.state.tensors import PREFIX_BYTES, filled, seal_place, with_words
from statewise.stream import Stream

ROWS = (0, 2, 3, 7, 64, 1000)
NOT_FINITE = (float("nan"), float("inf"), float("-inf"))
OTHER_TYPES = (torch.float64, torch.float16, torch.bfloat16, torch.int32, torch.int64)


class Forger:
    """What a stranger can know: the model, the format, snapshots of his own sessions; everything but the key."""

    def __init__(self, stream: Stream[Any], other: Stream[Any], own: bytes, seed: int) -> None:
        self.stream, self.other, self.own, self.draw = stream, other, own, random.Random(seed)
        self.key = SigningKey(self.draw.randbytes(32))

    def forged(self, number: int, kinds: dict[str, "Kind"]) -> tuple[str, bytes]:
        """Return the name and the bytes of one forgery; the kinds come in turn, each with numbers of its own."""
        name = list(kinds)[number % len(kinds)]
        return name, kinds[name](self)

    def whole(self, change: Callable[[Tensor], Tensor] | None = None, only: int | None = None) -> bytes:
        """Return a sealed state, each of whose tensors, or one of them, is changed."""
        state = self.stream._whole()
        parts = list(leaves(state))
        places = range(len(parts)) if only is None else [only % len(parts)]
        for place in places if change else ():
            parts[place] = change(parts[place])  # type: ignore[misc]
        return self.sealed(rebuild(state, parts), self.stream._words())

    def sealed(self, state: Any, words: dict[str, str]) -> bytes:
        """Write a state down with a digest that is right."""
        return seal(to_bytes(state, {**words, "sha256": UNSEALED}))

    def moved(self) -> bytes:
        """Return the state of a session that never was, with a digest that is right."""
        noise = torch.Generator().manual_seed(self.draw.getrandbits(32))
        return self.whole(lambda leaf: leaf + torch.randn(leaf.shape, generator=noise).to(leaf.dtype))

    def resealed(self, data: bytes) -> bytes:
        """Return bytes with the digest that they then have."""
        return seal(filled(data, seal_place(data), UNSEALED))

    def worded(self, data: bytes, **words: str) -> bytes:
        """Return a state together with other words, sealed again."""
        return seal(with_words(data, {**words_of(data), **words, "sha256": UNSEALED}))


Kind = Callable[[Forger], bytes]


class _Header(NamedTuple):
    head: dict[str, Any]
    body: bytes


def _rows(rows: int) -> Kind:
    return lambda forger: forger.whole(lambda leaf: leaf.repeat(rows, *[1] * (leaf.dim() - 1)))


def _unequal_rows(forger: Forger) -> bytes:
    rows = forger.draw.choice(ROWS)
    return forger.whole(lambda leaf: leaf.repeat(rows, *[1] * (leaf.dim() - 1)), forger.draw.randrange(99))


def _number(value: float) -> Kind:
    def forge(forger: Forger) -> bytes:
        def put(leaf: Tensor) -> Tensor:
            changed = leaf.clone()
            changed.view(-1)[forger.draw.randrange(changed.numel())] = value
            return changed

        return forger.whole(put, forger.draw.randrange(99))

    return forge


def _type(forger: Forger) -> bytes:
    kind = forger.draw.choice(OTHER_TYPES)
    return forger.whole(lambda leaf: leaf.to(kind), forger.draw.randrange(99))


def _width(forger: Forger) -> bytes:
    return forger.whole(lambda leaf: torch.cat([leaf, leaf[:, :1]], dim=1), forger.draw.randrange(99))


def _shape(forger: Forger) -> bytes:
    return forger.whole(lambda leaf: leaf.flatten() if forger.draw.random() < 0.5 else leaf.unsqueeze(0))


def _cut(forger: Forger) -> bytes:
    return forger.own[: forger.draw.randrange(len(forger.own))]


def _extended(forger: Forger) -> bytes:
    return forger.own + forger.draw.randbytes(forger.draw.randint(1, 4096))


def _flipped(forger: Forger) -> bytes:
    data = bytearray(forger.own)
    data[forger.draw.randrange(len(data))] ^= 1 << forger.draw.randrange(8)
    return bytes(data)


def _noise(forger: Forger) -> bytes:
    return forger.draw.randbytes(forger.draw.randrange(4096))


def _of(data: bytes) -> _Header:
    end = PREFIX_BYTES + int.from_bytes(data[:PREFIX_BYTES], "little")
    return _Header(json.loads(data[PREFIX_BYTES:end]), data[end:])


def _written(header: str, body: bytes) -> bytes:
    encoded = header.encode()
    return len(encoded).to_bytes(PREFIX_BYTES, "little") + encoded + body


def _renamed(forger: Forger) -> bytes:
    head, body = _of(forger.moved())
    first = next(name for name in head if name != "__metadata__")
    return forger.resealed(_written(json.dumps({**head, "x": head.pop(first)}, separators=(",", ":")), body))


def _huge(forger: Forger) -> bytes:
    head, body = _of(forger.moved())
    first = next(name for name in head if name != "__metadata__")
    head[first]["shape"] = [2 ** forger.draw.randint(20, 62), *head[first]["shape"][1:]]
    return forger.resealed(_written(json.dumps(head, separators=(",", ":")), body))


def _nested(forger: Forger) -> bytes:
    return _written("[" * forger.draw.randint(1, 100_000), b"")


def _other_model(forger: Forger) -> bytes:
    return forger.other.save()


def _other_model_renamed(forger: Forger) -> bytes:
    return forger.sealed(forger.other._whole(), forger.stream._words())


def _other_format(forger: Forger) -> bytes:
    return forger.worded(forger.moved(), format=forger.draw.choice(["", "1", "3", "x"]))


def _other_words(forger: Forger) -> bytes:
    return forger.worded(forger.moved(), model=forger.draw.randbytes(32).hex())


MALFORMED: dict[str, Kind] = {
    **{f"{rows} rows": _rows(rows) for rows in ROWS},
    "unequal rows": _unequal_rows,
    **{f"{value}": _number(value) for value in NOT_FINITE},
    "another type": _type,
    "another width": _width,
    "another shape": _shape,
    "cut": _cut,
    "lengthened": _extended,
    "a flipped bit": _flipped,
    "noise": _noise,
    "a tensor renamed": _renamed,
    "a size that cannot be": _huge,
    "a header nested without end": _nested,
    "another model": _other_model,
    "another format": _other_format,
    "another name of the model": _other_words,
}
"What is not a session of this model, whatever wrote it."


def _changed_under_its_signature(forger: Forger) -> bytes:
    data = bytearray(forger.own)
    data[-1 - forger.draw.randrange(64)] ^= 1 << forger.draw.randrange(8)
    return forger.resealed(bytes(data))


def _signature_taken_from_another(forger: Forger) -> bytes:
    return forger.worded(forger.moved(), signature=words_of(forger.own)["signature"])


def _signature_of_nothing(forger: Forger) -> bytes:
    id = words_of(forger.own)["signature"].partition(":")[0]
    made = [f"{id}:{forger.draw.randbytes(32).hex()}", f"{id}:{UNSEALED}", f"{id}:", id, "", ":", f":{UNSEALED}"]
    return forger.worded(forger.moved(), signature=forger.draw.choice(made))


def _signed_with_another_key_under_this_ones_name(forger: Forger) -> bytes:
    *_, mac = words_of(sign(forger.moved(), forger.key))["signature"].partition(":")
    return forger.worded(forger.moved(), signature=f"{words_of(forger.own)['signature'].partition(':')[0]}:{mac}")


UNSIGNED: dict[str, Kind] = {
    "digested again without a key": lambda forger: forger.moved(),
    "another model under this one's name": _other_model_renamed,
    "what Stream.save gave": lambda forger: forger.stream.save(),
    "signed with another key": lambda forger: sign(forger.moved(), forger.key),
    "signed with another key under the name of this one": _signed_with_another_key_under_this_ones_name,
    "changed under its signature": _changed_under_its_signature,
    "a signature taken from another": _signature_taken_from_another,
    "a signature of nothing": _signature_of_nothing,
}
"What is a session of this model, but of none that a server has stepped."
