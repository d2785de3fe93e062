"""Native code computes the rarer cells as the readable loop does: every size, every row, whatever the numbers."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from statewise.cells import GRU, Cell, LayerNormGRU, LayerNormLSTM, ProjectedLSTM
from statewise.kernels import kernels_of, native, using
from statewise.state import leaves, map_leaves, rebuild
from statewise.testing import check_cell

pytestmark = pytest.mark.skipif(native._native is None, reason="installed without native code")

CELLS: dict[str, Callable[[int, int], Cell[Any]]] = {
    "gru_reset_before": lambda features, units: GRU(features, units, reset_after=False),
    "layer_norm_lstm": LayerNormLSTM,
    "layer_norm_gru": LayerNormGRU,
    "projected_lstm": lambda features, units: ProjectedLSTM(features, units, memory_units=units + 2),
    "projected_lstm_to_more": lambda features, units: ProjectedLSTM(features, 2 * units, memory_units=units),
}
INSTRUCTIONS = ["avx512", "avx2", "baseline"]
SIZES = [(1, 1, 1, 1), (3, 2, 1, 4), (2, 1, 5, 16), (4, 13, 17, 33), (9, 7, 40, 70), (2, 3, 130, 129)]


@pytest.fixture(params=INSTRUCTIONS)
def instructions(request: pytest.FixtureRequest) -> Iterator[str]:
    try:
        native._native.use(request.param)
    except ValueError:
        pytest.skip(f"this processor has no {request.param}")
    yield request.param
    native._native.use("best")


@pytest.fixture(params=CELLS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def shaken(name: str, features: int, units: int) -> Cell[Any]:
    torch.manual_seed(units)
    cell = CELLS[name](features, units)
    with torch.no_grad():
        for weights in cell.parameters():
            weights.add_(torch.randn_like(weights), alpha=0.1)
    return cell


def places(steps: int, rows: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(steps * rows)
    reset = torch.rand(steps, rows, generator=generator) < 0.2
    return reset, torch.rand(steps, rows, generator=generator) < 0.8


def results(
    cell: Cell[Any], xs: Tensor, state: Any, kernel: str, where: tuple[Tensor | None, Tensor | None]
) -> list[Tensor]:
    """Outputs, last state, and the gradients of all that went in."""
    dtype = next(cell.parameters()).dtype
    xs = xs.to(dtype).requires_grad_()
    state = map_leaves(lambda leaf: leaf.to(dtype).requires_grad_(), state)
    with using(kernel):
        ys, last = cell.scan(xs, state, reset=where[0], mask=where[1])
    ends, wanted = [ys, *leaves(last)], [xs, *leaves(state), *cell.parameters()]
    pulls = [torch.linspace(-1, 1, end.numel(), dtype=dtype).reshape(end.shape) for end in ends]
    return [*(end.detach() for end in ends), *torch.autograd.grad(ends, wanted, pulls, materialize_grads=True)]


def begun(cell: Cell[Any], rows: int) -> Any:
    state = cell.initial(rows)
    return rebuild(state, tuple(torch.randn_like(leaf).detach() for leaf in leaves(state)))


@pytest.mark.parametrize(("features", "units"), [(5, 4), (17, 33), (40, 70)])
def test_all_laws_hold(name: str, instructions: str, features: int, units: int) -> None:
    check_cell(lambda: CELLS[name](features, units), kernels=["native"], dtypes=[torch.float32])


def test_native_code_is_preferred_to_the_reference(name: str) -> None:
    assert kernels_of(CELLS[name](5, 4).recurrence) == ["native", "reference"]


@pytest.mark.parametrize("where", ["everywhere", "begun anew and asleep"])
@pytest.mark.parametrize(("steps", "rows", "features", "units"), SIZES)
def test_results_and_gradients_are_those_of_the_reference_in_double(
    name: str, instructions: str, steps: int, rows: int, features: int, units: int, where: str
) -> None:
    cell = shaken(name, features, units)
    xs, state = torch.randn(steps, rows, features), begun(cell, rows)
    given = places(steps, rows) if where != "everywhere" else (None, None)
    found = results(cell, xs, state, "native", given)
    exact = results(cell.double(), xs, state, "reference", given)
    for one, other in zip(found, exact, strict=True):
        scale = other.abs().max().item() if other.numel() else 0
        torch.testing.assert_close(one.double(), other, rtol=1e-4, atol=2e-5 * (1 + scale))


def test_threads_leave_every_bit_as_it_is(name: str, instructions: str) -> None:
    before = torch.get_num_threads()
    for steps, rows, features, units in ((5, 32, 40, 70), (5, 2, 130, 129), (6, 1, 200, 400), (3, 70, 17, 33)):
        cell, found = shaken(name, features, units), []
        xs, state = torch.randn(steps, rows, features), begun(cell, rows)
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            found.append(results(cell, xs, state, "native", places(steps, rows)))
        torch.set_num_threads(before)
        for other in found[1:]:
            assert all(torch.equal(one, two) for one, two in zip(found[0], other, strict=True))


@pytest.mark.parametrize("value", [torch.inf, -torch.inf, torch.nan, 1e-42, 1e30])
def test_numbers_at_the_edge_do_what_they_do_in_the_reference(name: str, instructions: str, value: float) -> None:
    cell = shaken(name, 5, 19)
    xs, state = torch.randn(6, 3, 5), begun(cell, 3)
    xs[2, 1, 3] = value
    for kernel_result, expected in zip(
        results(cell, xs, state, "native", (None, None))[:2],
        results(cell, xs, state, "reference", (None, None))[:2],
        strict=True,
    ):
        torch.testing.assert_close(kernel_result, expected, rtol=1e-4, atol=1e-5, equal_nan=True)


def test_where_nobody_is_awake_the_state_stays_and_weights_have_no_gradient(name: str) -> None:
    cell = shaken(name, 5, 4)
    xs, state = torch.randn(3, 2, 5), begun(cell, 2)
    ys, *rest = results(cell, xs, state, "native", (None, torch.zeros(3, 2, dtype=torch.bool)))
    states = len(leaves(state))
    assert not ys.any()
    assert all(torch.equal(one, two) for one, two in zip(rest[:states], leaves(state), strict=True))
    assert not any(grad.any() for grad in rest[2 * states + 1 :])


@pytest.mark.parametrize(("steps", "rows"), [(0, 2), (3, 0), (0, 0)])
def test_what_is_empty_is_left_to_the_reference(name: str, steps: int, rows: int) -> None:
    cell = shaken(name, 5, 4)
    with using("native"):
        ys, last = cell.scan(torch.randn(steps, rows, 5), cell.initial(rows))
    assert ys.shape == (steps, rows, cell.units)
    assert all(len(leaf) == rows for leaf in leaves(last))


def test_input_that_lies_unevenly_is_read_all_the_same(name: str) -> None:
    cell = shaken(name, 5, 4)
    xs, state = torch.randn(3, 5, 7).permute(2, 0, 1), begun(cell, 3)
    even = results(cell, xs.contiguous(), state, "native", (None, None))
    assert all(
        torch.equal(one, two) for one, two in zip(results(cell, xs, state, "native", (None, None)), even, strict=True)
    )
