"""A convolution of pictures in native code is PyTorch's, on every instruction set, at any size, on any threads."""

from typing import Any

import pytest
import torch
from torch import Tensor

from statewise.kernels import extension, native_pictures, using
from statewise.kernels.native_pictures import convolved

if extension.instructions() is None:
    pytest.skip(f"native kernels: {extension.ABSENT}", allow_module_level=True)

SIZES = [
    (3, 1, 1, 1, 1),
    (3, 4, 5, 2, 7),
    (2, 32, 43, 6, 16),
    (5, 16, 22, 16, 32),
    (3, 8, 11, 32, 40),
    (70, 9, 5, 6, 8),
]


@pytest.fixture(params=["baseline", "avx2", "avx512"])
def instructions(request: pytest.FixtureRequest) -> Any:
    try:
        extension.use(request.param)
    except ValueError:
        pytest.skip(f"this processor has no {request.param}")
    yield request.param
    extension.use("best")


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def some(count: int, height: int, width: int, channels: int, maps: int) -> list[Tensor]:
    """Pictures, weights, a bias, and the gradient of what is found."""
    generator = torch.Generator().manual_seed(count + height)
    shapes = [(count, height, width, channels), (maps, channels, 3, 3), (maps,)]
    shapes.append((count, -(-height // 2), -(-width // 2), maps))
    return [
        scale * torch.randn(shape, generator=generator) for scale, shape in zip((1, 0.3, 0.3, 1), shapes, strict=True)
    ]


def learned(pictures: Tensor, weight: Tensor, bias: Tensor, owed: Tensor) -> list[Tensor]:
    """Return what is found, and the gradients of pictures, weights and bias."""
    leaves = [one.clone().requires_grad_() for one in (pictures, weight, bias)]
    found = convolved(*leaves)
    found.backward(owed)  # type: ignore[no-untyped-call]
    return [found.detach(), *(one.grad for one in leaves if one.grad is not None)]


@pytest.mark.parametrize("sizes", SIZES)
def test_what_is_found_and_its_gradients_are_those_of_pytorch(sizes: tuple[int, ...], instructions: str) -> None:
    given = some(*sizes)
    found = learned(*given)
    wanted = learned(*(one.double() for one in given))
    for own, other in zip(found, wanted, strict=True):
        assert own.shape == other.shape
        assert float((own.double() - other).abs().max()) < 2e-5 * (1 + float(other.abs().max())), instructions


def test_native_code_is_what_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    given = some(3, 4, 5, 2, 7)[:3]
    calls = []
    monkeypatch.setattr(native_pictures, "_run", lambda *args: calls.append(args))
    convolved(*given)
    assert len(calls) == 1
    with using("reference"):
        convolved(*given)
    convolved(*(one.double() for one in given))
    with torch.no_grad():
        convolved(*given)  # too few for it to pay
    assert len(calls) == 1
    with torch.no_grad():
        convolved(*some(4, 4, 5, 2, 7)[:3])
    assert len(calls) == 2


@pytest.mark.parametrize("sizes", SIZES)
def test_threads_and_the_other_pictures_change_no_bit(sizes: tuple[int, ...]) -> None:
    given = some(*sizes)
    one = learned(*given)
    torch.set_num_threads(3)
    for own, same in zip(one, learned(*given), strict=True):
        assert torch.equal(own, same)
    pictures, weight, bias, _ = given
    assert torch.equal(convolved(pictures[:1], weight, bias), one[0][:1])


def test_pictures_are_read_where_they_lie() -> None:
    pictures, weight, bias, owed = some(4, 6, 5, 2, 3)
    wanted = learned(pictures, weight, bias, owed)
    apart = torch.cat([pictures.flatten(1), torch.full((4, 1), 9.0)], dim=1)[:, :-1].view(4, 6, 5, 2)
    turned = pictures.transpose(1, 2).contiguous().transpose(1, 2)
    negative = torch.complex(torch.zeros(pictures.shape), -pictures).conj().imag
    assert negative.is_neg()
    for given in (apart, turned, negative):
        for own, other in zip(learned(given, weight, bias, owed), wanted, strict=True):
            assert torch.equal(own, other)
    assert torch.equal(convolved(pictures[:1].expand(4, -1, -1, -1), weight, bias)[3], wanted[0][0])


def test_what_is_not_a_number_stays_that() -> None:
    pictures, weight, bias, _ = some(2, 4, 5, 2, 3)
    pictures[1, 0, 0, 0] = torch.nan
    found = convolved(pictures, weight, bias)
    assert found[1, 0, 0].isnan().all()
    assert found[0].isfinite().all()


def test_shapes_that_do_not_fit_are_refused_by_pytorch() -> None:
    pictures, weight, bias, _ = some(2, 4, 5, 2, 3)
    with pytest.raises(RuntimeError):
        convolved(pictures[..., :1], weight, bias)
    with pytest.raises(RuntimeError):
        convolved(pictures, weight, bias[:2])
    assert convolved(pictures[:0], weight, bias).shape == (0, 2, 3, 3)
