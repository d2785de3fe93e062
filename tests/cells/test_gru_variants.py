"""What sets each GRU apart from the plain one, and where the two are the same."""

from typing import Any

import torch
from torch import Tensor

from statewise.cells import GRU, GRUState, LayerNormGRU, Recurrent
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


def test_pytorch_does_not_compute_the_original_gru() -> None:
    assert "torch" not in kernels_of(GRU(D, H, reset_after=False).recurrence)
    assert "torch" in kernels_of(GRU(D, H).recurrence)
    assert not hasattr(GRU(D, H, reset_after=False), "candidate_bias")


def normalized(sums: Tensor) -> Tensor:
    return (sums - sums.mean(dim=-1, keepdim=True)) / (sums.var(dim=-1, keepdim=True, correction=0) + 1e-5).sqrt()


def test_a_layer_norm_gru_normalises_gates_together_and_the_candidate_by_itself() -> None:
    cell = shaken(LayerNormGRU(D, H))
    x, h = torch.randn(B, D, dtype=torch.float64), torch.randn(B, H, dtype=torch.float64)
    from_x, from_h = x @ cell.input_weights.T, h @ cell.recurrent_weights.T
    scaled = [
        torch.cat([normalized(sums[:, : 2 * H]), normalized(sums[:, 2 * H :])], dim=-1) * scale
        for sums, scale in ((from_x, cell.input_scale), (from_h, cell.recurrent_scale))
    ]
    (x_r, x_z, x_n), (h_r, h_z, h_n) = (scaled[0] + cell.bias).chunk(3, dim=-1), scaled[1].chunk(3, dim=-1)
    z = torch.sigmoid(x_z + h_z)
    y, _ = cell.step(x, GRUState(h))
    expected = (1 - z) * torch.tanh(x_n + torch.sigmoid(x_r + h_r) * h_n) + z * h
    torch.testing.assert_close(y, expected, rtol=1e-10, atol=1e-10)


def test_a_layer_norm_gru_is_deaf_to_the_scale_of_its_weights() -> None:
    cell = shaken(LayerNormGRU(D, H))
    xs = torch.randn(T, B, D, dtype=torch.float64)
    ys = outputs(cell, xs)
    with torch.no_grad():
        cell.input_weights.mul_(1000)
    torch.testing.assert_close(outputs(cell, xs), ys, rtol=1e-3, atol=1e-3)
