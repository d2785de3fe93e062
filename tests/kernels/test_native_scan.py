"""The native scan computes what repeated steps would: real or complex, wherever rows sleep or begin anew."""

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from statewise.cells import LRU, RGLRU, MinGRU, MinLSTM, Recurrent
from statewise.cells.diagonal import scan_linear, scan_positive
from statewise.kernels import extension, kernels_of, using
from statewise.testing import check_cell

if extension.instructions() is None:
    pytest.skip(f"native kernels: {extension.ABSENT}", allow_module_level=True)

CELLS: dict[str, Callable[[int, int], Recurrent[Any]]] = {
    "min_gru": MinGRU,
    "min_lstm": MinLSTM,
    "lru": lambda features, units: LRU(features, units, modes=units + 2),
    "rg_lru": RGLRU,
}


@pytest.fixture(params=["baseline", "avx2", "avx512"])
def instructions(request: pytest.FixtureRequest) -> Iterator[str]:
    try:
        extension.use(request.param)
    except ValueError:
        pytest.skip(f"this processor has no {request.param}")
    yield request.param
    extension.use("best")


def looped(decay: Tensor, drive: Tensor, first: Tensor, reset: Tensor | None, mask: Tensor | None) -> Tensor:
    h, hs = first, []
    for t, (a, b) in enumerate(zip(decay, drive, strict=True)):
        begun = h if reset is None else torch.where(reset[t, :, None], 0, h)
        new = a * begun + b
        h = new if mask is None else torch.where(mask[t, :, None], new, h)
        hs.append(h)
    return torch.stack(hs)


def gradients(hs: Tensor, last: Tensor, given: list[Tensor]) -> list[Tensor]:
    pulls = [torch.linspace(-1, 1, end.numel(), dtype=hs.real.dtype).reshape(end.shape).to(hs) for end in (hs, last)]
    return list(torch.autograd.grad([hs, last], given, pulls))


def close(found: list[Tensor], exact: list[Tensor]) -> bool:
    return all(
        ((one - other).abs().max() <= 1e-5 * other.abs().max().clamp_min(1e-3)).item()
        for one, other in zip(found, exact, strict=True)
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.complex64])
def test_at_random_sizes_states_and_gradients_are_those_of_the_loop_in_double(
    dtype: torch.dtype, instructions: str
) -> None:
    draw, double = random.Random(instructions), {torch.float32: torch.float64, torch.complex64: torch.complex128}
    torch.manual_seed(draw.randrange(10**6))
    for _ in range(60):
        T, B, H = draw.choice([1, 2, 7, 40, 300]), draw.choice([1, 2, 3, 13, 40]), draw.choice([1, 3, 16, 33, 130])
        decay = torch.rand(H if draw.random() < 0.4 else (T, B, H)).to(dtype)
        decay = decay * torch.polar(torch.tensor(1.0), torch.tensor(0.7)) if dtype.is_complex else decay
        given = [decay, torch.randn(T, B, H, dtype=dtype), torch.randn(B, H, dtype=dtype)]
        given = [tensor.requires_grad_() for tensor in given]
        reset, mask = (draw.choice([None, torch.rand(T, B) < 0.5]) for _ in range(2))
        with using("native"):
            hs, last = scan_linear(given[0].expand(T, B, H), given[1], given[2], reset, mask)
        doubled = [tensor.detach().to(double[dtype]).requires_grad_() for tensor in given]
        exact = looped(doubled[0].expand(T, B, H), doubled[1], doubled[2], reset, mask)
        assert close([hs, last], [exact, exact[-1]]), (T, B, H)
        assert close(gradients(hs, last, given), gradients(exact, exact[-1], doubled)), (T, B, H)


def test_positive_numbers_are_scanned_no_less_exactly_than_by_their_logarithms() -> None:
    torch.manual_seed(0)
    for slowest in (0.5, 0.99, 0.9999):
        decay, drive = torch.rand(1000, 3, 40).mul(1 - slowest).add(slowest).log(), 3 * torch.randn(1000, 3, 40)
        first = torch.randn(3, 40)
        exact, _ = scan_positive(decay.double(), drive.double(), first.double(), None, None)
        errors = []
        for kernel in ("native", "reference"):
            with using(kernel):
                errors.append((scan_positive(decay, drive, first, None, None)[0] - exact).abs().mean().item())
        assert errors[0] <= errors[1]


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize(("features", "units"), [(5, 4), (17, 33), (40, 70)])
def test_the_laws_hold(name: str, features: int, units: int, instructions: str) -> None:
    check_cell(lambda: CELLS[name](features, units), dtypes=[torch.float32], kernels=["native"])
    assert kernels_of(CELLS[name](features, units).recurrence) == ["native", "reference"]


@pytest.mark.parametrize("dtype", [torch.float32, torch.complex64])
def test_the_bits_depend_neither_on_the_number_of_threads_nor_on_other_rows(
    dtype: torch.dtype, instructions: str
) -> None:
    torch.manual_seed(0)
    T, B, H = 700, 5, 77
    given = [torch.rand(T, B, H).to(dtype), torch.randn(T, B, H, dtype=dtype), torch.randn(B, H, dtype=dtype)]
    given = [tensor.requires_grad_() for tensor in given]
    reset, mask = torch.rand(T, B) < 0.1, torch.rand(T, B) < 0.7
    before, results = torch.get_num_threads(), []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        hs, last = scan_linear(given[0], given[1], given[2], reset, mask)
        results.append([hs, *gradients(hs, last, given)])
    torch.set_num_threads(before)
    for other in results[1:]:
        assert all(torch.equal(one, two) for one, two in zip(results[0], other, strict=True))
    row = slice(3, 4)
    alone, _ = scan_linear(given[0][:, row], given[1][:, row], given[2][row], reset[:, row], mask[:, row])
    assert torch.equal(alone, results[0][0][:, row])


def test_what_is_not_finite_stays_in_its_row_and_ends_where_the_row_is_reset() -> None:
    decay, drive, reset = torch.rand(6, 2, 3), torch.randn(6, 2, 3), torch.zeros(6, 2, dtype=torch.bool)
    drive[1, 0, 0], drive[2, 0, 1], reset[4, 0] = torch.inf, torch.nan, True
    hs, last = scan_linear(decay, drive, torch.zeros(2, 3), reset, None)
    assert hs[3, 0, 0] == torch.inf
    assert hs[3, 0, 1].isnan()
    assert hs[:, 1].isfinite().all()
    assert last.isfinite().all()


@pytest.mark.parametrize(("steps", "rows"), [(0, 2), (3, 0)])
def test_what_is_empty_is_left_to_the_reference(steps: int, rows: int) -> None:
    hs, last = scan_linear(torch.rand(steps, rows, 4), torch.rand(steps, rows, 4), torch.zeros(rows, 4), None, None)
    assert hs.shape == (steps, rows, 4)
    assert last.shape == (rows, 4)
