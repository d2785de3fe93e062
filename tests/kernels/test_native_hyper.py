"""The HyperLSTM in native code: the reference's outputs, last states and gradients, with lost candidates too."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from statewise.cells import CandidateDropout, Cell, HyperLSTM
from statewise.kernels import extension, kernels_of, using
from statewise.state import leaves, map_leaves
from statewise.testing import check_cell

if "hyper_lstm" not in extension.ABILITIES:
    pytest.skip(f"native kernels: {extension.ABSENT}", allow_module_level=True)

SIZES = [(1, 1, 1, 16, 1, 1), (7, 3, 5, 32, 6, 2), (11, 13, 17, 48, 7, 3), (2, 5, 3, 64, 20, 5)]
"Of T, B, D, H, the small LSTM and an embedding."


@pytest.fixture(params=["baseline", "avx2", "avx512"])
def instructions(request: pytest.FixtureRequest) -> Iterator[str]:
    try:
        extension.use(request.param)
    except ValueError:
        pytest.skip(f"this processor has no {request.param}")
    yield request.param
    extension.use("best")


def made(features: int, units: int, small: int, size: int, rate: float = 0.0) -> Cell[Any]:
    cell = HyperLSTM(features, units, hyper_units=small, embedding=size)
    with torch.no_grad():
        for weights in cell.parameters():
            weights.add_(torch.randn_like(weights), alpha=0.2)
    return CandidateDropout(cell, rate) if rate else cell


def begun(cell: Cell[Any], rows: int) -> Any:
    torch.manual_seed(1)
    return map_leaves(
        lambda leaf: leaf + torch.randn_like(leaf) if leaf.is_floating_point() else leaf, cell.initial(rows)
    )


def results(cell: Cell[Any], xs: Tensor, state: Any, kernel: str, **places: Tensor | None) -> list[Tensor]:
    """Outputs, last state, and the gradients of all that went in."""
    dtype = next(cell.parameters()).dtype

    def place(leaf: Tensor) -> Tensor:
        return leaf.detach().to(dtype).requires_grad_() if leaf.is_floating_point() else leaf

    xs, state = place(xs), map_leaves(place, state)
    torch.manual_seed(2)
    with using(kernel):
        ys, last = cell.scan(xs, state, **places)
    ends = [ys, *(leaf for leaf in leaves(last) if leaf.is_floating_point())]
    wanted = [xs, *(leaf for leaf in leaves(state) if leaf.is_floating_point()), *cell.parameters()]
    pulls = [torch.linspace(-1, 1, end.numel(), dtype=dtype).reshape(end.shape) for end in ends]
    grads = torch.autograd.grad(ends, wanted, pulls, retain_graph=True)
    again = torch.autograd.grad(ends, wanted, pulls)
    assert all(map(torch.equal, grads, again)), "a second backward pass finds other gradients"
    return [ys.detach(), *(leaf.detach() for leaf in leaves(last)), *grads]


@pytest.mark.parametrize("rate", [0.0, 0.3])
@pytest.mark.parametrize("training", [True, False])
def test_states_and_gradients_are_those_of_the_reference_in_float64(
    rate: float, training: bool, instructions: str
) -> None:
    torch.manual_seed(0)
    for T, B, D, H, small, size in SIZES:
        cell = made(D, H, small, size, rate).train(training)
        assert cell.kernel == "native_rows"
        xs, state = torch.randn(T, B, D), begun(cell, B)
        reset, mask = torch.rand(T, B) < 0.3, torch.rand(T, B) < 0.7
        for places in ({}, {"reset": reset}, {"mask": mask}, {"reset": reset, "mask": mask}):
            found = results(cell.float(), xs, state, "native_rows", **places)
            exact = results(cell.double(), xs, state, "reference", **places)
            for one, other in zip(found, exact, strict=True):
                assert (one - other).abs().max() <= 5e-5 * other.abs().max().clamp_min(1e-2), (T, B, D, H)
            with torch.no_grad():
                torch.manual_seed(2)
                ys, last = cell.float().scan(xs, state, **places)
            torch.testing.assert_close(ys, found[0])
            torch.testing.assert_close(leaves(last), tuple(found[1 : 1 + len(leaves(last))]))


@pytest.mark.parametrize("rate", [0.0, 0.3])
def test_the_laws_hold(rate: float, instructions: str) -> None:
    check_cell(lambda: made(5, 16, 6, 2, rate), dtypes=[torch.float32], kernels=["native_rows"])


@pytest.mark.parametrize("value", [torch.inf, torch.nan])
def test_what_is_not_finite_in_a_row_spoils_no_other(value: float, instructions: str) -> None:
    cell, xs = made(5, 16, 6, 2), torch.randn(7, 3, 5)
    plain, _ = cell.scan(xs, cell.initial(3))
    xs[2, 1, 0] = value
    ys, _ = cell.scan(xs, cell.initial(3))
    assert not ys[2, 1].isfinite().all()
    others = torch.tensor([0, 2])
    torch.testing.assert_close(ys[:, others], plain[:, others])


def test_what_native_code_does_not_read_is_left_to_the_reference() -> None:
    assert kernels_of("hyper_lstm") == ["native_rows", "reference"]
    odd = [HyperLSTM(5, 15), HyperLSTM(5, 16).double(), HyperLSTM(5, 16, normalized=False)]
    assert [cell.kernel for cell in odd] == ["reference"] * 3
    cell = HyperLSTM(5, 16)
    ys, _ = cell.scan(torch.randn(0, 3, 5), cell.initial(3))
    assert ys.shape == (0, 3, 16)
