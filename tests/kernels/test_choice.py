"""Which code runs a recurrence is chosen in one place, and a caller can narrow the choice."""

import threading
from typing import Any

import pytest
import torch
from torch import Tensor

from statewise.cells import LSTM, Elman
from statewise.errors import UsageError
from statewise.kernels import Op, ScanInputs, choose, kernels_of, using

T, B, D, H = 7, 3, 5, 4


def given(cell: LSTM | Elman, **places: Any) -> ScanInputs:
    state: tuple[Tensor, ...] = tuple(cell.initial(B))
    return ScanInputs(torch.randn(T, B, D), state, state, cell.weights(), places.get("reset"), places.get("mask"))


@pytest.mark.parametrize("recurrence", ["lstm", "gru", "elman_tanh", "elman_relu"])
def test_every_standard_recurrence_has_a_fused_kernel_before_the_reference(recurrence: str) -> None:
    kernels = kernels_of(recurrence)
    assert "torch" in kernels
    assert kernels[-1] == "reference"


@pytest.mark.parametrize("recurrence", [None, "peephole"])
def test_a_recurrence_that_no_kernel_knows_runs_on_the_reference(recurrence: str | None) -> None:
    assert kernels_of(recurrence) == ["reference"]
    assert choose(recurrence, given(LSTM(D, H))) is None


def test_the_first_kernel_that_takes_the_tensors_is_chosen() -> None:
    op = choose("lstm", given(LSTM(D, H)))
    assert op is not None
    assert op.kernel == kernels_of("lstm")[0]


def test_within_using_no_other_kernel_is_chosen_and_afterwards_all_are() -> None:
    before = kernels_of("lstm")
    with using("reference"):
        assert kernels_of("lstm") == ["reference"]
        assert choose("lstm", given(LSTM(D, H))) is None
        with using("torch"):
            assert kernels_of("lstm") == ["torch", "reference"]
        assert choose("lstm", given(LSTM(D, H))) is None
    assert kernels_of("lstm") == before


def test_using_ends_with_an_error_too() -> None:
    with pytest.raises(RuntimeError, match="stop"), using("reference"):
        raise RuntimeError("stop")
    assert len(kernels_of("lstm")) > 1


def test_using_in_one_thread_says_nothing_to_another() -> None:
    seen: list[list[str]] = []
    with using("reference"):
        other = threading.Thread(target=lambda: seen.append(kernels_of("lstm")))
        other.start()
        other.join()
    assert "torch" in seen[0]


def test_an_unknown_kernel_is_named_with_the_nearest_known() -> None:
    with pytest.raises(UsageError, match="unknown kernel 'refrence': did you mean 'reference'"), using("refrence"):
        pass


def test_what_the_named_kernel_does_not_take_runs_on_the_reference() -> None:
    asleep = torch.zeros(T, B, dtype=torch.bool)
    with using("torch"):
        op: Op | None = choose("lstm", given(LSTM(D, H), mask=asleep))
    assert op is None
