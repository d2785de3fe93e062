"""The states of many sequences, each as bytes of its own, to one state of many rows and back, all rows at once.

The bytes are those that `seal(to_bytes(...))` gives for each row: what a session is at rest is what it is in memory.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar, final

import numpy as np
import torch
from torch import Tensor

from statewise.state.tensors import PREFIX_BYTES, UNSEALED, check_seal, from_bytes, seal, seal_place, to_bytes
from statewise.state.tree import count_rows, leaves, lengths, paths, rebuild, split, stack_rows

State = TypeVar("State")


@final
class Packing(Generic[State]):
    """How the states of one kind lie in bytes. `like` is one of them, `words` are written with each.

    >>> packing = Packing((torch.zeros(1, 2), torch.zeros(1, 1, dtype=torch.long)), {"model": "mine"})
    >>> rows = packing.pack((torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[5], [6]])))
    >>> packing.unpack([rows[1], rows[1]])
    (tensor([[3., 4.],
            [3., 4.]]), tensor([[6],
            [6]]))
    """

    def __init__(self, like: State, words: Mapping[str, str]) -> None:
        self.words = dict(words)
        self._like, self._words = like, {**words, "sha256": UNSEALED}
        written = to_bytes(rebuild(like, [leaf[:1] for leaf in leaves(like)]), self._words)
        self._start = PREFIX_BYTES + int.from_bytes(written[:PREFIX_BYTES], "little")
        seals = seal_place(written)
        self._heads = written[:seals], written[seals + len(UNSEALED) : self._start]
        self._hashed = hashlib.sha256(written[: self._start])
        self._bytes = len(written) - self._start
        self._cuts = _cuts(json.loads(written[PREFIX_BYTES : self._start]), like)
        self._free = any(True for _ in lengths(like))

    def pack(self, state: State) -> list[bytes]:
        """Return each row of a state as sealed bytes."""
        if self._free:
            return [seal(to_bytes(row, self._words)) for row in split(state)]
        rows = np.empty((count_rows(state), self._bytes), np.uint8)
        for leaf, (start, end) in zip(leaves(state), self._cuts, strict=True):
            rows[:, start:end] = _as_bytes(leaf)
        first, second = self._heads
        return [b"".join((first, self._seal(body), second, body)) for body in map(bytes, rows)]

    def unpack(self, rows: Sequence[bytes]) -> State:
        """Return one state of as many rows, row `i` out of bytes `i`.

        Raises `DataError` where some bytes do not hold one row of this kind: none of the others is read as its row.
        """
        if self._free or not all(map(self._is_plain, rows)):
            return stack_rows([from_bytes(row, self._like, rows=1)[0] for row in rows])
        joined = bytearray().join(memoryview(row)[self._start :] for row in rows)
        table = torch.frombuffer(joined, dtype=torch.uint8).reshape(len(rows), self._bytes)
        shaped = zip(leaves(self._like), self._cuts, strict=True)
        return rebuild(self._like, [_as_leaf(table[:, start:end], leaf) for leaf, (start, end) in shaped])

    def read(self, data: bytes, what: str = "the state") -> tuple[State, Mapping[str, str]]:
        """Return a state of one row from elsewhere, and the words written with it.

        Raises `DataError` where it is damaged, has more or fewer rows, or does not fit.
        """
        state, words = from_bytes(data, self._like, what, rows=1)
        check_seal(data, what)
        return state, words

    def _seal(self, body: bytes) -> bytes:
        hashed = self._hashed.copy()
        hashed.update(body)
        return hashed.hexdigest().encode()

    def _is_plain(self, row: bytes) -> bool:
        first, second = self._heads
        return (
            len(row) == self._start + self._bytes
            and row.startswith(first)
            and row[len(first) + len(UNSEALED) : self._start] == second
        )


def _cuts(header: Mapping[str, Any], like: object) -> list[tuple[int, int]]:
    return [tuple(header[name]["data_offsets"]) for name, _ in paths(like)]


def _as_bytes(leaf: Tensor) -> Any:
    rows = leaf.shape[0]
    if not leaf.numel():
        return np.empty((rows, 0), np.uint8)
    # a clone, and not `contiguous`, which leaves a single number with whatever stride it has
    whole = leaf.detach().cpu().clone(memory_format=torch.contiguous_format)
    return whole.reshape(rows, -1).view(torch.uint8).numpy()


def _as_leaf(part: Tensor, like: Tensor) -> Tensor:
    whole = part.clone(memory_format=torch.contiguous_format)  # a single row may keep a stride that no number has
    return whole.view(like.dtype).reshape(part.shape[0], *like.shape[1:]).to(like.device)
