"""What sets each GRU apart from the plain one, and where the two are the same."""

from typing import Any

import torch
from torch import Tensor

from statewise.cells import GRU, GRUState, Recurrent
from statewise.kernels import kernels_of

T, B, D, H = 7, 3, 5, 4


def shaken(cell: Any) -> Any:
    """Move every weight of a cell from where it begins, in float64."""
    torch.manual_seed(0)
    cell = cell.double()
    with torch.no_grad():
        for weights in cell.parameters():
            weights.add_(torch.randn_like(weights), alpha=0.5)
    return cell


def outputs(cell: Recurrent[Any], xs: Tensor) -> Tensor:
    return cell.scan(xs, cell.initial(xs.shape[1]))[0]


def test_the_original_gru_resets_the_state_before_the_product() -> None:
    cell = shaken(GRU(D, H, reset_after=False))
    x, h = torch.randn(B, D, dtype=torch.float64), torch.randn(B, H, dtype=torch.float64)
    (W_r, W_z, W_n), (U_r, U_z, U_n) = cell.input_weights.chunk(3), cell.recurrent_weights.chunk(3)
    b_r, b_z, b_n = cell.bias.chunk(3)
    r, z = torch.sigmoid(x @ W_r.T + h @ U_r.T + b_r), torch.sigmoid(x @ W_z.T + h @ U_z.T + b_z)
    n = torch.tanh(x @ W_n.T + (r * h) @ U_n.T + b_n)
    y, _ = cell.step(x, GRUState(h))
    torch.testing.assert_close(y, (1 - z) * n + z * h, rtol=1e-10, atol=1e-10)


def test_both_grus_are_the_same_where_nothing_is_reset_and_differ_elsewhere() -> None:
    before, after = shaken(GRU(D, H, reset_after=False)), GRU(D, H).double()
    xs = torch.randn(T, B, D, dtype=torch.float64)
    after.load_state_dict({**before.state_dict(), "candidate_bias": torch.zeros(H)})
    assert (outputs(before, xs) - outputs(after, xs)).abs().max() > 0.01
    with torch.no_grad():
        before.bias[:H] = after.bias[:H] = 100
    torch.testing.assert_close(outputs(before, xs), outputs(after, xs), rtol=1e-10, atol=1e-10)


def test_no_kernel_takes_the_original_gru() -> None:
    assert kernels_of(GRU(D, H, reset_after=False).recurrence) == ["reference"]
    assert kernels_of(GRU(D, H).recurrence) == ["torch", "reference"]
    assert not hasattr(GRU(D, H, reset_after=False), "candidate_bias")
