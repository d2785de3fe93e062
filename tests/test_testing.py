"""A law that cannot be broken is not a law: here each one is, by a cell that departs from a sound one in one place."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from statewise.cells import Cell, Elman, ElmanState, GRUState, Recurrent
from statewise.errors import UsageError
from statewise.kernels import ScanInputs, choice, torch_fused
from statewise.kernels.op import Leaves
from statewise.testing import LAWS, check_cell, judge_cell

D, H = 5, 4


class Sound(Recurrent[Any]):
    """Keeps every law."""

    def __init__(self) -> None:
        super().__init__()
        self.features, self.units = D, H
        self.inner = Elman(D, H)

    def initial(self, rows: int) -> Any:
        return self.inner.initial(rows)

    def read(self, xs: Tensor) -> Tensor:
        return xs

    def step(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        return self.inner.step(self.read(x), state)

    def scan(
        self, xs: Tensor, state: Any, *, reset: Tensor | None = None, mask: Tensor | None = None
    ) -> tuple[Tensor, Any]:
        return self.inner.scan(self.read(xs), state, reset=reset, mask=mask)


class LoudScan(Sound):
    def scan(self, xs: Tensor, state: Any, **places: Any) -> tuple[Tensor, Any]:
        ys, last = super().scan(xs, state, **places)
        return ys * 1.1, last


class LoudScanOfThree(Sound):
    def scan(self, xs: Tensor, state: Any, **places: Any) -> tuple[Tensor, Any]:
        ys, last = super().scan(xs, state, **places)
        return ys * (1.1 if len(xs) == 3 else 1), last


class NeverBeginsAnew(Sound):
    def scan(
        self, xs: Tensor, state: Any, *, reset: Tensor | None = None, mask: Tensor | None = None
    ) -> tuple[Tensor, Any]:
        return super().scan(xs, state, mask=mask)


class NeverSleeps(Sound):
    def scan(
        self, xs: Tensor, state: Any, *, reset: Tensor | None = None, mask: Tensor | None = None
    ) -> tuple[Tensor, Any]:
        awake = None if reset is None or mask is None else reset & mask
        return super().scan(xs, state, reset=awake if mask is not None else reset)


class CountsRows(Sound):
    def read(self, xs: Tensor) -> Tensor:
        return xs + 0.1 * torch.arange(xs.shape[-2]).unsqueeze(-1)


class ChangesType(Sound):
    def step(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        y, (hidden,) = super().step(x, state)
        return y, GRUState(hidden)


class KeepsASecret(Sound):
    def __init__(self) -> None:
        super().__init__()
        self.secret = 1 + torch.rand(()).item()

    def read(self, xs: Tensor) -> Tensor:
        return xs * self.secret


class CutsGradients(Sound):
    def scan(self, xs: Tensor, state: Any, **places: Any) -> tuple[Tensor, Any]:
        ys, last = super().scan(xs, state, **places)
        return ys.detach(), last


class Crooked(Cell[ElmanState]):
    recurrence = "crooked"

    def __init__(self) -> None:
        super().__init__()
        self.features, self.units = D, H
        self.inner = Elman(D, H)

    def initial(self, rows: int) -> ElmanState:
        return self.inner.initial(rows)

    def step(self, x: Tensor, state: ElmanState) -> tuple[Tensor, ElmanState]:
        return self.inner.step(x, state)

    def weights(self) -> tuple[Tensor, ...]:
        return self.inner.weights()


class WritesOverItsState(Sound):
    def step(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        y, new = super().step(x, state)
        if not torch.is_grad_enabled():
            state.hidden.zero_()
        return y, ElmanState(new.hidden.clone())


class DividesByRows(Sound):
    def read(self, xs: Tensor) -> Tensor:
        return xs * (3 / xs.shape[-2])


class CrookedOp(NamedTuple):
    """Runs the torch kernel and bends its outputs."""

    bend: Callable[[Tensor, ScanInputs], Tensor]
    kernel: str = "torch"

    def takes(self, given: ScanInputs) -> bool:
        return torch_fused.OPS["elman_tanh"][0].takes(given)

    def run(self, given: ScanInputs) -> tuple[Tensor, Leaves]:
        ys, last = torch_fused.OPS["elman_tanh"][0].run(given)
        return self.bend(ys, given), last


BROKEN: dict[int, tuple[Callable[[], Recurrent[Any]], set[int]]] = {
    1: (LoudScan, {1}),
    2: (LoudScanOfThree, {2}),
    3: (NeverBeginsAnew, {3}),
    4: (NeverSleeps, {4}),
    5: (CountsRows, {5, 11}),  # what depends on a row's place depends on how many come before it
    6: (ChangesType, {6}),
    7: (KeepsASecret, {7}),
    8: (CutsGradients, {8}),
    9: (Crooked, {9}),
    10: (WritesOverItsState, {10}),
    11: (DividesByRows, {11}),
}


def too_loud_if_all_begin_anew(ys: Tensor, given: ScanInputs) -> Tensor:
    return ys * 1.1 if given.reset is not None and bool(given.reset[0].all()) else ys


def bend_with(monkeypatch: pytest.MonkeyPatch, op: CrookedOp) -> None:
    monkeypatch.setitem(choice.OPS, "crooked", [op])


def test_every_law_has_a_cell_that_breaks_it() -> None:
    assert BROKEN.keys() == LAWS.keys()


def test_the_cell_from_which_they_depart_is_sound() -> None:
    assert all(verdict.holds for verdict in check_cell(Sound).values())


@pytest.mark.parametrize("law", BROKEN)
def test_a_broken_cell_is_found_by_its_law(law: int, monkeypatch: pytest.MonkeyPatch) -> None:
    bend_with(monkeypatch, CrookedOp(too_loud_if_all_begin_anew))
    make, expected = BROKEN[law]
    kernels = ["torch"] if law == 9 else ["reference"]
    verdicts = judge_cell(make, dtypes=[torch.float64], kernels=kernels)
    assert {number for number, verdict in verdicts.items() if not verdict.holds} == expected
    sentence = f"law {law} is broken by {type(make()).__name__} (float64, {kernels[0]} kernel): {LAWS[law].statement}; "
    assert verdicts[law].failure.startswith(sentence)
    assert "\n" not in verdicts[law].failure


def test_a_kernel_with_wrong_gradients_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    bend_with(monkeypatch, CrookedOp(lambda ys, _: (ys + ys.detach()) / 2))
    verdicts = judge_cell(Crooked, laws=[1, 8, 9])
    assert [verdict.holds for verdict in verdicts.values()] == [True, False, False]
    assert "(float64, torch kernel)" in verdicts[8].failure
    assert "the gradient of the input at [0, 0, 0] is" in verdicts[9].failure


def test_a_native_kernel_keeps_law_11_to_the_last_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    def bend(ys: Tensor, given: ScanInputs) -> Tensor:
        return ys * (1 + 1e-15 * given.xs.shape[1])

    bend_with(monkeypatch, CrookedOp(bend, kernel="native"))
    assert not judge_cell(Crooked, dtypes=[torch.float64], kernels=["native"], laws=[11])[11].holds
    bend_with(monkeypatch, CrookedOp(bend))
    check_cell(Crooked, dtypes=[torch.float64], kernels=["torch"], laws=[11])


def test_check_cell_raises_one_line_for_each_broken_law() -> None:
    with pytest.raises(AssertionError) as caught:
        check_cell(CountsRows, laws=[1, 5, 11])
    lines = str(caught.value).splitlines()
    assert [line.split(" is broken by ")[0] for line in lines] == ["law 5", "law 11"]
    assert "with rows in the order 2, 0, 1, the output at [0, 0, 0] is" in lines[0]


def test_what_a_cell_raises_is_told_and_kept_as_the_cause() -> None:
    class Fails(Sound):
        def step(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
            raise ValueError("no")

    with pytest.raises(AssertionError, match=r"law 1 is broken by Fails .*; but it raised ValueError: no") as caught:
        check_cell(Fails, laws=[1])
    assert isinstance(caught.value.__cause__, ValueError)


def test_the_callers_random_numbers_are_left_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(2)
    torch.manual_seed(5)
    check_cell(Sound, dtypes=[torch.float32], laws=[1])
    assert torch.equal(torch.rand(2), expected)


def test_an_unknown_law_or_kernel_is_an_error_that_names_the_known() -> None:
    with pytest.raises(UsageError, match="there is no law 12: laws are numbered 1 to 11"):
        judge_cell(Sound, laws=[12])
    with pytest.raises(UsageError, match="unknown kernel 'tosch': did you mean 'torch'"):
        judge_cell(Sound, kernels=["tosch"], laws=[1])
