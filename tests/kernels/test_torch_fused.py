"""PyTorch's fused recurrences compute what the readable loop does, and decline what they cannot."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from statewise.cells import GRU, LSTM, Cell, Elman
from statewise.kernels import ScanInputs, kernels_of, using
from statewise.kernels.op import Leaves
from statewise.kernels.torch_fused import OPS, TorchOp
from statewise.state import leaves, map_leaves, rebuild

T, B, D, H = 7, 3, 5, 4
CELLS: dict[str, Callable[[], Cell[Any]]] = {
    "lstm": lambda: LSTM(D, H),
    "gru": lambda: GRU(D, H),
    "elman_tanh": lambda: Elman(D, H),
    "elman_relu": lambda: Elman(D, H, activation="relu"),
}
RESETS: dict[str, list[tuple[int, int]]] = {
    "none": [],
    "the first step": [(0, 1)],
    "the middle": [(3, 2)],
    "the last step": [(T - 1, 0)],
    "several rows at once": [(2, 0), (2, 2)],
    "neighbouring steps": [(3, 0), (4, 1), (5, 0)],
    "every step of every row": [(t, row) for t in range(T) for row in range(B)],
}


@pytest.fixture(params=CELLS)
def cell(request: pytest.FixtureRequest) -> Cell[Any]:
    torch.manual_seed(0)
    made = CELLS[request.param]().double()
    with torch.no_grad():
        for weights in made.parameters():
            weights.add_(torch.randn_like(weights), alpha=0.1)
    return made


def marks(places: list[tuple[int, int]]) -> Tensor:
    reset = torch.zeros(T, B, dtype=torch.bool)
    for t, row in places:
        reset[t, row] = True
    return reset


def results(cell: Cell[Any], kernel: str, reset: Tensor | None) -> list[Tensor]:
    """Outputs, last state, and the gradients of all that went in."""
    torch.manual_seed(1)
    xs = torch.randn(T, B, D, dtype=torch.float64, requires_grad=True)
    state = map_leaves(lambda leaf: torch.randn_like(leaf).requires_grad_(), cell.initial(B))
    with using(kernel):
        ys, last = cell.scan(xs, state, reset=reset)
    ends = [ys, *leaves(last)]
    wanted = [xs, *leaves(state), *cell.parameters()]
    grads = torch.autograd.grad(ends, wanted, [torch.randn_like(end) for end in ends], materialize_grads=True)
    return [*(end.detach() for end in ends), *grads]


def sequence(cell: Cell[Any], steps: int = T, rows: int = B, **places: Tensor) -> ScanInputs:
    state = leaves(cell.initial(rows))
    xs = torch.randn(steps, rows, D, dtype=torch.float64)
    return ScanInputs(xs, state, state, cell.weights(), places.get("reset"), places.get("mask"))


def op_of(cell: Cell[Any]) -> Any:
    assert cell.recurrence is not None
    return OPS[cell.recurrence][0]


@pytest.mark.parametrize("where", RESETS)
def test_fused_equals_the_reference_where_rows_are_reset(cell: Cell[Any], where: str) -> None:
    expected = results(cell, "reference", marks(RESETS[where]))
    torch.testing.assert_close(results(cell, "torch", marks(RESETS[where])), expected, rtol=1e-10, atol=1e-10)


def test_no_resets_equal_resets_nowhere(cell: Cell[Any]) -> None:
    nowhere = results(cell, "torch", marks([]))
    assert all(torch.equal(a, b) for a, b in zip(results(cell, "torch", None), nowhere, strict=True))


def test_a_row_that_is_reset_begins_from_the_state_it_is_given(cell: Cell[Any]) -> None:
    given = sequence(cell, reset=marks([(3, 1)]))
    fresh = tuple(torch.full_like(leaf, 0.5) for leaf in given.fresh)
    ys, _ = op_of(cell).run(given._replace(fresh=fresh))
    anew, _ = cell.scan(given.xs[3:], rebuild(cell.initial(B), fresh))
    torch.testing.assert_close(ys[3:, 1], anew[:, 1])


def test_one_call_runs_each_stretch_between_resets() -> None:
    lengths: list[int] = []

    def whole(xs: Tensor, state: Leaves, weights: Leaves) -> tuple[Tensor, Leaves]:
        lengths.append(len(xs))
        return xs[..., :H], state

    given = sequence(LSTM(D, H).double())
    for places in ([], [(0, 1)], [(3, 0), (3, 2)], [(0, 0), (1, 1), (6, 2)]):
        ys, _ = TorchOp(whole, 4).run(given._replace(reset=marks(places)))
        assert torch.equal(ys, given.xs[..., :H])
    assert lengths == [T, T, 3, 4, 1, 5, 1]


def test_a_mask_under_which_no_row_sleeps_is_taken(cell: Cell[Any]) -> None:
    mask = torch.ones(T, B, dtype=torch.bool)
    assert op_of(cell).takes(sequence(cell, mask=mask))
    mask[2, 1] = False
    assert not op_of(cell).takes(sequence(cell, mask=mask))


def test_a_sleeping_row_falls_back_to_the_reference(cell: Cell[Any]) -> None:
    given = sequence(cell)
    mask = ~marks([(2, 1), (6, 0)])
    with using("reference"):
        expected, _ = cell.scan(given.xs, cell.initial(B), mask=mask)
    with using("torch"):
        ys, _ = cell.scan(given.xs, cell.initial(B), mask=mask)
    assert torch.equal(ys, expected)
    assert not ys[2, 1].any()


@pytest.mark.parametrize(("steps", "rows"), [(0, B), (T, 0), (0, 0)])
def test_what_is_empty_is_declined_and_read_by_the_reference(cell: Cell[Any], steps: int, rows: int) -> None:
    given = sequence(cell, steps, rows)
    assert not op_of(cell).takes(given)
    ys, last = cell.scan(given.xs, cell.initial(rows))
    assert ys.shape == (steps, rows, H)
    assert ys.dtype == torch.float64
    assert all(leaf.shape == (rows, H) for leaf in leaves(last))


def test_every_recurrence_here_is_one_that_cells_name() -> None:
    assert set(OPS) == set(CELLS) == {make().recurrence for make in CELLS.values()}
    assert all("torch" in kernels_of(recurrence) for recurrence in OPS)
