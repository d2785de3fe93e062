"""An LSTM with a window in native code: outputs, last states and gradients of the reference, resets and sleep too."""

import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from statewise.cells import (
    GRU,
    LSTM,
    AttentionCell,
    AttentionMemory,
    Bahdanau,
    GaussianWindow,
    Learned,
    PeepholeLSTM,
    Recurrent,
)
from statewise.cells.stretches import read_stretches
from statewise.kernels import extension, kernels_of, native, using
from statewise.kernels.extension import _native
from statewise.kernels.native_window import NativeWindow
from statewise.kernels.op import ScanInputs
from statewise.state import leaves, map_leaves
from statewise.testing import check_cell

if "windowed_lstm" not in extension.ABILITIES:
    pytest.skip(f"native kernels: {extension.ABSENT}", allow_module_level=True)

SIZES = [(1, 1, 1, 1, 1, 1, 1), (7, 3, 5, 4, 6, 2, 9), (11, 13, 17, 48, 20, 3, 33), (5, 2, 3, 20, 33, 17, 16)]
"Of T, B, D, H, a glimpse, hills, and the memory."


@pytest.fixture(params=["baseline", "avx2", "avx512"])
def instructions(request: pytest.FixtureRequest) -> Iterator[str]:
    try:
        extension.use(request.param)
    except ValueError:
        pytest.skip(f"this processor has no {request.param}")
    yield request.param
    extension.use("best")


CELLS: dict[str, Any] = {"lstm": LSTM, "peephole_lstm": PeepholeLSTM}


def made(features: int, units: int, glimpse: int, hills: int, kind: str = "lstm") -> AttentionCell:
    window = GaussianWindow(units, glimpse, hills, first_move=0.7)
    cell = AttentionCell(CELLS[kind](features + glimpse, units), window)
    with torch.no_grad():
        for weights in cell.parameters():
            weights.add_(torch.randn_like(weights), alpha=0.05)
        window.bias[:hills] -= math.log(4 * hills)  # many high hills push every gate to its end, and rounding with them
    return cell


def begun(cell: AttentionCell, rows: int, places: int) -> Any:
    """A state that is under way, over memories of which some places are empty."""
    mask = torch.rand(rows, places) < 0.8
    memory = AttentionMemory(torch.randn(rows, places, cell.attention.units), mask)
    state = cell.initial(rows, memory)
    return map_leaves(
        lambda leaf: leaf + torch.rand_like(leaf) if leaf.dim() == 2 and leaf.is_floating_point() else leaf, state
    )


def results(cell: AttentionCell, xs: Tensor, state: Any, kernel: str, **places: Tensor | None) -> list[Tensor]:
    """Outputs, last state, and the gradients of all that went in."""
    dtype = next(cell.parameters()).dtype

    def place(leaf: Tensor) -> Tensor:
        return leaf.detach().to(dtype).requires_grad_() if leaf.is_floating_point() else leaf

    xs, state = place(xs), map_leaves(place, state)
    with using(kernel):
        ys, last = cell.scan(xs, state, **places)
    ends = [ys, *(leaf for leaf in leaves(last) if leaf.is_floating_point())]
    wanted = [xs, *(leaf for leaf in leaves(state) if leaf.is_floating_point()), *cell.parameters()]
    pulls = [torch.linspace(-1, 1, end.numel(), dtype=dtype).reshape(end.shape) for end in ends]
    grads = torch.autograd.grad(ends, wanted, pulls, retain_graph=True)
    again = torch.autograd.grad(ends, wanted, pulls)
    assert all(map(torch.equal, grads, again)), "a second backward pass finds other gradients"
    return [ys.detach(), *(leaf.detach() for leaf in leaves(last)), *grads]


@pytest.mark.parametrize("kind", CELLS)
def test_states_and_gradients_are_those_of_the_reference_in_float64(kind: str, instructions: str) -> None:
    torch.manual_seed(0)
    for T, B, D, H, glimpse, hills, S in SIZES:
        cell = made(D, H, glimpse, hills, kind)
        assert cell.kernel == "native"
        xs, state = torch.randn(T, B, D), begun(cell, B, S)
        reset, mask = torch.rand(T, B) < 0.2, torch.rand(T, B) < 0.7
        nowhere = torch.zeros(T, B, dtype=torch.bool)
        for places in ({}, {"reset": reset}, {"reset": nowhere}, {"mask": mask}, {"reset": reset, "mask": mask}):
            found = results(cell.float(), xs, state, "native", **places)
            exact = results(cell.double(), xs, state, "reference", **places)
            for one, other in zip(found, exact, strict=True):
                if one.dtype == torch.bool:
                    assert torch.equal(one, other)
                    continue
                assert (one - other).abs().max() <= 5e-5 * other.abs().max().clamp_min(1e-2), (T, B, D, H)
            with torch.no_grad():
                ys, last = cell.float().scan(xs, state, **places)
            assert torch.equal(ys, found[0]), "without gradients other bits come out"
            assert all(map(torch.equal, leaves(last), found[1 : 1 + len(leaves(last))]))


class Told(Recurrent[Any]):
    """A cell that always begins with the same memory of seven vectors, so that the laws see the window at work."""

    def __init__(self, kind: str = "lstm") -> None:
        super().__init__()
        self.part = made(5, 4, 6, 2, kind)
        self.features, self.units = self.part.features, self.part.units

    def initial(self, rows: int) -> Any:
        values = torch.linspace(-1, 1, 42).sin().reshape(1, 7, 6).expand(rows, 7, 6)
        return self.part.initial(rows, AttentionMemory(values, (torch.arange(7) != 4).expand(rows, 7)))

    def step(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        return self.part.step(x, state)

    def scan(
        self, xs: Tensor, state: Any, *, reset: Tensor | None = None, mask: Tensor | None = None
    ) -> tuple[Tensor, Any]:
        def read(xs: Tensor, state: Any, mask: Tensor | None) -> tuple[Tensor, Any]:
            return self.part.scan(xs, state, mask=mask)

        self.check(xs, state, reset, mask)
        return read_stretches(read, xs, state, self.initial, reset, mask)


@pytest.mark.parametrize(
    "make", [lambda: made(5, 4, 6, 2), lambda: Learned(made(5, 4, 6, 2)), Told, lambda: Told("peephole_lstm")]
)
def test_the_laws_hold(make: Any, instructions: str) -> None:
    check_cell(make, dtypes=[torch.float32], kernels=["native"])


def test_a_row_has_the_same_bits_in_any_batch_and_with_any_number_of_threads(instructions: str) -> None:
    torch.manual_seed(0)
    cell, xs = made(5, 160, 6, 2), torch.randn(7, 13, 5)
    state, threads = begun(cell, 13, 9), torch.get_num_threads()
    found = results(cell, xs, state, "native")
    try:
        torch.set_num_threads(3)
        assert all(map(torch.equal, found, results(cell, xs, state, "native")))
    finally:
        torch.set_num_threads(threads)
    some = torch.tensor([4, 11])
    ys, _ = cell.scan(xs[:, some], map_leaves(lambda leaf: leaf[some], state))
    assert torch.equal(ys, found[0][:, some])


def test_no_gradient_is_made_that_is_not_asked_for() -> None:
    cell, state = made(5, 4, 6, 2), begun(made(5, 4, 6, 2), 3, 9)
    xs = torch.randn(7, 3, 5)
    ys, last = cell.scan(xs, state)
    found = torch.autograd.grad(ys.sum(), list(cell.parameters()))
    assert last.attention.memory.values is state.attention.memory.values
    with using("reference"):
        wanted = torch.autograd.grad(cell.scan(xs, state)[0].sum(), list(cell.parameters()))
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)


def test_what_is_no_number_in_a_row_spoils_no_other(instructions: str) -> None:
    cell, xs = made(5, 4, 6, 2), torch.randn(7, 3, 5)
    state = begun(cell, 3, 9)
    plain, _ = cell.scan(xs, state)
    xs[2, 1, 0] = torch.nan
    ys, _ = cell.scan(xs, state)
    assert ys[2:, 1].isnan().all()
    others = torch.tensor([0, 2])
    assert torch.equal(ys[:, others], plain[:, others])


def test_hills_that_are_too_high_for_a_number_are_as_in_the_reference(instructions: str) -> None:
    cell, xs = made(5, 4, 6, 2), torch.randn(7, 3, 5)
    with torch.no_grad():
        cell.get_parameter("attention.bias")[0] = 100.0
    state = begun(cell, 3, 9)
    with using("reference"):
        wanted, _ = cell.scan(xs, state)
    ys, _ = cell.scan(xs, state)
    assert torch.equal(ys.isfinite(), wanted.isfinite())
    assert not ys.isfinite().all()


def test_what_native_code_does_not_read_is_left_to_the_reference() -> None:
    assert [kernels_of(f"windowed_{kind}") for kind in CELLS] == [["native", "reference"]] * 2
    window = GaussianWindow(4, 6, 2)
    odd = [
        AttentionCell(GRU(11, 4), window),
        AttentionCell(LSTM(11, 4), Bahdanau(4, 6, 5)),
        AttentionCell(LSTM(11, 4), window, shown=9),
        made(5, 4, 6, 2).double(),
    ]
    assert [cell.kernel for cell in odd] == ["reference"] * len(odd)
    cell = made(5, 4, 6, 2)
    ys, _ = cell.scan(torch.randn(0, 3, 5), cell.initial(3))
    assert ys.shape == (0, 3, 10)
    ys, _ = cell.scan(torch.randn(7, 3, 5), cell.initial(3, context=torch.zeros(3, 0, 6)))
    assert ys.shape == (7, 3, 10)


def replaced(given: ScanInputs, name: str, tensors: Any) -> ScanInputs:
    other: dict[str, Any] = {name: tensors}
    return given._replace(**other)


@pytest.mark.parametrize("kind", CELLS)
def test_tensors_of_other_shapes_are_not_taken(kind: str) -> None:
    T, B, op, cell = 7, 3, NativeWindow(kind), made(5, 4, 6, 2, kind)
    state, fresh = leaves(begun(cell, B, 9)), leaves(cell.initial(B))
    given = ScanInputs(torch.randn(T, B, 5), state, fresh, cell.weights(), torch.zeros(T, B).bool(), None)
    assert op.takes(given)
    for name in ("state", "fresh", "weights"):
        tensors: Any = getattr(given, name)
        assert not op.takes(replaced(given, name, tensors[:-1]))
        for at, tensor in enumerate(tensors):
            for wrong in (tensor[:-1], tensor.reshape(-1)[:-1], tensor[None], tensor[:0], tensor.double()):
                assert not op.takes(replaced(given, name, (*tensors[:at], wrong, *tensors[at + 1 :]))), (name, at)
    assert not op.takes(given._replace(xs=torch.randn(T, B + 1, 5)))
    assert not op.takes(given._replace(xs=torch.randn(T, B, 6)))
    for places in (torch.zeros(T, B + 1).bool(), torch.zeros(B, T).bool(), torch.zeros(T, B)):
        assert not op.takes(given._replace(mask=places))
        assert not op.takes(given._replace(reset=places))
    seen = list(fresh)
    seen[2] = torch.ones(B, 1, 6)
    assert not op.takes(given._replace(fresh=tuple(seen))), "a row that begins again has a memory of zeros"


@pytest.mark.parametrize(
    "sizes", [[0, 1, 1, 1, 1], [1, 1, 1, 1, -1], [2**31 - 1, 1, 1, 1, 1], [1, 1, 1, 2**30, 1], [1]]
)
def test_native_code_bounds_the_sizes_once_more(sizes: list[int]) -> None:
    when, known = _native.Schedule(1, 1, 0, 0), native.CELLS.index("lstm")
    given = [known, *sizes] if len(sizes) > 1 else [known + 2, 1, 1, 1, 1, 1]  # another cell
    with pytest.raises(ValueError, match="out of bounds"):
        _native.window_forward(given, [0] * 8, when, 0, 0, [0] * 8, [0] * 7, True, 0, 1)
    with pytest.raises(ValueError, match="out of bounds"):
        _native.window_backward(given, [0] * 8, when, [0] * 7, 0, 0, [0] * 4, [0] * 16, 1)
