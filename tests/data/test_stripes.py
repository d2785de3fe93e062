"""A book read in stripes: windows go on where the one before them stopped, and nothing is read twice or made up."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from statewise.cells import GRU
from statewise.data.code_file import CodeFile
from statewise.data.stripes import Stripes
from statewise.data.window import Window
from statewise.errors import DataError
from statewise.heads import Categorical
from statewise.model import Model

CODES = np.random.default_rng(0).integers(0, 11, 400).astype(np.uint8)


def code_file(count: int) -> CodeFile:
    path = Path("codes.bin")
    CODES[:count].tofile(path)
    return CodeFile.whole(path, CODES.dtype)


def joined(windows: list[Window]) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.cat([window.inputs for window in windows]), torch.cat([window.targets for window in windows])


@settings(max_examples=80)
@given(count=st.integers(2, 400), rows=st.integers(1, 9), steps=st.integers(1, 40))
def test_every_row_reads_its_stripe_once_in_order_and_predicts_what_follows(count: int, rows: int, steps: int) -> None:
    codes = code_file(count)
    stripe = (count - 1) // rows
    if stripe < steps:
        with pytest.raises(DataError):
            Stripes(codes, rows, steps)
        return
    windows = list(Stripes(codes, rows, steps))
    inputs, targets = joined(windows)
    whole = torch.from_numpy(CODES[:count].astype(np.int64))
    assert torch.equal(inputs.T.flatten(), whole[: rows * stripe])
    assert torch.equal(targets.T.flatten(), whole[1 : rows * stripe + 1])
    assert [len(window.inputs) for window in windows[:-1]] == [steps] * (len(windows) - 1)
    assert 1 <= len(windows[-1].inputs) <= steps
    assert count - 1 - rows * stripe < rows  # what is left out would not give every row one more


def test_only_the_first_step_of_the_first_window_is_reset() -> None:
    stripes = Stripes(code_file(100), rows=3, steps=7)
    first = stripes[0].reset
    assert first is not None
    assert first.tolist() == [[True] * 3] + [[False] * 3] * 6
    assert [window.reset for window in stripes][1:] == [None] * (len(stripes) - 1)
    assert all(window.mask is None and window.context is None for window in stripes)


def test_a_state_carried_over_windows_reads_as_if_there_were_no_windows() -> None:
    torch.manual_seed(0)
    model = Model(torch.nn.Embedding(11, 5), GRU(5, 4), Categorical(4, 11))
    stripes = Stripes(code_file(100), rows=3, steps=7)
    state, nats = model.begin(3), 0.0
    for window in [*stripes, *stripes]:  # the second time round, window 0 forgets the end of the first
        loss, state = model.loss(window, state)
        nats += loss.nats.item()
    whole, _ = model.loss(Window(*joined(list(stripes))), model.begin(3))
    assert nats == pytest.approx(2 * whole.nats.item(), rel=1e-5)


def test_windows_are_shaped_time_first_and_of_whole_numbers() -> None:
    window = Stripes(code_file(100), rows=3, steps=7)[1]
    assert window.inputs.shape == window.targets.shape == (7, 3)
    assert window.inputs.dtype == window.targets.dtype == torch.int64


def test_a_window_is_the_same_whenever_it_is_asked_for() -> None:
    stripes = Stripes(code_file(100), rows=3, steps=7)
    assert len(stripes) == 5
    some = stripes[1:4:2]
    assert [torch.equal(window.inputs, stripes[i].inputs) for i, window in zip((1, 3), some)] == [True, True]
    assert len(some) == 2


@pytest.mark.parametrize("index", [-1, 5])
def test_a_window_that_is_not_there_is_an_index_error(index: int) -> None:
    with pytest.raises(IndexError, match=f"window {index} of 5"):
        Stripes(code_file(100), rows=3, steps=7)[index]


def test_a_stripe_may_be_one_window_and_not_shorter() -> None:
    assert len(Stripes(code_file(3 * 7 + 1), rows=3, steps=7)) == 1
    with pytest.raises(DataError) as raised:
        Stripes(code_file(3 * 7), rows=3, steps=7, unit="byte")
    assert str(raised.value) == (
        "the text has 21 bytes to train on, but 3 rows of 7 steps need 22: give more text, or a "
        "smaller batch size or sequence length"
    )


def test_a_part_of_a_text_is_read_from_its_own_beginning_to_its_own_end() -> None:
    part = code_file(100).part(10, 40)
    inputs, targets = joined(list(Stripes(part, rows=1, steps=7)))
    assert inputs.flatten().tolist() == CODES[10:39].tolist()
    assert targets.flatten().tolist() == CODES[11:40].tolist()


def test_a_text_that_is_cut_or_gone_while_it_is_read_is_named() -> None:
    stripes = Stripes(code_file(100), rows=3, steps=7)
    Path("codes.bin").write_bytes(b"1234")
    with pytest.raises(DataError, match=r"codes\.bin was cut short while it was read: it is made again"):
        stripes[0]
    Path("codes.bin").unlink()
    with pytest.raises(DataError, match=r"cannot read codes\.bin \(No such file or directory\): it is made again"):
        stripes[0]
