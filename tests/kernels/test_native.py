"""Native kernels compute what the reference does: at every size, on every instruction set, in any company."""

import math
import random
import re
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from statewise.cells import (
    GRU,
    LSTM,
    LSTM1997,
    Cell,
    CoupledLSTM,
    Elman,
    LayerNormGRU,
    LayerNormLSTM,
    PeepholeLSTM,
    ProjectedLSTM,
)
from statewise.kernels import extension, kernels_of, using
from statewise.kernels.native import OPS
from statewise.kernels.native_tensors import room
from statewise.state import leaves, map_leaves
from statewise.testing import check_cell

if extension.instructions() is None:
    pytest.skip(f"native kernels: {extension.ABSENT}", allow_module_level=True)
native: Any = extension._native

MAKERS: dict[str, Callable[[int, int], Cell[Any]]] = {
    "elman_tanh": Elman,
    "elman_relu": lambda features, units: Elman(features, units, activation="relu"),
    "lstm": LSTM,
    "peephole_lstm": PeepholeLSTM,
    "coupled_lstm": CoupledLSTM,
    "lstm_1997": LSTM1997,
    "gru": GRU,
    "gru_reset_before": lambda features, units: GRU(features, units, reset_after=False),
    "layer_norm_lstm": LayerNormLSTM,
    "layer_norm_gru": LayerNormGRU,
    "projected_lstm": lambda features, units: ProjectedLSTM(features, units, memory_units=units + 2),
    "projected_lstm_to_more": lambda features, units: ProjectedLSTM(features, 2 * units, memory_units=units),
}

NORMALIZED = ["layer_norm_lstm", "layer_norm_gru"]


def instruction_sets() -> list[str]:
    found = []
    for name in ("baseline", "avx2", "avx512"):
        try:
            extension.use(name)
        except ValueError:
            continue
        found.append(name)
    extension.use("best")
    return found


@pytest.fixture(params=instruction_sets())
def instructions(request: pytest.FixtureRequest) -> Iterator[str]:
    extension.use(request.param)
    yield request.param
    extension.use("best")


@pytest.fixture
def threads() -> Iterator[Callable[[int], None]]:
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def shaken(cell: Cell[Any]) -> Cell[Any]:
    with torch.no_grad():
        for weights in cell.parameters():
            weights.add_(torch.randn_like(weights), alpha=0.1)
    return cell


def random_state(cell: Cell[Any], rows: int) -> Any:
    return map_leaves(lambda leaf: torch.randn_like(leaf, requires_grad=True), cell.initial(rows))


def everything(cell: Cell[Any], xs: Tensor, state: Any, **places: Tensor | None) -> dict[str, Tensor]:
    """Outputs, last state and the gradients of everything."""
    ys, last = cell.scan(xs, state, **places)
    ends = [ys, *leaves(last)]
    pulls = [torch.linspace(-1, 1, end.numel(), dtype=end.dtype).reshape(end.shape) for end in ends]
    named = {"xs": xs, **{f"state {i}": leaf for i, leaf in enumerate(leaves(state))}, **dict(cell.named_parameters())}
    grads = torch.autograd.grad(ends, list(named.values()), pulls, allow_unused=True, materialize_grads=True)
    results = {"ys": ys, **{f"last {i}": leaf for i, leaf in enumerate(leaves(last))}}
    return {**results, **{f"gradient of {name}": grad for name, grad in zip(named, grads, strict=True)}}


def largest_error(found: dict[str, Tensor], expected: dict[str, Tensor]) -> float:
    """The largest difference of any tensor, as a share of that tensor's largest number."""
    errors = [
        (found[name].double() - wanted).abs().max() / wanted.abs().max().clamp_min(1e-3)
        for name, wanted in expected.items()
        if wanted.numel()
    ]
    return max((error.item() for error in errors), default=0.0)


def exactly(cell: Cell[Any], xs: Tensor, state: Any, **places: Tensor | None) -> dict[str, Tensor]:
    """The same in float64 on the reference."""

    def double(tensor: Tensor) -> Tensor:
        return tensor.detach().double().requires_grad_(tensor.requires_grad)

    with using("reference"):
        results = everything(cell.double(), double(xs), map_leaves(double, state), **places)
    cell.float()
    return results


@pytest.mark.parametrize("name", OPS)
def test_every_native_recurrence_comes_first_and_has_a_cell(name: str) -> None:
    assert MAKERS[name](5, 4).recurrence == name
    assert kernels_of(name)[0] == "native"
    assert OPS[name][0].kernel == "native"


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize(("features", "units"), [(5, 4), (17, 33)])
def test_the_laws_hold(name: str, features: int, units: int, instructions: str) -> None:
    check_cell(lambda: MAKERS[name](features, units), dtypes=[torch.float32], kernels=["native"])


def random_places(draw: random.Random, steps: int, rows: int) -> dict[str, Tensor | None]:
    lengths = torch.randint(0, steps + 1, (rows,))
    reset = draw.choice([None, torch.rand(steps, rows) < 0.1])
    return {
        "reset": reset,
        "mask": draw.choice([None, torch.rand(steps, rows) < 0.7, torch.arange(steps)[:, None] < lengths]),
    }


def errors_at_random_sizes(name: str, instructions: str) -> Iterator[tuple[float, float, tuple[int, ...]]]:
    """The largest errors of the native kernel and of the reference in float32, and the sizes T, B, D, H."""
    draw = random.Random(name + instructions)
    torch.manual_seed(draw.randrange(10**6))
    for _ in range(50):
        T, B = draw.choice([1, 2, 7, 40]), draw.choice([1, 2, 3, 6, 7, 13, 25, 64])
        D, H = (draw.choice([1, 2, 3, 15, 16, 17, 31, 48, 65, 130]) for _ in range(2))
        cell, xs = shaken(MAKERS[name](D, H)), torch.randn(T, B, D, requires_grad=True)
        state, places = random_state(cell, B), random_places(draw, T, B)
        expected = exactly(cell, xs, state, **places)
        found = everything(cell, xs, state, **places)
        with using("reference"):
            theirs = everything(cell, xs, state, **places)
        yield largest_error(found, expected), largest_error(theirs, expected), (T, B, D, H)


@pytest.mark.parametrize("name", [name for name in MAKERS if name not in NORMALIZED])
def test_at_random_sizes_everything_is_what_the_reference_gives_in_float64(name: str, instructions: str) -> None:
    for error, _, sizes in errors_at_random_sizes(name, instructions):
        assert error < 2e-5, sizes


@pytest.mark.parametrize("name", NORMALIZED)
def test_normalised_cells_are_as_exact_at_random_sizes_as_the_reference(name: str, instructions: str) -> None:
    ratios = []
    for error, theirs, sizes in errors_at_random_sizes(name, instructions):
        # sums that are all nearly one number lose most of their digits when they are brought to one scale
        assert error < max(2e-5, 100 * theirs), sizes
        ratios.append((error + 1e-7) / (theirs + 1e-7))
    assert statistics.geometric_mean(ratios) < 2


@pytest.mark.parametrize("steps_rows", [(0, 3), (7, 0), (0, 0)])
def test_nothing_to_read_is_left_to_another_kernel(steps_rows: tuple[int, int]) -> None:
    T, B = steps_rows
    cell = LSTM(5, 4)
    ys, last = cell.scan(torch.randn(T, B, 5), cell.initial(B))
    assert ys.shape == (T, B, 4)
    assert last.hidden.shape == (B, 4)


@pytest.mark.parametrize("name", MAKERS)
def test_where_every_row_sleeps_the_state_stays(name: str) -> None:
    cell = shaken(MAKERS[name](5, 4))
    xs, state = torch.randn(7, 3, 5, requires_grad=True), random_state(cell, 3)
    found = everything(cell, xs, state, mask=torch.zeros(7, 3, dtype=torch.bool))
    assert not found["ys"].any()
    assert torch.equal(found["last 0"], leaves(state)[0])
    assert not found["gradient of xs"].any()
    assert not found["gradient of input_weights"].any()


@pytest.mark.parametrize("name", MAKERS)
def test_the_bits_do_not_depend_on_the_number_of_threads(
    name: str, instructions: str, threads: Callable[[int], None]
) -> None:
    torch.manual_seed(0)
    for T, B, D, H in ((9, 33, 40, 96), (5, 70, 31, 20), (11, 2, 200, 150)):
        cell, xs = shaken(MAKERS[name](D, H)), torch.randn(T, B, D, requires_grad=True)
        state, mask, reset = random_state(cell, B), torch.rand(T, B) < 0.8, torch.rand(T, B) < 0.1
        results = []
        for count in (1, 2, 3):
            threads(count)
            results.append(everything(cell, xs, state, reset=reset, mask=mask))
        for other in results[1:]:
            for key, tensor in results[0].items():
                assert torch.equal(tensor, other[key]), (key, T, B, D, H)


@pytest.mark.parametrize("name", MAKERS)
def test_a_row_gives_the_same_bits_alone_and_among_others_and_in_parts(name: str, instructions: str) -> None:
    torch.manual_seed(0)
    T, B, D, H = 9, 29, 37, 53
    cell, xs = shaken(MAKERS[name](D, H)), torch.randn(T, B, D)
    state = map_leaves(torch.randn_like, cell.initial(B))
    ys, last = cell.scan(xs, state)
    row = slice(11, 12)
    alone, end = cell.scan(xs[:, row], map_leaves(lambda leaf: leaf[row], state))
    early, between = cell.scan(xs[:4], state)
    late, _ = cell.scan(xs[4:], between)
    assert torch.equal(alone, ys[:, row])
    assert torch.equal(leaves(end)[0], leaves(last)[0][row])
    assert torch.equal(torch.cat([early, late]), ys)


def test_rows_of_different_lengths_give_the_same_bits_as_each_row_by_itself(instructions: str) -> None:
    torch.manual_seed(0)
    T, B, D, H = 12, 6, 7, 20
    cell, xs = shaken(GRU(D, H)), torch.randn(T, B, D)
    lengths = torch.tensor([12, 1, 0, 5, 9, 3])
    ys, last = cell.scan(xs, cell.initial(B), mask=torch.arange(T)[:, None] < lengths)
    for row, length in enumerate(lengths.tolist()):
        alone, end = cell.scan(xs[:length, row : row + 1], cell.initial(1))
        assert torch.equal(alone, ys[:length, row : row + 1])
        assert torch.equal(end.hidden, last.hidden[row : row + 1])


@pytest.mark.parametrize("name", MAKERS)
def test_a_sequence_that_does_not_lie_in_one_piece_is_read_all_the_same(name: str) -> None:
    torch.manual_seed(0)
    cell = shaken(MAKERS[name](5, 4))
    batch_first = torch.randn(3, 7, 5)
    wide = torch.randn(7, 3, 11)
    for xs in (batch_first.transpose(0, 1), wide[..., 3:8], torch.randn(1, 1, 5).expand(7, 3, 5)):
        with using("reference"):
            expected, _ = cell.scan(xs, cell.initial(3))
        assert torch.allclose(cell.scan(xs, cell.initial(3))[0], expected, atol=1e-6)


@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_one_row_that_lies_as_a_batch_first_sequence_is_read_by_its_own_steps_alone(name: str) -> None:
    """PyTorch calls it contiguous, whatever the distance between its rows says, since there is one row alone."""
    cell = MAKERS[name](5, 4)
    one = torch.randn(1, 7, 5).transpose(0, 1)
    towards = torch.randn(1, 7, 4).transpose(0, 1)
    found = []
    for xs, of_ys in ((one, towards), (one.clone(), towards.clone())):
        read = xs.detach().requires_grad_()
        ys, _ = cell.scan(read, cell.initial(1))
        (grad,) = torch.autograd.grad(ys, read, of_ys)
        with torch.no_grad():
            plain, _ = cell.scan(xs, cell.initial(1))
        found.append((ys.detach(), plain, grad))
    with using("reference"):
        wanted = one.clone().requires_grad_()
        ys, _ = cell.scan(wanted, cell.initial(1))
        (grad,) = torch.autograd.grad(ys, wanted, towards)
    for native_ys, plain, native_grad in found:
        torch.testing.assert_close(native_ys, ys.detach())
        torch.testing.assert_close(plain, ys.detach())
        torch.testing.assert_close(native_grad, grad)


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, 1e-42, 1e38])
def test_what_is_not_finite_stays_in_its_row_and_is_as_the_reference_has_it(
    name: str, value: float, instructions: str
) -> None:
    torch.manual_seed(0)
    if name in NORMALIZED and value == 1e38:
        value = 1e17  # of numbers whose squares overflow PyTorch makes noughts in wide rows, and nan in narrow ones
    cell, xs = shaken(MAKERS[name](5, 4)), torch.randn(7, 3, 5)
    plain, _ = cell.scan(xs, cell.initial(3))
    xs[2, 1, 0] = value
    ys, _ = cell.scan(xs, cell.initial(3))
    with using("reference"):
        expected, _ = cell.scan(xs, cell.initial(3))
    assert torch.allclose(ys, expected, rtol=1e-4, atol=1e-6, equal_nan=True)
    assert torch.equal(ys[:, [0, 2]], plain[:, [0, 2]])


def test_gradients_can_be_asked_for_twice_and_of_some_things_only() -> None:
    torch.manual_seed(0)
    cell, xs = LSTM(5, 4), torch.randn(7, 3, 5)
    ys, last = cell.scan(xs, cell.initial(3))
    once = torch.autograd.grad(ys.sum(), cell.bias, retain_graph=True)[0]
    again = torch.autograd.grad(ys.sum(), cell.bias, retain_graph=True)[0]
    of_last = torch.autograd.grad(last.cell.sum(), cell.recurrent_weights)[0]
    assert torch.equal(once, again)
    with using("reference"):
        _, last = cell.scan(xs, cell.initial(3))
    assert torch.allclose(of_last, torch.autograd.grad(last.cell.sum(), cell.recurrent_weights)[0], atol=1e-5)


def test_inside_a_function_transform_another_kernel_runs() -> None:
    cell, xs = shaken(LSTM(5, 4)), torch.randn(2, 7, 3, 5)
    with using("reference"):
        expected = torch.stack([cell.scan(x, cell.initial(3))[0] for x in xs])
        found = torch.vmap(lambda x: cell.scan(x, cell.initial(3))[0])(xs)
    assert torch.allclose(found, expected, atol=1e-6)


def ulps(found: Tensor, exact: Tensor) -> float:
    """The largest error in units in the last place of the exact value rounded to float32."""
    rounded = exact.float()
    spacing = torch.nextafter(rounded.abs(), torch.tensor(math.inf)) - rounded.abs()
    return ((found.double() - exact).abs() / spacing.double()).max().item()


@pytest.mark.parametrize(("name", "bound"), [("sigmoid", 2.0), ("tanh", 2.0)])
def test_activations_are_within_two_units_in_the_last_place(name: str, bound: float, instructions: str) -> None:
    x = torch.cat([torch.linspace(-80, 80, 400_001), torch.logspace(-37, 1, 200_001), -torch.logspace(-37, 1, 200_001)])
    y = torch.empty_like(x)
    getattr(native, name)(x.data_ptr(), y.data_ptr(), x.numel())
    assert ulps(y, getattr(torch, name)(x.double())) <= bound


def test_sums_are_no_worse_than_twice_what_pytorch_gives(instructions: str) -> None:
    torch.manual_seed(0)
    for rows, columns, terms in ((40, 48, 650), (7, 33, 2048), (64, 64, 100)):
        a, b = torch.randn(rows, terms), torch.randn(columns, terms)
        c = torch.empty(rows, columns)
        native.product(a.data_ptr(), b.data_ptr(), c.data_ptr(), rows, columns, terms, 1)
        exact = a.double() @ b.double().T
        ours, theirs = ((product.double() - exact).square().mean().sqrt().item() for product in (c, a @ b.T))
        assert ours <= 2 * theirs


def test_working_memory_can_be_given_back() -> None:
    cell = LSTM(5, 4)
    cell.scan(torch.randn(7, 3, 5), cell.initial(3))
    assert native.memory_held() > 0
    native.memory_release()
    assert native.memory_held() == 0


def test_large_memory_goes_from_call_to_call_and_no_more_is_kept_than_was_ever_out() -> None:
    native.memory_release()
    one, other = room(300, 400), room(300, 400)
    places = {one.data_ptr(), other.data_ptr()}
    kept = one[7:9].fill_(3)
    del one
    again = room(299, 400)  # of nearly the same size
    assert again.data_ptr() not in places  # a part of it holds the whole
    assert kept.eq(3).all()
    del kept, other
    assert {room(300, 400).data_ptr()} <= places
    del again
    assert 300 * 400 * 4 <= native.memory_held() <= 3 * 1.125 * 300 * 400 * 4
    native.memory_release()
    assert native.memory_held() == 0


def test_what_pytorch_makes_by_default_is_nothing_to_kernels() -> None:
    cell, xs = GRU(5, 4), torch.randn(7, 3, 5)
    state = cell.initial(3)
    plain = cell.scan(xs, state)
    torch.set_default_dtype(torch.float64)
    try:
        with torch.device("meta"):
            again = cell.scan(xs, state)
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.equal(plain[0], again[0])
    assert torch.equal(plain[1].hidden, again[1].hidden)


def test_memory_that_never_became_a_tensor_is_freed() -> None:
    native.memory_release()
    capsule = native.lend(100_000)
    assert native.memory_held() == 0
    del capsule
    assert native.memory_held() >= 400_000


def test_without_the_extension_everything_runs_and_doctor_says_how_to_have_it() -> None:
    hidden = "import sys; sys.modules['statewise.kernels._native'] = None; from statewise.cli.main import main; "
    command = hidden + "sys.argv = ['statewise', 'doctor']; main()"
    shown = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=False)
    assert "native kernels  none: installed without a compiler" in shown.stdout
    assert re.search(r"^  lstm +torch, reference$", shown.stdout, flags=re.MULTILINE)
    assert re.search(r"^  peephole_lstm +reference$", shown.stdout, flags=re.MULTILINE)


@pytest.mark.parametrize("cell", [LayerNormLSTM(5, 4), LayerNormGRU(5, 4)])
def test_what_is_too_large_to_be_normalized_is_no_number_on_every_kernel(cell: Cell[Any]) -> None:
    """Native code took it for nought, where PyTorch says that it is no number, as a training has to notice."""
    xs = torch.randn(7, 3, 5)
    xs[2, 1] = 1e30
    found = []
    for kernel in ("reference", "native"):
        with using(kernel), torch.no_grad():
            found.append(cell.scan(xs, cell.initial(3))[0].isnan())
    assert torch.equal(*found)
    assert found[0].any(dim=-1).tolist() == [[False, t >= 2, False] for t in range(7)]
