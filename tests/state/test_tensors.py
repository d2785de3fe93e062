"""Bytes give back what was written to the last bit, and refuse what was not, with one kind of error."""

import contextlib
import json
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from statewise.cells import GRU, LSTM, Chain, Recurrent
from statewise.errors import DataError
from statewise.state import from_bytes, leaves, read_tensors, same_structure, to_bytes, write_tensors
from statewise.state.tensors import LARGEST_HEADER_BYTES, MOST_TENSORS

B, D, H = 3, 5, 4
WRITTEN = write_tensors({"hidden": torch.arange(12.0).reshape(B, H)}, {"made": "here"})


def with_header(header: object, body: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


def assert_same_bits(one: Any, other: Any) -> None:
    assert same_structure(one, other)
    for a, b in zip(leaves(one), leaves(other), strict=True):
        assert a.shape == b.shape
        assert torch.equal(a.contiguous().view(torch.uint8), b.contiguous().view(torch.uint8))


@pytest.mark.parametrize("make", [lambda: LSTM(D, H), lambda: GRU(D, H), lambda: Chain(LSTM(D, H), GRU(H, 2))])
def test_a_fresh_state_can_be_written_though_its_zeros_are_one_tensor(make: Any) -> None:
    recurrent: Recurrent[Any] = make()
    state = recurrent.initial(B)
    assert_same_bits(from_bytes(to_bytes(state), like=recurrent.initial(1))[0], state)


@pytest.mark.parametrize(
    "state",
    [
        (),
        ((), ()),
        torch.ones(B, H),
        (torch.ones(0, H),),
        (torch.ones(B), torch.ones(B, 2, 2, dtype=torch.bfloat16)),
        (torch.tensor([[float("nan"), -0.0, float("inf")]]),),
        (torch.arange(B), torch.tensor([True, False, True])),
        (torch.ones(H, B).T, torch.ones(B, 9)[:, ::2]),
    ],
)
def test_any_state_comes_back_bit_for_bit(state: Any) -> None:
    read, words = from_bytes(to_bytes(state), like=state)
    assert_same_bits(read, state)
    assert words == {}


def test_the_words_saved_with_a_state_come_back() -> None:
    assert from_bytes(to_bytes((), {"task": "text"}), like=()) == ((), {"task": "text"})


def test_what_is_read_begins_where_every_tensor_begins_so_that_sums_round_alike() -> None:
    assert read_tensors(WRITTEN)[0]["hidden"].data_ptr() % 64 == 0


def test_writing_does_not_follow_later_changes_nor_gradients() -> None:
    weights = torch.zeros(B, H, requires_grad=True)
    written = write_tensors({"w": weights})
    with torch.no_grad():
        weights += 1
    read = read_tensors(written)[0]["w"]
    assert torch.equal(read, torch.zeros(B, H))
    assert not read.requires_grad


@pytest.mark.parametrize(
    ("state", "holds"),
    [
        ((torch.ones(B, 5),), r"0 \(5,\) float32, but this model's state holds 0 \(4,\) float32"),
        ((torch.ones(B, 4, dtype=torch.float64),), r"0 \(4,\) float64, but"),
        ((torch.ones(B, 4), torch.ones(B, 4)), r"0 \(4,\) float32, 1 \(4,\) float32, but"),
        (torch.ones(B, 4), r"one tensor \(4,\) float32, but"),
        ((), "nothing, but"),
        (tuple(torch.ones(B, 4) for _ in range(5)), r"0 \(4,\) float32, .*, \.\.\., but"),
    ],
)
def test_a_state_of_another_kind_is_refused_and_both_are_shown(state: Any, holds: str) -> None:
    with pytest.raises(DataError, match=f"session 7 holds {holds}.*: open it with the model that made it"):
        from_bytes(to_bytes(state), like=(torch.zeros(1, 4),), what="session 7")


def test_tensors_of_unequal_rows_are_no_state() -> None:
    with pytest.raises(DataError, match="holds tensors of 2 and of 3 rows"):
        from_bytes(to_bytes((torch.ones(2, H), torch.ones(3, H))), like=(torch.ones(1, H), torch.ones(1, H)))


def test_a_number_does_not_pass_for_a_row_of_numbers() -> None:
    with pytest.raises(DataError, match="open it with the model that made it"):
        from_bytes(write_tensors({"0": torch.tensor(1.0)}), like=(torch.ones(B),))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "does not begin with a tensor header"),
        (b"\x01\x00", "does not begin with a tensor header"),
        (b"\xff" * 64, "does not begin with a tensor header"),
        (WRITTEN[:40], "does not begin with a tensor header"),
        (WRITTEN[:-1], "cannot be read as tensors"),
        (WRITTEN + b"\x00", "cannot be read as tensors"),
        (b"\x04" + bytes(7) + b"rose", "a tensor header that is not JSON"),
        (with_header([]), "claims more than 16,384 tensors"),
        (with_header({str(index): {} for index in range(MOST_TENSORS + 1)}), "claims more than 16,384 tensors"),
        (with_header({"w": {"dtype": "F99", "shape": [1], "data_offsets": [0, 1]}}, b"\x00"), "cannot be read"),
        (with_header({"w": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 4]}}, bytes(4)), "cannot be read"),
        (with_header({"w": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}, bytes(4)), "cannot be read"),
        (with_header({"__metadata__": {"a": 1}}), "cannot be read"),
        ((LARGEST_HEADER_BYTES + 1).to_bytes(8, "little") + b" " * (LARGEST_HEADER_BYTES + 1), "at most 1 MiB"),
    ],
)
def test_damaged_bytes_are_refused_by_the_name_of_what_they_were(data: bytes, said: str) -> None:
    with pytest.raises(DataError, match=rf"^weights\.safetensors .*{said}.*: it is damaged, use another copy$"):
        read_tensors(data, "weights.safetensors")


def test_a_header_nested_without_end_is_refused() -> None:
    text = b"[" * 100_000
    with pytest.raises(DataError, match="not JSON"):
        read_tensors(len(text).to_bytes(8, "little") + text)


@given(place=st.integers(0, len(WRITTEN) - 1), value=st.integers(0, 255))
def test_one_changed_byte_is_read_or_refused_but_never_another_error(place: int, value: int) -> None:
    damaged = bytearray(WRITTEN)
    damaged[place] = value
    try:
        tensors, words = read_tensors(bytes(damaged))
    except DataError:
        return
    assert all(isinstance(tensor, Tensor) for tensor in tensors.values())
    assert all(isinstance(word, str) for word in words.values())


@given(st.binary(max_size=64))
def test_arbitrary_bytes_raise_nothing_but_a_data_error(data: bytes) -> None:
    with contextlib.suppress(DataError):
        read_tensors(data)
