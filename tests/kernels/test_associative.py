"""A scan in pairs equals the loop, for every length, and its gradients are those of the loop."""

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from statewise.kernels import linear_scan, log_linear_scan

B, H = 3, 4


def looped(decay: Tensor, drive: Tensor) -> Tensor:
    h, hs = torch.zeros_like(drive[:1].sum(dim=0)), []
    for a, b in zip(decay, drive, strict=True):
        h = a * h + b
        hs.append(h)
    return torch.stack(hs) if hs else drive


@pytest.mark.parametrize("steps", [*range(10), 31, 32, 33])
@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
def test_a_scan_in_pairs_equals_the_loop(steps: int, dtype: torch.dtype) -> None:
    decay, drive = torch.randn(2, steps, B, H, dtype=dtype)
    torch.testing.assert_close(linear_scan(decay, drive), looped(decay, drive), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("steps", [*range(10), 31, 32, 33])
def test_a_scan_of_logarithms_equals_the_loop(steps: int) -> None:
    decay, drive = torch.rand(2, steps, B, H, dtype=torch.float64) + 0.1
    found = log_linear_scan(decay.log(), drive.log()).exp()
    torch.testing.assert_close(found, looped(decay, drive), rtol=1e-10, atol=1e-10)


def test_a_decay_of_nought_cuts_the_past_off_and_has_a_gradient() -> None:
    decay, drive = torch.randn(2, 7, B, H, dtype=torch.float64)
    decay[4] = 0
    torch.testing.assert_close(linear_scan(decay, drive)[4:], linear_scan(decay[4:], drive[4:]))
    assert gradcheck(linear_scan, (decay.requires_grad_(), drive.requires_grad_()), fast_mode=True)


def test_logarithms_reach_where_numbers_do_not() -> None:
    decay, drive = torch.full((1000, 1), -500.0), torch.full((1000, 1), -900.0)
    torch.testing.assert_close(log_linear_scan(decay, drive)[-1], torch.tensor([-900.0]))
    assert linear_scan(decay.exp(), drive.exp())[-1] == 0
