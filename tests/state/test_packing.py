"""States of many sequences, packed together, are the bytes that each would be by itself, and come back alike."""

from typing import Any

import pytest
import torch

from statewise.cells import GRU, LRU, LSTM, AttentionCell, Bahdanau, Chain, Dropout
from statewise.errors import DataError
from statewise.state import UNSEALED, Packing, check_seal, leaves, map_leaves, seal, select_rows, split, stack, to_bytes

B, D, H, G = 3, 5, 4, 2
WORDS = {"model": "mine"}
CORES: dict[str, Any] = {
    "one": lambda: LSTM(D, H),
    "many": lambda: Chain(Dropout(LSTM(D, H), 0.3), GRU(H, 2)),
    "complex": lambda: LRU(D, H),
}


def after_a_step(core: Any) -> Any:
    return core.eval().step(torch.randn(B, D), core.initial(B))[1]


@pytest.mark.parametrize("kind", CORES)
def test_a_packed_row_is_the_sealed_bytes_of_that_row(kind: str) -> None:
    core = CORES[kind]()
    state = after_a_step(core)
    packing = Packing(core.initial(1), WORDS)
    rows = packing.pack(state)
    assert rows == [seal(to_bytes(row, {**WORDS, "sha256": UNSEALED})) for row in split(state)]
    assert [packing.read(row)[1]["model"] for row in rows] == ["mine"] * B
    order = [2, 0, 0, 1]
    back = packing.unpack([rows[place] for place in order])
    assert all(map(torch.equal, leaves(back), leaves(select_rows(state, torch.tensor(order)))))


def test_a_row_of_which_a_number_is_every_other_one_is_packed() -> None:
    pairs = torch.randn(1, 2)
    state = (pairs[:, 0], pairs[:, 1:])
    assert Packing(state, WORDS).pack(state) == [seal(to_bytes(state, {**WORDS, "sha256": UNSEALED}))]


def test_memories_of_unequal_lengths_are_packed_each_by_itself() -> None:
    core = AttentionCell(LSTM(D + G, H), Bahdanau(features=H, memory=G, units=7))
    states = [core.initial(1, context=torch.randn(1, steps, G)) for steps in (1, 9)]
    packing = Packing(states[0], WORDS)
    rows = [packing.pack(state)[0] for state in states]
    assert all(map(torch.equal, leaves(packing.unpack(rows)), leaves(stack(states))))


def test_bytes_that_lie_in_another_order_are_read_all_the_same() -> None:
    core = LSTM(D, H)
    state = after_a_step(core)
    packing = Packing(core.initial(1), WORDS)
    other = seal(to_bytes(split(state)[1], {"sha256": UNSEALED, **WORDS, "more": "words"}))
    packing.read(other)
    back = packing.unpack([packing.pack(state)[0], other])
    assert all(map(torch.equal, leaves(back), leaves(select_rows(state, torch.tensor([0, 1])))))


@pytest.mark.parametrize("kind", CORES)
@pytest.mark.parametrize("rows", [[2, 0], [0, 2], [2], [0], [1, 1000, 1]])
def test_bytes_of_more_or_fewer_rows_than_one_are_read_nowhere(kind: str, rows: list[int]) -> None:
    core = CORES[kind]().eval()
    packing = Packing(core.initial(1), WORDS)
    one = core.step(torch.randn(1, D), core.initial(1))[1]
    forged = [map_leaves(lambda leaf, n=n: leaf.repeat(n, *[1] * (leaf.dim() - 1)), one) for n in rows]
    written = [seal(to_bytes(state, {**WORDS, "sha256": UNSEALED})) for state in forged]
    with pytest.raises(DataError, match="rows, but 1 row must be there"):
        packing.unpack([packing.pack(one)[0], *written])
    for n, data in zip(rows, written, strict=True):
        if n != 1:
            with pytest.raises(DataError, match=f"the snapshot holds {n:,} rows, but 1 row must be there"):
                packing.read(data, "the snapshot")


def test_every_flipped_bit_is_seen() -> None:
    core = GRU(2, 2)
    packing = Packing(core.initial(1), WORDS)
    (row,) = packing.pack(core.step(torch.randn(1, 2), core.initial(1))[1])
    for place in range(len(row)):
        damaged = bytearray(row)
        damaged[place] ^= 1 << place % 8
        with pytest.raises(DataError):
            packing.read(bytes(damaged))


def test_bytes_without_a_seal_are_refused() -> None:
    with pytest.raises(DataError, match="it is damaged"):
        check_seal(to_bytes(torch.ones(1, 2)))


@pytest.mark.parametrize("rows", [1, 3])
def test_numbers_of_other_sizes_lie_one_after_another_in_any_row(rows: int) -> None:
    state = torch.randn(rows, 9), torch.arange(rows).unsqueeze(1), torch.randn(rows, 3).half(), torch.ones(rows, 1) > 0
    packing = Packing(tuple(part[:1] for part in state), {"model": "a"})
    again = packing.unpack(packing.pack(state))
    assert all(map(torch.equal, again, state))
