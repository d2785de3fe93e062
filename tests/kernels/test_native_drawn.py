"""What is drawn in native code loses the very values that repeated steps lose, and their gradients."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from statewise.cells import (
    GRU,
    LSTM,
    CandidateDropout,
    Cell,
    CoupledLSTM,
    Elman,
    LayerNormLSTM,
    PeepholeLSTM,
    Zoneout,
)
from statewise.kernels import extension, kernels_of, using
from statewise.state import leaves, map_leaves
from statewise.testing import check_cell

if extension.instructions() is None:
    pytest.skip(f"native kernels: {extension.ABSENT}", allow_module_level=True)

MADE: dict[str, Callable[[int, int], Cell[Any]]] = {
    "zoneout_lstm": lambda features, units: Zoneout(LSTM(features, units), 0.3),
    "zoneout_coupled_lstm": lambda features, units: Zoneout(CoupledLSTM(features, units), 0.3),
    "zoneout_gru": lambda features, units: Zoneout(GRU(features, units), 0.3),
    "candidate_dropout_lstm": lambda features, units: CandidateDropout(LSTM(features, units), 0.3),
    "candidate_dropout_layer_norm_lstm": lambda features, units: CandidateDropout(LayerNormLSTM(features, units), 0.3),
}
"What loses something at random, by the name of its recurrence."


@pytest.fixture(params=["baseline", "avx2", "avx512"])
def instructions(request: pytest.FixtureRequest) -> Iterator[str]:
    try:
        extension.use(request.param)
    except ValueError:
        pytest.skip(f"this processor has no {request.param}")
    yield request.param
    extension.use("best")


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
    grads = torch.autograd.grad(ends, wanted, pulls)
    return [ys.detach(), *(leaf.detach() for leaf in leaves(last)), *grads]


ROUGH = "candidate_dropout_layer_norm_lstm"
"Where few candidates of a first step are left, a norm over them makes rounding larger in float32, ours and PyTorch's."


@pytest.mark.parametrize(
    ("name", "features", "units"),
    [(name, *sizes) for name in MADE for sizes in ((5, 4), (17, 33)) if (name, sizes) != (ROUGH, (17, 33))],
)
@pytest.mark.parametrize("training", [True, False])
def test_the_laws_hold(name: str, training: bool, features: int, units: int, instructions: str) -> None:
    def made() -> Cell[Any]:
        return MADE[name](features, units).train(training)

    check_cell(made, dtypes=[torch.float32], kernels=["native"])
    assert made().recurrence == name
    assert kernels_of(name) == ["native", "reference"]


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize("training", [True, False])
def test_states_and_gradients_are_those_of_the_reference_in_float64(
    name: str, training: bool, instructions: str
) -> None:
    torch.manual_seed(0)
    for T, B, D, H in ((1, 1, 1, 1), (7, 3, 2, 16), (2, 5, 3, 17), (40, 13, 17, 33), (9, 25, 40, 70)):
        cell = MADE[name](D, H).train(training)
        xs, state = torch.randn(T, B, D), begun(cell, B)
        for reset, mask in ((None, None), (torch.rand(T, B) < 0.2, torch.rand(T, B) < 0.7)):
            found = results(cell.float(), xs, state, "native", reset=reset, mask=mask)
            plain = results(cell, xs, state, "reference", reset=reset, mask=mask)
            exact = results(cell.double(), xs, state, "reference", reset=reset, mask=mask)
            scales = [other.abs().max().clamp_min(1e-3) for other in exact]
            errors, theirs = (
                [
                    float((one - other).abs().max() / scale)
                    for one, other, scale in zip(some, exact, scales, strict=True)
                ]
                for some in (found, plain)
            )
            bound = max(2e-5, 100 * max(theirs)) if name == ROUGH else 2e-5
            assert max(errors) <= bound, (T, B, D, H)


@pytest.mark.parametrize("name", MADE)
def test_the_bits_do_not_depend_on_the_number_of_threads(name: str, instructions: str) -> None:
    torch.manual_seed(0)
    before = torch.get_num_threads()
    for T, B, D, H in ((9, 33, 40, 96), (11, 2, 200, 150)):
        cell, xs, found = MADE[name](D, H), torch.randn(T, B, D), []
        state, mask, reset = begun(cell, B), torch.rand(T, B) < 0.8, torch.rand(T, B) < 0.1
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            found.append(results(cell, xs, state, "native", reset=reset, mask=mask))
        torch.set_num_threads(before)
        for other in found[1:]:
            assert all(torch.equal(one, two) for one, two in zip(found[0], other, strict=True))


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize("value", [torch.inf, torch.nan, 1e-42])
def test_what_is_not_finite_is_as_the_reference_has_it(name: str, value: float, instructions: str) -> None:
    torch.manual_seed(0)
    cell, xs = MADE[name](5, 4), torch.randn(7, 3, 5)
    xs[2, 1, 0] = value
    with using("reference"):
        expected, _ = cell.scan(xs, begun(cell, 3))
    found, _ = cell.scan(xs, begun(cell, 3))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6, equal_nan=True)


@pytest.mark.parametrize("part", [Elman(5, 4), PeepholeLSTM(5, 4)])
def test_zoneout_of_another_cell_runs_on_the_reference(part: Cell[Any]) -> None:
    assert kernels_of(Zoneout(part, 0.3).recurrence) == ["reference"]


@pytest.mark.parametrize("name", ["candidate_dropout_lstm", "candidate_dropout_layer_norm_lstm"])
def test_a_candidate_that_was_lost_is_as_the_plain_cell_without_it(name: str, instructions: str) -> None:
    torch.manual_seed(0)
    cell, xs = MADE[name](17, 33), torch.randn(1, 6, 17)
    state = cell.initial(6)
    assert isinstance(cell, CandidateDropout)
    kept = state.noise.keeps(33, 0.3)
    _, last = cell.scan(xs, state)
    assert torch.equal(last.part.cell != 0, kept)
    _, whole = cell.part.scan(xs, state.part)
    torch.testing.assert_close(last.part.cell, whole.cell * kept / 0.7)
